//! Writes a program from a seed, one move after another. What happens at the same time on a server may come in either
//! order, so a move ends only when what it brings about is there, and brings about one such thing at a time.

use crate::belief::{Asked, Known, Task};
use crate::program::{
    Activity, Ask, Call, Close, Event, Point, Program, Queue, Reply, Report, Request, Stage, Step, Update,
    Workflow,
};
use crate::random::Random;

const MOST_WORKFLOWS: u8 = 4;

/// What may happen next.
#[derive(Debug, Clone, Copy)]
enum Move {
    Start,
    SignalWithStart(usize),
    StartAgain(usize),
    Take(usize),
    Reply(usize),
    FailTask(usize),
    LetTaskTimeOut(usize),
    Signal(usize),
    Cancel(usize),
    Terminate(usize),
    Query(usize),
    QueryDuringTask(usize),
    Update(usize),
    UpdateWithStart(usize),
    PollUpdate(usize),
    Reset(usize),
    TakeActivity(usize, usize),
    Report(usize, usize),
    Nobody,
}

pub(crate) struct Author {
    pub random: Random,
    pub steps: Vec<Step>,
    pub known: Vec<Known>,
    activities: u8,
    timers: u8,
    calls: u8,
    pub updates: u8,
    requests: u8,
}

/// The program of a seed.
pub(crate) fn program(seed: u64) -> Program {
    let mut author = Author {
        random: Random::new(seed),
        steps: Vec::new(),
        known: Vec::new(),
        activities: 0,
        timers: 0,
        calls: 0,
        updates: 0,
        requests: 0,
    };
    let moves = 8 + author.random.below(18);
    for _ in 0..moves {
        author.advance();
    }
    author.settle();
    Program { seed, steps: author.steps }
}

impl Author {
    pub(crate) fn say(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(crate) fn fresh_request(&mut self) -> u8 {
        self.requests += 1;
        self.requests
    }

    pub(crate) fn fresh_activity(&mut self) -> Activity {
        self.activities += 1;
        Activity(self.activities)
    }

    pub(crate) fn fresh_timer(&mut self) -> u8 {
        self.timers += 1;
        self.timers
    }

    /// A workflow's number that is not in use; none if there are enough.
    pub(crate) fn fresh_workflow(&mut self) -> Option<Workflow> {
        let next = self.known.len() as u8;
        (next < MOST_WORKFLOWS).then_some(Workflow(next))
    }

    fn advance(&mut self) {
        self.take_sticky();
        let moves = self.moves();
        if let Some(next) = self.random.weighted(&moves) {
            self.perform(next);
        }
    }

    fn moves(&self) -> Vec<(usize, Move)> {
        let mut moves = Vec::new();
        if self.known.is_empty() {
            return vec![(9, Move::Start), (1, Move::SignalWithStart(0))];
        }
        if (self.known.len() as u8) < MOST_WORKFLOWS {
            moves.push((2, Move::Start));
        }
        moves.push((1, Move::Nobody));
        for (index, known) in self.known.iter().enumerate() {
            self.moves_of(index, known, &mut moves);
        }
        moves
    }

    fn moves_of(&self, index: usize, known: &Known, moves: &mut Vec<(usize, Move)>) {
        if !known.open {
            moves.extend([
                (2, Move::StartAgain(index)),
                (1, Move::SignalWithStart(index)),
                (2, Move::UpdateWithStart(index)),
                (1, Move::Signal(index)),
                (1, Move::Terminate(index)),
            ]);
            if known.completed_tasks > 0 {
                moves.extend([(1, Move::Query(index))]);
            }
            if may_reset(known) {
                moves.push((2, Move::Reset(index)));
            }
            return;
        }
        match known.task {
            Task::Waiting => {
                let timed_out = usize::from(known.short_tasks) * 30;
                moves.extend([(40, Move::Take(index)), (timed_out, Move::LetTaskTimeOut(index))]);
            }
            Task::Held => {
                moves.extend([(60, Move::Reply(index)), (4, Move::FailTask(index))]);
                if known.carried.is_empty() && known.requested.is_empty() {
                    moves.push((5, Move::QueryDuringTask(index)));
                }
            }
            Task::None => {
                if known.completed_tasks > 0 && !known.asleep {
                    moves.extend([(5, Move::Query(index))]);
                }
            }
        }
        moves.push((1, Move::StartAgain(index)));
        if !known.delayed {
            moves.push((6, Move::Signal(index)));
        }
        if !known.asleep {
            moves.push((2, Move::SignalWithStart(index)));
        }
        if !known.asleep && known.task == Task::None && known.accepted.is_empty() {
            moves.push((3, Move::UpdateWithStart(index)));
        }
        if !known.cancel_requested {
            moves.push((2, Move::Cancel(index)));
        }
        if self.may_end(known) {
            moves.push((1, Move::Terminate(index)));
        }
        if !known.asleep && known.completed_tasks > 0 {
            moves.push((8, Move::Update(index)));
        }
        if !known.accepted.is_empty() {
            moves.push((2, Move::PollUpdate(index)));
        }
        if may_reset(known) {
            moves.push((2, Move::Reset(index)));
        }
        for (place, running) in known.activities.iter().enumerate() {
            moves.push(if running.taken {
                (20, Move::Report(index, place))
            } else {
                (15, Move::TakeActivity(index, place))
            });
        }
    }

    /// Whether the end of a workflow can be seen where it shows: nobody holds a task that would hide it.
    pub(crate) fn may_end(&self, known: &Known) -> bool {
        let held = |workflow: &Workflow| self.known[workflow.0 as usize].task == Task::Held;
        !known.parent.iter().any(held) && !known.children.iter().any(held)
    }

    fn perform(&mut self, next: Move) {
        match next {
            Move::Start => self.start(),
            Move::SignalWithStart(index) => self.signal_with_start(index),
            Move::StartAgain(index) => self.start_again(index),
            Move::Take(index) => self.take(index),
            Move::Reply(index) => self.reply(index),
            Move::FailTask(index) => {
                self.say(Step::FailTask(self.known[index].workflow));
                self.known[index].task_fails();
            }
            Move::LetTaskTimeOut(index) => self.let_task_time_out(index),
            Move::Signal(index) => self.signal(index),
            Move::Cancel(index) => {
                let request = Request(self.fresh_request());
                self.say(Step::Ask(Ask::Cancel(self.known[index].workflow, request)));
                self.known[index].cancel_requested = true;
                self.known[index].awakes();
                self.known[index].happens();
            }
            Move::Terminate(index) => {
                self.say(Step::Ask(Ask::Terminate(self.known[index].workflow)));
                if self.known[index].open {
                    self.ended(index, true);
                }
            }
            Move::Query(index) => self.query(index),
            Move::QueryDuringTask(index) => self.query_during_task(index),
            Move::Update(index) => self.update(index),
            Move::UpdateWithStart(index) => self.update_with_start(index),
            Move::PollUpdate(index) => {
                let known = &self.known[index];
                let (workflow, update) = (known.workflow, known.accepted[0].update);
                self.say(Step::Ask(Ask::PollUpdate(workflow, update, Stage::Accepted)));
            }
            Move::Reset(index) => self.reset(index),
            Move::TakeActivity(index, place) => {
                let running = &mut self.known[index].activities[place];
                running.taken = true;
                let activity = running.activity;
                self.say(Step::TakeActivity(activity));
            }
            Move::Report(index, place) => self.report(index, place),
            Move::Nobody => {
                let nobody = Workflow(99);
                let ask = match self.random.below(5) {
                    0 => Ask::Signal(nobody, Request(0)),
                    1 => Ask::Cancel(nobody, Request(0)),
                    2 => Ask::Terminate(nobody),
                    3 => Ask::Query(nobody),
                    _ => Ask::Describe(nobody),
                };
                self.say(Step::Ask(ask));
            }
        }
    }

    /// Whoever polls a sticky queue polls all the time and has a task at once.
    fn take_sticky(&mut self) {
        for index in 0..self.known.len() {
            let known = &self.known[index];
            if known.open && known.sticky && known.task == Task::Waiting {
                self.take(index);
            }
        }
    }

    pub(crate) fn take(&mut self, index: usize) {
        let known = &mut self.known[index];
        let step = Step::Take(known.workflow, known.queue());
        known.takes();
        self.say(step);
    }

    fn let_task_time_out(&mut self, index: usize) {
        self.take(index);
        let known = &mut self.known[index];
        let (workflow, times) = (known.workflow, known.one_more(Event::TaskTimedOut));
        known.task_fails();
        known.short_tasks = false;
        self.say(Step::Await(workflow, Event::TaskTimedOut, times));
        self.say(Step::Reply(workflow, Reply::default()));
    }

    fn signal(&mut self, index: usize) {
        let request = Request(self.fresh_request());
        let known = &mut self.known[index];
        let ask = Ask::Signal(known.workflow, request);
        if known.open {
            known.happens();
        }
        let again = self.random.percent(10);
        self.say(Step::Ask(ask.clone()));
        if again {
            self.say(Step::Ask(ask));
        }
    }

    fn query(&mut self, index: usize) {
        let call = self.fresh_call();
        let known = &self.known[index];
        let (workflow, queue) = (known.workflow, if known.open { known.queue() } else { Queue::Normal });
        let answered = self.random.percent(80);
        self.say(Step::Begin(call, Ask::Query(workflow)));
        self.say(Step::Take(workflow, queue));
        self.say(Step::AnswerQuery(workflow, queue, answered));
        self.say(Step::End(call));
    }

    /// A query that comes while a worker has a task is asked with the next one if there is news, and by itself if not.
    fn query_during_task(&mut self, index: usize) {
        let call = self.fresh_call();
        let known = &mut self.known[index];
        let (workflow, news) = (known.workflow, std::mem::take(&mut known.buffered));
        known.replies();
        self.say(Step::Begin(call, Ask::Query(workflow)));
        self.say(Step::Reply(workflow, Reply::default()));
        self.say(Step::Take(workflow, Queue::Normal));
        if news {
            self.say(Step::Reply(workflow, Reply::default()));
            self.known[index].replies();
        } else {
            self.say(Step::AnswerQuery(workflow, Queue::Normal, true));
        }
        self.say(Step::End(call));
    }

    pub(crate) fn fresh_call(&mut self) -> Call {
        self.calls += 1;
        Call(self.calls)
    }

    fn update(&mut self, index: usize) {
        let call = self.fresh_call();
        self.updates += 1;
        let update = Update(self.updates);
        let stage = self.random.pick(&[Stage::Accepted, Stage::Completed]);
        let known = &mut self.known[index];
        known.requested.push(Asked { update, call, stage });
        if known.task == Task::None {
            known.task = Task::Waiting;
        }
        let ask = Ask::Update(known.workflow, update, stage);
        self.say(Step::Begin(call, ask));
    }

    fn reset(&mut self, index: usize) {
        let point =
            self.random.weighted(&[(5, Point::FirstTask), (3, Point::LastTask), (1, Point::Elsewhere)]);
        let Some(mut point) = point else { return };
        if point == Point::LastTask && self.known[index].timed {
            point = Point::FirstTask;
        }
        let workflow = self.known[index].workflow;
        self.say(Step::Ask(Ask::Reset(workflow, point)));
        if point != Point::Elsewhere {
            self.end_calls(index);
            // They go on, and whom they tell of their end depends on where the reset went.
            for child in std::mem::take(&mut self.known[index].children) {
                self.known[child.0 as usize].parent = None;
            }
            self.known[index].next_run();
        }
    }

    fn report(&mut self, index: usize, place: usize) {
        let running = self.known[index].activities[place].clone();
        let idle = self.known[index].requested.is_empty() && self.known[index].carried.is_empty();
        let retryable = idle && self.random.percent(60);
        let report = self.random.weighted(&[
            (30, Report::Complete),
            (5, Report::CompleteById),
            (20, Report::Fail { retryable }),
            (if running.cancel_requested { 30 } else { 1 }, Report::Cancel),
            (10, Report::Heartbeat),
        ]);
        let Some(report) = report else { return };
        self.say(Step::Report(running.activity, report));
        let known = &mut self.known[index];
        match report {
            Report::Heartbeat => return,
            Report::Cancel if !running.cancel_requested => return,
            Report::Fail { retryable: true }
                if running.again != Some(0) && !running.names_failure && !running.cancel_requested =>
            {
                let running = &mut known.activities[place];
                running.again = running.again.map(|left| left - 1);
                let activity = running.activity;
                // The next attempt is waited for: what else happens before it comes would be a race.
                self.say(Step::TakeActivity(activity));
                return;
            }
            _ => {}
        }
        known.activities.remove(place);
        known.happens();
        if self.random.percent(5) {
            // Too late.
            self.say(Step::Report(running.activity, Report::Complete));
        }
    }

    /// The answers to whatever was asked of a run that is no more.
    pub(crate) fn end_calls(&mut self, index: usize) {
        let known = &mut self.known[index];
        let asked: Vec<Asked> = [&mut known.requested, &mut known.carried, &mut known.accepted]
            .into_iter()
            .flat_map(std::mem::take)
            .collect();
        for asked in asked {
            self.say(Step::End(asked.call));
        }
    }

    /// A worker that still has a task of a run that is no more answers it.
    pub(crate) fn let_go(&mut self, index: usize) {
        let known = &self.known[index];
        if known.task == Task::Held {
            self.say(Step::Reply(known.workflow, Reply::default()));
        }
    }

    /// A run has ended: its parent hears of it, its children end with it if they are to.
    pub(crate) fn ended(&mut self, index: usize, failed: bool) {
        self.let_go(index);
        self.end_calls(index);
        self.known[index].ends(failed);
        let children = std::mem::take(&mut self.known[index].children);
        for child in children {
            let known = &mut self.known[child.0 as usize];
            known.parent = None;
            match known.close {
                Close::Terminate => {
                    self.say(Step::Await(child, Event::Terminated, 1));
                    self.ended(child.0 as usize, true);
                }
                Close::RequestCancel if !known.cancel_requested => {
                    known.cancel_requested = true;
                    known.happens();
                    self.say(Step::Await(child, Event::CancelRequested, 1));
                }
                Close::RequestCancel | Close::Abandon => {}
            }
        }
        let Some(parent) = self.known[index].parent.take() else { return };
        let child = self.known[index].workflow;
        let known = &mut self.known[parent.0 as usize];
        known.children.retain(|other| *other != child);
        if known.open {
            known.happens();
            let times = known.one_more(Event::ChildClosed);
            self.say(Step::Await(parent, Event::ChildClosed, times));
        }
    }

    /// What every program ends with: no task is left with a worker, and one look at each workflow.
    fn settle(&mut self) {
        self.take_sticky();
        for index in 0..self.known.len() {
            let known = &self.known[index];
            let (workflow, held) = (known.workflow, known.task == Task::Held);
            if held {
                self.say(Step::Reply(workflow, Reply::default()));
            }
            self.say(Step::Ask(Ask::Describe(workflow)));
        }
    }
}

fn may_reset(known: &Known) -> bool {
    known.completed_tasks > 0 && known.parent.is_none() && known.task != Task::Held
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_seed_is_a_program() {
        assert_eq!(program(7), program(7));
        assert_ne!(program(7).steps, program(8).steps);
    }
}

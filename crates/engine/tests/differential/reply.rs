//! What a worker of a program answers its tasks with.

use crate::belief::{Asked, Known, Running, Task};
use crate::generate::Author;
use crate::program::{
    Activity, Bad, Child, Close, Command, Event, External, Marker, Reply, Reuse, Schedule, SearchAttribute,
    Span, Stage, Step, Workflow,
};

/// What a command brings about later, and what the program then does. At most one for a reply: the order of two
/// is nobody's to say.
#[derive(Clone, Copy)]
enum Later {
    TimerFires,
    /// Nobody takes it.
    ActivityWaits,
    /// A worker takes it and is never heard of again.
    ActivityIsLost(Activity),
    ChildStarts(Workflow, Close),
    ChildDoesNotStart,
    SignalArrives(Workflow),
    SignalFails,
    CancelArrives(Workflow),
    CancelFails,
}

impl Author {
    pub(crate) fn reply(&mut self, index: usize) {
        let mut reply =
            Reply { sticky: self.random.percent(15), again: self.random.percent(4), ..Reply::default() };
        if self.random.percent(4) {
            self.reply_badly(index, reply);
            return;
        }
        self.known[index].task = Task::None;
        let ended = self.answer_updates(index, &mut reply);
        let mut later = None;
        for _ in 0..self.random.below(4) {
            self.command(index, &mut reply, &mut later);
        }
        if later.is_none() && self.may_end(&self.known[index]) && self.random.percent(14) {
            self.reply_and_end(index, reply, &ended);
            return;
        }
        let known = &mut self.known[index];
        known.completed_tasks += 1;
        let more = reply.again || std::mem::take(&mut known.buffered) || !known.requested.is_empty();
        if more {
            known.task = Task::Waiting;
        }
        let waits = known.task == Task::Waiting;
        // A worker that has the next task already would hide what comes later.
        reply.sticky &= !(waits && later.is_some());
        known.sticky = reply.sticky;
        if waits && later.is_none() && self.random.percent(40) {
            reply.takes_next = true;
        }
        let workflow = self.known[index].workflow;
        let takes_next = reply.takes_next;
        self.say(Step::Reply(workflow, reply));
        self.end(&ended);
        if takes_next {
            self.known[index].takes();
        }
        if let Some(later) = later {
            self.bring_about(index, later);
        }
    }

    fn end(&mut self, ended: &[Asked]) {
        for asked in ended {
            self.say(Step::End(asked.call));
        }
    }

    /// Decides every update that the task brought, and gives those whose callers know then.
    fn answer_updates(&mut self, index: usize, reply: &mut Reply) -> Vec<Asked> {
        let mut ended = Vec::new();
        for asked in std::mem::take(&mut self.known[index].carried) {
            let succeeds = self.random.percent(80);
            match self.random.below(10) {
                0..=4 => {
                    reply
                        .commands
                        .extend([Command::Accept(asked.update), Command::Respond(asked.update, succeeds)]);
                    ended.push(asked);
                }
                5 | 6 => {
                    reply.commands.push(Command::Accept(asked.update));
                    if asked.stage == Stage::Accepted {
                        ended.push(asked);
                    }
                    self.known[index].accepted.push(asked);
                }
                7 | 8 => {
                    reply.commands.push(Command::Reject(asked.update));
                    ended.push(asked);
                }
                // It is as if the worker did not know of updates.
                _ => ended.push(asked),
            }
        }
        let accepted = std::mem::take(&mut self.known[index].accepted);
        for asked in accepted {
            let fresh = reply.commands.contains(&Command::Accept(asked.update));
            if !fresh && self.random.percent(60) {
                reply.commands.push(Command::Respond(asked.update, true));
                if asked.stage == Stage::Completed {
                    ended.push(asked);
                }
            } else {
                self.known[index].accepted.push(asked);
            }
        }
        ended
    }

    fn command(&mut self, index: usize, reply: &mut Reply, later: &mut Option<Later>) {
        let known = &self.known[index];
        let own = |weight: usize, exists: bool| if exists { weight } else { 0 };
        let choices = [
            (8, 0),
            (own(5, later.is_none()), 1),
            (own(8, !known.activities.is_empty()), 2),
            (3, 3),
            (own(4, later.is_none()), 4),
            (own(5, !known.timers.is_empty()), 5),
            (6, 6),
            (own(5, later.is_none()), 7),
            (own(4, later.is_none()), 8),
            (own(3, later.is_none()), 9),
            (3, 10),
            (2, 11),
        ];
        match self.random.weighted(&choices) {
            Some(0) => self.schedule(index, reply),
            Some(1) => *later = Some(self.schedule_to_time_out(reply)),
            Some(2) => self.cancel_activity(index, reply),
            Some(3) => {
                let timer = self.fresh_timer();
                self.known[index].timers.push(timer);
                reply.commands.push(Command::StartTimer(timer, Span::Hour));
            }
            Some(4) => {
                let span = self.random.pick(&[Span::Second, Span::Second, Span::Second, Span::Unset]);
                reply.commands.push(Command::StartTimer(self.fresh_timer(), span));
                *later = Some(Later::TimerFires);
            }
            Some(5) => {
                if let Some(timer) = self.known[index].timers.pop() {
                    reply.commands.push(Command::CancelTimer(timer));
                }
            }
            Some(6) => {
                let yes = self.random.percent(50);
                let marker = self.random.pick(&[
                    Marker::LocalActivity { fails: yes },
                    Marker::Patch { deprecated: yes },
                    Marker::SideEffect,
                ]);
                reply.commands.push(Command::Marker(marker));
            }
            Some(7) => *later = self.start_child(index, reply),
            Some(8) => *later = self.signal_external(index, reply),
            Some(9) => *later = self.cancel_external(index, reply),
            Some(10) => {
                let mut attributes = SearchAttribute::SET.to_vec();
                attributes.push(SearchAttribute::Removed);
                let which = self.random.pick(&attributes);
                reply.commands.push(Command::Upsert(which));
            }
            Some(_) => reply.commands.push(Command::Memo(self.random.percent(70))),
            None => {}
        }
    }

    fn schedule(&mut self, index: usize, reply: &mut Reply) {
        let attempts = self.random.pick(&[None, Some(1), Some(2), Some(3)]);
        let schedule = Schedule {
            start_to_close_s: Some(600),
            schedule_to_close_s: self.random.percent(30).then_some(1000),
            schedule_to_start_s: self.random.percent(20).then_some(500),
            heartbeat_s: self.random.percent(30).then_some(300),
            attempts,
            names_failure: attempts.is_some() && self.random.percent(15),
            header: self.random.percent(20),
        };
        let running = Running {
            activity: self.fresh_activity(),
            taken: false,
            cancel_requested: false,
            again: attempts.map(|attempts| attempts - 1),
            names_failure: schedule.names_failure,
        };
        reply.commands.push(Command::Schedule(running.activity, schedule));
        self.known[index].activities.push(running);
    }

    fn schedule_to_time_out(&mut self, reply: &mut Reply) -> Later {
        let activity = self.fresh_activity();
        let attempts = Some(1);
        let (schedule, later) = match self.random.below(5) {
            0 => (
                Schedule { schedule_to_start_s: Some(1), start_to_close_s: Some(600), ..Schedule::default() },
                Later::ActivityWaits,
            ),
            1 => (Schedule { schedule_to_close_s: Some(1), ..Schedule::default() }, Later::ActivityWaits),
            2 => (
                Schedule { start_to_close_s: Some(1), attempts, ..Schedule::default() },
                Later::ActivityIsLost(activity),
            ),
            3 => (
                Schedule {
                    start_to_close_s: Some(600),
                    heartbeat_s: Some(1),
                    attempts,
                    ..Schedule::default()
                },
                Later::ActivityIsLost(activity),
            ),
            _ => (
                Schedule { schedule_to_close_s: Some(2), start_to_close_s: Some(1), ..Schedule::default() },
                Later::ActivityIsLost(activity),
            ),
        };
        reply.commands.push(Command::Schedule(activity, schedule));
        later
    }

    fn cancel_activity(&mut self, index: usize, reply: &mut Reply) {
        let known = &mut self.known[index];
        // One that this reply schedules has no event yet that could be named.
        let scheduled = |activity| {
            reply.commands.iter().any(|command| matches!(command, Command::Schedule(a, _) if *a == activity))
        };
        let Some(place) = known.activities.iter().position(|running| !scheduled(running.activity)) else {
            return;
        };
        let running = &mut known.activities[place];
        if running.cancel_requested {
            return;
        }
        reply.commands.push(Command::CancelActivity(running.activity));
        running.cancel_requested = true;
        if !running.taken {
            known.activities.remove(place);
            known.task = Task::Waiting;
        }
    }

    fn start_child(&mut self, index: usize, reply: &mut Reply) -> Option<Later> {
        let close = self.random.pick(&[Close::Terminate, Close::Abandon, Close::RequestCancel]);
        let reuse = self.random.pick(&[Reuse::Unspecified, Reuse::AllowDuplicate, Reuse::RejectDuplicate]);
        let child = Child { close, reuse, extras: self.random.percent(30) };
        if self.random.percent(80) {
            let workflow = self.fresh_workflow()?;
            reply.commands.push(Command::StartChild(workflow, child));
            return Some(Later::ChildStarts(workflow, close));
        }
        // One of that id is running already: this very workflow.
        let taken = self.known[index].workflow;
        reply.commands.push(Command::StartChild(taken, child));
        Some(Later::ChildDoesNotStart)
    }

    /// Another workflow that is running and would show at once what reaches it.
    fn reachable(&mut self, index: usize) -> Option<Workflow> {
        let reachable = |(other, known): &(usize, &Known)| *other != index && known.open && !known.delayed;
        let others = self.known.iter().enumerate().filter(reachable);
        let others: Vec<Workflow> = others.map(|(_, known)| known.workflow).collect();
        (!others.is_empty()).then(|| self.random.pick(&others))
    }

    fn signal_external(&mut self, index: usize, reply: &mut Reply) -> Option<Later> {
        let child_only = self.random.percent(20);
        let target = self.reachable(index).filter(|_| self.random.percent(80));
        let related = target.is_some_and(|target| self.known[index].children.contains(&target));
        let how = External { child_only };
        match target {
            Some(target) if !child_only || related => {
                reply.commands.push(Command::SignalExternal(target, how));
                Some(Later::SignalArrives(target))
            }
            Some(target) => {
                reply.commands.push(Command::SignalExternal(target, how));
                Some(Later::SignalFails)
            }
            None => {
                reply.commands.push(Command::SignalExternal(Workflow(99), how));
                Some(Later::SignalFails)
            }
        }
    }

    fn cancel_external(&mut self, index: usize, reply: &mut Reply) -> Option<Later> {
        let how = External { child_only: false };
        let target = self.reachable(index).filter(|_| self.random.percent(80));
        let Some(target) = target else {
            reply.commands.push(Command::CancelExternal(Workflow(99), how));
            return Some(Later::CancelFails);
        };
        reply.commands.push(Command::CancelExternal(target, how));
        Some(Later::CancelArrives(target))
    }

    /// What follows from a reply, and the steps that wait for it.
    fn bring_about(&mut self, index: usize, later: Later) {
        let workflow = self.known[index].workflow;
        self.known[index].timed = true;
        match later {
            Later::TimerFires => self.happens_with(index, Event::TimerFired),
            Later::ActivityWaits => self.happens_with(index, Event::ActivityTimedOut),
            Later::ActivityIsLost(activity) => {
                self.say(Step::TakeActivity(activity));
                self.happens_with(index, Event::ActivityTimedOut);
            }
            Later::ChildStarts(child, close) => {
                self.happens_with(index, Event::ChildStarted);
                let parent = Some(workflow);
                self.known.push(Known { parent, close, ..Known::new(child) });
                self.known[index].children.push(child);
            }
            Later::ChildDoesNotStart => {
                self.happens_with(index, Event::ChildInitiationFailed);
            }
            Later::SignalArrives(target) => {
                self.happens_with(index, Event::ExternalSignaled);
                self.known[target.0 as usize].happens();
            }
            Later::SignalFails => self.happens_with(index, Event::SignalFailed),
            Later::CancelArrives(target) => {
                self.happens_with(index, Event::ExternalCancelRequested);
                let target = &mut self.known[target.0 as usize];
                if !std::mem::replace(&mut target.cancel_requested, true) {
                    target.awakes();
                    target.happens();
                }
            }
            Later::CancelFails => self.happens_with(index, Event::CancelFailed),
        }
    }

    fn happens_with(&mut self, index: usize, event: Event) {
        let known = &mut self.known[index];
        let step = Step::Await(known.workflow, event, known.one_more(event));
        known.happens();
        self.say(step);
    }

    fn reply_and_end(&mut self, index: usize, mut reply: Reply, ended: &[Asked]) {
        let children = !self.known[index].children.is_empty();
        // Whoever asks for an update of a run that is continued as new may have to ask again, or not: it is a race.
        let cron = self.known[index].cron;
        let ignored = |asked: &&Asked| !reply.commands.iter().any(|command| command.is_about(asked.update));
        let asked = !self.known[index].requested.is_empty() || ended.iter().any(|asked| ignored(&asked));
        let retryable = self.random.percent(70) && !asked;
        let only = |weight: usize, allowed: bool| if allowed { weight } else { 0 };
        let burdened = children || asked;
        let last = self.random.weighted(&[
            (only(8, !cron || !burdened), Command::Complete),
            (only(5, !cron || !burdened), Command::Fail { retryable }),
            (3, Command::Cancel),
            (only(6, !cron && !burdened), Command::ContinueAsNew),
        ]);
        let Some(last) = last else { return };
        reply.commands.push(last.clone());
        (reply.sticky, reply.again) = (false, false);
        let workflow = self.known[index].workflow;
        self.say(Step::Reply(workflow, reply));
        let known = &mut self.known[index];
        if std::mem::take(&mut known.buffered) {
            // Something has happened that the workflow has not seen: it may not end.
            known.task_fails();
            return;
        }
        self.end(ended);
        let known = &mut self.known[index];
        known.completed_tasks += 1;
        match last {
            Command::Complete | Command::Fail { .. } if cron => self.sleeps(index),
            Command::ContinueAsNew => self.next_run(index),
            Command::Fail { retryable: true } if known.retries > 0 => {
                known.retries -= 1;
                self.next_run(index);
            }
            Command::Complete => self.ended(index, false),
            _ => self.ended(index, true),
        }
    }

    /// A run has ended and another goes on in its place.
    fn next_run(&mut self, index: usize) {
        self.follow(index);
        // The server has a run wait that follows another within a second; the engine lets one that was continued begin
        // at once. Nothing happens meanwhile, so that it makes no difference.
        self.take(index);
    }

    /// The next run waits until its schedule says that it is time.
    fn sleeps(&mut self, index: usize) {
        self.follow(index);
        let known = &mut self.known[index];
        (known.asleep, known.task) = (true, Task::None);
    }

    fn follow(&mut self, index: usize) {
        let known = &mut self.known[index];
        let accepted = std::mem::take(&mut known.accepted);
        known.next_run();
        for asked in accepted.iter().filter(|asked| asked.stage == Stage::Completed) {
            self.say(Step::End(asked.call));
        }
    }

    fn reply_badly(&mut self, index: usize, mut reply: Reply) {
        let bad = self.random.pick(&[
            Bad::NoActivityId,
            Bad::NoActivityType,
            Bad::NoTimeout,
            Bad::NegativeTimeout,
            Bad::NoTimerId,
            Bad::UnknownTimer,
            Bad::UnknownActivity,
            Bad::NoMarkerName,
            Bad::NoChildId,
            Bad::NoSignalName,
            Bad::NoFailure,
            Bad::EmptyUpsert,
        ]);
        reply.commands.push(Command::Bad(bad));
        let known = &mut self.known[index];
        known.task_fails();
        let workflow = known.workflow;
        self.say(Step::Reply(workflow, reply));
    }
}

//! The ways to start a workflow, also one that there is already.

use crate::belief::{Asked, Known, Task};
use crate::generate::Author;
use crate::program::{
    Ask, Command, Conflict, Event, Reply, Reuse, SearchAttribute, Stage, Start, Step, Update, Workflow,
};

/// What comes of a request to start a workflow that there is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Refused,
    /// The run goes on that there is.
    Existing,
    /// Another run begins; one that there is ends.
    New,
}

impl Author {
    pub(crate) fn start(&mut self) {
        let Some(workflow) = self.fresh_workflow() else { return };
        let mut known = Known::new(workflow);
        let request = self.fresh_request();
        known.request = Some(request);
        let mut start = Start {
            request,
            memo: self.random.percent(25),
            header: self.random.percent(25),
            ..Start::default()
        };
        if self.random.percent(25) {
            start.search_attribute = Some(self.random.pick(&SearchAttribute::SET));
        }
        match self.random.below(20) {
            0 => start.run_timeout_s = Some(1),
            1 => start.delay_s = Some(1),
            2 => {
                start.delay_s = Some(3600);
                known.asleep = true;
                known.delayed = true;
            }
            3 => {
                start.cron = true;
                known.cron = true;
                known.asleep = true;
            }
            4 | 5 => {
                start.attempts = Some(3);
                known.retries = 2;
            }
            6 => {
                start.task_timeout_s = Some(3);
                known.short_tasks = true;
            }
            7 => {
                start.run_timeout_s = Some(600);
                start.execution_timeout_s = Some(1000);
            }
            8 => start.execution_timeout_s = Some(600),
            9 => {
                // Refused.
                let wrong = self.random.pick(&[SearchAttribute::WrongType, SearchAttribute::Unknown]);
                start.search_attribute = Some(wrong);
                self.say(Step::Ask(Ask::Start(workflow, start)));
                return;
            }
            _ => {}
        }
        if known.asleep {
            known.task = Task::None;
        }
        let delayed = start.delay_s == Some(1);
        let times_out = start.run_timeout_s == Some(1);
        self.say(Step::Ask(Ask::Start(workflow, start)));
        if times_out {
            self.say(Step::Await(workflow, Event::TimedOut, 1));
            known.ends(true);
        }
        self.known.push(known);
        if delayed {
            // What happens during the delay is not for programs to ask.
            self.take(self.known.len() - 1);
        }
    }

    pub(crate) fn signal_with_start(&mut self, index: usize) {
        if index == self.known.len() {
            let request = self.fresh_request();
            let start = Start { request, ..Start::default() };
            let workflow = Workflow(index as u8);
            self.say(Step::Ask(Ask::SignalWithStart(workflow, start)));
            self.known.push(Known { request: Some(request), ..Known::new(workflow) });
            return;
        }
        let start = self.another(index);
        let comes = match start.conflict {
            Conflict::Fail => Comes::Refused,
            Conflict::Unspecified => comes(&self.known[index], &start, Conflict::UseExisting),
            asked => comes(&self.known[index], &start, asked),
        };
        let Some(workflow) = self.may_begin(index, comes) else { return };
        let request = start.request;
        self.say(Step::Ask(Ask::SignalWithStart(workflow, start)));
        match comes {
            Comes::Refused => {}
            Comes::Existing => self.known[index].happens(),
            Comes::New => self.begins_anew(index, request),
        }
    }

    pub(crate) fn start_again(&mut self, index: usize) {
        let mut start = self.another(index);
        let again = self.known[index].request.filter(|_| self.random.percent(20));
        start.request = again.unwrap_or(start.request);
        let comes = match start.conflict {
            _ if again.is_some() => Comes::Existing,
            Conflict::Unspecified => comes(&self.known[index], &start, Conflict::Fail),
            asked => comes(&self.known[index], &start, asked),
        };
        let Some(workflow) = self.may_begin(index, comes) else { return };
        let request = start.request;
        self.say(Step::Ask(Ask::Start(workflow, start)));
        if comes == Comes::New {
            self.begins_anew(index, request);
        }
    }

    /// An update that brings its run along. A worker answers it at once: of a run that ends first, a server tries once
    /// more, and how far it comes is a race.
    pub(crate) fn update_with_start(&mut self, index: usize) {
        let start = Start {
            conflict: self.random.pick(&[
                Conflict::Fail,
                Conflict::UseExisting,
                Conflict::UseExisting,
                Conflict::TerminateExisting,
            ]),
            ..self.another(index)
        };
        let comes = comes(&self.known[index], &start, start.conflict);
        let Some(workflow) = self.may_begin(index, comes) else { return };
        let (call, update) = (self.fresh_call(), self.fresh_update());
        let stage = self.random.pick(&[Stage::Accepted, Stage::Completed]);
        let request = start.request;
        let ask = Ask::UpdateWithStart(workflow, start, update, stage);
        self.say(Step::Begin(call, ask));
        if comes == Comes::Refused {
            self.say(Step::End(call));
            return;
        }
        if comes == Comes::New {
            self.begins_anew(index, request);
        }
        self.take(index);
        self.answer_alone(index, Asked { update, call, stage });
    }

    /// Answers the only update of a task.
    fn answer_alone(&mut self, index: usize, asked: Asked) {
        let Asked { update, call, stage } = asked;
        let succeeds = self.random.percent(80);
        let commands = self.random.pick(&[
            vec![Command::Accept(update), Command::Respond(update, succeeds)],
            vec![Command::Accept(update)],
            vec![Command::Reject(update)],
        ]);
        let known = &mut self.known[index];
        let waits = commands.len() == 1 && commands[0] == Command::Accept(update);
        if waits {
            known.accepted.push(asked);
        }
        known.replies();
        let workflow = known.workflow;
        self.say(Step::Reply(workflow, Reply { commands, ..Reply::default() }));
        if !waits || stage == Stage::Accepted {
            self.say(Step::End(call));
        }
    }

    fn fresh_update(&mut self) -> Update {
        self.updates += 1;
        Update(self.updates)
    }

    fn another(&mut self, index: usize) -> Start {
        let reuse = self.random.pick(&[
            Reuse::Unspecified,
            Reuse::AllowDuplicate,
            Reuse::AllowDuplicateFailedOnly,
            Reuse::RejectDuplicate,
            Reuse::TerminateIfRunning,
        ]);
        let conflict = self.random.pick(&[
            Conflict::Unspecified,
            Conflict::Unspecified,
            Conflict::Fail,
            Conflict::UseExisting,
            Conflict::TerminateExisting,
        ]);
        let search_attribute =
            (!self.known[index].open && self.random.percent(20)).then_some(SearchAttribute::Keyword);
        Start { request: self.fresh_request(), reuse, conflict, search_attribute, ..Start::default() }
    }

    /// A run with relatives is not ended by a start: who hears of it first is a race.
    fn may_begin(&self, index: usize, comes: Comes) -> Option<Workflow> {
        let known = &self.known[index];
        let related = known.open && (known.parent.is_some() || !known.children.is_empty());
        (comes != Comes::New || !related).then_some(known.workflow)
    }

    fn begins_anew(&mut self, index: usize, request: u8) {
        if self.known[index].open {
            self.let_go(index);
            self.end_calls(index);
        }
        self.known[index].is_started_again(request);
    }
}

fn comes(known: &Known, start: &Start, conflict: Conflict) -> Comes {
    let Start { reuse, .. } = start;
    let contradicts = match reuse {
        Reuse::TerminateIfRunning => start.conflict != Conflict::Unspecified,
        Reuse::RejectDuplicate => conflict == Conflict::TerminateExisting,
        _ => false,
    };
    match (known.open, conflict) {
        _ if contradicts => Comes::Refused,
        (true, _) if *reuse == Reuse::TerminateIfRunning => Comes::New,
        (true, Conflict::TerminateExisting) => Comes::New,
        (true, Conflict::UseExisting) => Comes::Existing,
        (true, _) => Comes::Refused,
        (false, _) => match reuse {
            Reuse::RejectDuplicate => Comes::Refused,
            Reuse::AllowDuplicateFailedOnly if !known.failed => Comes::Refused,
            _ => Comes::New,
        },
    }
}

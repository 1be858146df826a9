//! What whoever writes a program believes of its workflows while writing it. It need not be right: a step that finds
//! nothing to do finds nothing on both sides. Being right makes programs that go far.

use crate::program::{Activity, Call, Close, Event, Queue, Stage, Update, Workflow};
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    None,
    Waiting,
    Held,
}

#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub activity: Activity,
    pub taken: bool,
    pub cancel_requested: bool,
    /// How often it may be tried again; `None` without a bound.
    pub again: Option<i32>,
    pub names_failure: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub update: Update,
    pub call: Call,
    pub stage: Stage,
}

/// A workflow, and its current run.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; they do not exclude one another"
)]
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub workflow: Workflow,
    pub parent: Option<Workflow>,
    pub close: Close,
    pub open: bool,
    /// The request that started the run, if a client's did.
    pub request: Option<u8>,
    pub failed: bool,
    /// Waits for longer than a program takes.
    pub asleep: bool,
    /// Waits because its start is delayed. What a signal does then is not for programs to ask: the protocol says that it
    /// ends the wait, which the engine does and server 1.29 does not.
    pub delayed: bool,
    pub cron: bool,
    /// It had something that times out: what a reset brings back of that, nobody keeps track of here.
    pub timed: bool,
    pub task: Task,
    pub sticky: bool,
    /// Something happened while its task was held.
    pub buffered: bool,
    pub cancel_requested: bool,
    pub completed_tasks: usize,
    pub retries: i32,
    pub short_tasks: bool,
    pub activities: Vec<Running>,
    pub timers: Vec<u8>,
    pub children: Vec<Workflow>,
    /// Updates that no task has brought yet, that the held task brought, and that were accepted.
    pub requested: Vec<Asked>,
    pub carried: Vec<Asked>,
    pub accepted: Vec<Asked>,
    pub awaited: HashMap<Event, usize>,
}

impl Known {
    pub(crate) fn new(workflow: Workflow) -> Self {
        Self {
            workflow,
            parent: None,
            close: Close::Terminate,
            open: true,
            request: None,
            failed: false,
            asleep: false,
            delayed: false,
            cron: false,
            timed: false,
            task: Task::Waiting,
            sticky: false,
            buffered: false,
            cancel_requested: false,
            completed_tasks: 0,
            retries: 0,
            short_tasks: false,
            activities: Vec::new(),
            timers: Vec::new(),
            children: Vec::new(),
            requested: Vec::new(),
            carried: Vec::new(),
            accepted: Vec::new(),
            awaited: HashMap::new(),
        }
    }

    /// It begins although it was to wait.
    pub(crate) fn awakes(&mut self) {
        (self.asleep, self.delayed) = (false, false);
    }

    /// Something that the workflow has to see has happened.
    pub(crate) fn happens(&mut self) {
        match self.task {
            Task::None if !self.asleep => self.task = Task::Waiting,
            Task::Held => self.buffered = true,
            Task::None | Task::Waiting => {}
        }
    }

    /// How many events of this kind there are after one more.
    pub(crate) fn one_more(&mut self, event: Event) -> usize {
        let count = self.awaited.entry(event).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn queue(&self) -> Queue {
        if self.sticky { Queue::Sticky } else { Queue::Normal }
    }

    pub(crate) fn takes(&mut self) {
        self.task = Task::Held;
        self.carried.append(&mut self.requested);
    }

    /// The held task is answered, and nothing more has happened.
    pub(crate) fn replies(&mut self) {
        self.task = Task::None;
        self.sticky = false;
        self.completed_tasks += 1;
    }

    /// The held task came to nothing and is offered again.
    pub(crate) fn task_fails(&mut self) {
        self.task = Task::Waiting;
        self.sticky = false;
        self.buffered = false;
        self.requested.append(&mut self.carried);
    }

    /// The next run has begun.
    pub(crate) fn next_run(&mut self) {
        *self = Self {
            parent: self.parent,
            close: self.close,
            retries: self.retries,
            cron: self.cron,
            requested: self.requested.clone(),
            ..Self::new(self.workflow)
        };
    }

    /// A client has started another run, which has nothing of the one before.
    pub(crate) fn is_started_again(&mut self, request: u8) {
        (self.parent, self.retries, self.cron) = (None, 0, false);
        self.next_run();
        self.request = Some(request);
    }

    pub(crate) fn ends(&mut self, failed: bool) {
        self.open = false;
        self.failed = failed;
        self.task = Task::None;
        self.sticky = false;
        self.activities.clear();
        self.timers.clear();
    }
}

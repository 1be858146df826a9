//! The kernel: what happens to one run when something happens to it.
//!
//! A transition takes a run's state, a request, the time and a seed for identifiers, changes the state and
//! says what must follow ([`Effects`]). It knows neither tokio nor SQLite nor a clock, cannot wait and
//! cannot fail half way: what it refuses, it refuses before changing anything.

pub(crate) mod activity;
pub(crate) mod activity_control;
pub(crate) mod admission;
mod cancel_external;
pub(crate) mod child;
pub(crate) mod commands;
pub(crate) mod cron;
pub(crate) mod effects;
pub(crate) mod entropy;
pub(crate) mod history;
pub(crate) mod inbound;
pub(crate) mod lifecycle;
pub(crate) mod payload;
pub(crate) mod rebuild;
pub(crate) mod recovery;
pub(crate) mod reset;
pub(crate) mod retry;
pub(crate) mod rules;
mod signal_external;
pub(crate) mod state;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod time;
mod timer;
pub(crate) mod transfer;
pub(crate) mod update;
pub(crate) mod validate;
pub(crate) mod workflow_task;

pub(crate) use effects::{Effects, Task, Transfer};
pub(crate) use entropy::Entropy;
pub(crate) use rules::Rules;
pub(crate) use state::MutableState;
pub(crate) use time::Timestamp;

/// One change of one run, while it is being made.
#[derive(Debug)]
pub(crate) struct Transition<'a> {
    pub state: &'a mut MutableState,
    pub now: Timestamp,
    /// The time of what is recorded: now, or the time of the last event where that is later, because the
    /// wall clock was set back before the engine was opened again. Deadlines go by the time that it is.
    event_time: Timestamp,
    pub entropy: &'a mut Entropy,
    pub effects: Effects,
    pub rules: Rules,
    /// Commands are being applied: what they cause indirectly comes after what they cause directly.
    applying_commands: bool,
}

impl<'a> Transition<'a> {
    pub(crate) fn new(state: &'a mut MutableState, now: Timestamp, entropy: &'a mut Entropy) -> Self {
        let event_time = now.max(Timestamp(state.core.latest_event_time));
        Self {
            state,
            now,
            event_time,
            entropy,
            effects: Effects::default(),
            rules: Rules::default(),
            applying_commands: false,
        }
    }

    /// Ends the transition.
    pub(crate) fn finish(mut self) -> Effects {
        if self.effects.volatile {
            debug_assert!(self.effects.events.is_empty(), "what is in history is stored");
            return self.effects;
        }
        rules::enforce_history_limits(&mut self);
        workflow_task::settle(&mut self);
        self.state.core.state_transitions += 1;
        self.effects
    }

    /// Everything whose time has come.
    pub(crate) fn fire_due(&mut self) {
        if !self.state.core.is_running() {
            return;
        }
        if lifecycle::fire_due(self) {
            return;
        }
        workflow_task::fire_due(self);
        if !self.state.core.is_running() {
            return;
        }
        timer::fire_due(self);
        activity::fire_due(self);
    }
}

/// Why a request changed nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("Workflow task not found.")]
    WorkflowTaskNotFound,
    #[error("invalid activityID or activity already timed out or invoking workflow is completed")]
    ActivityNotFound,
    #[error("workflow execution already completed")]
    WorkflowCompleted,
    #[error("{0}")]
    InvalidArgument(String),
    #[error("{0}")]
    FailedPrecondition(String),
    #[error("{0}")]
    TooManyAtOnce(String),
    #[error("{0}")]
    WorkflowNotReady(&'static str),
    #[error("workflow operation can not be applied because workflow is closing")]
    WorkflowClosing,
}

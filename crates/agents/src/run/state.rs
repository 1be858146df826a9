//! The agent graph's state: references and counts, never contents.

use serde::{Deserialize, Serialize};
use syndarix_core::blob::BlobHash;
use syndarix_core::id::{AgentId, MessageId, TaskId};
use syndarix_graph::reducer::{Append, LastValue, Sum};

use super::guards::Repeats;
use crate::context::Entry;

syndarix_graph::state! {
    /// What a run knows. Its size grows with the number of steps, not with what was said in them.
    #[derive(Debug, PartialEq)]
    pub struct RunState, update RunUpdate {
        /// The version of this form.
        pub version: LastValue<u32>,
        /// The run's briefing, as stored at its beginning.
        pub briefing: LastValue<BlobHash>,
        /// What was said and done, in order.
        pub conversation: Append<Entry>,
        /// The names of the documents that were written.
        pub artifacts: Append<String>,
        /// The tasks that were proposed.
        pub tasks: Append<TaskId>,
        /// The sprint that was planned last.
        pub plan: LastValue<Option<SprintPlan>>,
        /// Model calls that were answered.
        pub iterations: Sum<u32>,
        /// Tokens of all answered calls, in and out.
        pub run_tokens: Sum<u64>,
        /// Milliseconds spent thinking and executing.
        pub active_ms: Sum<u64>,
        /// How many answers in a row could not be acted on.
        pub malformed: LastValue<u32>,
        /// How often in a row no model could be reached.
        pub outages: LastValue<u32>,
        /// Messages that are in the conversation and still in the inbox.
        pub unacknowledged: LastValue<Vec<MessageId>>,
        /// What is repeated without getting anywhere.
        pub repeats: LastValue<Repeats>,
        /// What happens next.
        pub action: LastValue<Action>,
        /// How the work ends, once that is accepted.
        pub ending: LastValue<Option<Ending>>,
        /// Why the run failed.
        pub error: LastValue<Option<String>>,
    }
}

/// What happens next in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// The model is asked.
    Think,
    /// The tools of its last answer are called.
    Execute,
    /// Its last answer, which wants to end the work, is judged.
    ReviewEnding,
    /// Its last answer, which cannot be acted on, is answered.
    ReviewProblem {
        /// What is wrong with it, for the model.
        problem: String,
    },
    /// The task goes to another agent.
    HandOff,
    /// The run ends with an error.
    Fail,
    /// The run ends.
    End,
}

/// A planned sprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SprintPlan {
    /// What it is to achieve.
    pub goal: String,
    /// Its tasks, the most important first.
    pub tasks: Vec<TaskId>,
}

/// How an agent ended its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ending")]
pub enum Ending {
    /// It is finished.
    Finish {
        /// One line.
        summary: String,
    },
    /// Somebody else goes on.
    HandOff {
        /// Who.
        to: AgentId,
        /// What they need to know.
        summary: String,
        /// Why.
        reason: String,
    },
    /// A change is judged.
    Review {
        /// Whether it is accepted.
        approved: bool,
        /// What was said.
        comment: String,
    },
    /// A sprint's result is judged.
    Qa {
        /// Whether nothing must be mended.
        passed: bool,
        /// The defects found.
        defects: Vec<TaskId>,
    },
}

impl RunState {
    /// The state a run begins with.
    pub fn new(briefing: BlobHash, unacknowledged: Vec<MessageId>) -> Self {
        Self {
            version: 1,
            briefing,
            conversation: Vec::new(),
            artifacts: Vec::new(),
            tasks: Vec::new(),
            plan: None,
            iterations: 0,
            run_tokens: 0,
            active_ms: 0,
            malformed: 0,
            outages: 0,
            unacknowledged,
            repeats: Repeats::default(),
            action: Action::Think,
            ending: None,
            error: None,
        }
    }
}

impl RunUpdate {
    /// Only what happens next.
    pub fn next(action: Action) -> Self {
        Self { action: Some(action), ..Self::default() }
    }

    /// The run fails: this is why.
    #[must_use]
    pub fn failing(mut self, error: impl Into<String>) -> Self {
        self.error = Some(Some(error.into()));
        self
    }
}

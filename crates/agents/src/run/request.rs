//! What a run is asked to do and how it can end. Plain data. An outcome crosses the workflow boundary, so it carries
//! ids and short texts, never conversations; a request is made in the activity that runs it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use syndarix_core::id::{AgentId, ApprovalId, MessageId, ProjectId, RunId, TaskId};
use syndarix_core::time::Timestamp;
use syndarix_tools::git::Signature;
use syndarix_tools::workspace_server::Prepared;

use crate::stage::Stage;
use crate::surroundings::Surroundings;

/// The most characters of a summary that travel in an outcome.
pub const SUMMARY_CHARACTERS: usize = 200;

/// One agent, one stage of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRequest {
    /// The run's id. The same id asked for again continues where the run stopped.
    pub run: RunId,
    /// The project.
    pub project: ProjectId,
    /// Who does it.
    pub agent: AgentId,
    /// What it is about. At [`Stage::Review`] this is the task whose change is judged.
    pub task: TaskId,
    /// What is to be done with it.
    pub stage: Stage,
    /// How often this stage of this task has been run, from 1; rework after a review is the next round.
    pub round: u32,
    /// The sprint it happens in, if in one.
    pub sprint: Option<u32>,
    /// The folder the workspace tools are confined to; `None` for stages that only use team tools.
    pub workspace: Option<PathBuf>,
    /// Folders beside the workspace that its tools may read: the objects that the clone borrows.
    #[serde(default)]
    pub read_only: Vec<PathBuf>,
    /// A folder for temporary files, outside the workspace.
    pub scratch: PathBuf,
    /// What was prepared for the commands of its tools.
    #[serde(default)]
    pub prepared: Prepared,
    /// Whether what is committed may be installed without a question.
    #[serde(default)]
    pub set_up_allowed: bool,
    /// Whose names its commits carry.
    #[serde(default)]
    pub signature: Signature,
    /// The workflow that waits for the run; approvals asked for by the run signal it.
    pub workflow_id: String,
    /// The decisions that arrived since the run was interrupted.
    #[serde(default)]
    pub resume: Vec<ResumeValue>,
    /// The machine and the repository, as the agent is told about them when the run begins.
    #[serde(default)]
    pub surroundings: Surroundings,
}

/// A human's decision on something a run was interrupted for. The record of the decision in the store is what
/// counts; this value says that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeValue {
    /// As in [`PendingApproval::interrupt_id`].
    pub interrupt_id: String,
    /// Whether they agreed.
    pub approved: bool,
    /// What they said with it.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What an interrupted run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingApproval {
    /// The decision asked of a human.
    pub approval: ApprovalId,
    /// The place in the graph that waits for it.
    pub interrupt_id: String,
    /// When it stops being decidable, if ever.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// The answer of another agent that an interrupted run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReply {
    /// The question.
    pub question: MessageId,
    /// The place in the graph that waits for it.
    pub interrupt_id: String,
    /// When a human is to be asked what to do about it.
    pub escalate_at: Timestamp,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum RunOutcome {
    /// The agent says it is finished, and what it produced is there.
    Finished {
        /// One line for people, at most [`SUMMARY_CHARACTERS`] characters.
        summary: String,
        /// What the stage produced.
        result: RunResult,
    },
    /// The agent gave the task to another, with a message that tells it what it needs to know.
    HandedOff {
        /// To whom.
        to: AgentId,
        /// One line for people.
        summary: String,
    },
    /// Humans must decide, or other agents answer; run again when they have.
    Interrupted {
        /// The decisions it waits for.
        approvals: Vec<PendingApproval>,
        /// The answers it waits for.
        #[serde(default)]
        replies: Vec<PendingReply>,
    },
    /// The run cannot succeed: a guard stopped it, or a human refused what it needs.
    Failed {
        /// What happened and what can be done, for people.
        error: String,
    },
}

/// What a stage produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum RunResult {
    /// Artifacts, tasks or changes that are already stored.
    Done,
    /// A verdict on another agent's change.
    Review {
        /// Whether the change is accepted.
        approved: bool,
        /// What was said.
        comment: String,
    },
    /// A verdict on a sprint's result.
    Qa {
        /// Whether nothing was found that must be mended.
        passed: bool,
        /// The defects that were found, as tasks in the backlog.
        defects: Vec<TaskId>,
    },
    /// A sprint's tasks, in the order of the plan.
    Planned {
        /// Which.
        tasks: Vec<TaskId>,
        /// What the sprint is to achieve, in one sentence.
        goal: String,
    },
}

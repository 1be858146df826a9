//! Events: the facts of the journal, from which everything a person watches is read.

use serde::{Deserialize, Serialize};

use crate::agent::{AgentState, AgentTransition};
use crate::approval::{ApprovalKind, ApprovalState};
use crate::autonomy::Checkpoint;
use crate::blob::BlobHash;
use crate::budget::{BudgetRefusal, BudgetScope};
use crate::id::{AgentId, ApprovalId, ArtifactId, MessageId, ProjectId, RunId, TaskId};
use crate::message::MessageKind;
use crate::money::NanoUsd;
use crate::project::{Phase, ProjectState};
use crate::role::Role;
use crate::task::{TaskKind, TaskState};
use crate::time::Timestamp;
use crate::usage::TokenUsage;

/// The version of [`EventKind`]'s stored form.
pub const EVENT_VERSION: u32 = 1;

/// A fact, as stored. The sequence has no gap within a data directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the journal, from 1.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The project it is about.
    pub project: ProjectId,
    /// The agent it is about, if one.
    pub agent: Option<AgentId>,
    /// The task it is about, if one.
    pub task: Option<TaskId>,
    /// The version of `kind`'s stored form.
    pub version: u32,
    /// What happened.
    pub kind: EventKind,
}

/// A fact that is about to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// The project it is about.
    pub project: ProjectId,
    /// The agent it is about, if one.
    pub agent: Option<AgentId>,
    /// The task it is about, if one.
    pub task: Option<TaskId>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// A project was created.
    ProjectCreated {
        /// Its title.
        title: String,
        /// Its budget.
        budget: NanoUsd,
    },
    /// A project's state changed.
    ProjectStateChanged {
        /// From this state.
        from: ProjectState,
        /// To this one.
        to: ProjectState,
        /// Why, for people.
        reason: Option<String>,
    },
    /// A project entered a phase.
    PhaseEntered {
        /// Which.
        phase: Phase,
    },
    /// An agent joined the team.
    AgentJoined {
        /// Its name.
        name: String,
        /// Its role.
        role: Role,
        /// Its agent type.
        agent_type: String,
    },
    /// An agent's state changed.
    AgentStateChanged {
        /// From this state.
        from: AgentState,
        /// By this transition.
        transition: AgentTransition,
        /// To this state.
        to: AgentState,
    },
    /// A task was created.
    TaskCreated {
        /// Its title.
        title: String,
        /// Its kind.
        kind: TaskKind,
    },
    /// A task was given to an agent.
    TaskAssigned {
        /// To whom.
        assignee: AgentId,
        /// Why this one.
        reason: String,
    },
    /// A task was put into a sprint, or back into the backlog.
    TaskPlanned {
        /// The sprint, from 1; `None` is the backlog.
        sprint: Option<u32>,
    },
    /// A task's state changed.
    TaskStateChanged {
        /// From this state.
        from: TaskState,
        /// To this one.
        to: TaskState,
        /// Why, for people.
        reason: Option<String>,
    },
    /// A task was proven done.
    TaskDone {
        /// The check's exit code, if it has one.
        exit_code: Option<i32>,
        /// The commit that holds the work, if in git.
        commit: Option<String>,
    },
    /// A review judged a task's work.
    ReviewVerdict {
        /// Who judged.
        reviewer: AgentId,
        /// Whether the work was accepted.
        approved: bool,
        /// What was said.
        comment: String,
        /// Which review of this task, from 1.
        round: u32,
    },
    /// A branch was merged.
    BranchMerged {
        /// Which.
        branch: String,
        /// Into which.
        into: String,
        /// The merge commit.
        commit: String,
    },
    /// A branch could not be merged.
    MergeConflict {
        /// Which.
        branch: String,
        /// The files in conflict.
        files: Vec<String>,
    },
    /// A check was run.
    CheckRun {
        /// The command.
        command: String,
        /// Its exit code.
        exit_code: i32,
        /// How long it ran.
        duration_ms: u64,
    },
    /// A command installed what a commit needs.
    SetUpRun {
        /// The command.
        command: String,
        /// Its exit code.
        exit_code: i32,
        /// How long it ran.
        duration_ms: u64,
    },
    /// A message was sent.
    MessageSent {
        /// Its id.
        message: MessageId,
        /// What it is for.
        kind: MessageKind,
        /// Whom it is for; `None` is everyone.
        target: Option<AgentId>,
        /// One line for people.
        summary: String,
    },
    /// A document or file was produced.
    ArtifactWritten {
        /// Its id.
        artifact: ArtifactId,
        /// Its name.
        name: String,
        /// Its content.
        content: BlobHash,
    },
    /// A run began or continued.
    RunStarted {
        /// Which.
        run: RunId,
        /// The superstep it continues after; zero at the beginning.
        superstep: u32,
    },
    /// A run stopped.
    RunStopped {
        /// Which.
        run: RunId,
        /// How: `finished`, `interrupted`, `failed`.
        outcome: String,
        /// More about it, for people.
        detail: Option<String>,
    },
    /// A model call was answered.
    ModelCallSucceeded {
        /// The provider-qualified model.
        model: String,
        /// What it used.
        usage: TokenUsage,
        /// What it cost.
        cost: NanoUsd,
        /// How long it took.
        latency_ms: u64,
    },
    /// A model call failed.
    ModelCallFailed {
        /// The provider-qualified model.
        model: String,
        /// The kind of failure.
        kind: String,
        /// What happened, without secrets.
        message: String,
        /// Whether another attempt may help.
        retryable: bool,
        /// What it cost all the same.
        cost: NanoUsd,
    },
    /// A chain went on to its next model.
    ModelFailover {
        /// From this model.
        from: String,
        /// To this one.
        to: String,
        /// Because of this kind of failure.
        reason: String,
    },
    /// A model's answer could not be acted on, and it was told why.
    MalformedAction {
        /// What was wrong.
        problem: String,
    },
    /// A tool was called.
    ToolCalled {
        /// Which.
        tool: String,
        /// Its arguments, shortened.
        arguments: String,
        /// Whether the call failed.
        is_error: bool,
        /// The exit code, where it ran a command.
        exit_code: Option<i32>,
        /// How long it took.
        duration_ms: u64,
    },
    /// Policy refused a tool call.
    ToolDenied {
        /// Which tool.
        tool: String,
        /// Why.
        reason: String,
    },
    /// A budget passed a mark.
    BudgetWarning {
        /// Which budget.
        budget: BudgetScope,
        /// Percent of it that is spent or reserved.
        percent: u8,
        /// Its limit.
        limit: NanoUsd,
    },
    /// A budget refused a call.
    BudgetRefused {
        /// Which budget, and by how much.
        refusal: BudgetRefusal,
    },
    /// A budget was changed by a human.
    BudgetChanged {
        /// Which budget.
        budget: BudgetScope,
        /// From this limit, if there was one.
        from: Option<NanoUsd>,
        /// To this one.
        to: NanoUsd,
    },
    /// A human was asked.
    ApprovalRequested {
        /// Which approval.
        approval: ApprovalId,
        /// What is asked.
        kind: ApprovalKind,
        /// One line for people.
        title: String,
        /// Where in the project, for a checkpoint.
        checkpoint: Option<Checkpoint>,
    },
    /// An approval was decided, expired or superseded.
    ApprovalDecided {
        /// Which approval.
        approval: ApprovalId,
        /// How it ended.
        state: ApprovalState,
        /// Who decided.
        by: Option<String>,
        /// What they said.
        comment: Option<String>,
    },
    /// A human allowed calls for the whole project, together with an approval.
    PermissionGranted {
        /// The approval, which names the permission.
        approval: ApprovalId,
        /// What it covers, in words.
        covers: String,
        /// Who gave it.
        by: String,
    },
    /// A human took a permission back.
    PermissionRevoked {
        /// The approval it was given with.
        approval: ApprovalId,
        /// Who took it back.
        by: String,
    },
    /// A call was not asked about, because a permission covers it.
    CallPermitted {
        /// The tool.
        tool: String,
        /// The approval that the permission was given with.
        approval: ApprovalId,
        /// What the permission covers, in words.
        covers: String,
    },
    /// A human said something to the team.
    FeedbackGiven {
        /// Who.
        by: String,
        /// What, shortened.
        summary: String,
    },
    /// A guard stopped something: a loop, a timeout, a limit.
    GuardTripped {
        /// Which guard.
        guard: String,
        /// What it saw.
        detail: String,
    },
    /// Something worth telling that has no kind of its own.
    Note {
        /// What.
        text: String,
    },
}

impl EventKind {
    /// The kind's name as stored, such as `task_done`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProjectCreated { .. } => "project_created",
            Self::ProjectStateChanged { .. } => "project_state_changed",
            Self::PhaseEntered { .. } => "phase_entered",
            Self::AgentJoined { .. } => "agent_joined",
            Self::AgentStateChanged { .. } => "agent_state_changed",
            Self::TaskCreated { .. } => "task_created",
            Self::TaskAssigned { .. } => "task_assigned",
            Self::TaskPlanned { .. } => "task_planned",
            Self::TaskStateChanged { .. } => "task_state_changed",
            Self::TaskDone { .. } => "task_done",
            Self::ReviewVerdict { .. } => "review_verdict",
            Self::BranchMerged { .. } => "branch_merged",
            Self::MergeConflict { .. } => "merge_conflict",
            Self::CheckRun { .. } => "check_run",
            Self::SetUpRun { .. } => "set_up_run",
            Self::MessageSent { .. } => "message_sent",
            Self::ArtifactWritten { .. } => "artifact_written",
            Self::RunStarted { .. } => "run_started",
            Self::RunStopped { .. } => "run_stopped",
            Self::ModelCallSucceeded { .. } => "model_call_succeeded",
            Self::ModelCallFailed { .. } => "model_call_failed",
            Self::ModelFailover { .. } => "model_failover",
            Self::MalformedAction { .. } => "malformed_action",
            Self::ToolCalled { .. } => "tool_called",
            Self::ToolDenied { .. } => "tool_denied",
            Self::BudgetWarning { .. } => "budget_warning",
            Self::BudgetRefused { .. } => "budget_refused",
            Self::BudgetChanged { .. } => "budget_changed",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalDecided { .. } => "approval_decided",
            Self::PermissionGranted { .. } => "permission_granted",
            Self::PermissionRevoked { .. } => "permission_revoked",
            Self::CallPermitted { .. } => "call_permitted",
            Self::FeedbackGiven { .. } => "feedback_given",
            Self::GuardTripped { .. } => "guard_tripped",
            Self::Note { .. } => "note",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_tag_is_the_name() {
        let kinds = [
            EventKind::PhaseEntered { phase: Phase::Sprint(2) },
            EventKind::Note { text: "x".into() },
            EventKind::TaskDone { exit_code: Some(0), commit: None },
        ];
        for kind in kinds {
            let stored = serde_json::to_value(&kind).expect("serialises");
            assert_eq!(stored["event"], kind.name());
            assert_eq!(serde_json::from_value::<EventKind>(stored).expect("reads back"), kind);
        }
    }
}

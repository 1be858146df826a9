//! Approvals: single-use decisions by a human, bound to the digest of what they were shown.

use serde::{Deserialize, Serialize};

use crate::blob::BlobHash;
use crate::id::{ApprovalId, ProjectId, TaskId};
use crate::time::Timestamp;

/// What a human is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// May the project go on past this point?
    Checkpoint,
    /// May this tool call be made?
    ToolCall,
    /// The budget does not cover the next call; raise it, or end here?
    Budget,
    /// A call was interrupted and may or may not have happened; make it again?
    UnknownEffect,
    /// An agent asks something only a human can answer.
    Question,
    /// The work cannot go on without a decision (too many reviews, a failed task).
    Escalation,
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits for a human.
    #[default]
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// What it was about has changed, or is over.
    Superseded,
}

impl ApprovalState {
    /// The state's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

impl ApprovalKind {
    /// The kind's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::ToolCall => "tool_call",
            Self::Budget => "budget",
            Self::UnknownEffect => "unknown_effect",
            Self::Question => "question",
            Self::Escalation => "escalation",
        }
    }
}

/// A decision asked of a human, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// `PROJECT/A-2`.
    pub id: ApprovalId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What is asked.
    pub kind: ApprovalKind,
    /// One line for people.
    pub title: String,
    /// What the human is shown, in full.
    pub shown: BlobHash,
    /// A key unique in the project that makes asking again, after a crash, arrive at this same approval.
    pub subject: String,
    /// The task it is about, if any.
    pub task: Option<TaskId>,
    /// The workflow that waits for it.
    pub workflow_id: String,
    /// How it stands.
    pub state: ApprovalState,
    /// Who decided, once decided.
    pub decided_by: Option<String>,
    /// What they said with it.
    pub comment: Option<String>,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When it stops being decidable, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was decided, expired or superseded.
    pub decided_at: Option<Timestamp>,
}

impl Approval {
    /// How it stands at this moment: what was not decided in time has expired, even where nobody has noted it yet.
    pub fn state_at(&self, now: Timestamp) -> ApprovalState {
        match self.expires_at {
            Some(at) if at <= now && self.state == ApprovalState::Pending => ApprovalState::Expired,
            _ => self.state,
        }
    }
}

/// What a human decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether they agreed.
    pub approved: bool,
    /// What they said with it.
    pub comment: Option<String>,
    /// Who they are.
    pub decided_by: String,
    /// The hash of what they were shown; a decision about anything else is refused.
    pub shown: BlobHash,
}

//! Messages: envelopes between agents, in A2A's concepts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blob::BlobHash;
use crate::id::{AgentId, MessageId, ProjectId, TaskId};
use crate::time::Timestamp;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageKind {
    /// A task is given to an agent.
    TaskAssignment,
    /// A task passes from one agent to another, with what it needs to know.
    TaskHandoff,
    /// Something others should know.
    ContextShare,
    /// Work asks to be judged.
    ReviewRequest,
    /// A judgement, or a human's word.
    Feedback,
    /// A document or file was produced.
    Artifact,
    /// A question, or the answer that carries its correlation id.
    Query,
}

impl MessageKind {
    /// The kind's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskAssignment => "TASK_ASSIGNMENT",
            Self::TaskHandoff => "TASK_HANDOFF",
            Self::ContextShare => "CONTEXT_SHARE",
            Self::ReviewRequest => "REVIEW_REQUEST",
            Self::Feedback => "FEEDBACK",
            Self::Artifact => "ARTIFACT",
            Self::Query => "QUERY",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An envelope, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id; sending the same id again changes nothing.
    pub id: MessageId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What it is for.
    pub kind: MessageKind,
    /// Who sent it; `None` is the human.
    pub sender: Option<AgentId>,
    /// Whom it is for; `None` is everyone in the project.
    pub target: Option<AgentId>,
    /// The task it is about, if any.
    pub task: Option<TaskId>,
    /// The message this one answers, if any.
    pub correlation_id: Option<MessageId>,
    /// One line for people.
    pub summary: String,
    /// The content.
    pub body: BlobHash,
    /// When it was sent.
    pub sent_at: Timestamp,
}

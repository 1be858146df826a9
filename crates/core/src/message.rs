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
    /// What an agent handed in does not hold: the machine checked it, and this is what it found.
    CheckFailed,
    /// What an agent handed in holds and cannot be merged: this is what the machine met.
    MergeFailed,
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
            Self::CheckFailed => "CHECK_FAILED",
            Self::MergeFailed => "MERGE_FAILED",
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
    /// The agent that sent it, if an agent did; see [`author`](Self::author).
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

impl Message {
    /// Who speaks in it.
    pub fn author(&self) -> Author<&AgentId> {
        Author::of(self.kind, self.sender.as_ref())
    }
}

/// Who speaks in a message. What a machine found is not a human's wish, and whoever reads both must be able to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author<A> {
    /// A member of the team.
    Agent(A),
    /// The check that is run on what was handed in.
    Check,
    /// The merge of what was handed in.
    Merge,
    /// The project itself: work that is given out by rule.
    Project,
    /// The human in charge.
    Human,
}

impl<A> Author<A> {
    /// Whose word a message of this kind is. Nothing but its kind and its sender is needed: what no agent sends is
    /// either work that is given out, a machine's finding, or the word of the human.
    pub fn of(kind: MessageKind, sender: Option<A>) -> Self {
        match (sender, kind) {
            (Some(agent), _) => Self::Agent(agent),
            (None, MessageKind::CheckFailed) => Self::Check,
            (None, MessageKind::MergeFailed) => Self::Merge,
            (None, MessageKind::Feedback | MessageKind::Query) => Self::Human,
            (
                None,
                MessageKind::TaskAssignment
                | MessageKind::TaskHandoff
                | MessageKind::ContextShare
                | MessageKind::ReviewRequest
                | MessageKind::Artifact,
            ) => Self::Project,
        }
    }

    /// The same author, with the agent named in another way.
    pub fn map<B>(self, name: impl FnOnce(A) -> B) -> Author<B> {
        match self {
            Self::Agent(agent) => Author::Agent(name(agent)),
            Self::Check => Author::Check,
            Self::Merge => Author::Merge,
            Self::Project => Author::Project,
            Self::Human => Author::Human,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_agent_sent_is_told_apart_by_what_it_is_for() {
        for (kind, expected) in [
            (MessageKind::Feedback, Author::Human),
            (MessageKind::Query, Author::Human),
            (MessageKind::CheckFailed, Author::Check),
            (MessageKind::MergeFailed, Author::Merge),
            (MessageKind::TaskAssignment, Author::Project),
            (MessageKind::TaskHandoff, Author::Project),
            (MessageKind::ContextShare, Author::Project),
            (MessageKind::ReviewRequest, Author::Project),
            (MessageKind::Artifact, Author::Project),
        ] {
            assert_eq!(Author::of(kind, None::<&str>), expected, "{kind}");
            assert_eq!(Author::of(kind, Some("Ellis")), Author::Agent("Ellis"), "{kind}");
            let stored = serde_json::to_string(&kind).expect("a word");
            assert_eq!(stored, format!("\"{kind}\""), "one name on the wire and in the store");
        }
    }
}

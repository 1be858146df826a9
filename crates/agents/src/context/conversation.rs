//! A run's conversation: as references, which checkpoints hold, and as texts, which models read.

use serde::{Deserialize, Serialize};
use syndarix_core::blob::BlobHash;
use syndarix_core::tool::ToolCall;
use syndarix_llm::Thoughts;

/// One step of a conversation, by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum Entry {
    /// What the model answered: an [`Answer`] as JSON.
    Answer {
        /// Where it is stored.
        blob: BlobHash,
        /// About how many tokens it has.
        tokens: u64,
    },
    /// What a tool call gave.
    ToolResult {
        /// The call's id.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// Whether the call failed.
        is_error: bool,
        /// Where the result is stored.
        blob: BlobHash,
        /// About how many tokens it has.
        tokens: u64,
    },
    /// What the agent was told: a reminder, or a message from the team.
    Told {
        /// Where it is stored.
        blob: BlobHash,
        /// About how many tokens it has.
        tokens: u64,
    },
}

impl Entry {
    /// Where its content is stored.
    pub fn blob(&self) -> &BlobHash {
        match self {
            Self::Answer { blob, .. } | Self::ToolResult { blob, .. } | Self::Told { blob, .. } => blob,
        }
    }
}

/// What a model answered, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The tools it called.
    pub tool_calls: Vec<ToolCall>,
    /// What it thought, sealed by its provider; the model that thought it wants it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thoughts: Option<Thoughts>,
}

/// One step of a conversation, with its content.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// What the model answered.
    Answer(Answer),
    /// What a tool call gave.
    ToolResult {
        /// The call's id.
        call_id: String,
        /// The tool's name.
        tool: String,
        /// Whether the call failed.
        is_error: bool,
        /// What the model reads.
        content: String,
    },
    /// What the agent was told.
    Told(String),
}

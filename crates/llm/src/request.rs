//! What is asked of a model, in this project's own types: they are stored, so no provider's types appear in them.

use serde::{Deserialize, Serialize};
use syndarix_core::role::Role;
use syndarix_core::tool::{ToolCall, ToolSpec};

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// The system prompt.
    pub system: String,
    /// The conversation so far, the oldest turn first.
    pub turns: Vec<Turn>,
    /// The tools the model may call.
    pub tools: Vec<ToolSpec>,
    /// The most tokens it may answer with; the worst case is priced from it.
    pub max_output_tokens: u32,
    /// Sampling temperature; `None` leaves it to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Where in the team's work the call is made.
    pub scene: Scene,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "turn")]
pub enum Turn {
    /// What the model is told.
    User {
        /// The text.
        text: String,
    },
    /// What the model answered earlier.
    Assistant {
        /// Its text; may be empty beside tool calls.
        text: String,
        /// The tools it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
        /// What the model that answered needs to see of its own thinking again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thoughts: Option<Thoughts>,
    },
    /// What its tool calls gave.
    ToolResults {
        /// One for each call of the turn before, in the same order.
        results: Vec<ToolResult>,
    },
}

impl Turn {
    /// A turn in which the model is told something.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { text: text.into() }
    }
}

/// The thinking behind an answer, as its provider signed it. Some providers refuse a conversation in which a model's
/// signed thinking is missing before its tool calls; to any other model it means nothing and is not sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thoughts {
    /// The provider-qualified model that thought.
    pub model: String,
    /// Its thinking, in order.
    pub parts: Vec<ThoughtPart>,
    /// The signatures of each tool call, in the calls' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub call_signatures: Vec<Vec<String>>,
}

/// A part of a model's thinking. All of it is opaque here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThoughtPart {
    /// The provider's signature of what follows.
    Signature(String),
    /// Thinking in words.
    Reasoning(String),
    /// A block in the provider's own form.
    Block(serde_json::Value),
}

/// What one tool call gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The tool's name.
    pub name: String,
    /// What the model reads.
    pub content: String,
    /// Whether the call failed.
    pub is_error: bool,
}

/// Where in the team's work a call is made. Only the scripted provider reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// The role of the agent that asks.
    pub role: Role,
    /// Its name, such as `Dave`.
    pub agent: String,
    /// The stage of the work, such as `develop`.
    pub stage: String,
    /// The task's slug.
    pub task: String,
    /// Which round of the task's work, from 1: rework after a review is round 2.
    pub round: u32,
    /// How many model calls this run made before this one.
    pub turn: u32,
}

//! What a model answered.

use serde::{Deserialize, Serialize};
use syndarix_core::tool::ToolCall;
use syndarix_core::usage::TokenUsage;

use crate::request::{Thoughts, Turn};

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReply {
    /// Its text; may be empty beside tool calls.
    pub text: String,
    /// The tools it wants called, in its order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// What it used.
    pub usage: TokenUsage,
    /// Whether `usage` was reported by the provider or estimated here.
    pub usage_source: UsageSource,
    /// The provider's own usage object, where it sent one, for whoever reconciles an invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_usage: Option<serde_json::Value>,
    /// What the model needs to see of its own thinking in the next turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thoughts: Option<Thoughts>,
    /// The model that answered, as the provider names it (without the provider).
    pub model: String,
}

impl ModelReply {
    /// The reply as a turn of the conversation that goes on.
    pub fn to_turn(&self) -> Turn {
        Turn::Assistant {
            text: self.text.clone(),
            tool_calls: self.tool_calls.clone(),
            thoughts: self.thoughts.clone(),
        }
    }
}

/// Why a model stopped. A refusal is not here: it is a [`crate::error::FailureKind::Refused`] failure, so that a
/// chain goes on to a model that may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It said what it had to say.
    EndTurn,
    /// It waits for the results of its tool calls. Always the reason when there are tool calls: providers are
    /// not uniform about what they report beside them.
    ToolUse,
    /// It ran into the limit on its answer; the answer is incomplete.
    MaxTokens,
    /// Something the provider did not explain.
    Other,
}

/// Where a usage comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider reported it.
    Reported,
    /// The provider did not; it was estimated from the texts.
    Estimated,
}

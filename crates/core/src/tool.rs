//! Tools as models see them and as agents call them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::Repeatability;

/// A tool a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name, `[a-zA-Z0-9_-]{1,64}`, as providers require.
    pub name: String,
    /// What it does, when to use it, and an example call, for the model.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input_schema: Value,
    /// Whether a call whose result was lost may be repeated.
    pub repeatability: Repeatability,
    /// Whether a human is asked first, where the autonomy level says so.
    pub risk: Risk,
}

/// How dangerous a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Stays inside the agent's own worktree.
    Low,
    /// Reaches outside it, or cannot be undone.
    High,
}

/// A model's request to call a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call; its result carries it back.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments. A string here is what a provider sent that was not JSON.
    pub arguments: Value,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// What the model reads.
    pub content: String,
    /// Whether the call failed, so that the model can mend it.
    pub is_error: bool,
    /// The exit code, where the tool ran a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

impl ToolOutput {
    /// A successful answer.
    pub fn ok(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: false, exit_code: None }
    }

    /// An answer that tells the model what was wrong.
    pub fn error(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: true, exit_code: None }
    }
}

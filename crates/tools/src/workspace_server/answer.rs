//! What a workspace tool answers, before it becomes MCP.

use serde::{Deserialize, Serialize};

/// What is known about a command's end beside its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandEnd {
    /// 128 plus the signal's number where a signal ended it, 124 where its time ran out.
    pub(crate) exit_code: i32,
    pub(crate) duration_ms: u64,
    /// How much it printed in all.
    pub(crate) output_bytes: u64,
    /// Why it did not run to its own end, if it did not.
    pub(crate) stopped: Option<String>,
}

/// What a tool answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) is_error: bool,
    pub(super) command: Option<CommandEnd>,
}

impl Answer {
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: false, command: None }
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: true, command: None }
    }
}

impl From<Result<String, String>> for Answer {
    fn from(result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self::ok(text),
            Err(text) => Self::error(text),
        }
    }
}

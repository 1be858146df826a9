//! Permissions that outlast one call: which later calls a human has allowed for a whole project.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ApprovalId, ProjectId};
use crate::time::Timestamp;

/// The version of [`CallScope`]'s stored form.
pub const CALL_SCOPE_VERSION: u32 = 1;

/// Which calls a permission covers. The scope of a call follows from the call alone, so a permission covers the calls
/// whose scope is its own, and never more than its text says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "covers")]
pub enum CallScope {
    /// Every call of one tool, with whatever arguments.
    Tool {
        /// Its name in policy, such as `mcp.git.push`.
        tool: String,
    },
    /// Commands that begin with these words.
    CommandsBeginning {
        /// The tool that runs them.
        tool: String,
        /// The program, and what of its arguments says what it is to do.
        words: Vec<String>,
    },
    /// One command, with exactly these words.
    Command {
        /// The tool that runs it.
        tool: String,
        /// The program and all its arguments.
        words: Vec<String>,
    },
}

impl fmt::Display for CallScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool { tool } => write!(f, "every call of `{tool}`, with whatever arguments"),
            Self::CommandsBeginning { words, .. } => {
                write!(f, "every command that begins with `{}`", written(words))
            }
            Self::Command { words, .. } => {
                write!(f, "the command `{}`, with exactly these arguments", written(words))
            }
        }
    }
}

/// Words as a shell would take them, so that one argument with a space in it does not read like two.
fn written(words: &[String]) -> String {
    let plain = |word: &String| {
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=@%+,".contains(c))
    };
    let quoted = |word: &String| {
        if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A permission that a human gave together with an approval, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The approval it was given with, which names it.
    pub approval: ApprovalId,
    /// The project in which it holds.
    pub project: ProjectId,
    /// What it covers.
    pub scope: CallScope,
    /// Who gave it.
    pub granted_by: String,
    /// When.
    pub granted_at: Timestamp,
    /// Who took it back, if anyone did.
    pub revoked_by: Option<String>,
    /// When.
    pub revoked_at: Option<Timestamp>,
}

impl Permission {
    /// Whether it still holds.
    pub fn holds(&self) -> bool {
        self.revoked_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered_is_said_without_doubt() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let run = || "workspace.run_command".to_owned();
        for (scope, said) in [
            (
                CallScope::Tool { tool: "mcp.git.push".to_owned() },
                "every call of `mcp.git.push`, with whatever arguments",
            ),
            (
                CallScope::CommandsBeginning { tool: run(), words: words(&["npm", "install"]) },
                "every command that begins with `npm install`",
            ),
            (
                CallScope::Command { tool: run(), words: words(&["sh", "-c", "it's && done", ""]) },
                r"the command `sh -c 'it'\''s && done' ''`, with exactly these arguments",
            ),
        ] {
            assert_eq!(scope.to_string(), said);
            let stored = serde_json::to_string(&scope).expect("stores");
            assert_eq!(serde_json::from_str::<CallScope>(&stored).expect("reads back"), scope);
        }
    }
}

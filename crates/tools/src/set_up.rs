//! The tool that brings in what a project depends on. It has the network although commands have none, so it is not one of
//! the confined server's: it is performed by whoever makes environments.

use async_trait::async_trait;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::{Risk, ToolSpec};

use crate::error::Error;
use crate::toolbox::SessionRequest;
use crate::workspace_server::arguments::words;
use crate::workspace_server::{Prepared, catalog};

/// Its name for models.
pub const NAME: &str = "set_up_environment";
/// Its name among all tools, as policies say it.
pub const QUALIFIED_NAME: &str = "workspace.set_up_environment";

const DESCRIPTION: &str = "Installs what the manifests and lock files on your branch name, with the network, for your \
     worktree and for the check. Commit them first: what counts is what is committed. With `command`, a command of the \
     package manager is run with the network in your worktree instead, to add a dependency and bring its lock file up to \
     date; then commit what it changed. Programs that start_process started are ended. A human may be asked. \
     Examples: {}, {\"command\": [\"npm\", \"install\", \"--save-dev\", \"vitest\"]}, \
     {\"command\": [\"uv\", \"add\", \"httpx\"], \"folder\": \"api\"}";

/// Brings in what a worktree depends on.
#[async_trait]
pub trait SetUp: Send + Sync + std::fmt::Debug {
    /// Installs what is committed in the worktree of a session, in which nothing runs meanwhile.
    async fn install(&self, session: &SessionRequest) -> Result<SetUpEnd, Error>;

    /// Runs a command in the worktree of a session, in which nothing else runs meanwhile, with the network.
    async fn run(&self, session: &SessionRequest, command: Command) -> Result<SetUpEnd, Error>;
}

/// A command of a package manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The folder of the worktree that it runs in; empty for the worktree itself.
    pub folder: String,
}

/// How a set-up ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUpEnd {
    /// What the agent is told.
    pub text: String,
    /// Whether it came to a good end.
    pub succeeded: bool,
    /// The exit code of the last command, where any was run.
    pub exit_code: Option<i32>,
    /// What commands are given from now on, where that changed.
    pub prepared: Option<Prepared>,
}

/// What a model asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default, deserialize_with = "given")]
    command: Option<Vec<String>>,
    folder: Option<String>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    words(deserializer).map(Some)
}

/// What it is, for a model and for policy.
pub(crate) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: DESCRIPTION.to_owned(),
        input_schema: catalog::object(
            &json!({
                "command": catalog::command(),
                "folder": catalog::text("Where to run it, relative to the worktree; the worktree itself when missing."),
            }),
            &[],
        ),
        // Installing the same again, or adding what is there already, changes nothing.
        repeatability: Repeatability::Idempotent,
        risk: Risk::High,
    }
}

/// The command that a model asks for, if it asks for one.
pub(crate) fn command(arguments: &Map<String, Value>) -> Result<Option<Command>, String> {
    let arguments: Arguments = serde_json::from_value(Value::Object(arguments.clone()))
        .map_err(|error| format!("the arguments are not as the tool takes them: {error}"))?;
    let Some(words) = arguments.command else { return Ok(None) };
    if words.is_empty() {
        return Err("`command` is empty".to_owned());
    }
    Ok(Some(Command { words, folder: arguments.folder.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_list_or_a_line() {
        for (arguments, expected) in [
            (json!({}), "None"),
            (json!({"folder": "api"}), "None"),
            (json!({"command": ["npm", "i"]}), "npm i in "),
            (json!({"command": "npm i && x", "folder": "web"}), "sh -c npm i && x in web"),
            (json!({"command": []}), "`command` is empty"),
            (json!({"command": 7}), "not as the tool takes them"),
        ] {
            let Value::Object(map) = arguments.clone() else { unreachable!() };
            let found = match command(&map) {
                Ok(None) => "None".to_owned(),
                Ok(Some(Command { words, folder })) => format!("{} in {folder}", words.join(" ")),
                Err(problem) => problem,
            };
            assert!(found.contains(expected), "{arguments}: {found}");
        }
    }
}

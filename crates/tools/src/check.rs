//! Acceptance checks: the command whose exit code decides whether work is accepted.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syndarix_core::task::Check;

use crate::connection::CallError;
use crate::error::Error;
use crate::git::Signature;
use crate::toolbox::Launcher;
use crate::workspace::Workspace;
use crate::workspace_server::{
    CommandEnd, Limits, Prepared, SandboxRequirement, WorkspaceOptions, WorkspaceTool,
};

/// How much longer than its command's limit a call may take: for the command's end and the call itself.
const SLACK: Duration = Duration::from_mins(1);

/// Where and how a check runs.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// How the confined process is started.
    pub launcher: Launcher,
    /// The worktree to check, which the command may write to.
    pub root: PathBuf,
    /// The folder of it that the command runs in; empty for the root.
    pub folder: String,
    /// A folder of its own for temporary files, caches and build output; created when missing.
    pub scratch: PathBuf,
    /// Folders beside the system's own that it may read.
    pub read_only: Vec<PathBuf>,
    /// What was prepared for it.
    pub prepared: Prepared,
    /// Whether it may use the network.
    pub network: bool,
    /// How much confinement is demanded.
    pub sandbox: SandboxRequirement,
    /// What bounds it.
    pub limits: Limits,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The command as it was run.
    pub command: String,
    /// Its exit code; 128 plus the signal's number where a signal ended it, 124 where its time ran out, 127
    /// where it could not be started.
    pub exit_code: i32,
    /// What it printed, both streams in order, shortened in the middle.
    pub output: Vec<u8>,
    /// How long it ran.
    pub duration_ms: u64,
}

/// Runs a check under the same confinement as an agent's commands. A check that fails is a report, not an error.
/// Dropping the future ends the command.
pub async fn run(check: &Check, options: CheckOptions) -> Result<CheckReport, Error> {
    let timeout_ms = options.limits.command_timeout_ms;
    let limits = Limits { command_timeout_max_ms: timeout_ms, ..options.limits };
    let output_bytes = limits.output_bytes;
    let server = WorkspaceOptions {
        root: options.root,
        scratch: options.scratch,
        read_only: options.read_only,
        network: options.network,
        sandbox: options.sandbox,
        limits,
        prepared: options.prepared,
        signature: Signature::SHELL,
        trailers: Vec::new(),
    };
    let workspace = Workspace::new(options.launcher, server);
    let connection = workspace.connection().await?;
    let words = check.command.iter().cloned().map(Value::String).collect();
    let mut arguments = Map::from_iter([("command".to_owned(), Value::Array(words))]);
    if !options.folder.is_empty() {
        arguments.insert("folder".to_owned(), Value::String(options.folder));
    }
    let timeout = Duration::from_millis(timeout_ms).saturating_add(SLACK);
    let tool = WorkspaceTool::RunCommand.name();
    // The answer's first line is about the run; the command's own output is bounded by the server.
    let answered =
        connection.call(tool, arguments, Vec::new(), timeout, output_bytes.saturating_mul(2)).await;
    drop(connection);
    workspace.close().await;
    let answer = answered.map_err(|error| Error::WorkspaceServer {
        program: "check".into(),
        reason: match error {
            CallError::TimedOut => "it did not answer".into(),
            CallError::Refused(reason) | CallError::NotSent(reason) | CallError::Lost(reason) => reason,
        },
        stderr: String::new(),
    })?;
    let end = answer.structured.and_then(|end| serde_json::from_value::<CommandEnd>(end).ok());
    let end = end.ok_or_else(|| Error::Sandbox(answer.text.clone()))?;
    let output = match (answer.text.split_once('\n'), &end.stopped) {
        (Some((_, output)), None) => output.to_owned(),
        _ => answer.text,
    };
    Ok(CheckReport {
        command: check.to_string(),
        exit_code: end.exit_code,
        output: output.into_bytes(),
        duration_ms: end.duration_ms,
    })
}

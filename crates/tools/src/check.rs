//! Acceptance checks: the command whose exit code decides whether work is accepted.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use syndarix_core::task::Check;

use crate::error::Error;
use crate::toolbox::Launcher;
use crate::workspace_server::{Limits, SandboxRequirement};

/// Where and how a check runs.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// How the confined process is started.
    pub launcher: Launcher,
    /// The worktree to check, which the command may write to.
    pub root: PathBuf,
    /// A folder of its own for temporary files, caches and build output; created when missing.
    pub scratch: PathBuf,
    /// Folders beside the system's own that it may read.
    pub read_only: Vec<PathBuf>,
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

/// Runs a check. A check that fails is a report, not an error.
#[expect(clippy::unused_async, reason = "the command is awaited here")]
pub async fn run(check: &Check, options: CheckOptions) -> Result<CheckReport, Error> {
    let _ = options;
    Err(Error::Configuration(format!("cannot run {check}")))
}

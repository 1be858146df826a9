//! What a workspace server is started with.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How much confinement is demanded before commands are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxRequirement {
    /// Everything this crate asks of Landlock must be enforced, or no command is run.
    #[default]
    Full,
    /// Whatever the kernel has is used, even nothing.
    BestEffort,
}

/// What bounds a workspace's tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How long a command may run when the call does not say.
    pub command_timeout_ms: u64,
    /// The longest a call may ask for.
    pub command_timeout_max_ms: u64,
    /// How long a command has after SIGTERM before SIGKILL.
    pub kill_grace_ms: u64,
    /// How much of a command's output is kept, half from its beginning and half from its end.
    pub output_bytes: usize,
    /// How much of a file one call reads.
    pub read_bytes: usize,
    /// How many matches a search, or entries a listing, returns.
    pub entries: usize,
    /// How many processes a command may have at once, itself included.
    pub processes: usize,
    /// The largest file a command may write.
    pub file_bytes: u64,
    /// The most that a worktree and its scratch folder may hold together before a command that adds to them is stopped.
    pub disk_bytes: u64,
    /// The most address space one process may have; `None` is no limit, because runtimes such as
    /// V8 reserve far more than they use.
    pub memory_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_timeout_ms: 300_000,
            command_timeout_max_ms: 1_800_000,
            kill_grace_ms: 2_000,
            output_bytes: 64 * 1024,
            read_bytes: 64 * 1024,
            entries: 500,
            processes: 512,
            file_bytes: 4 * 1024 * 1024 * 1024,
            // The build output of a large Rust workspace.
            disk_bytes: 8 * 1024 * 1024 * 1024,
            memory_bytes: None,
        }
    }
}

/// What a workspace server is started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceOptions {
    /// The worktree; the only place tools see and, beside `scratch`, change.
    pub root: PathBuf,
    /// For temporary files, caches and build output.
    pub scratch: PathBuf,
    /// Folders beside the system's own that may be read.
    #[serde(default)]
    pub read_only: Vec<PathBuf>,
    /// Whether commands may use the network.
    #[serde(default)]
    pub network: bool,
    /// How much confinement is demanded.
    #[serde(default)]
    pub sandbox: SandboxRequirement,
    /// What bounds the tools.
    #[serde(default)]
    pub limits: Limits,
    /// The author's name in commits.
    pub author: String,
    /// What the messages of commits end with, as names and values, such as `Syndarix-Task` and `T-3`.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
    /// How the tests of one file are run: words in which `{path}` and `{name}` stand for the file and for one test.
    #[serde(default)]
    pub test_command: Option<Vec<String>>,
}

//! What a workspace server is started with.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::namespace;
use crate::git::Signature;

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
    /// How many processes a command may have at once, itself included, with eight threads each on average.
    pub processes: usize,
    /// The largest file a command may write.
    pub file_bytes: u64,
    /// The most that a worktree and its scratch folder may hold together before a command that adds to them is stopped.
    pub disk_bytes: u64,
    /// How much memory the processes of a command may hold together; `None` is half of the machine's.
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

/// What was prepared for the commands of a repository: how they see it, and what is installed for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prepared {
    /// Whether commands have a root, a network and temporary folders of their own. Asked for where the machine can
    /// ([`super::Isolation`]); without it they see the machine's, as far as they may read it, and there are no layers.
    pub isolated: bool,
    /// Whether they have processes of their own beside that, and see no others.
    pub own_processes: bool,
    /// The name of the folder in which the worktree is seen; `project` where it is empty.
    pub name: String,
    /// What set-up left in a worktree: seen in every clone, and changed in none but whoever changes it.
    pub root_layer: Option<PathBuf>,
    /// What set-up left in a home.
    pub home_layer: Option<PathBuf>,
    /// What lies beneath that: an earlier home, whose caches are still good for what is the same.
    pub home_below: Option<PathBuf>,
    /// Folders of programs that come first on the search path; a relative one is below the worktree.
    pub path: Vec<PathBuf>,
    /// Variables of every command.
    pub variables: Vec<(String, String)>,
    /// Folders beside the system's own that may be read: the user's toolchains.
    pub readable: Vec<PathBuf>,
    /// How single tests are run, in the folders where that is known.
    pub test_commands: Vec<TestCommand>,
}

/// How the tests of one file, or one of them, are run in a folder of the worktree and below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCommand {
    /// The folder, relative to the worktree; empty for the worktree itself. The command runs there.
    pub folder: String,
    /// Words in which `{path}`, `{folder}`, `{stem}` and `{name}` stand for the file, the folder it is in, its name without
    /// endings, and the test.
    pub command: Vec<String>,
}

impl Prepared {
    /// Where commands see a worktree.
    pub fn root(&self, root: &Path) -> PathBuf {
        if self.isolated { namespace::root_of(self.folder()) } else { root.to_owned() }
    }

    /// Where commands see their home, whose files lie in a scratch folder.
    pub fn home(&self, scratch: &Path) -> PathBuf {
        if self.isolated { PathBuf::from(namespace::HOME) } else { self.home_outside(scratch) }
    }

    /// Where what commands write to their home lies.
    pub fn home_outside(&self, scratch: &Path) -> PathBuf {
        scratch.join(namespace::HOME_FOLDER)
    }

    /// The name of the folder in which the worktree is seen.
    pub(super) fn folder(&self) -> &str {
        if self.name.is_empty() { "project" } else { &self.name }
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
    /// What was prepared for its commands.
    #[serde(default)]
    pub prepared: Prepared,
    /// Whose names commits carry.
    pub signature: Signature,
    /// What the messages of commits end with, as names and values, such as `Syndarix-Task` and `T-3`.
    #[serde(default)]
    pub trailers: Vec<(String, String)>,
}

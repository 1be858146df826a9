//! What can go wrong with tools, apart from what a model is told as a tool's output.

use std::path::PathBuf;

use syndarix_core::effect::EffectKey;
use syndarix_core::ports::PortError;

use crate::git;

/// Why a tool could not be called, or a repository not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An earlier attempt at this call was interrupted, and whether it happened is not known. A human decides
    /// between the two answers of [`crate::Orphan`].
    #[error("`{tool}` was interrupted in an earlier attempt and may or may not have happened ({key})")]
    UnknownEffect {
        /// The effect in doubt.
        key: EffectKey,
        /// The tool that was called.
        tool: String,
        /// The call's arguments, shortened, for the human.
        arguments: String,
    },
    /// A tool server of this program did not start.
    #[error("the workspace server `{program}` did not start: {reason}{}", stderr_tail(.stderr))]
    WorkspaceServer {
        /// The program that was started.
        program: String,
        /// What happened.
        reason: String,
        /// The last lines it printed to standard error.
        stderr: String,
    },
    /// A server named in configuration did not start or could not be reached.
    #[error("the MCP server `{server}` ({target}) did not start: {reason}{}", stderr_tail(.stderr))]
    McpServer {
        /// Its name in configuration.
        server: String,
        /// Its command, or its address.
        target: String,
        /// What happened.
        reason: String,
        /// The last lines it printed to standard error.
        stderr: String,
    },
    /// Configuration that cannot be meant.
    #[error("{0}")]
    Configuration(String),
    /// The confinement that configuration demands is not to be had on this machine.
    #[error("commands cannot be confined here: {0}")]
    Sandbox(String),
    /// A folder or file the tools need could not be used.
    #[error("cannot use {}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Storage failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] git::Error),
}

impl Error {
    /// Whether trying the same again may help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::WorkspaceServer { .. } => true,
            Self::Port(error) => error.retryable,
            Self::Git(error) => error.retryable(),
            Self::UnknownEffect { .. }
            | Self::McpServer { .. }
            | Self::Configuration(_)
            | Self::Sandbox(_)
            | Self::Path { .. } => false,
        }
    }

    /// What a person can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::McpServer { server, target, .. } if is_address(target) => Some(format!(
                "see that an MCP server answers at this address, or remove `{server}` from the configuration"
            )),
            Self::McpServer { server, .. } => Some(format!(
                "run its command by hand to see what it needs, or remove `{server}` from the configuration"
            )),
            Self::Sandbox(_) => Some(
                "use a Linux kernel with Landlock (5.13 or newer, enabled with `lsm=landlock,…`), or set \
                 `tools.sandbox = \"best_effort\"` to run commands with whatever confinement there is"
                    .into(),
            ),
            Self::UnknownEffect { .. } => {
                Some("look whether it happened, then approve to repeat it or reject to go on without".into())
            }
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}

/// Whether a server is reached at an address, rather than started with a command.
fn is_address(target: &str) -> bool {
    target.starts_with("http://") || target.starts_with("https://")
}

fn stderr_tail(stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() { String::new() } else { format!("\nit printed:\n{stderr}") }
}

//! The built-in workspace tools: an MCP server on standard input and output, in a process of its own that
//! confines itself before it serves. Whatever it starts inherits the confinement.

mod options;

pub use options::{Limits, SandboxRequirement, WorkspaceOptions};

use crate::error::Error;

/// Confines this process and serves the workspace tools until standard input ends.
///
/// Must be called while the process has one thread, since confinement is per thread: before any async
/// runtime exists. It makes its own.
pub fn serve(options: WorkspaceOptions) -> Result<(), Error> {
    Err(Error::Configuration(format!("cannot serve {}", options.root.display())))
}

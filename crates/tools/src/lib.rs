//! The tools agents act with.
//!
//! - [`toolbox`] and [`session`]: what an agent's run holds; policy, effects and journal around every call.
//! - [`set_up`]: the tool that installs what a project depends on.
//! - [`workspace_server`]: the built-in tools, an MCP server in its own confined process.
//! - [`mcp`]: servers named in configuration.
//! - [`policy`]: pure decisions: allowed or not, how risky, repeatable or not.
//! - [`git`]: the shell's own repositories, from which agents only ever get clones.
//! - [`check`]: acceptance checks, run under the same confinement as an agent's commands.

mod bounded;
pub mod check;
mod connection;
pub mod error;
pub mod git;
mod launch;
pub mod mcp;
pub mod policy;
mod schema;
pub mod session;
pub mod set_up;
pub mod toolbox;
mod workspace;
pub mod workspace_server;

pub use error::Error;
pub use launch::launch;
pub use session::{Orphan, Session};
pub use toolbox::{Launcher, SessionRequest, Toolbox, ToolboxOptions};

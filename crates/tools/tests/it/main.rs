//! Everything here runs real programs: the workspace server under Landlock, git, MCP servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its ground has failed")]

mod background;
mod catalog;
mod check;
mod commits;
mod effects;
mod files;
mod git;
mod isolation;
mod launch;
mod mcp;
mod power;
mod probes;
mod reach;
mod run_command;
mod sandbox;
mod set_up;
mod support;

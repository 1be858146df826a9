//! MCP servers named in configuration.

mod config;
mod hints;
mod name;
mod server;

pub use config::{McpServerConfig, McpTransport, ToolOverride};
pub(crate) use server::Server;

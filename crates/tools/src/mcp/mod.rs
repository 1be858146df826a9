//! MCP servers named in configuration.

mod config;

pub use config::{McpServerConfig, McpTransport, ToolOverride};

//! MCP servers named in configuration.
//!
//! - `config`: what is configured about one.
//! - `audience`: which agents get its tools.
//! - `hints`: what it says about its tools, and how far that is believed.
//! - `name`: what its tools are called for models.
//! - `server`: the connection, called by many sessions and made again when it is gone.
//! - `report`: what became of connecting to it, for people.

mod audience;
mod config;
mod hints;
mod name;
mod report;
mod server;

pub use audience::{Audience, Holder, scopes};
pub use config::{McpServerConfig, McpTransport, ToolOverride};
pub use report::ServerReport;
pub(crate) use server::Server;

//! What is configured about an MCP server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;

use super::audience::Audience;

/// An MCP server named in configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpServerConfig {
    /// Its name, which its tools carry: `mcp_NAME_TOOL`.
    pub name: String,
    /// How it is reached.
    #[serde(flatten)]
    pub transport: McpTransport,
    /// How long it may take to answer the first request.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// How long a call may take.
    #[serde(default = "call_timeout_ms")]
    pub call_timeout_ms: u64,
    /// How much of an answer is kept.
    #[serde(default = "output_bytes")]
    pub output_bytes: usize,
    /// How far what the server says about its own tools is believed: all of it, none of it, or, where this is not said,
    /// only that a tool reads and nothing more. `tools` wins over all of that.
    #[serde(default)]
    pub trusted: Option<bool>,
    /// What is known about single tools, by their name on the server; wins over what the server says.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolOverride>,
    /// Who gets its tools.
    #[serde(default)]
    pub agents: Audience,
}

/// How an MCP server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum McpTransport {
    /// A child process that speaks on its standard input and output.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
        /// Its environment, beside PATH, HOME and LANG; nothing else of this process's is passed on.
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// Streamable HTTP.
    Http {
        /// Its address.
        url: String,
        /// Headers of every request, such as `Authorization`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
}

/// What configuration says about one tool of an MCP server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolOverride {
    /// How risky it is.
    pub risk: Option<Risk>,
    /// Whether it may be repeated when its result was lost.
    pub repeatability: Option<Repeatability>,
}

fn connect_timeout_ms() -> u64 {
    15_000
}

fn call_timeout_ms() -> u64 {
    120_000
}

fn output_bytes() -> usize {
    64 * 1024
}

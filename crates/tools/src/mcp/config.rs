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

/// How an MCP server is reached. Shown for debugging without what may be secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl std::fmt::Debug for McpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
        match self {
            Self::Stdio { command, args, env } => f
                .debug_struct("Stdio")
                .field("command", command)
                .field("args", &args.len())
                .field("env", &names(env))
                .finish(),
            Self::Http { headers, .. } => {
                f.debug_struct("Http").field("headers", &names(headers)).finish_non_exhaustive()
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let secrets = BTreeMap::from([("TOKEN".to_owned(), "sk-secret".to_owned())]);
        let stdio = McpTransport::Stdio {
            command: "docs-mcp".into(),
            args: vec!["--token=sk-secret".into()],
            env: secrets.clone(),
        };
        let http =
            McpTransport::Http { url: "https://u:sk-secret@host/?key=sk-secret".into(), headers: secrets };
        for (transport, shown) in [
            (stdio, "Stdio { command: \"docs-mcp\", args: 1, env: [\"TOKEN\"] }"),
            (http, "Http { headers: [\"TOKEN\"], .. }"),
        ] {
            assert_eq!(format!("{transport:?}"), shown);
        }
    }
}

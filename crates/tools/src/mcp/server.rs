//! One configured server: connected at the start, called by many sessions, started again after a crash.

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::JsonObject;
use serde_json::Value;
use syndarix_core::tool::ToolSpec;
use tokio::sync::Mutex;

use super::config::{McpServerConfig, McpTransport};
use super::{hints, name};
use crate::connection::{Answer, CallError, ConnectError, Connection, Program};
use crate::error::Error;
use crate::policy::Nature;

/// The longest description that is passed on to models; a server must not fill their context.
const DESCRIPTION_CHARS: usize = 2000;

/// A tool of a configured server.
#[derive(Debug, Clone)]
pub(crate) struct RemoteTool {
    pub(crate) spec: ToolSpec,
    /// Its name in policy: `mcp.SERVER.TOOL`.
    pub(crate) qualified: String,
    /// Its name on the server.
    pub(crate) name: String,
}

/// A configured server.
#[derive(Debug)]
pub(crate) struct Server {
    config: McpServerConfig,
    connection: Mutex<Arc<Connection>>,
    pub(crate) tools: Vec<RemoteTool>,
}

impl Server {
    /// Connects and lists the server's tools under names none of `taken` has.
    pub(crate) async fn start(config: McpServerConfig, taken: &mut HashSet<String>) -> Result<Self, Error> {
        let connection = connect(&config).await.map_err(|error| failed(&config, error))?;
        let listed = connection.tools(Duration::from_millis(config.connect_timeout_ms)).await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(mut error) => {
                error.stderr = connection.stderr().await;
                return Err(failed(&config, error));
            }
        };
        if let Some(unknown) = config.tools.keys().find(|name| !listed.iter().any(|tool| tool.name == **name))
        {
            let names: Vec<&str> = listed.iter().map(|tool| tool.name.as_ref()).collect();
            return Err(Error::Configuration(format!(
                "the MCP server `{}` has no tool `{unknown}`; it has {}",
                config.name,
                names.join(", ")
            )));
        }
        let tools = listed
            .into_iter()
            .map(|tool| {
                let Nature { risk, repeatability } = hints::nature(
                    tool.annotations.as_ref(),
                    config.trusted,
                    config.tools.get(tool.name.as_ref()).copied().unwrap_or_default(),
                );
                let exposed = name::exposed(&config.name, &tool.name, taken);
                taken.insert(exposed.clone());
                RemoteTool {
                    qualified: format!("mcp.{}.{}", config.name, tool.name),
                    name: tool.name.to_string(),
                    spec: ToolSpec {
                        name: exposed,
                        description: tool
                            .description
                            .unwrap_or_default()
                            .chars()
                            .take(DESCRIPTION_CHARS)
                            .collect(),
                        input_schema: Value::Object(tool.input_schema.as_ref().clone()),
                        repeatability,
                        risk,
                    },
                }
            })
            .collect();
        Ok(Self { config, connection: Mutex::new(Arc::new(connection)), tools })
    }

    /// Calls a tool once. A server that is found gone beforehand is started again; one that goes during the
    /// call is [`CallError::Lost`], and the caller knows whether to call again.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        meta: Vec<(&str, Value)>,
    ) -> Result<Answer, CallError> {
        let connection = self.live().await?;
        let timeout = Duration::from_millis(self.config.call_timeout_ms);
        connection.call(tool, arguments, meta, timeout, self.config.output_bytes).await
    }

    async fn live(&self) -> Result<Arc<Connection>, CallError> {
        let mut connection = self.connection.lock().await;
        if connection.is_closed() {
            tracing::warn!(server = self.config.name, "the MCP server is gone and is started again");
            let again = connect(&self.config).await.map_err(|error| {
                CallError::Refused(format!(
                    "the MCP server `{}` is gone and did not start again: {}",
                    self.config.name, error.reason
                ))
            })?;
            *connection = Arc::new(again);
        }
        Ok(Arc::clone(&connection))
    }
}

async fn connect(config: &McpServerConfig) -> Result<Connection, ConnectError> {
    let timeout = Duration::from_millis(config.connect_timeout_ms);
    match &config.transport {
        McpTransport::Http { url, headers } => Connection::http(url, headers, timeout).await,
        McpTransport::Stdio { command, args, env } => {
            let inherited = ["PATH", "HOME", "LANG"]
                .into_iter()
                .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
            let configured = env.iter().map(|(name, value)| (name.into(), value.into()));
            let program = Program {
                path: command.into(),
                args: args.iter().map(Into::into).collect(),
                env: inherited.chain(configured).collect(),
                folder: None,
            };
            Connection::stdio(&program, timeout).await
        }
    }
}

fn failed(config: &McpServerConfig, error: ConnectError) -> Error {
    let target = match &config.transport {
        McpTransport::Stdio { command, args, .. } => {
            std::iter::once(command).chain(args).cloned().collect::<Vec<_>>().join(" ")
        }
        McpTransport::Http { url, .. } => url.clone(),
    };
    Error::McpServer { server: config.name.clone(), target, reason: error.reason, stderr: error.stderr }
}

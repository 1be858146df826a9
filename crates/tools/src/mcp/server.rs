//! One configured server: connected at the start, called by many sessions, started again after a crash.

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::model::JsonObject;
use serde_json::Value;
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::{Risk, ToolSpec};
use tokio::sync::Mutex;

use super::audience::Audience;
use super::config::{McpServerConfig, McpTransport};
use super::report::ServerReport;
use super::{hints, name};
use crate::connection::{Answer, CallError, ConnectError, Connection, Program};
use crate::error::Error;
use crate::launch;
use crate::policy::Nature;
use crate::toolbox::Launcher;

/// The longest description that is passed on to models; a server must not fill their context.
const DESCRIPTION_CHARS: usize = 2000;

/// How long a server that did not come back is left alone, so that not every agent that calls it waits for it anew.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// A tool of a configured server.
#[derive(Debug, Clone)]
pub(crate) struct RemoteTool {
    pub(crate) spec: ToolSpec,
    /// Its name in policy: `mcp.SERVER.TOOL`.
    pub(crate) qualified: String,
    /// Its name on the server.
    pub(crate) name: String,
    /// Whether it only reads, as far as that is believed.
    reads: bool,
}

/// A configured server.
#[derive(Debug)]
pub(crate) struct Server {
    config: McpServerConfig,
    launcher: Launcher,
    line: Mutex<Line>,
    took: Duration,
    pub(crate) tools: Vec<RemoteTool>,
}

/// How a server is reached at the moment.
#[derive(Debug)]
struct Line {
    connection: Option<Arc<Connection>>,
    /// When it was last tried in vain, and why.
    failed: Option<(Instant, String)>,
}

impl Server {
    /// Connects and lists the server's tools under names none of `taken` has.
    pub(crate) async fn start(
        config: McpServerConfig,
        launcher: Launcher,
        taken: &mut HashSet<String>,
    ) -> Result<Self, Error> {
        let started = Instant::now();
        let connection = connect(&config, &launcher).await.map_err(|error| failed(&config, error))?;
        let listed = connection.tools(Duration::from_millis(config.connect_timeout_ms)).await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(mut error) => {
                error.stderr = connection.stderr().await;
                return Err(failed(&config, error));
            }
        };
        let took = started.elapsed();
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
                let configured = config.tools.get(tool.name.as_ref()).copied().unwrap_or_default();
                let annotations = tool.annotations.as_ref();
                let Nature { risk, repeatability } = hints::nature(annotations, config.trusted, configured);
                let said = annotations.is_some_and(|hints| hints.read_only_hint == Some(true));
                let exposed = name::exposed(&config.name, &tool.name, taken);
                taken.insert(exposed.clone());
                RemoteTool {
                    qualified: format!("mcp.{}.{}", config.name, tool.name),
                    name: tool.name.to_string(),
                    reads: repeatability == Repeatability::ReadOnly || said && risk == Risk::Low,
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
        let line = Line { connection: Some(Arc::new(connection)), failed: None };
        Ok(Self { config, launcher, line: Mutex::new(line), took, tools })
    }

    /// Its name in configuration.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Who gets its tools.
    pub(crate) fn audience(&self) -> &Audience {
        &self.config.agents
    }

    /// What became of connecting to it.
    pub(crate) fn report(&self) -> ServerReport {
        let names =
            |tools: &mut dyn Iterator<Item = &RemoteTool>| tools.map(|tool| tool.name.clone()).collect();
        let how = match &self.config.transport {
            McpTransport::Stdio { .. } => "started",
            McpTransport::Http { .. } => "connected to",
        };
        ServerReport {
            name: self.config.name.clone(),
            how,
            target: target(&self.config),
            took_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            tools: names(&mut self.tools.iter()),
            read_only: names(&mut self.tools.iter().filter(|tool| tool.reads)),
            agents: self.config.agents.clone(),
        }
    }

    /// Calls a tool once. A server that is found gone beforehand is connected to again. One that never heard of the call
    /// is [`CallError::NotSent`], and the next call connects anew; one that goes during the call is [`CallError::Lost`].
    /// The caller knows whether to call again.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        meta: Vec<(&str, Value)>,
    ) -> Result<Answer, CallError> {
        let connection = self.live().await?;
        let timeout = Duration::from_millis(self.config.call_timeout_ms);
        let answered = connection.call(tool, arguments, meta, timeout, self.config.output_bytes).await;
        if matches!(answered, Err(CallError::NotSent(_))) {
            let mut line = self.line.lock().await;
            // Another call may have connected again meanwhile.
            if line.connection.as_ref().is_some_and(|known| Arc::ptr_eq(known, &connection)) {
                line.connection = None;
            }
        }
        answered
    }

    async fn live(&self) -> Result<Arc<Connection>, CallError> {
        let gone = |reason: &str| {
            CallError::Refused(format!(
                "the MCP server `{}` is gone and did not come back, so it was not asked: {reason}",
                self.config.name
            ))
        };
        let mut line = self.line.lock().await;
        if let Some(connection) = line.connection.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        if let Some((_, reason)) = line.failed.as_ref().filter(|(since, _)| since.elapsed() < LEFT_ALONE) {
            return Err(gone(reason));
        }
        tracing::warn!(server = self.config.name, "the MCP server is gone and is connected to again");
        line.connection = None;
        match connect(&self.config, &self.launcher).await {
            Ok(connection) => {
                line.failed = None;
                Ok(Arc::clone(line.connection.insert(Arc::new(connection))))
            }
            Err(error) => {
                let told = gone(&error.reason);
                line.failed = Some((Instant::now(), error.reason));
                Err(told)
            }
        }
    }
}

async fn connect(config: &McpServerConfig, launcher: &Launcher) -> Result<Connection, ConnectError> {
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
            let program = launcher
                .launching(program)
                .map_err(|error| ConnectError { reason: launch::reason(&error), stderr: String::new() })?;
            Connection::stdio(&program, timeout).await
        }
    }
}

fn failed(config: &McpServerConfig, error: ConnectError) -> Error {
    let (server, target) = (config.name.clone(), target(config));
    Error::McpServer { server, target, reason: error.reason, stderr: error.stderr }
}

/// Its program or its address, for people. Its arguments may hold a token, and are not shown.
fn target(config: &McpServerConfig) -> String {
    match &config.transport {
        McpTransport::Stdio { command, .. } => command.clone(),
        McpTransport::Http { url, .. } => without_credentials(url),
    }
}

/// An address without the user and password that may be in it, and without a query, which may hold a key.
fn without_credentials(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "its address".to_owned() };
    // Both fail only for addresses that cannot have what is removed.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

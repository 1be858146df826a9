//! What configuration says about tools, in the toolbox's terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use syndarix_agents::team::Team;
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey};
use syndarix_core::event::NewEvent;
use syndarix_core::ports::{Effects, Journal, PortError};
use syndarix_tools::mcp::{McpServerConfig, McpTransport, ServerReport};
use syndarix_tools::policy::Policy;
use syndarix_tools::{Error as ToolsError, Launcher, Toolbox, ToolboxOptions};

use crate::config::file::McpServer;
use crate::config::{Config, Environment, audience};
use crate::failure::Failure;

/// The policy: the built-in one and what configuration adds to it.
pub(crate) fn policy(config: &Config, repeatable_commands: &[&[&str]]) -> Policy {
    let tools = &config.file.tools;
    let mut policy = Policy {
        denied: tools.denied.clone(),
        sandbox: tools.sandbox,
        limits: tools.limits.clone(),
        read_only: tools.readable.clone(),
        ..Policy::default()
    };
    policy.low_risk_commands.extend(tools.low_risk_commands.iter().map(|command| command.words().to_vec()));
    policy
        .repeatable_commands
        .extend(tools.repeatable_commands.iter().map(|command| command.words().to_vec()));
    let owned = |command: &&[&str]| command.iter().map(|&word| word.to_owned()).collect();
    policy.repeatable_commands.extend(repeatable_commands.iter().map(owned));
    policy
}

/// The MCP servers, with their secrets from the environment.
pub(crate) fn servers(
    config: &Config,
    environment: Environment<'_>,
) -> Result<Vec<McpServerConfig>, Failure> {
    config.file.mcp.iter().map(|(name, server)| server_config(name, server, environment)).collect()
}

/// One server, with its secrets from the environment.
pub(crate) fn server_config(
    name: &str,
    server: &McpServer,
    environment: Environment<'_>,
) -> Result<McpServerConfig, Failure> {
    let from_environment = |variable: &String| {
        environment(variable).ok_or_else(|| {
            Failure::bad_input(format!("the MCP server `{name}` needs {variable}, which is not set")).hint(
                format!("set {variable} in the environment, or remove [mcp.{name}] from the configuration"),
            )
        })
    };
    let transport = if let Some(url) = &server.url {
        let header =
            |(header, variable): (&String, &String)| Ok((header.clone(), from_environment(variable)?));
        let headers = server.headers_from.iter().map(header).collect::<Result<BTreeMap<_, _>, Failure>>()?;
        McpTransport::Http { url: url.clone(), headers }
    } else {
        let mut env = server.env.clone();
        for variable in &server.env_from {
            env.insert(variable.clone(), from_environment(variable)?);
        }
        McpTransport::Stdio {
            command: server.command.clone().unwrap_or_default(),
            args: server.args.clone(),
            env,
        }
    };
    Ok(McpServerConfig {
        name: name.to_owned(),
        transport,
        connect_timeout_ms: server.connect_timeout_ms,
        call_timeout_ms: server.call_timeout_ms,
        output_bytes: server.output_bytes,
        trusted: server.trusted,
        tools: server.tools.clone(),
        agents: server.agents.clone(),
    })
}

/// Connects to every server. Nothing can be called yet: the ports of the toolbox are those of nowhere, until it has others
/// with [`Toolbox::over`].
pub(crate) async fn connect(
    servers: Vec<McpServerConfig>,
    policy: Policy,
    launcher: Launcher,
) -> Result<Toolbox, Failure> {
    let options = ToolboxOptions {
        effects: Arc::new(Nowhere),
        journal: Arc::new(Nowhere),
        launcher,
        mcp_servers: servers,
        policy,
    };
    Toolbox::new(options).await.map_err(refused)
}

/// A line about each server: how it was reached, what it has, and who gets it: those of the team, where there is one.
pub(crate) fn describe(servers: &[ServerReport], team: Option<&Team>) -> Vec<String> {
    let who = |report: &ServerReport| match team {
        Some(team) => audience::receivers(report, team),
        None => audience::meant(&report.agents),
    };
    servers
        .iter()
        .map(|report| format!("{}: {}; for {}", report.name, report.summary(), who(report)))
        .collect()
}

/// What the toolbox refuses, in a person's terms.
#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` asks for")]
pub(crate) fn refused(error: ToolsError) -> Failure {
    let hint = error.hint();
    let failure = Failure::bad_input(error.to_string());
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure.hint("look at [tools] and [mcp] in the configuration: `syndarix config check`"),
    }
}

/// Ports for a toolbox in which nothing is called.
#[derive(Debug)]
struct Nowhere;

fn nowhere() -> PortError {
    PortError::permanent("this toolbox only connects to its servers")
}

#[async_trait]
impl Effects for Nowhere {
    async fn begin(&self, _: &EffectIntent) -> Result<EffectBegin, PortError> {
        Err(nowhere())
    }

    async fn complete(&self, _: &EffectKey, _: &[u8], _: Vec<NewEvent>) -> Result<(), PortError> {
        Err(nowhere())
    }
}

#[async_trait]
impl Journal for Nowhere {
    async fn append(&self, _: Vec<NewEvent>) -> Result<(), PortError> {
        Err(nowhere())
    }
}

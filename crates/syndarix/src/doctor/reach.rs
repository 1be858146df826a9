//! Models and MCP servers: what is set, and what answers. Keys are never shown.

use syndarix_agents::team::Team;
use syndarix_tools::mcp::McpServerConfig;

use super::{Finding, Verdict};
use crate::config::providers::{Setting, Usable, settings, tiers};
use crate::config::{Config, audience, process_environment, show};
use crate::failure::Failure;
use crate::service::host::launcher;
use crate::service::{models, tools};

/// Looks at all of them.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut found = settings(&config.file, &process_environment);
    models::ask(&mut found).await;
    let mut findings: Vec<Finding> = found.iter().map(provider).collect();
    let chains = tiers(config, &found);
    if chains.values().all(Vec::is_empty) {
        findings.push(Finding::warn(
            "models",
            "none can be used; only the demo works",
            show::what_to_set(&found),
        ));
    } else {
        for (tier, chain) in chains {
            findings.push(if chain.is_empty() {
                Finding::warn(
                    format!("models: {tier}"),
                    "none can be used",
                    format!("give it a chain in [models]: {tier} = [\"PROVIDER/MODEL\"]"),
                )
            } else {
                Finding::ok(format!("models: {tier}"), chain.join(", then "))
            });
        }
    }
    let team = audience::default_team(config);
    for (name, server) in &config.file.mcp {
        findings.push(match tools::server_config(name, server, &process_environment) {
            Ok(server) => mcp(server, config, team.as_ref()).await,
            Err(failure) => failed(name, &failure),
        });
    }
    findings.extend(team.as_ref().and_then(|team| unknown_agents(config, team)));
    findings
}

fn provider(setting: &Setting) -> Finding {
    let subject = format!("provider: {}", setting.name);
    let line = show::provider_line(setting);
    match &setting.usable {
        Usable::Yes | Usable::Ask | Usable::Disabled => Finding::ok(subject, line),
        // Most people have a key for one provider; the others are no fault.
        Usable::KeyMissing | Usable::Unreachable(_) => {
            Finding { subject, verdict: Verdict::Ok, detail: line, hint: None }
        }
    }
}

/// Connects to a server as `run` does.
async fn mcp(server: McpServerConfig, config: &Config, team: Option<&Team>) -> Finding {
    let name = server.name.clone();
    let connected = async {
        let toolbox = tools::connect(vec![server], tools::policy(config, &[]), launcher()?).await?;
        Ok::<_, Failure>(toolbox.mcp_servers())
    };
    match connected.await {
        Ok(servers) => {
            let lines = tools::describe(&servers, team);
            let line = lines.first().and_then(|line| line.split_once(": ")).unwrap_or_default().1;
            Finding::ok(format!("MCP server: {name}"), line)
        }
        Err(failure) => failed(&name, &failure),
    }
}

fn failed(name: &str, failure: &Failure) -> Finding {
    let hint = failure.hint_text().unwrap_or("look at [mcp] in the configuration");
    Finding::fail(format!("MCP server: {name}"), failure.chain(), hint)
}

fn unknown_agents(config: &Config, team: &Team) -> Option<Finding> {
    let (server, unknown) = audience::unknown(config, team)?;
    Some(Finding::warn(
        format!("MCP server: {server}"),
        format!("`agents` names `{unknown}`, which is no role, agent type or agent of the default team"),
        "a team file must bring it, or `run` refuses this configuration",
    ))
}

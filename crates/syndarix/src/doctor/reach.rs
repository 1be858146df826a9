//! Models and MCP servers: what is set, and what answers. Keys are never shown.

use super::{Finding, Verdict};
use crate::config::providers::{Setting, Usable, settings, tiers};
use crate::config::{Config, process_environment, show};
use crate::service::models;

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
    findings.extend(config.file.mcp.iter().map(|(name, server)| mcp(name, server)));
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

fn mcp(name: &str, server: &crate::config::file::McpServer) -> Finding {
    let subject = format!("MCP server: {name}");
    let missing: Vec<&str> = server
        .env_from
        .iter()
        .chain(server.headers_from.values())
        .map(String::as_str)
        .filter(|variable| process_environment(variable).is_none())
        .collect();
    if !missing.is_empty() {
        return Finding::fail(
            subject,
            format!("{} is not set", missing.join(", ")),
            "set it in the environment",
        );
    }
    match (&server.command, &server.url) {
        (Some(command), _) if !is_program(command) => Finding::fail(
            subject,
            format!("`{command}` is not found"),
            format!("install it, or remove [mcp.{name}] from the configuration"),
        ),
        (Some(command), _) => Finding::ok(subject, format!("`{command}` is there")),
        (None, url) => Finding::ok(subject, show::without_credentials(url.as_deref().unwrap_or_default())),
    }
}

/// Whether a command can be started: a path that is a file, or a name on PATH.
fn is_program(command: &str) -> bool {
    if command.contains('/') {
        return std::path::Path::new(command).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(command).is_file())
}

//! Who gets the tools of an MCP server: whether those that `agents` names exist, and who they are.

use std::ops::Range;

use syndarix_agents::agent_type::built_in;
use syndarix_agents::run::holder;
use syndarix_agents::team::{StaffedAgent, Team};
use syndarix_core::role::Role;
use syndarix_tools::mcp::{Audience, ServerReport, scopes};
use syndarix_tools::policy::Pattern;

use super::Config;
use super::read::nearest;
use crate::failure::Failure;

/// The team that works where no other is named, if the configuration does not name one.
pub(crate) fn default_team(config: &Config) -> Option<Team> {
    config.file.defaults.team.is_none().then(Team::default_team)
}

/// Refuses a name in `agents` that is no role, no agent type and nobody in this team.
pub(crate) fn check(config: &Config, team: &Team) -> Result<(), Failure> {
    let Some((server, unknown)) = unknown(config, team) else { return Ok(()) };
    let known = known(team);
    let label = nearest(&unknown, known.iter().copied())
        .map_or_else(|| "not in this team".to_owned(), |near| format!("did you mean `{near}`?"));
    let failure = Failure::bad_input(format!(
        "there is no role, agent type or agent `{unknown}` for the MCP server `{server}`"
    ))
    .hint(format!("`agents` is \"all\" or a list of: {}", known.join(", ")));
    // The file was read before; if it is gone now, the words above still say where to look.
    let text = config.path.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    Err(match (&config.path, text) {
        (Some(path), Some(text)) => match find(&text, &server, &unknown) {
            Some(span) => failure.at(path.display().to_string(), &text, span, label),
            None => failure,
        },
        _ => failure,
    })
}

/// The first name that nobody answers to, with its server.
pub(crate) fn unknown(config: &Config, team: &Team) -> Option<(String, String)> {
    let known = known(team);
    config.file.mcp.iter().find_map(|(server, entry)| {
        let Audience::Named(names) = &entry.agents else { return None };
        let unknown =
            names.iter().find(|name| !known.iter().any(|known| name == known || is_member(team, name)))?;
        Some((server.clone(), unknown.clone()))
    })
}

fn is_member(team: &Team, name: &str) -> bool {
    team.member(name).is_some()
}

/// Everything that `agents` can name, each once.
fn known(team: &Team) -> Vec<&str> {
    let mut known: Vec<&str> = Role::ALL.map(Role::as_str).to_vec();
    let types = built_in().keys().chain(team.types.keys()).map(String::as_str);
    for name in types.chain(team.staff().iter().map(|member| member.name.as_str())) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

/// Who of a team gets tools of a server, in words.
pub(crate) fn receivers(report: &ServerReport, team: &Team) -> String {
    let gets = |member: &&StaffedAgent| {
        let tools = &team.agent_type(member).tools;
        let servers = std::iter::once((report.name.as_str(), &report.agents));
        let scopes = scopes(tools, &holder(member), servers);
        report.tools.iter().any(|tool| {
            let tool = format!("mcp.{}.{tool}", report.name);
            scopes.iter().any(|scope| Pattern::parse(scope).is_ok_and(|scope| scope.matches(&tool)))
        })
    };
    let receiving: Vec<&str> = team.staff().iter().filter(gets).map(|member| member.name.as_str()).collect();
    match receiving.len() {
        0 => "nobody in this team".to_owned(),
        all if all == team.staff().len() => "everyone".to_owned(),
        _ => receiving.join(", "),
    }
}

/// Who gets tools of a server, where there is no team to look at.
pub(crate) fn meant(agents: &Audience) -> String {
    match agents {
        Audience::All => "everyone".to_owned(),
        Audience::Named(names) if names.is_empty() => "nobody".to_owned(),
        Audience::Named(names) => names.join(", "),
    }
}

/// Where a server's `agents` name somebody.
fn find(text: &str, server: &str, name: &str) -> Option<Range<usize>> {
    let table = toml::de::DeTable::parse(text).ok()?;
    let mut found = table.get_ref().get("mcp")?;
    for key in [server, "agents"] {
        let toml::de::DeValue::Table(table) = found.get_ref() else { return None };
        found = table.get(key)?;
    }
    let toml::de::DeValue::Array(names) = found.get_ref() else { return None };
    let is_it =
        |value: &toml::de::DeValue<'_>| matches!(value, toml::de::DeValue::String(text) if text == name);
    names.iter().find(|value| is_it(value.get_ref())).map(toml::Spanned::span)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("syndarix.toml");
        std::fs::write(&path, text).expect("writes");
        let config = crate::config::load(Some(&path)).expect("reads");
        (folder, config)
    }

    #[test]
    fn whoever_is_named_must_exist() {
        let team = Team::default_team();
        for agents in ["\"all\"", "[]", "[\"engineer\", \"qa\"]", "[\"dave\"]", "[\"Kate\"]"] {
            let (_folder, config) = config(&format!("[mcp.docs]\ncommand = \"docs\"\nagents = {agents}\n"));
            assert!(check(&config, &team).is_ok(), "{agents}");
        }
        let (folder, config) = config("[mcp.docs]\ncommand = \"docs\"\nagents = [\"qa\", \"enginer\"]\n");
        let said = check(&config, &team).expect_err("nobody is an enginer").render(false);
        let said = said.replace(&folder.path().display().to_string(), "");
        expect![[r#"
            error:
              × there is no role, agent type or agent `enginer` for the MCP server `docs`
               ╭─[/syndarix.toml:3:17]
             2 │ command = "docs"
             3 │ agents = ["qa", "enginer"]
               ·                 ────┬────
               ·                     ╰── did you mean `engineer`?
               ╰────
            hint: `agents` is "all" or a list of: product_owner, business_analyst, architect, project_manager, engineer, qa, dev_ops, Olivia, Bianca, Arthur, Priya, Dave, Ellis, Kate, Quinn, Omar
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn who_gets_a_servers_tools_is_told_by_name() {
        let mut team = Team::default_team();
        let named = |names: &[&str]| Audience::Named(names.iter().map(|&name| name.to_owned()).collect());
        let report = |agents| ServerReport {
            name: "docs".to_owned(),
            how: "started",
            target: "docs".to_owned(),
            took_ms: 1,
            tools: vec!["search".to_owned()],
            read_only: Vec::new(),
            agents,
        };
        for (agents, expected) in [
            (Audience::All, "everyone"),
            (named(&["engineer"]), "Dave, Ellis, Kate"),
            (named(&["kate", "qa"]), "Kate, Quinn"),
            (named(&[]), "nobody in this team"),
        ] {
            assert_eq!(receivers(&report(agents), &team), expected);
        }
        let engineer = team.types.get_mut("engineer").expect("a type");
        engineer.tools.push("mcp.docs.write".to_owned());
        let others = "Olivia, Bianca, Arthur, Priya, Quinn, Omar";
        assert_eq!(receivers(&report(Audience::All), &team), others, "the type names another tool");
    }
}

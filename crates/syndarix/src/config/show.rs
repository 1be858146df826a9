//! What is effective, for people: every value that counts, and of secrets only whether they are there.

use serde_json::{Value, json};
use syndarix_llm::providers::ProviderKind;

use super::providers::{Setting, Usable, tiers};
use super::{Config, Environment};

/// The effective configuration as TOML, with the providers as comments where the environment decides.
pub(crate) fn text(config: &Config, settings: &[Setting], environment: Environment<'_>) -> String {
    let source = config.path.as_ref().map_or_else(
        || "no syndarix.toml; everything below is what holds without one".to_owned(),
        |path| format!("read from {}", path.display()),
    );
    let body =
        toml::to_string(&config.file).unwrap_or_else(|error| format!("# cannot be written: {error}\n"));
    let mut text = format!("# {source}\n\n{body}\n# Providers\n");
    for setting in settings {
        text.push_str(&format!("#   {:<12} {}\n", setting.name, provider_line(setting)));
    }
    text.push_str("# Models\n");
    for (tier, chain) in tiers(config, settings) {
        let chain = if chain.is_empty() { "none that can be used".to_owned() } else { chain.join(", then ") };
        text.push_str(&format!("#   {tier:<12} {chain}\n"));
    }
    for (name, server) in &config.file.mcp {
        let missing: Vec<&str> = server
            .env_from
            .iter()
            .chain(server.headers_from.values())
            .map(String::as_str)
            .filter(|variable| environment(variable).is_none())
            .collect();
        if !missing.is_empty() {
            text.push_str(&format!(
                "# The MCP server `{name}` needs {}, which is not set\n",
                missing.join(", ")
            ));
        }
    }
    text
}

/// One line about a provider.
pub(crate) fn provider_line(setting: &Setting) -> String {
    let at =
        setting.base_url.as_ref().map_or_else(String::new, |url| format!(" at {}", without_credentials(url)));
    let key = setting.api_key_env.as_deref();
    match (&setting.usable, key) {
        (Usable::Yes, Some(variable)) => format!("usable{at}: {variable} is set"),
        (Usable::Yes, None) => format!("usable{at}"),
        (Usable::Ask, _) => format!("usable if it answers{at}"),
        (Usable::KeyMissing, Some(variable)) => format!("not usable{at}: {variable} is not set"),
        (Usable::KeyMissing, None) => format!("not usable{at}: its key is not set"),
        (Usable::Disabled, _) => "disabled".to_owned(),
        (Usable::Unreachable(why), _) => format!("not usable{at}: {why}"),
    }
}

/// An address without the user and password that may be in it.
pub(crate) fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// The effective configuration for a program.
pub(crate) fn json(config: &Config, settings: &[Setting]) -> Value {
    let mut providers = Vec::new();
    for setting in settings {
        providers.push(json!({
            "name": setting.name,
            "kind": setting.kind,
            "base_url": setting.base_url.as_deref().map(without_credentials),
            "api_key_env": setting.api_key_env,
            "usable": setting.usable == Usable::Yes,
            "why": provider_line(setting),
        }));
    }
    json!({
        "file": config.path,
        "configuration": config.file,
        "providers": providers,
        "models": tiers(config, settings),
    })
}

/// What to set so that there is a model to use.
pub(crate) fn what_to_set(settings: &[Setting]) -> String {
    let mut ways: Vec<String> = settings
        .iter()
        .filter(|setting| setting.usable == Usable::KeyMissing)
        .filter_map(|setting| setting.api_key_env.clone())
        .collect();
    let ollama = settings.iter().find(|setting| setting.kind == ProviderKind::Ollama);
    if let Some(Setting { base_url: Some(url), usable: Usable::Unreachable(_) | Usable::Ask, .. }) = ollama {
        ways.push(format!("an Ollama with a model at {} (or OLLAMA_HOST)", without_credentials(url)));
    }
    ways.push("a [providers.NAME] with `kind`, `base_url` and `models` in syndarix.toml".to_owned());
    format!("set one of: {}; or see it work without any: `syndarix demo`", ways.join(", "))
}

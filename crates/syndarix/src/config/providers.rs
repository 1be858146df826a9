//! The providers of models: those the configuration names and those the environment brings, which of them
//! can be used, and which of their models stand for the tiers.

use std::collections::BTreeMap;

use serde::Serialize;
use syndarix_agents::team::Models;
use syndarix_llm::providers::ProviderKind;

use super::file::File;
use super::{Config, Environment};

/// The tiers that agent types use.
pub(crate) const TIERS: [&str; 3] = Models::TIERS;

/// A provider with everything known about it but the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// The name its models are qualified with.
    pub(crate) name: String,
    /// What it speaks.
    pub(crate) kind: ProviderKind,
    /// Where it is, if not at its kind's usual address.
    pub(crate) base_url: Option<String>,
    /// The environment variable that holds its key, if it needs one.
    pub(crate) api_key_env: Option<String>,
    /// The models that stand for the tiers, the strongest first, where `[models]` does not say.
    pub(crate) models: Vec<String>,
    /// Whether it can be used.
    pub(crate) usable: Usable,
}

/// Whether a provider can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "usable", content = "because")]
pub(crate) enum Usable {
    /// It can.
    Yes,
    /// It must be reached first to know.
    Ask,
    /// Its key is not set.
    KeyMissing,
    /// The configuration says to leave it alone.
    Disabled,
    /// It was asked and did not answer, or has no models.
    Unreachable(String),
}

/// The address of an Ollama on this machine.
pub(crate) const OLLAMA_URL: &str = "http://127.0.0.1:11434";

/// A provider that needs no configuration but its key.
struct Known {
    name: &'static str,
    kind: ProviderKind,
    /// The variables that may hold its key, the usual one first.
    keys: &'static [&'static str],
    /// The variable that may hold its address.
    address: &'static str,
    /// For strong, balanced and fast.
    models: [&'static str; 3],
}

const KNOWN: [Known; 4] = [
    Known {
        name: "anthropic",
        kind: ProviderKind::Anthropic,
        keys: &["ANTHROPIC_API_KEY"],
        address: "ANTHROPIC_BASE_URL",
        models: ["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"],
    },
    Known {
        name: "openai",
        kind: ProviderKind::Openai,
        keys: &["OPENAI_API_KEY"],
        address: "OPENAI_BASE_URL",
        models: ["gpt-5", "gpt-5-mini", "gpt-5-nano"],
    },
    Known {
        name: "gemini",
        kind: ProviderKind::Gemini,
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        address: "GEMINI_BASE_URL",
        models: ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"],
    },
    Known { name: "ollama", kind: ProviderKind::Ollama, keys: &[], address: "OLLAMA_HOST", models: [""; 3] },
];

/// The kind of a provider that needs no configuration but its key.
pub(crate) fn known_kind(name: &str) -> Option<ProviderKind> {
    KNOWN.iter().find(|known| known.name == name).map(|known| known.kind)
}

/// Every provider: the known ones first, then the configuration's own, by name.
pub(crate) fn settings(file: &File, environment: Environment<'_>) -> Vec<Setting> {
    let known = KNOWN.iter().map(|known| known.name);
    let own = file.providers.keys().map(String::as_str).filter(|name| known_kind(name).is_none());
    known.chain(own).filter_map(|name| setting(name, file, environment)).collect()
}

fn setting(name: &str, file: &File, environment: Environment<'_>) -> Option<Setting> {
    let known = KNOWN.iter().find(|known| known.name == name);
    let entry = file.providers.get(name).cloned().unwrap_or_default();
    let kind = entry.kind.or(known.map(|known| known.kind))?;
    // A provider that the file puts at an address of its own gets the key that the file names for it, and no
    // other: the key for the public service is not sent to somebody else's server.
    let usual_key = known.filter(|_| entry.base_url.is_none()).and_then(|known| {
        let set = known.keys.iter().find(|variable| environment(variable).is_some());
        set.or(known.keys.first()).map(|&variable| variable.to_owned())
    });
    let api_key_env = entry.api_key_env.or(usual_key);
    let from_environment = || known.and_then(|known| environment(known.address));
    let base_url = match (entry.base_url, kind) {
        (Some(base_url), _) => Some(base_url),
        (None, ProviderKind::Ollama) => {
            Some(from_environment().map_or_else(|| OLLAMA_URL.to_owned(), |host| with_scheme(&host)))
        }
        (None, _) => from_environment(),
    };
    let models = if entry.models.is_empty() {
        known
            .into_iter()
            .flat_map(|known| known.models)
            .filter(|model| !model.is_empty())
            .map(str::to_owned)
            .collect()
    } else {
        entry.models
    };
    let usable = if entry.disabled {
        Usable::Disabled
    } else if api_key_env.as_ref().is_some_and(|variable| environment(variable).is_none()) {
        Usable::KeyMissing
    } else if kind == ProviderKind::Ollama {
        Usable::Ask
    } else {
        Usable::Yes
    };
    Some(Setting { name: name.to_owned(), kind, base_url, api_key_env, models, usable })
}

/// `OLLAMA_HOST` is often written without a scheme or a port.
fn with_scheme(host: &str) -> String {
    let host = host.trim_end_matches('/');
    let url = if host.contains("://") { host.to_owned() } else { format!("http://{host}") };
    let has_port = url.rsplit_once("://").is_some_and(|(_, rest)| rest.contains(':'));
    let url = if has_port { url } else { format!("{url}:11434") };
    // The address a server listens on everywhere is not one to connect to.
    url.replace("://0.0.0.0", "://127.0.0.1")
}

/// The chain of each tier: what the configuration says, otherwise the usable providers' models in the
/// providers' order, so that a chain fails over from one provider to the next.
pub(crate) fn tiers(config: &Config, settings: &[Setting]) -> BTreeMap<String, Vec<String>> {
    let usable: Vec<&Setting> = settings.iter().filter(|setting| setting.usable == Usable::Yes).collect();
    let mut tiers = BTreeMap::new();
    for (place, tier) in TIERS.iter().enumerate() {
        let of_provider = |setting: &&Setting| {
            let model = setting.models.get(place.min(setting.models.len().checked_sub(1)?))?;
            Some(format!("{}/{model}", setting.name))
        };
        tiers.insert((*tier).to_owned(), usable.iter().filter_map(of_provider).collect::<Vec<_>>());
    }
    for (tier, chain) in &config.file.models {
        let is_usable = |model: &&String| {
            let provider = model.split_once('/').map(|(provider, _)| provider);
            let known = settings.iter().find(|setting| Some(setting.name.as_str()) == provider);
            known.is_none_or(|setting| setting.usable == Usable::Yes)
        };
        tiers.insert(tier.clone(), chain.iter().filter(is_usable).cloned().collect());
    }
    tiers
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::config::parse;

    fn config(text: &str) -> Config {
        Config { path: None, file: parse("syndarix.toml", text).expect("the configuration is valid") }
    }

    fn shown(config: &Config, environment: Environment<'_>) -> String {
        let settings = settings(&config.file, environment);
        let mut text = String::new();
        for setting in &settings {
            text.push_str(&format!("{} {:?} {:?}\n", setting.name, setting.usable, setting.base_url));
        }
        for (tier, chain) in tiers(config, &settings) {
            text.push_str(&format!("{tier}: {}\n", chain.join(", ")));
        }
        text
    }

    #[test]
    fn a_key_in_the_environment_is_enough() {
        let environment = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-x".to_owned());
        expect![[r#"
            anthropic KeyMissing None
            openai Yes None
            gemini KeyMissing None
            ollama Ask Some("http://127.0.0.1:11434")
            balanced: openai/gpt-5-mini
            fast: openai/gpt-5-nano
            strong: openai/gpt-5
        "#]]
        .assert_eq(&shown(&config(""), &environment));
    }

    #[test]
    fn a_known_provider_elsewhere_does_not_get_the_public_key() {
        let environment = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-x".to_owned());
        let config = config(
            "[providers.openai]\nbase_url = \"http://127.0.0.1:4010/v1/\"\n[models]\nfast = [\"openai/m\", \"gemini/g\"]\n",
        );
        let setting =
            settings(&config.file, &environment).into_iter().find(|setting| setting.name == "openai");
        assert_eq!(setting.expect("openai is configured").api_key_env, None);
        expect![[r#"
            anthropic KeyMissing None
            openai Yes Some("http://127.0.0.1:4010/v1/")
            gemini KeyMissing None
            ollama Ask Some("http://127.0.0.1:11434")
            balanced: openai/gpt-5-mini
            fast: openai/m
            strong: openai/gpt-5
        "#]]
        .assert_eq(&shown(&config, &environment));
    }

    #[test]
    fn ollama_hosts_are_written_in_many_ways() {
        for (host, url) in [
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("box:8080", "http://box:8080"),
            ("https://box:443/", "https://box:443"),
        ] {
            assert_eq!(with_scheme(host), url);
        }
    }
}

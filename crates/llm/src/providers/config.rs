//! How a provider is reached.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The protocol a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// OpenAI's chat completions.
    Openai,
    /// OpenAI's responses.
    OpenaiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama's own protocol. Ollama shortens a prompt beyond its context without a word; its default context is too
    /// small for agents, and is set where it runs, with `OLLAMA_CONTEXT_LENGTH`.
    Ollama,
    /// Anything that speaks OpenAI's chat completions elsewhere.
    OpenaiCompatible,
}

impl ProviderKind {
    /// The kind's name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::OpenaiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::OpenaiCompatible => "openai_compatible",
        }
    }

    /// Where it is reached unless a configuration says otherwise; `None` where only a configuration knows.
    pub fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::Openai | Self::OpenaiResponses => Some("https://api.openai.com/v1/"),
            Self::Anthropic => Some("https://api.anthropic.com/v1/"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta/"),
            Self::Ollama => Some("http://localhost:11434/"),
            Self::OpenaiCompatible => None,
        }
    }

    /// A model that is good for this kind of work, where a user names none; `None` where only asking would tell.
    pub fn suggested_model(self) -> Option<&'static str> {
        match self {
            Self::Openai | Self::OpenaiResponses => Some("gpt-5"),
            Self::Anthropic => Some("claude-sonnet-4-5"),
            Self::Gemini => Some("gemini-2.5-pro"),
            Self::Ollama | Self::OpenaiCompatible => None,
        }
    }

    /// The path that its protocol lives under, where a base URL gives none.
    fn default_path(self) -> &'static str {
        match self {
            Self::Openai | Self::OpenaiResponses | Self::Anthropic | Self::OpenaiCompatible => "v1/",
            Self::Gemini => "v1beta/",
            Self::Ollama => "",
        }
    }

    fn needs_key(self) -> bool {
        matches!(self, Self::Openai | Self::OpenaiResponses | Self::Anthropic | Self::Gemini)
    }
}

/// How long a provider may take, and how much it may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// To accept a connection.
    pub connect: Duration,
    /// Until the first token; models that reason say nothing for minutes.
    pub first_token: Duration,
    /// Between two tokens.
    pub idle: Duration,
    /// In all.
    pub total: Duration,
    /// How many bytes of text, reasoning and tool arguments are taken before the answer is cut off. A megabyte is
    /// four times the longest answer that models give today.
    pub max_answer_bytes: usize,
    /// How long one event of a stream may be, in bytes. Some protocols repeat the whole answer, and the request's
    /// instructions and tools, in the last.
    pub max_event_bytes: usize,
    /// How many bytes are read in all. A protocol may wrap each token in 300 bytes.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_token: Duration::from_mins(3),
            idle: Duration::from_secs(90),
            total: Duration::from_mins(10),
            max_answer_bytes: 1 << 20,
            max_event_bytes: 4 << 20,
            max_body_bytes: 64 << 20,
        }
    }
}

/// How a provider is reached. Its `Debug` never shows the key.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// The name that model references use.
    pub name: String,
    /// The protocol it speaks.
    pub kind: ProviderKind,
    /// Where it is; the kind's own address where not given.
    pub base_url: Option<String>,
    /// The key, if it needs one.
    pub api_key: Option<SecretString>,
    /// The models it has and no others, where that is known.
    pub models: Option<Vec<String>>,
    /// How long it may take, and how much it may answer.
    pub limits: Limits,
}

/// Why a provider cannot be configured like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address is missing.
    #[error("the provider `{name}` needs a base_url")]
    NoBaseUrl {
        /// The provider's name.
        name: String,
    },
    /// The address is not one.
    #[error("the base_url of the provider `{name}` is not a usable http or https URL: {reason}")]
    BaseUrl {
        /// The provider's name.
        name: String,
        /// What is wrong with it. Does not repeat the URL, which may hold a password.
        reason: String,
    },
    /// The key is missing.
    #[error("the provider `{name}` needs an API key")]
    NoKey {
        /// The provider's name.
        name: String,
    },
    /// The name cannot be the first part of a model reference.
    #[error("`{name}` cannot be a provider's name; use letters, digits, - and _")]
    Name {
        /// The provider's name.
        name: String,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client for the provider `{name}` could not be set up: {reason}")]
    Client {
        /// The provider's name.
        name: String,
        /// Why.
        reason: String,
    },
}

impl ProviderConfig {
    /// A provider at its kind's own address, without a key.
    pub fn new(name: impl Into<String>, kind: ProviderKind) -> Self {
        Self {
            name: name.into(),
            kind,
            base_url: None,
            api_key: None,
            models: None,
            limits: Limits::default(),
        }
    }

    /// The same, elsewhere.
    #[must_use]
    pub fn at(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// The same, with a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// The same, with these models and no others.
    #[must_use]
    pub fn offering(mut self, models: Vec<String>) -> Self {
        self.models = Some(models);
        self
    }

    /// The same, within other limits.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The providers that the environment speaks of: `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`, `GEMINI_API_KEY` (or
    /// `GOOGLE_API_KEY`) and `OLLAMA_HOST`, each at `…_BASE_URL` where that is set. Empty values count as unset.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Vec<Self> {
        let get =
            |name: &str| get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut found = Vec::new();
        for (name, kind, keys, base) in [
            ("anthropic", ProviderKind::Anthropic, &["ANTHROPIC_API_KEY"][..], "ANTHROPIC_BASE_URL"),
            ("openai", ProviderKind::Openai, &["OPENAI_API_KEY"], "OPENAI_BASE_URL"),
            ("gemini", ProviderKind::Gemini, &["GEMINI_API_KEY", "GOOGLE_API_KEY"], "GEMINI_BASE_URL"),
        ] {
            if let Some(key) = keys.iter().find_map(|key| get(key)) {
                found.push(Self { base_url: get(base), ..Self::new(name, kind).with_key(key) });
            }
        }
        if let Some(host) = get("OLLAMA_HOST") {
            found.push(Self::new("ollama", ProviderKind::Ollama).at(ollama_url(&host)));
        }
        found
    }

    /// The address that requests go to, with its path completed and a slash at its end.
    pub(super) fn endpoint(&self) -> Result<String, ConfigError> {
        let Some(text) = self.base_url.as_deref().or(self.kind.default_base_url()) else {
            return Err(ConfigError::NoBaseUrl { name: self.name.clone() });
        };
        let fail = |reason: &str| ConfigError::BaseUrl { name: self.name.clone(), reason: reason.to_owned() };
        let url = reqwest::Url::parse(text.trim()).map_err(|error| fail(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fail("it begins with another scheme"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fail("it must not have a query or fragment"));
        }
        let mut endpoint = url.to_string();
        if !endpoint.ends_with('/') {
            endpoint.push('/');
        }
        // Anthropic's own clients take the address without the version, OpenAI's with it.
        let bare = url.path().trim_matches('/').is_empty();
        let anthropic = self.kind == ProviderKind::Anthropic && !endpoint.ends_with("/v1/");
        if bare || anthropic {
            endpoint.push_str(self.kind.default_path());
        }
        Ok(endpoint)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(named) {
            return Err(ConfigError::Name { name: self.name.clone() });
        }
        if self.kind.needs_key() && self.api_key.is_none() {
            return Err(ConfigError::NoKey { name: self.name.clone() });
        }
        Ok(())
    }
}

/// `OLLAMA_HOST` as Ollama reads it: scheme and port may be missing, and the address may be the one it listens on.
fn ollama_url(host: &str) -> String {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.replace("0.0.0.0", "127.0.0.1");
    let has_port =
        authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let port = if has_port || host.contains("://") { "" } else { ":11434" };
    format!("{scheme}://{authority}{port}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed() {
        for (kind, given, expected) in [
            (ProviderKind::Anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1/"),
            (ProviderKind::Anthropic, "http://x/anthropic", "http://x/anthropic/v1/"),
            (ProviderKind::Anthropic, "http://x/v1", "http://x/v1/"),
            (ProviderKind::Openai, "http://127.0.0.1:4010", "http://127.0.0.1:4010/v1/"),
            (ProviderKind::OpenaiCompatible, "https://h/api/v3", "https://h/api/v3/"),
            (ProviderKind::Gemini, "http://x", "http://x/v1beta/"),
            (ProviderKind::Ollama, "http://x:1", "http://x:1/"),
        ] {
            let endpoint = ProviderConfig::new("p", kind).at(given).endpoint();
            assert_eq!(endpoint.as_deref(), Ok(expected), "{kind:?} at {given}");
        }
        for bad in ["", "localhost:80", "ftp://x", "https://x/?key=1", "http://"] {
            let config = ProviderConfig::new("p", ProviderKind::Openai).at(bad);
            assert!(matches!(config.endpoint(), Err(ConfigError::BaseUrl { .. })), "{bad:?} was accepted");
        }
    }

    #[test]
    fn ollama_hosts_are_read_as_ollama_does() {
        for (given, expected) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434/"),
            ("0.0.0.0", "http://127.0.0.1:11434/"),
            ("gpu.lan", "http://gpu.lan:11434/"),
            ("https://gpu.lan/ollama", "https://gpu.lan/ollama"),
        ] {
            assert_eq!(ollama_url(given), expected);
        }
    }

    #[test]
    fn the_environment_is_searched_and_keys_are_never_shown() {
        let env = |name: &str| match name {
            "ANTHROPIC_API_KEY" => Some("sk-ant-secret".to_owned()),
            "OPENAI_API_KEY" => Some(" ".to_owned()),
            "GOOGLE_API_KEY" => Some("g-secret".to_owned()),
            "GEMINI_BASE_URL" => Some("http://127.0.0.1:1".to_owned()),
            "OLLAMA_HOST" => Some("localhost".to_owned()),
            _ => None,
        };
        let found = ProviderConfig::from_env(env);
        let names: Vec<_> = found.iter().map(|config| config.name.as_str()).collect();
        assert_eq!(names, ["anthropic", "gemini", "ollama"]);
        assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    }
}

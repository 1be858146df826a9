//! The shape of `syndarix.toml`. Every key is optional; an unknown one is an error.

use std::collections::BTreeMap;
use std::path::{Component, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de};
use syndarix_core::autonomy::Autonomy;
use syndarix_core::money::NanoUsd;
use syndarix_core::validity::Validity;
use syndarix_environment::find::{Command as SetUpCommand, Configured, ConfiguredPart};
use syndarix_llm::prices::ModelPrice;
use syndarix_llm::providers::ProviderKind;
use syndarix_tools::git::Authorship;
use syndarix_tools::mcp::{Audience, ToolOverride};
use syndarix_tools::workspace_server::{Limits as CommandLimits, SandboxRequirement};

use super::command::{self, Command};

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    /// What `run` assumes where its flags are silent.
    pub(crate) defaults: Defaults,
    /// The chain of each tier, such as `strong = ["anthropic/claude-opus-4-5", "openai/gpt-5"]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) models: BTreeMap<String, Vec<String>>,
    /// Providers of models, by the name that models are qualified with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) providers: BTreeMap<String, Provider>,
    /// Providers whose models play scenes from files, by the name that models are qualified with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) scripted: BTreeMap<String, Scripted>,
    /// Prices in US dollars per million tokens, by model, or by `PROVIDER/*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) prices: BTreeMap<String, ModelPrice>,
    /// MCP servers, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) mcp: BTreeMap<String, McpServer>,
    /// What a repository needs, where its own files do not tell.
    #[serde(skip_serializing_if = "EnvironmentSettings::is_default")]
    pub(crate) environment: EnvironmentSettings,
    /// What tools may do.
    pub(crate) tools: Tools,
    /// What bounds a service.
    pub(crate) limits: Limits,
    /// What a human is asked.
    pub(crate) approvals: Approvals,
    /// Who commits are by.
    pub(crate) git: Authorship,
    /// What the result's branch holds beside the work.
    #[serde(skip_serializing_if = "Results::is_default")]
    pub(crate) results: Results,
    /// The engine's port.
    #[serde(skip_serializing_if = "Temporal::is_default")]
    pub(crate) temporal: Temporal,
}

/// What `run` assumes where its flags are silent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Defaults {
    /// How much the team may do without asking.
    pub(crate) autonomy: Autonomy,
    /// The most a project may spend.
    #[serde(deserialize_with = "amount", serialize_with = "write_amount")]
    pub(crate) budget: NanoUsd,
    /// The team file, relative to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team: Option<PathBuf>,
    /// The command that a result must pass.
    #[serde(deserialize_with = "optional_command", skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<Vec<String>>,
}

impl Default for Defaults {
    fn default() -> Self {
        // Enough for a small change with a strong model, and little enough to lose.
        let budget = NanoUsd(5_000_000_000);
        Self { autonomy: Autonomy::default(), budget, team: None, check: None }
    }
}

/// A provider of models.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Provider {
    /// What it speaks; for `anthropic`, `openai`, `gemini` and `ollama` it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<ProviderKind>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    /// The environment variable that holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) api_key_env: Option<String>,
    /// The models to use, the strongest first, where `[models]` does not say. Of a server of one's own they are all
    /// that it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
    /// Whether to leave it alone although it could be used.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) disabled: bool,
}

/// A provider whose models do not think: they play scenes from files. For rehearsals and tests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scripted {
    /// The files, relative to this one.
    pub(crate) scenes: Vec<PathBuf>,
    /// What the scenes' delays are multiplied by.
    #[serde(default = "as_written")]
    pub(crate) pace: f64,
}

fn as_written() -> f64 {
    1.0
}

/// An MCP server: a command, or an address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct McpServer {
    /// The program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    /// Its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) args: Vec<String>,
    /// Its environment, beside PATH, HOME and LANG.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    /// Variables it gets from this process's environment: where its secrets are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env_from: Vec<String>,
    /// Its address, for streamable HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Headers of every request whose values are in environment variables, such as
    /// `Authorization = "DOCS_AUTHORIZATION"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers_from: BTreeMap<String, String>,
    /// How long it may take to answer the first request.
    pub(crate) connect_timeout_ms: u64,
    /// How long a call may take.
    pub(crate) call_timeout_ms: u64,
    /// How much of an answer is kept.
    pub(crate) output_bytes: usize,
    /// How far what it says about its own tools is believed: all, nothing, or, unsaid, only that a tool reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trusted: Option<bool>,
    /// What is known about single tools.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tools: BTreeMap<String, ToolOverride>,
    /// Who gets its tools: `"all"`, or a list of roles, agent types and names of agents.
    pub(crate) agents: Audience,
}

impl Default for McpServer {
    fn default() -> Self {
        Self {
            command: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            env_from: Vec::new(),
            url: None,
            headers_from: BTreeMap::new(),
            // A server that is fetched before it starts, as `npx` and `uvx` do, takes a while the first time.
            connect_timeout_ms: 30_000,
            call_timeout_ms: 120_000,
            output_bytes: 64 * 1024,
            trusted: None,
            tools: BTreeMap::new(),
            agents: Audience::default(),
        }
    }
}

/// What a repository needs, and how it is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EnvironmentSettings {
    /// The commands that install dependencies, in the place of those that are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_up: Option<Vec<SetUpCommand>>,
    /// The commands that decide whether a state is good, in the place of those that are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checks: Option<Vec<SetUpCommand>>,
    /// Variables for both.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variables: BTreeMap<String, String>,
    /// The same for single folders of the repository.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts: BTreeMap<String, ConfiguredPart>,
    /// Whether set-up may use the network without a question.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_set_up: bool,
    /// Variables of this process that set-up gets: where a private registry's token is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pass: Vec<String>,
    /// What the repository may lack, and clones with it: `submodules`, `lfs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) without: Vec<String>,
    /// How long one command of set-up may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_up_timeout_ms: Option<u64>,
    /// How much set-up may leave on the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_up_disk_bytes: Option<u64>,
}

impl EnvironmentSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is said of the repository itself.
    pub(crate) fn configured(&self) -> Configured {
        Configured {
            set_up: self.set_up.clone(),
            checks: self.checks.clone(),
            variables: self.variables.clone(),
            parts: self.parts.clone(),
        }
    }
}

/// What tools may do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tools {
    /// Tools no agent may call, as patterns such as `mcp.git.*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) denied: Vec<String>,
    /// Commands that are not risky, beside the built-in ones: `"just test"` covers `just test --all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) low_risk_commands: Vec<Command>,
    /// Commands that may be repeated when a crash lost their result, beside the built-in ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) repeatable_commands: Vec<Command>,
    /// Folders beside the system's own that commands may read: absolute, below the home where they begin with `~`,
    /// or relative to this file. Once the file is read, they are absolute and known to be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) readable: Vec<PathBuf>,
    /// Whether commands may use the network.
    pub(crate) network: bool,
    /// How much confinement is demanded.
    pub(crate) sandbox: SandboxRequirement,
    /// What bounds a command.
    pub(crate) limits: CommandLimits,
}

/// What bounds a service.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The most agents that work at the same moment, in all projects together.
    pub(crate) agents_at_once: usize,
    /// How often a task may go back to its developer before a human is asked.
    pub(crate) review_rounds: u32,
    /// How often one model is asked again before the next in the chain is.
    pub(crate) model_retries: u32,
    /// How long one model call may take.
    pub(crate) model_timeout_ms: u64,
    /// Whether a model without a known price may be called; its calls count as free.
    pub(crate) allow_unpriced_models: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            agents_at_once: 64,
            review_rounds: 5,
            model_retries: 2,
            model_timeout_ms: 300_000,
            allow_unpriced_models: false,
        }
    }
}

/// What a human is asked.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Approvals {
    /// How long it can be decided, such as `7 days`; `never` expires nothing.
    pub(crate) valid_for: Validity,
}

/// What the result's branch holds beside the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Results {
    /// The folder of the repository that the team's documents are committed to at the hand-over; without one they
    /// stay in the records.
    #[serde(deserialize_with = "folder_of_repository", skip_serializing_if = "Option::is_none")]
    pub(crate) documents: Option<PathBuf>,
}

impl Results {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The engine's port, for Temporal's own tools. `up --temporal-listen` opens it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Temporal {
    /// The certificate, with those of its issuers, in a PEM file relative to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The environment variable that holds the token that callers must send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_env: Option<String>,
}

impl Temporal {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NanoUsd, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Amount {
        Whole(i64),
        Decimal(f64),
        Text(String),
    }
    let text = match Amount::deserialize(deserializer)? {
        Amount::Whole(number) => number.to_string(),
        Amount::Decimal(number) => number.to_string(),
        Amount::Text(text) => text,
    };
    text.parse().map_err(de::Error::custom)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde's `serialize_with` asks for")]
fn write_amount<S: serde::Serializer>(amount: &NanoUsd, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(amount.to_string().trim_start_matches('$'))
}

fn optional_command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Words(Vec<String>),
    }
    let command = match Written::deserialize(deserializer)? {
        Written::Text(text) => command::parse(&text).map_err(de::Error::custom)?,
        Written::Words(words) => words,
    };
    if command.is_empty() {
        return Err(de::Error::custom("a command needs a program"));
    }
    Ok(Some(command))
}

fn folder_of_repository<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    let plain =
        path.components().all(|component| matches!(component, Component::Normal(part) if part != ".git"));
    if plain && path.components().next().is_some() {
        return Ok(Some(path));
    }
    let message = format!(
        "`{}` is not a folder of the repository: write it relative to the root, like `docs/team`",
        path.display()
    );
    Err(de::Error::custom(message))
}

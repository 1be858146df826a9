//! Agent types: the templates that instances are made from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use syndarix_core::role::Role;

/// The version of the agent type files that this binary reads.
pub const AGENT_TYPE_VERSION: u32 = 1;

/// A template: everything an agent is before it has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentType {
    /// The version of the file's form.
    pub version: u32,
    /// What it is there for.
    pub role: Role,
    /// One line for people.
    pub summary: String,
    /// What it can do, as matched against a task's needs.
    pub capabilities: Vec<String>,
    /// How it behaves; each becomes a sentence of the system prompt.
    pub traits: Vec<String>,
    /// The models to try, in this order: a provider-qualified name, or a tier such as `strong`.
    pub models: Vec<String>,
    /// The tools it may use, as patterns such as `workspace.read_file` or `mcp.git.*`.
    pub tools: Vec<String>,
    /// Who it is and how it works, for the model.
    pub prompt: String,
    /// What bounds its runs.
    #[serde(default)]
    pub limits: Limits,
}

/// What bounds one run of an agent. Money is bounded by budgets, not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Model calls in one run.
    pub steps: u32,
    /// Tokens of one model call's prompt; older tool results are shortened or dropped to stay within it.
    pub context_tokens: u32,
    /// Tokens of one answer.
    pub max_output_tokens: u32,
    /// Tokens of all calls of one run, in and out.
    pub run_tokens: u64,
    /// Minutes that a run may work; waiting for a human does not count.
    pub run_minutes: u32,
    /// Minutes that one model call may take, with all its retries and failovers.
    pub thinking_minutes: u32,
    /// Minutes that one tool call may take.
    pub execution_minutes: u32,
    /// Minutes that an agent waits for another one's answer before a human is asked.
    pub blocked_minutes: u32,
    /// How often one tool call may give one result while nothing changes. The agent is told at this count
    /// and stopped at twice it.
    pub max_tool_repeats: u32,
    /// How many answers in a row may be unusable before the run is stopped.
    pub malformed_retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 60,
            context_tokens: 100_000,
            max_output_tokens: 8_192,
            run_tokens: 3_000_000,
            run_minutes: 60,
            thinking_minutes: 5,
            execution_minutes: 10,
            blocked_minutes: 30,
            max_tool_repeats: 3,
            malformed_retries: 3,
        }
    }
}

const EMBEDDED: [(&str, &str); 7] = [
    ("product_owner", include_str!("../types/product_owner.toml")),
    ("business_analyst", include_str!("../types/business_analyst.toml")),
    ("architect", include_str!("../types/architect.toml")),
    ("project_manager", include_str!("../types/project_manager.toml")),
    ("engineer", include_str!("../types/engineer.toml")),
    ("qa", include_str!("../types/qa.toml")),
    ("dev_ops", include_str!("../types/dev_ops.toml")),
];

/// The agent types that come with the binary, by name.
pub fn built_in() -> &'static BTreeMap<String, AgentType> {
    static TYPES: LazyLock<BTreeMap<String, AgentType>> = LazyLock::new(|| {
        EMBEDDED
            .into_iter()
            .map(|(name, text)| {
                let agent_type: AgentType =
                    toml::from_str(text).expect("embedded agent types are read by a unit test");
                (name.to_owned(), agent_type)
            })
            .collect()
    });
    &TYPES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_a_built_in_type_of_its_name() {
        for (name, text) in EMBEDDED {
            let agent_type: AgentType = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(agent_type.version, AGENT_TYPE_VERSION, "{name}");
            assert_eq!(agent_type.role.as_str(), name);
            assert!(!agent_type.capabilities.is_empty() && !agent_type.models.is_empty(), "{name}");
            assert!(agent_type.prompt.contains("Example"), "{name} shows no tool call");
        }
        assert_eq!(built_in().len(), Role::ALL.len());
    }
}

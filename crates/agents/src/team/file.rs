//! The team file as written: what each entry says, not yet what it means together with the others.

use toml::de::DeTable;

use super::reader::{At, Problems, Section};

const FILE_KEYS: [&str; 7] = ["version", "name", "topology", "extends", "review_rounds", "types", "agents"];
const TYPE_KEYS: [&str; 9] =
    ["extends", "role", "summary", "capabilities", "traits", "models", "tools", "prompt", "limits"];
const AGENT_KEYS: [&str; 10] = [
    "name",
    "type",
    "count",
    "reports_to",
    "capabilities",
    "models",
    "prompt",
    "budget",
    "call_budget",
    "limits",
];
const LIMIT_KEYS: [&str; 10] = [
    "steps",
    "context_tokens",
    "max_output_tokens",
    "run_tokens",
    "run_minutes",
    "thinking_minutes",
    "execution_minutes",
    "blocked_minutes",
    "max_tool_repeats",
    "malformed_retries",
];

pub(super) struct File {
    pub(super) version: Option<At<u64>>,
    pub(super) name: Option<At<String>>,
    pub(super) topology: Option<At<String>>,
    pub(super) extends: Option<At<String>>,
    pub(super) review_rounds: Option<At<u64>>,
    pub(super) types: Vec<TypeEntry>,
    pub(super) agents: Vec<AgentEntry>,
}

pub(super) struct TypeEntry {
    pub(super) name: At<String>,
    pub(super) extends: Option<At<String>>,
    pub(super) role: Option<At<String>>,
    pub(super) summary: Option<At<String>>,
    pub(super) capabilities: Option<Vec<At<String>>>,
    pub(super) traits: Option<Vec<At<String>>>,
    pub(super) models: Option<Vec<At<String>>>,
    pub(super) tools: Option<Vec<At<String>>>,
    pub(super) prompt: Option<At<String>>,
    pub(super) limits: LimitsEntry,
}

pub(super) struct AgentEntry {
    pub(super) offset: usize,
    pub(super) name: Option<At<String>>,
    pub(super) agent_type: Option<At<String>>,
    pub(super) count: Option<At<u64>>,
    pub(super) reports_to: Option<At<String>>,
    pub(super) capabilities: Option<Vec<At<String>>>,
    pub(super) models: Option<Vec<At<String>>>,
    pub(super) prompt: Option<At<String>>,
    pub(super) budget: Option<At<String>>,
    pub(super) call_budget: Option<At<String>>,
    pub(super) limits: LimitsEntry,
}

/// The limits that an entry names, by key.
#[derive(Default)]
pub(super) struct LimitsEntry(pub(super) Vec<(&'static str, At<u64>)>);

impl File {
    /// Reads a file; what cannot be read is a problem and left out.
    pub(super) fn read(table: &DeTable<'_>, problems: &mut Problems<'_>) -> Self {
        let section = Section::open("the team file", table, &FILE_KEYS, problems);
        let mut types = Vec::new();
        for (name, inner) in section.tables("types", problems) {
            types.push(TypeEntry::read(name, inner, problems));
        }
        let mut agents = Vec::new();
        for inner in section.list("agents", problems) {
            agents.push(AgentEntry::read(inner.offset, inner.value, problems));
        }
        Self {
            version: section.number("version", 0, problems),
            name: section.string("name", problems),
            topology: section.string("topology", problems),
            extends: section.string("extends", problems),
            review_rounds: section.number("review_rounds", 1, problems),
            types,
            agents,
        }
    }
}

impl TypeEntry {
    fn read(name: At<String>, table: &DeTable<'_>, problems: &mut Problems<'_>) -> Self {
        let what = format!("type `{}`", name.value);
        let section = Section::open(what, table, &TYPE_KEYS, problems);
        Self {
            extends: section.string("extends", problems),
            role: section.string("role", problems),
            summary: section.string("summary", problems),
            capabilities: section.strings("capabilities", problems),
            traits: section.strings("traits", problems),
            models: section.strings("models", problems),
            tools: section.strings("tools", problems),
            prompt: section.string("prompt", problems),
            limits: LimitsEntry::read(&section, problems),
            name,
        }
    }
}

impl AgentEntry {
    fn read(offset: usize, table: &DeTable<'_>, problems: &mut Problems<'_>) -> Self {
        let name = table
            .iter()
            .find(|(key, _)| key.get_ref().as_ref() == "name")
            .and_then(|(_, value)| value.get_ref().as_str());
        let what = name.map_or_else(|| "an agent".to_owned(), |name| format!("agent `{name}`"));
        let section = Section::open(what, table, &AGENT_KEYS, problems);
        Self {
            offset,
            name: section.string("name", problems),
            agent_type: section.string("type", problems),
            count: section.number("count", 1, problems),
            reports_to: section.string("reports_to", problems),
            capabilities: section.strings("capabilities", problems),
            models: section.strings("models", problems),
            prompt: section.string("prompt", problems),
            budget: section.amount("budget", problems),
            call_budget: section.amount("call_budget", problems),
            limits: LimitsEntry::read(&section, problems),
        }
    }
}

impl LimitsEntry {
    fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> Self {
        let Some(table) = section.table("limits", problems) else { return Self::default() };
        let what = format!("the limits of {}", section.what);
        let limits = Section::open(what, table.value, &LIMIT_KEYS, problems);
        Self(
            LIMIT_KEYS
                .iter()
                .filter_map(|key| limits.number(key, 1, problems).map(|value| (*key, value)))
                .collect(),
        )
    }
}

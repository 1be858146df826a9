//! A team file together with what it extends becomes a [`Team`]: types filled in, members named, leads found.

use std::collections::{BTreeMap, BTreeSet};

use syndarix_core::money::{InvalidAmount, NanoUsd};
use syndarix_core::role::Role;
use toml::de::DeTable;

use super::error::TeamError;
use super::file::{AgentEntry, File, LimitsEntry, TypeEntry};
use super::models::Models;
use super::reader::{At, Problems, suggest};
use super::{StaffedAgent, TEAM_VERSION, Team, Topology, hierarchy, names};
use crate::agent_type::{self, AGENT_TYPE_VERSION, AgentType, Limits};

/// The most members of a team; each is a workflow of its own while it works.
const MAX_MEMBERS: usize = 200;
/// How often a review may send the same task back, where the file does not say.
const DEFAULT_REVIEW_ROUNDS: u32 = 3;

/// Reads and resolves a team file. Without `models`, their names are not checked.
pub(super) fn team(file: &str, text: &str, models: Option<&Models>) -> Result<Team, TeamError> {
    let mut problems = Problems::new(text);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            problems.add(offset, format!("this is not TOML: {}", error.message()), None);
            return Err(TeamError { file: file.to_owned(), problems: problems.into_sorted() });
        }
    };
    let entries = File::read(table.get_ref(), &mut problems);
    let team = Resolver { known: models, problems: &mut problems }.team(&entries);
    let problems = problems.into_sorted();
    if problems.is_empty() { Ok(team) } else { Err(TeamError { file: file.to_owned(), problems }) }
}

/// A member before its lead is checked.
struct Draft {
    member: StaffedAgent,
    offset: usize,
    reports_to: Option<At<String>>,
}

struct Resolver<'r, 't> {
    known: Option<&'r Models>,
    problems: &'r mut Problems<'t>,
}

impl Resolver<'_, '_> {
    fn team(&mut self, file: &File) -> Team {
        self.version(file.version.as_ref());
        let base = file.extends.as_ref().and_then(|extends| self.base(extends));
        let types = self.types(&file.types);
        let mut drafts: Vec<Draft> = base
            .into_iter()
            .flat_map(|team| team.agents)
            .map(|member| Draft { member, offset: 0, reports_to: None })
            .collect();
        self.members(&file.agents, &types, &mut drafts);
        self.leads(&mut drafts);
        self.roles(&drafts);
        let agents: Vec<StaffedAgent> = drafts.into_iter().map(|draft| draft.member).collect();
        let used: BTreeSet<&str> = agents.iter().map(|agent| agent.agent_type.as_str()).collect();
        Team {
            version: TEAM_VERSION,
            name: file.name.as_ref().map_or_else(|| "team".to_owned(), |name| name.value.clone()),
            topology: self.topology(file.topology.as_ref()),
            review_rounds: file
                .review_rounds
                .as_ref()
                .map_or(DEFAULT_REVIEW_ROUNDS, |rounds| rounds.value as u32),
            types: types.iter().filter(|(name, _)| used.contains(name.as_str())).map(clone_entry).collect(),
            agents,
        }
    }

    fn version(&mut self, version: Option<&At<u64>>) {
        match version {
            Some(version) if version.value == u64::from(TEAM_VERSION) => {}
            Some(version) => self.problems.add(
                version.offset,
                format!("this is version {} of the team file's form", version.value),
                Some(format!("this binary reads version {TEAM_VERSION}")),
            ),
            None => self.problems.add(
                0,
                "the team file does not say its version",
                Some(format!("begin it with `version = {TEAM_VERSION}`")),
            ),
        }
    }

    fn topology(&mut self, topology: Option<&At<String>>) -> Topology {
        if let Some(topology) = topology.filter(|topology| topology.value != "hierarchical") {
            self.problems.add(
                topology.offset,
                format!("there is no topology `{}`", topology.value),
                Some("the topology is `hierarchical`".to_owned()),
            );
        }
        Topology::Hierarchical
    }

    fn base(&mut self, extends: &At<String>) -> Option<Team> {
        if extends.value == "default" {
            return Some(Team::default_team());
        }
        self.problems.add(
            extends.offset,
            format!("there is no team `{}` to extend", extends.value),
            Some("the team that can be extended is `default`".to_owned()),
        );
        None
    }

    /// The built-in types and the file's own. A type may extend a built-in one or another of the file, in any
    /// order.
    fn types(&mut self, entries: &[TypeEntry]) -> BTreeMap<String, AgentType> {
        let mut types = agent_type::built_in().clone();
        let own: BTreeSet<&str> = entries.iter().map(|entry| entry.name.value.as_str()).collect();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let mut waiting: Vec<&TypeEntry> = entries.iter().collect();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|entry| {
                entry.extends.as_ref().is_none_or(|base| {
                    // A type that extends the built-in type of its own name replaces it.
                    let base = base.value.as_str();
                    base == entry.name.value || !own.contains(base) || done.contains(base)
                })
            });
            if ready.is_empty() {
                for entry in &rest {
                    let base = entry.extends.as_ref().expect("only types that extend wait");
                    self.problems.add(
                        base.offset,
                        format!("type `{}` extends itself, by way of `{}`", entry.name.value, base.value),
                        None,
                    );
                }
                return types;
            }
            for entry in ready {
                if let Some(resolved) = self.one_type(entry, &types) {
                    types.insert(entry.name.value.clone(), resolved);
                }
                done.insert(&entry.name.value);
            }
            waiting = rest;
        }
        types
    }

    fn one_type(&mut self, entry: &TypeEntry, types: &BTreeMap<String, AgentType>) -> Option<AgentType> {
        self.models(entry.models.as_deref());
        self.tools(entry.tools.as_deref());
        let mut resolved = match &entry.extends {
            Some(base) => {
                let Some(found) = types.get(&base.value) else {
                    self.problems.add(
                        base.offset,
                        format!("there is no type `{}` for `{}` to extend", base.value, entry.name.value),
                        suggest(&base.value, types.keys().map(String::as_str)),
                    );
                    return None;
                };
                found.clone()
            }
            None => self.blank(entry)?,
        };
        if let Some(role) = &entry.role {
            resolved.role = self.role(role).unwrap_or(resolved.role);
        }
        if let Some(summary) = &entry.summary {
            resolved.summary.clone_from(&summary.value);
        }
        if let Some(prompt) = &entry.prompt {
            resolved.prompt.clone_from(&prompt.value);
        }
        for (field, given) in [
            (&mut resolved.capabilities, &entry.capabilities),
            (&mut resolved.traits, &entry.traits),
            (&mut resolved.models, &entry.models),
            (&mut resolved.tools, &entry.tools),
        ] {
            if let Some(given) = given {
                *field = given.iter().map(|text| text.value.clone()).collect();
            }
        }
        apply_limits(&mut resolved.limits, &entry.limits);
        Some(resolved)
    }

    /// A type that extends nothing must say at least its role and its prompt.
    fn blank(&mut self, entry: &TypeEntry) -> Option<AgentType> {
        let role = entry.role.as_ref().and_then(|role| self.role(role));
        if entry.role.is_none() || entry.prompt.is_none() {
            self.problems.add(
                entry.name.offset,
                format!("type `{}` extends nothing and lacks a role or a prompt", entry.name.value),
                Some("add `extends = \"engineer\"`, or both `role` and `prompt`".to_owned()),
            );
        }
        Some(AgentType {
            version: AGENT_TYPE_VERSION,
            role: role?,
            summary: String::new(),
            capabilities: Vec::new(),
            traits: Vec::new(),
            models: vec!["balanced".to_owned()],
            tools: Vec::new(),
            prompt: String::new(),
            limits: Limits::default(),
        })
    }

    fn role(&mut self, role: &At<String>) -> Option<Role> {
        let found = role.value.parse().ok();
        if found.is_none() {
            self.problems.add(
                role.offset,
                format!("there is no role `{}`", role.value),
                suggest(&role.value, Role::ALL.map(Role::as_str)),
            );
        }
        found
    }

    fn models(&mut self, models: Option<&[At<String>]>) {
        let (Some(models), Some(known)) = (models, self.known) else { return };
        for model in models {
            if let Some((message, hint)) = known.refuse(&model.value) {
                self.problems.add(model.offset, message, hint);
            }
        }
    }

    fn tools(&mut self, tools: Option<&[At<String>]>) {
        for tool in tools.unwrap_or_default() {
            if !tool.value.starts_with("workspace.") && !tool.value.starts_with("mcp.") {
                self.problems.add(
                    tool.offset,
                    format!("`{}` is not a tool scope", tool.value),
                    Some(
                        "scopes look like `workspace.read_file`, `workspace.*` or `mcp.SERVER.*`".to_owned(),
                    ),
                );
            }
        }
    }

    fn members(
        &mut self,
        entries: &[AgentEntry],
        types: &BTreeMap<String, AgentType>,
        drafts: &mut Vec<Draft>,
    ) {
        // Names that the file gives are taken before any is drawn from a pool.
        let mut taken: BTreeSet<String> =
            drafts.iter().map(|draft| draft.member.name.to_lowercase()).collect();
        let mut named: BTreeMap<String, usize> = BTreeMap::new();
        for name in entries.iter().filter_map(|entry| entry.name.as_ref()) {
            if let Some(reason) = names::refuse(&name.value) {
                self.problems.add(name.offset, format!("`{}` is not a name: {reason}", name.value), None);
            }
            if let Some(first) = named.insert(name.value.to_lowercase(), name.offset) {
                let line = self.problems.line(first);
                self.problems.add(
                    name.offset,
                    format!("two agents are called `{}`; the first is on line {line}", name.value),
                    Some("names are compared without regard to case; give one of them another".to_owned()),
                );
            }
            taken.insert(name.value.to_lowercase());
        }
        for entry in entries {
            let Some(agent_type) = self.type_of(entry, types, drafts) else { continue };
            let resolved = &types[&agent_type];
            let count = entry.count.as_ref().map_or(1, |count| count.value as usize);
            if let Some(at) = entry.count.as_ref().filter(|_| entry.name.is_some() && count > 1) {
                self.problems.add(
                    at.offset,
                    "an agent with a name cannot have a count",
                    Some("leave out the name, and names are given".to_owned()),
                );
                continue;
            }
            if drafts.len() + count > MAX_MEMBERS {
                self.problems.add(
                    entry.offset,
                    format!("the team would have more than {MAX_MEMBERS} members"),
                    None,
                );
                return;
            }
            for _ in 0..count {
                let name = entry
                    .name
                    .as_ref()
                    .map_or_else(|| names::next(resolved.role, &taken), |name| name.value.clone());
                taken.insert(name.to_lowercase());
                let member = self.member(entry, name, &agent_type, resolved);
                let draft = Draft { member, offset: entry.offset, reports_to: entry.reports_to.clone() };
                match drafts.iter_mut().find(|old| old.member.name.eq_ignore_ascii_case(&draft.member.name)) {
                    Some(old) => *old = keep_lead(old, draft),
                    None => drafts.push(draft),
                }
            }
        }
    }

    fn type_of(
        &mut self,
        entry: &AgentEntry,
        types: &BTreeMap<String, AgentType>,
        drafts: &[Draft],
    ) -> Option<String> {
        let Some(agent_type) = &entry.agent_type else {
            // An entry that changes a member of the extended team may leave the type as it is.
            let same = entry.name.as_ref().and_then(|name| {
                drafts.iter().find(|draft| draft.member.name.eq_ignore_ascii_case(&name.value))
            });
            if same.is_none() {
                self.problems.add(
                    entry.offset,
                    "an agent has no type",
                    Some("add for example `type = \"engineer\"`".to_owned()),
                );
            }
            return same.map(|draft| draft.member.agent_type.clone());
        };
        if types.contains_key(&agent_type.value) {
            return Some(agent_type.value.clone());
        }
        self.problems.add(
            agent_type.offset,
            format!("there is no agent type `{}`", agent_type.value),
            suggest(&agent_type.value, types.keys().map(String::as_str)),
        );
        None
    }

    fn member(
        &mut self,
        entry: &AgentEntry,
        name: String,
        type_name: &str,
        agent_type: &AgentType,
    ) -> StaffedAgent {
        let texts = |given: &Option<Vec<At<String>>>, otherwise: &[String]| match given {
            Some(given) => given.iter().map(|text| text.value.clone()).collect(),
            None => otherwise.to_vec(),
        };
        self.models(entry.models.as_deref());
        let budget = self.amount(entry.budget.as_ref());
        let call_budget = self.amount(entry.call_budget.as_ref());
        let mut limits = agent_type.limits.clone();
        apply_limits(&mut limits, &entry.limits);
        StaffedAgent {
            name,
            role: agent_type.role,
            agent_type: type_name.to_owned(),
            reports_to: None,
            capabilities: texts(&entry.capabilities, &agent_type.capabilities),
            models: texts(&entry.models, &agent_type.models),
            prompt_override: entry.prompt.as_ref().map(|prompt| prompt.value.clone()),
            budget,
            call_budget,
            limits,
        }
    }

    fn amount(&mut self, given: Option<&At<String>>) -> Option<NanoUsd> {
        let given = given?;
        given
            .value
            .parse()
            .inspect_err(|error: &InvalidAmount| self.problems.add(given.offset, error.to_string(), None))
            .ok()
    }

    /// Finds each member's lead: the member of that name, or the first of that type or role.
    fn leads(&mut self, drafts: &mut [Draft]) {
        for index in 0..drafts.len() {
            let Some(wanted) = drafts[index].reports_to.clone() else { continue };
            let lead = drafts
                .iter()
                .find(|draft| draft.member.name.eq_ignore_ascii_case(&wanted.value))
                .or_else(|| {
                    drafts.iter().find(|draft| {
                        draft.member.agent_type == wanted.value || draft.member.role.as_str() == wanted.value
                    })
                })
                .map(|draft| draft.member.name.clone());
            if lead.is_none() {
                let names: Vec<&str> = drafts.iter().map(|draft| draft.member.name.as_str()).collect();
                self.problems.add(
                    wanted.offset,
                    format!(
                        "`{}` reports to `{}`, who is not in the team",
                        drafts[index].member.name, wanted.value
                    ),
                    suggest(&wanted.value, names),
                );
            }
            drafts[index].member.reports_to = lead;
        }
        let reports: Vec<_> =
            drafts.iter().map(|draft| (draft.member.name.clone(), draft.member.reports_to.clone())).collect();
        if let Some(cycle) = hierarchy::cycle(&reports) {
            let at = drafts
                .iter()
                .find(|draft| draft.member.name == cycle[0])
                .map_or(0, |draft| draft.reports_to.as_ref().map_or(draft.offset, |lead| lead.offset));
            self.problems.add(
                at,
                format!("the team reports in a circle: {}", cycle.join(" reports to ")),
                Some("take `reports_to` out of one of them".to_owned()),
            );
        }
    }

    /// Every stage of a project needs its role, and a change is never reviewed by its author.
    fn roles(&mut self, drafts: &[Draft]) {
        let missing: Vec<&str> = Role::ALL
            .into_iter()
            .filter(|role| !drafts.iter().any(|draft| draft.member.role == *role))
            .map(Role::as_str)
            .collect();
        if !missing.is_empty() {
            self.problems.add(
                0,
                format!("the team has no {}", missing.join(", no ")),
                Some("add the missing agents, or begin with `extends = \"default\"`".to_owned()),
            );
        }
    }
}

/// A changed member of the extended team keeps its lead unless the file names another.
fn keep_lead(old: &Draft, mut new: Draft) -> Draft {
    if new.reports_to.is_none() {
        new.member.reports_to.clone_from(&old.member.reports_to);
    }
    new
}

fn clone_entry((name, agent_type): (&String, &AgentType)) -> (String, AgentType) {
    (name.clone(), agent_type.clone())
}

fn apply_limits(limits: &mut Limits, entry: &LimitsEntry) {
    for (key, given) in &entry.0 {
        let value = given.value as u32;
        match *key {
            "steps" => limits.steps = value,
            "context_tokens" => limits.context_tokens = value,
            "max_output_tokens" => limits.max_output_tokens = value,
            "run_tokens" => limits.run_tokens = given.value,
            "run_minutes" => limits.run_minutes = value,
            "thinking_minutes" => limits.thinking_minutes = value,
            "execution_minutes" => limits.execution_minutes = value,
            "blocked_minutes" => limits.blocked_minutes = value,
            "max_tool_repeats" => limits.max_tool_repeats = value,
            "malformed_retries" => limits.malformed_retries = value,
            other => unreachable!("`{other}` is not a key that the file reader accepts"),
        }
    }
}

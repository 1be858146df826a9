//! Teams: a file that names agent types and members becomes a staffed team.
//!
//! [`Team`] is the resolved form: it holds every type and every member in full, so that a project keeps the
//! team it was started with, whatever becomes of the file or of the types in a later binary.

mod capability;
mod error;
mod file;
mod hierarchy;
mod models;
mod names;
mod reader;
mod resolve;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use syndarix_core::money::NanoUsd;
use syndarix_core::role::Role;

pub(crate) use capability::Needs;
pub use error::{Problem, TeamError};
pub use models::Models;
pub(crate) use reader::suggest;

use crate::agent_type::{AgentType, Limits};

/// The version of the team files that this binary reads.
pub const TEAM_VERSION: u32 = 1;

/// How the members of a team work together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// The Product Owner leads the leads, and the Project Manager assigns work to the workers.
    #[default]
    Hierarchical,
}

/// A staffed team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// The version of this form.
    pub version: u32,
    /// Its name, for people.
    pub name: String,
    /// How its members work together.
    pub topology: Topology,
    /// How often a review may send the same task back before a human is asked.
    pub review_rounds: u32,
    /// The members, leads first as in the file.
    pub agents: Vec<StaffedAgent>,
    /// The agent types its members are made from, by name.
    pub types: BTreeMap<String, AgentType>,
}

/// A named member of a team, with everything its type and its own entry say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffedAgent {
    /// Its name, such as `Dave`; unique in the team without regard to case.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The agent type it is made from.
    pub agent_type: String,
    /// The name of the member it reports to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reports_to: Option<String>,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// The models to try, in this order.
    pub models: Vec<String>,
    /// What this member alone is told, after its type's prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_override: Option<String>,
    /// The most it may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<NanoUsd>,
    /// The most that one of its model calls may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_budget: Option<NanoUsd>,
    /// What bounds its runs.
    pub limits: Limits,
}

impl Team {
    /// Reads a team file. `file` is its name for messages; every model and tier named in it must exist.
    pub fn parse(file: &str, text: &str, models: &Models) -> Result<Self, TeamError> {
        resolve::team(file, text, Some(models))
    }

    /// The team that works when no file is given.
    pub fn default_team() -> Self {
        static TEAM: LazyLock<Team> = LazyLock::new(|| {
            resolve::team("default.toml", include_str!("../../teams/default.toml"), None)
                .expect("the embedded team is read by a unit test")
        });
        TEAM.clone()
    }

    /// The members, leads first.
    pub fn staff(&self) -> &[StaffedAgent] {
        &self.agents
    }

    /// The member with this name, without regard to case.
    pub fn member(&self, name: &str) -> Option<&StaffedAgent> {
        self.agents.iter().find(|agent| agent.name.eq_ignore_ascii_case(name))
    }

    /// The first member with this role. Every team has one of each.
    pub fn first_with_role(&self, role: Role) -> Option<&StaffedAgent> {
        self.agents.iter().find(|agent| agent.role == role)
    }

    /// The type that a member is made from.
    pub fn agent_type(&self, member: &StaffedAgent) -> &AgentType {
        self.types
            .get(&member.agent_type)
            .or_else(|| crate::agent_type::built_in().get(member.role.as_str()))
            .expect("every role has a built-in type")
    }

    /// Every model and tier that a member may call, each once, in order of first mention.
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for model in self.agents.iter().flat_map(|agent| &agent.models) {
            if !models.contains(&model.as_str()) {
                models.push(model);
            }
        }
        models
    }

    /// The resolved team as TOML, to be kept with the project.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a team holds only what TOML can say")
    }

    /// Reads what [`Team::to_toml`] wrote.
    pub fn from_toml(text: &str) -> Result<Self, TeamError> {
        let team: Self = toml::from_str(text).map_err(|error| TeamError::stored(&error.to_string()))?;
        if team.version == TEAM_VERSION {
            Ok(team)
        } else {
            Err(TeamError::stored(&format!(
                "it has version {}, and this binary reads version {TEAM_VERSION}",
                team.version
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_team_has_nine_members_of_all_roles_and_survives_storage() {
        let team = Team::default_team();
        let members: Vec<_> =
            team.staff().iter().map(|agent| (agent.name.as_str(), agent.role.as_str())).collect();
        expect_test::expect![[r#"
            [
                (
                    "Olivia",
                    "product_owner",
                ),
                (
                    "Bianca",
                    "business_analyst",
                ),
                (
                    "Arthur",
                    "architect",
                ),
                (
                    "Priya",
                    "project_manager",
                ),
                (
                    "Dave",
                    "engineer",
                ),
                (
                    "Ellis",
                    "engineer",
                ),
                (
                    "Kate",
                    "engineer",
                ),
                (
                    "Quinn",
                    "qa",
                ),
                (
                    "Omar",
                    "dev_ops",
                ),
            ]
        "#]]
        .assert_debug_eq(&members);
        assert!(Role::ALL.iter().all(|role| team.first_with_role(*role).is_some()));
        assert_eq!(Team::from_toml(&team.to_toml()).expect("reads back"), team);
    }
}

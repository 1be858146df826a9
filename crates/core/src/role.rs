//! The roles of a team.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a member of the team is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the vision and what is in scope.
    ProductOwner,
    /// Turns the brief into requirements and a backlog.
    BusinessAnalyst,
    /// Decides the shape of the solution.
    Architect,
    /// Plans sprints and assigns work; the team's supervisor.
    ProjectManager,
    /// Writes the code and its tests, and reviews the others' work.
    Engineer,
    /// Tries to break what was built.
    Qa,
    /// Prepares and performs the delivery.
    DevOps,
}

impl Role {
    /// Every role, in the order in which a project meets them.
    pub const ALL: [Self; 7] = [
        Self::ProductOwner,
        Self::BusinessAnalyst,
        Self::Architect,
        Self::ProjectManager,
        Self::Engineer,
        Self::Qa,
        Self::DevOps,
    ];

    /// The role's name in files, such as `product_owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProductOwner => "product_owner",
            Self::BusinessAnalyst => "business_analyst",
            Self::Architect => "architect",
            Self::ProjectManager => "project_manager",
            Self::Engineer => "engineer",
            Self::Qa => "qa",
            Self::DevOps => "dev_ops",
        }
    }

    /// The role's name for people, such as `Product Owner`.
    pub fn title(self) -> &'static str {
        match self {
            Self::ProductOwner => "Product Owner",
            Self::BusinessAnalyst => "Business Analyst",
            Self::Architect => "Architect",
            Self::ProjectManager => "Project Manager",
            Self::Engineer => "Engineer",
            Self::Qa => "QA",
            Self::DevOps => "DevOps",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no role `{0}`; the roles are product_owner, business_analyst, architect, project_manager, engineer, qa, dev_ops"
)]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_named_in_the_error() {
        let error = "boss".parse::<Role>().expect_err("there is no boss").to_string();
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).expect("stores"), role.as_str());
            assert!(error.contains(role.as_str()), "{error} does not name {role}");
        }
    }
}

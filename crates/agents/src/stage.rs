//! Stages: what a run is for. A stage decides the instructions, the team tools and what must exist at its end.

use std::fmt;

use serde::{Deserialize, Serialize};
use syndarix_core::role::Role;

/// What an agent is asked to do in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The brief becomes a vision with a scope.
    Vision,
    /// The vision becomes requirements and a backlog.
    Requirements,
    /// The shape of the solution is decided.
    Architecture,
    /// Tasks are chosen for a sprint.
    Plan,
    /// A task's change is written: the first time, after a review, or to mend a defect.
    Develop,
    /// Another agent's change is judged.
    Review,
    /// A sprint's result is attacked.
    Qa,
    /// The result is prepared for the person who asked for it.
    Deliver,
    /// Another agent's question about its task is answered, by an agent that is not at work.
    Answer,
}

impl Stage {
    /// Every stage, in the order in which a project meets them.
    pub const ALL: [Self; 9] = [
        Self::Vision,
        Self::Requirements,
        Self::Architecture,
        Self::Plan,
        Self::Develop,
        Self::Review,
        Self::Qa,
        Self::Deliver,
        Self::Answer,
    ];

    /// The stage's name in files, such as `develop`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Requirements => "requirements",
            Self::Architecture => "architecture",
            Self::Plan => "plan",
            Self::Develop => "develop",
            Self::Review => "review",
            Self::Qa => "qa",
            Self::Deliver => "deliver",
            Self::Answer => "answer",
        }
    }

    /// What the stage asks of an agent, for the agent.
    pub fn instructions(self) -> &'static str {
        match self {
            Self::Vision => include_str!("../stages/vision.md"),
            Self::Requirements => include_str!("../stages/requirements.md"),
            Self::Architecture => include_str!("../stages/architecture.md"),
            Self::Plan => include_str!("../stages/plan.md"),
            Self::Develop => include_str!("../stages/develop.md"),
            Self::Review => include_str!("../stages/review.md"),
            Self::Qa => include_str!("../stages/qa.md"),
            Self::Deliver => include_str!("../stages/deliver.md"),
            Self::Answer => include_str!("../stages/answer.md"),
        }
    }

    /// The role that a stage belongs to by default. Reviews are done by engineers and architects alike; the
    /// supervisor picks whom. Questions are answered by whoever was asked.
    pub fn role(self) -> Role {
        match self {
            Self::Vision => Role::ProductOwner,
            Self::Requirements => Role::BusinessAnalyst,
            Self::Architecture => Role::Architect,
            Self::Plan => Role::ProjectManager,
            Self::Develop | Self::Review | Self::Answer => Role::Engineer,
            Self::Qa => Role::Qa,
            Self::Deliver => Role::DevOps,
        }
    }

    /// The artifact that must have been written before the stage can be finished, if there is one.
    pub fn required_artifact(self) -> Option<&'static str> {
        match self {
            Self::Vision => Some("vision.md"),
            Self::Requirements => Some("requirements.md"),
            Self::Architecture => Some("architecture.md"),
            Self::Deliver => Some("delivery.md"),
            Self::Plan | Self::Develop | Self::Review | Self::Qa | Self::Answer => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

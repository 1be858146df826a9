//! What the supervisor sees of a sprint, and what it can want.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use syndarix_core::id::{AgentId, TaskId};
use syndarix_core::role::Role;
use syndarix_core::task::TaskState;

/// A sprint at one moment. Lists are in the order of the plan and of the team; ties are broken by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SprintView {
    /// The sprint's tasks.
    pub tasks: Vec<TaskView>,
    /// The team.
    pub agents: Vec<AgentView>,
    /// Every task of the project that is proven done.
    pub done: BTreeSet<TaskId>,
    /// The bounds.
    pub limits: Limits,
}

/// One task, as the supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Which.
    pub id: TaskId,
    /// Where it stands.
    pub state: TaskState,
    /// The role that does this kind of work.
    pub role: Role,
    /// Capabilities its assignee needs.
    pub needs: Vec<String>,
    /// Tasks that must be done first.
    pub depends_on: Vec<TaskId>,
    /// Who does it, once somebody does.
    pub assignee: Option<AgentId>,
    /// The round of development it is in or would begin, from 1.
    pub round: u32,
    /// How often a human allowed it more rounds.
    pub reprieves: u32,
    /// Who handed it on, and is not asked again.
    pub declined: Vec<AgentId>,
    /// Whether work on it is under way or a human is being asked about it.
    pub busy: bool,
}

/// One agent, as the supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Which.
    pub id: AgentId,
    /// What it is there for.
    pub role: Role,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Whether it is at work. An agent does one thing at a time.
    pub busy: bool,
    /// How many tasks it has had in this project, so that work is shared out evenly.
    pub load: u32,
}

/// The bounds of a sprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most pieces of work under way at once.
    pub max_parallel: u32,
    /// The rounds of development a task has before a human is asked, and again for each reprieve.
    pub max_rounds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_parallel: 64, max_rounds: 5 }
    }
}

/// What the supervisor wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "directive")]
pub enum Directive {
    /// Give a task to an agent for a round of development.
    Assign {
        /// The task.
        task: TaskId,
        /// To whom.
        agent: AgentId,
        /// Which round, from 1.
        round: u32,
        /// Why this agent, for people.
        reason: String,
    },
    /// Have a task's change judged.
    Review {
        /// The task.
        task: TaskId,
        /// By whom; never its author.
        reviewer: AgentId,
        /// Which round of development is judged, from 1.
        round: u32,
    },
    /// Put a task back into the backlog: what it depends on is not part of this sprint.
    Defer {
        /// The task.
        task: TaskId,
        /// Why, for people.
        reason: String,
    },
    /// Ask a human about a task.
    Escalate {
        /// The task.
        task: TaskId,
        /// Why, for people.
        reason: String,
    },
    /// Every task of the sprint is over.
    Complete,
}

//! Budgets: reserve the worst case before a call, settle the truth after it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::EffectKey;
use crate::id::{AgentId, ProjectId, TaskId};
use crate::money::NanoUsd;
use crate::usage::TokenUsage;

/// A budget that a call counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub enum BudgetScope {
    /// Any one call of an agent. Calls do not add up in it.
    Call {
        /// Whose.
        agent: AgentId,
    },
    /// The whole project.
    Project {
        /// Which.
        project: ProjectId,
    },
    /// One sprint of it.
    Sprint {
        /// Of which project.
        project: ProjectId,
        /// Which sprint, from 1.
        sprint: u32,
    },
    /// One agent.
    Agent {
        /// Which.
        agent: AgentId,
    },
    /// One task.
    Task {
        /// Which.
        task: TaskId,
    },
}

impl BudgetScope {
    /// Whether calls add up in it. Where they do not, each is held against the whole limit.
    pub fn adds_up(&self) -> bool {
        !matches!(self, Self::Call { .. })
    }
}

impl fmt::Display for BudgetScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { agent } => write!(f, "one call of agent {agent}"),
            Self::Project { project } => write!(f, "project {project}"),
            Self::Sprint { project, sprint } => write!(f, "sprint {sprint} of {project}"),
            Self::Agent { agent } => write!(f, "agent {agent}"),
            Self::Task { task } => write!(f, "task {task}"),
        }
    }
}

/// Who a call is made for. Every budget above it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The project that pays.
    pub project: ProjectId,
    /// The sprint it happens in, if in one.
    pub sprint: Option<u32>,
    /// The agent that asks.
    pub agent: AgentId,
    /// The task it is for.
    pub task: TaskId,
}

impl Attribution {
    /// Every budget that this call counts against, the smallest first.
    pub fn scopes(&self) -> Vec<BudgetScope> {
        let mut scopes = vec![
            BudgetScope::Call { agent: self.agent.clone() },
            BudgetScope::Task { task: self.task.clone() },
            BudgetScope::Agent { agent: self.agent.clone() },
        ];
        if let Some(sprint) = self.sprint {
            scopes.push(BudgetScope::Sprint { project: self.project.clone(), sprint });
        }
        scopes.push(BudgetScope::Project { project: self.project.clone() });
        scopes
    }
}

/// One attempt of one model call: a chain that fails over makes several for the same effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallKey {
    /// The effect the call is part of.
    pub effect: EffectKey,
    /// Which attempt, from 0.
    pub attempt: u32,
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.effect, self.attempt)
    }
}

/// A request to set the worst case aside before a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRequest {
    /// Which call. Each is reserved once.
    pub call: CallKey,
    /// Who it is for.
    pub attribution: Attribution,
    /// The provider-qualified model, such as `anthropic/claude-sonnet-4-5`.
    pub model: String,
    /// The most it can cost.
    pub worst_case: NanoUsd,
    /// What it is settled with if it is cut off on this side, by a crash or a time limit.
    pub if_interrupted: NanoUsd,
    /// Whether it is asked for again when calls under way are settled: then it is told to wait, where that may help.
    pub patient: bool,
}

/// The answer to a [`ReservationRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// Set aside; call now, then settle.
    Granted,
    /// Not covered now, but perhaps once the calls under way are settled: nothing was set aside, and nobody was told.
    Later(BudgetRefusal),
    /// Not covered: nothing was set aside.
    Refused(BudgetRefusal),
}

impl BudgetRefusal {
    /// Whether it would fit if the calls under way cost nothing.
    pub fn may_fit_later(&self) -> bool {
        let taken = u128::from(self.spent.0) + u128::from(self.requested.0);
        self.reserved > NanoUsd::ZERO && taken <= u128::from(self.limit.0)
    }
}

/// Which budget does not cover a call, and by how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRefusal {
    /// The budget that is too small.
    pub scope: BudgetScope,
    /// Its limit.
    pub limit: NanoUsd,
    /// What is settled against it.
    pub spent: NanoUsd,
    /// What is set aside for calls under way.
    pub reserved: NanoUsd,
    /// What was asked for.
    pub requested: NanoUsd,
}

impl std::error::Error for BudgetRefusal {}

impl fmt::Display for BudgetRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, limit, spent, reserved, requested } = self;
        write!(f, "the budget of {scope} is {limit}; ")?;
        if scope.adds_up() {
            write!(f, "{spent} is spent and {reserved} reserved, and ")?;
        }
        write!(f, "the next call may cost {requested}")
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CallOutcome {
    /// The model answered; the reply becomes the effect's result in the same transaction.
    Succeeded {
        /// The recorded result of the effect.
        reply: Vec<u8>,
    },
    /// It did not.
    Failed {
        /// The kind of failure, such as `rate_limited`.
        kind: String,
        /// What happened, without secrets.
        message: String,
        /// Whether another attempt may help.
        retryable: bool,
    },
}

/// The truth about a call, after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSettlement {
    /// Which call.
    pub call: CallKey,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What it used.
    pub usage: TokenUsage,
    /// What it cost.
    pub cost: NanoUsd,
    /// How long it took.
    pub latency_ms: u64,
}

/// An attempt of a model call that the ledger knows from before a crash or a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAttempt {
    /// Which attempt, from 0.
    pub attempt: u32,
    /// The provider-qualified model it was reserved for.
    pub model: String,
    /// How it ended.
    pub state: AttemptState,
}

/// How an attempt of a model call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AttemptState {
    /// Cut off on this side: how it ended at the provider is not known.
    Interrupted,
    /// Settled as a success.
    Succeeded,
    /// Settled as a failure.
    Failed {
        /// The kind of failure.
        kind: String,
        /// What happened, without secrets.
        message: String,
        /// Whether another attempt may help.
        retryable: bool,
    },
}

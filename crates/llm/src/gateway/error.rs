//! Why a call through the gateway gave no reply.

use std::time::Duration;

use syndarix_core::budget::BudgetRefusal;
use syndarix_core::ports::PortError;

/// One attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The provider-qualified model.
    pub model: String,
    /// The kind of failure, such as `rate_limited`.
    pub kind: String,
    /// What happened, without secrets.
    pub message: String,
    /// Whether asking again may help.
    pub retryable: bool,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A budget does not cover the next attempt. Not a failure: a human may raise the budget, and the same call
    /// continues where it stopped.
    #[error(transparent)]
    BudgetRefused(#[from] BudgetRefusal),

    /// No model of the chain answered.
    #[error("no model of the chain answered: {}", describe(.attempts))]
    AllFailed {
        /// What was tried, in order.
        attempts: Vec<FailedAttempt>,
        /// When it makes sense to ask again, where a provider said so or a circuit breaker is open.
        retry_after: Option<Duration>,
    },

    /// The chain names no model.
    #[error("the model chain is empty; give the agent type at least one model")]
    EmptyChain,

    /// What is recorded under the call's key is not a model's reply.
    #[error("the recorded result of {key} is not a model's reply")]
    UnreadableRecord {
        /// The effect's key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },

    /// Storage failed.
    #[error("the call could not be recorded")]
    Port(#[from] PortError),
}

impl Error {
    /// Whether asking again later may help without a human.
    pub fn retryable(&self) -> bool {
        match self {
            Self::AllFailed { attempts, .. } => attempts.iter().any(|attempt| attempt.retryable),
            Self::Port(error) => error.retryable,
            Self::BudgetRefused(_) | Self::EmptyChain | Self::UnreadableRecord { .. } => false,
        }
    }

    /// What a person can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BudgetRefused(refusal) => Some(format!("raise the budget of {}", refusal.scope)),
            Self::AllFailed { attempts, .. } => attempts.last().and_then(|last| hint_for(&last.kind)),
            _ => None,
        }
    }
}

fn hint_for(kind: &str) -> Option<String> {
    let hint = match kind {
        "unauthorized" => "check the provider's API key",
        "forbidden" => "check that the key may use this model and that the account has credit",
        "model_not_found" | "unknown_provider" => {
            "check the model's name in the team file and the providers configured"
        }
        "unreachable" => "check the provider's base_url and the network",
        "rate_limited" | "overloaded" => "wait, or add another model to the chain",
        "unpriced" => "set the model's price under [prices], or allow unpriced models",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn describe(attempts: &[FailedAttempt]) -> String {
    // A long history would bury the reason; the latest attempts are the ones that matter.
    const SHOWN: usize = 3;
    let skipped = attempts.len().saturating_sub(SHOWN);
    let mut lines: Vec<String> = attempts[skipped..]
        .iter()
        .map(|attempt| format!("{} ({}: {})", attempt.model, attempt.kind, attempt.message))
        .collect();
    if skipped > 0 {
        lines.insert(0, format!("{skipped} earlier attempts"));
    }
    lines.join("; ")
}

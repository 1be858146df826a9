//! Retry policies: whether, and after how long.

use super::time::{SECOND, Timestamp, span};
use crate::proto::{common, enums, failure};
use enums::RetryState;
use failure::failure::FailureInfo;
use prost_wkt_types as wkt;

/// What an activity gets whose policy leaves fields out.
pub(crate) fn with_defaults(policy: Option<common::RetryPolicy>) -> common::RetryPolicy {
    let mut policy = policy.unwrap_or_default();
    if span(policy.initial_interval.as_ref()) == 0 {
        policy.initial_interval = Some(wkt::Duration { seconds: 1, nanos: 0 });
    }
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = 2.0;
    }
    if span(policy.maximum_interval.as_ref()) == 0 {
        let initial = policy.initial_interval.as_ref();
        let nanos = span(initial).saturating_mul(100);
        policy.maximum_interval = super::time::span_to_proto(nanos);
    }
    policy
}

/// Says what is wrong with a policy a client sent.
pub(crate) fn validate(policy: &common::RetryPolicy) -> Result<(), String> {
    if policy.backoff_coefficient != 0.0 && policy.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".into());
    }
    if policy.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".into());
    }
    let (initial, maximum) = (span(policy.initial_interval.as_ref()), span(policy.maximum_interval.as_ref()));
    if maximum != 0 && maximum < initial {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".into());
    }
    Ok(())
}

/// When to try again after `attempt` failed at `now`, or the state that says why not.
pub(crate) fn next_attempt(
    policy: &common::RetryPolicy,
    attempt: i32,
    failure: &failure::Failure,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Timestamp, RetryState> {
    if is_final(policy, failure) {
        return Err(RetryState::NonRetryableFailure);
    }
    if policy.maximum_attempts != 0 && attempt >= policy.maximum_attempts {
        return Err(RetryState::MaximumAttemptsReached);
    }
    let delay = asked_delay(failure).unwrap_or_else(|| backoff(policy, attempt));
    let at = now.plus(delay);
    if expires_at.is_set() && at > expires_at {
        return Err(RetryState::Timeout);
    }
    Ok(at)
}

/// initial × coefficient^(attempt − 1), at most the maximum interval; nanoseconds.
pub(crate) fn backoff(policy: &common::RetryPolicy, attempt: i32) -> i64 {
    let initial = span(policy.initial_interval.as_ref());
    let maximum = span(policy.maximum_interval.as_ref());
    let grown = initial as f64 * policy.backoff_coefficient.max(1.0).powi((attempt - 1).max(0));
    let ceiling = if maximum > 0 { maximum } else { i64::MAX / 4 };
    if grown >= ceiling as f64 { ceiling } else { grown as i64 }
}

/// A delay the failure itself asks for.
fn asked_delay(failure: &failure::Failure) -> Option<i64> {
    match failure.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) => {
            info.next_retry_delay.as_ref().map(|delay| span(Some(delay)))
        }
        _ => None,
    }
}

fn is_final(policy: &common::RetryPolicy, failure: &failure::Failure) -> bool {
    let listed = |name: &str| policy.non_retryable_error_types.iter().any(|listed| listed == name);
    match failure.failure_info.as_ref() {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.non_retryable || listed(&info.r#type),
        Some(FailureInfo::TimeoutFailureInfo(info)) => match info.timeout_type() {
            enums::TimeoutType::StartToClose => listed("TemporalTimeout:StartToClose"),
            enums::TimeoutType::Heartbeat => listed("TemporalTimeout:Heartbeat"),
            _ => true,
        },
        Some(FailureInfo::ServerFailureInfo(info)) => info.non_retryable,
        Some(FailureInfo::CanceledFailureInfo(_) | FailureInfo::TerminatedFailureInfo(_)) => true,
        _ => false,
    }
}

/// The longest a run may be asked to wait before its first task.
pub(crate) const LONGEST_BACKOFF: i64 = 10 * 365 * 24 * 3600 * SECOND;

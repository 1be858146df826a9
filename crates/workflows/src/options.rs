//! Timeouts and retry policies of the activities, in one place.

use std::time::Duration;

use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityOptions, WorkflowCancellationToken};

/// How long an agent's step may go without a sign of life. Short, because a process that was killed is noticed
/// by it; an agent that thinks sends its heartbeat from a timer, not from its thoughts.
const AGENT_HEARTBEAT: Duration = Duration::from_secs(10);

/// The most one step of an agent may take, all its model calls and commands together.
const AGENT_STEP: Duration = Duration::from_hours(4);

/// The most a change to the store or to git may take, a project's own check included.
const RECORD_STEP: Duration = Duration::from_mins(30);

fn retry(maximum_attempts: u32) -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(Duration::from_millis(250))
        .maximum_interval(Duration::from_secs(30))
        .maximum_attempts(maximum_attempts)
        .build()
}

/// For activities that read and write the store and git. They are tried until they succeed or say that they
/// never will: a full disk is waited out, lost work is not.
pub(crate) fn record() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(RECORD_STEP)
        .retry_policy(retry(0))
        .heartbeat_timeout(AGENT_HEARTBEAT)
        .build()
}

/// As [`record`], and carried out even though the workflow is being cancelled.
pub(crate) fn record_at_the_end() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(RECORD_STEP)
        .retry_policy(retry(20))
        .heartbeat_timeout(AGENT_HEARTBEAT)
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}

/// For a step of an agent's run. A step continues from its last checkpoint, so trying again is cheap; a
/// failure that repeats twenty times is reported instead.
pub(crate) fn agent() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(AGENT_STEP)
        .heartbeat_timeout(AGENT_HEARTBEAT)
        .retry_policy(retry(20))
        .build()
}

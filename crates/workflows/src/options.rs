//! Timeouts and retry policies of the activities, in one place.

use std::time::Duration;

use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityOptions, WorkflowCancellationToken};

/// How long a long activity may go without a sign of life. Short, because a worker that was killed is noticed by
/// it; the sign comes from a timer, not from the work.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The most one step of an agent may take, all its model calls and commands together.
const AGENT_STEP: Duration = Duration::from_hours(4);

/// The most that proving and merging a change may take, the project's own check included.
const PROOF: Duration = Duration::from_hours(1);

/// The most a change to the store may take; it is a few transactions.
const RECORD: Duration = Duration::from_mins(1);

/// How long the longest pause between attempts is. Short, because most of what is retried was cut off by a crash and
/// goes on at once.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Tries until it succeeds or says that it never will. Attempts are not counted: a crash costs one, and fifty
/// crashes are no reason to give work up.
fn retry() -> RetryPolicy {
    RetryPolicy::builder().initial_interval(Duration::from_millis(250)).maximum_interval(RETRY_PAUSE).build()
}

/// For activities that read and write the store. A full disk is waited out.
pub(crate) fn record() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(RECORD).retry_policy(retry()).build()
}

/// As [`record`], and carried out even though the workflow is being cancelled.
pub(crate) fn record_at_the_end() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(RECORD)
        .retry_policy(retry())
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}

/// For activities that clone, check and merge.
pub(crate) fn proof() -> ActivityOptions {
    long(PROOF)
}

/// For a step of an agent's run, which continues from its last checkpoint.
pub(crate) fn agent() -> ActivityOptions {
    long(AGENT_STEP)
}

fn long(at_most: Duration) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(at_most)
        .heartbeat_timeout(HEARTBEAT)
        .retry_policy(retry())
        .build()
}

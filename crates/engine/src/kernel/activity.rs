//! An activity.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | `ScheduleActivityTask` | offered; started, if its worker takes it along |
//! | offered | a worker takes it | started |
//! | started | it completes, or confirms a cancellation that was asked for | closed |
//! | started | it fails or times out, and may be tried again | backing off, or offered if there is no wait |
//! | started | it fails or times out, and may not | closed |
//! | backing off | its time comes | offered |
//! | offered, backing off | a timeout that spans attempts | closed |
//! | offered, backing off | `RequestCancelActivityTask` | closed as cancelled |
//! | started | `RequestCancelActivityTask` | started; the next heartbeat is told |
//!
//! Attempts, heartbeats and failures between attempts live only in the run's state; history gets the
//! started event together with the closing one.

use super::lifecycle::run_timeout;
use super::state::Activity;
use super::time::{Timestamp, shorter, span, span_to_proto};
use super::{Rejection, Task, Transition, workflow_task};
use super::{payload, retry};
use crate::proto::{EventAttributes, command, common, enums, failure, history, sdk, taskqueue};
use enums::{RetryState, TimeoutType};
use failure::failure::FailureInfo;

/// What the reference server gives as the details of the cancellation of an activity that no worker had.
const NOT_STARTED: &str = "ACTIVITY_ID_NOT_STARTED";

/// What a worker was given, and must show when it answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttemptIdentity {
    pub scheduled_event_id: i64,
    pub attempt: i32,
    pub nonce: String,
}

/// When this activity next needs the clock.
pub(crate) fn deadline(activity: &Activity) -> Timestamp {
    if activity.pause.is_some() && !activity.is_started() {
        // While it is kept from running, its time does not run either.
        return Timestamp::NONE;
    }
    next_timeout(activity).0.earliest(Timestamp(activity.backoff_until))
}

/// When the next attempt is due after the last one that failed, by the policy as it is now.
pub(super) fn deadline_of_backoff(activity: &Activity) -> Timestamp {
    let policy = activity.retry_policy.clone().unwrap_or_default();
    Timestamp(activity.last_attempt_close_time).plus(retry::backoff(&policy, activity.attempt - 1))
}

/// The earliest of its timeouts, and which one that is.
fn next_timeout(activity: &Activity) -> (Timestamp, TimeoutType) {
    let started = Timestamp(activity.started_time);
    let of = |condition: bool, since: Timestamp, span: i64| {
        if condition { since.plus_if_set(span) } else { Timestamp::NONE }
    };
    let (held, offered) = (activity.is_started(), activity.is_offered());
    let alive = started.max(Timestamp(activity.last_heartbeat_time));
    let first_scheduled = Timestamp(activity.scheduled_time);
    let last_scheduled = Timestamp(activity.attempt_scheduled_time);
    [
        // Of two at the same time the first is the one that is told.
        (of(offered, last_scheduled, activity.schedule_to_start), TimeoutType::ScheduleToStart),
        (of(true, first_scheduled, activity.schedule_to_close), TimeoutType::ScheduleToClose),
        (of(held, started, activity.start_to_close), TimeoutType::StartToClose),
        (of(held, alive, activity.heartbeat), TimeoutType::Heartbeat),
    ]
    .into_iter()
    .filter(|(at, _)| at.is_set())
    .min_by_key(|(at, _)| *at)
    .unwrap_or((Timestamp::NONE, TimeoutType::Unspecified))
}

/// Applies the command. The caller has validated it. With `eager_for`, the activity starts at once for
/// that worker.
pub(super) fn schedule(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::ScheduleActivityTaskCommandAttributes,
    metadata: Option<sdk::UserMetadata>,
    eager_for: Option<&str>,
) {
    let run_timeout = run_timeout(tx.state);
    let mut activity = Activity {
        activity_id: command.activity_id.clone(),
        activity_type: command.activity_type.clone().unwrap_or_default().name,
        task_queue: command.task_queue.clone().unwrap_or_default().name,
        retry_policy: Some(retry::with_defaults(command.retry_policy.clone())),
        scheduled_time: tx.now.0,
        attempt_scheduled_time: tx.now.0,
        attempt: 1,
        priority: command.priority.clone(),
        ..Activity::default()
    };
    fill_timeouts(&mut activity, &command, run_timeout);
    let scheduled = history::ActivityTaskScheduledEventAttributes {
        activity_id: command.activity_id,
        activity_type: command.activity_type,
        task_queue: Some(taskqueue::TaskQueue {
            name: activity.task_queue.clone(),
            kind: enums::TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }),
        header: command.header,
        input: command.input,
        schedule_to_close_timeout: span_to_proto(activity.schedule_to_close),
        schedule_to_start_timeout: span_to_proto(activity.schedule_to_start),
        start_to_close_timeout: span_to_proto(activity.start_to_close),
        heartbeat_timeout: span_to_proto(activity.heartbeat),
        workflow_task_completed_event_id: completed_id,
        retry_policy: activity.retry_policy.clone(),
        use_workflow_build_id: command.use_workflow_build_id,
        priority: command.priority,
    };
    let id = tx.append_described(EventAttributes::ActivityTaskScheduledEventAttributes(scheduled), metadata);
    activity.scheduled_event_id = id;
    if let Some(worker) = eager_for {
        begin_attempt(tx, &mut activity, worker);
        tx.effects.eager_activities.push(id);
    } else {
        offer(tx, &activity);
    }
    tx.state.activities.insert(id, activity);
}

pub(super) fn queue_name(asked: Option<&taskqueue::TaskQueue>, default: &str) -> String {
    asked.map(|queue| queue.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(default).to_owned()
}

/// Derives the timeouts that were left out from those that were given, as the protocol documents.
pub(super) fn fill_timeouts(
    activity: &mut Activity,
    command: &command::ScheduleActivityTaskCommandAttributes,
    run_timeout: i64,
) {
    let schedule_to_close = span(command.schedule_to_close_timeout.as_ref());
    let schedule_to_start = span(command.schedule_to_start_timeout.as_ref());
    let start_to_close = span(command.start_to_close_timeout.as_ref());
    if schedule_to_close > 0 {
        activity.schedule_to_close = schedule_to_close;
        activity.schedule_to_start = shorter(schedule_to_start, schedule_to_close);
        activity.start_to_close = shorter(start_to_close, schedule_to_close);
    } else {
        activity.schedule_to_close = run_timeout;
        activity.schedule_to_start = if schedule_to_start > 0 { schedule_to_start } else { run_timeout };
        activity.start_to_close = start_to_close;
    }
    activity.schedule_to_close = capped(activity.schedule_to_close, run_timeout);
    activity.schedule_to_start = capped(activity.schedule_to_start, run_timeout);
    activity.start_to_close = capped(activity.start_to_close, run_timeout);
    activity.heartbeat = capped(span(command.heartbeat_timeout.as_ref()), activity.start_to_close);
}

/// A span that may not exceed a limit; zero stays "none".
fn capped(span: i64, limit: i64) -> i64 {
    if span == 0 || limit == 0 { span } else { span.min(limit) }
}

pub(super) fn offer(tx: &mut Transition<'_>, activity: &Activity) {
    tx.effects.tasks.push(Task::Activity {
        queue: activity.task_queue.clone(),
        scheduled_event_id: activity.scheduled_event_id,
        attempt: activity.attempt,
    });
}

fn begin_attempt(tx: &mut Transition<'_>, activity: &mut Activity, worker: &str) {
    activity.started_time = tx.now.0;
    worker.clone_into(&mut activity.identity);
    activity.nonce = tx.entropy.uuid();
    activity.last_heartbeat_time = 0;
}

/// A worker takes the offered attempt. `None` if it is no longer there to be taken.
pub(crate) fn start(
    tx: &mut Transition<'_>,
    scheduled_event_id: i64,
    attempt: i32,
    worker: &str,
) -> Option<Activity> {
    if !tx.state.core.is_running() {
        return None;
    }
    let mut activity = tx.state.activities.get(&scheduled_event_id)?.clone();
    if !activity.is_offered() || activity.attempt != attempt {
        return None;
    }
    begin_attempt(tx, &mut activity, worker);
    tx.state.activities.insert(scheduled_event_id, activity.clone());
    Some(activity)
}

/// The running attempt this identity belongs to.
fn check(tx: &Transition<'_>, identity: &AttemptIdentity) -> Result<Activity, Rejection> {
    find(tx, identity).cloned()
}

fn find<'a>(tx: &'a Transition<'_>, identity: &AttemptIdentity) -> Result<&'a Activity, Rejection> {
    if !tx.state.core.is_running() {
        return Err(Rejection::ActivityNotFound);
    }
    tx.state
        .activities
        .get(&identity.scheduled_event_id)
        .filter(|activity| {
            activity.is_started()
                && activity.attempt == identity.attempt
                && (identity.nonce.is_empty() || activity.nonce == identity.nonce)
        })
        .ok_or(Rejection::ActivityNotFound)
}

/// The identity of the running attempt of the activity with this id, for calls by id.
pub(crate) fn by_id(state: &super::MutableState, activity_id: &str) -> Option<AttemptIdentity> {
    let activity = state.activities.values().find(|activity| activity.activity_id == activity_id)?;
    Some(AttemptIdentity {
        scheduled_event_id: activity.scheduled_event_id,
        attempt: activity.attempt,
        nonce: activity.nonce.clone(),
    })
}

pub(crate) fn complete(
    tx: &mut Transition<'_>,
    identity: &AttemptIdentity,
    result: Option<common::Payloads>,
    worker: &str,
) -> Result<(), Rejection> {
    let id = find(tx, identity)?.scheduled_event_id;
    let activity = tx.state.activities.remove(&id).ok_or(Rejection::ActivityNotFound)?;
    let started_event_id = record_started(tx, &activity);
    tx.record(EventAttributes::ActivityTaskCompletedEventAttributes(
        history::ActivityTaskCompletedEventAttributes {
            result,
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity: worker.to_owned(),
            ..Default::default()
        },
    ));
    workflow_task::schedule(tx);
    Ok(())
}

/// Reports a failed attempt: another one follows, or the activity closes as failed.
pub(crate) fn fail(
    tx: &mut Transition<'_>,
    identity: &AttemptIdentity,
    failure: Option<failure::Failure>,
    heartbeat_details: Option<common::Payloads>,
    worker: &str,
) -> Result<(), Rejection> {
    let mut activity = check(tx, identity)?;
    if heartbeat_details.is_some() {
        activity.heartbeat_details = heartbeat_details;
    }
    let failure = failure.unwrap_or_default();
    let Err(retry_state) = try_again(tx, &activity, &failure) else { return Ok(()) };
    let started_event_id = record_started(tx, &activity);
    tx.record(EventAttributes::ActivityTaskFailedEventAttributes(
        history::ActivityTaskFailedEventAttributes {
            failure: Some(failure),
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity: worker.to_owned(),
            retry_state: retry_state as i32,
            ..Default::default()
        },
    ));
    close(tx, &activity);
    Ok(())
}

/// A worker confirms a cancellation that was asked for.
pub(crate) fn confirm_cancel(
    tx: &mut Transition<'_>,
    identity: &AttemptIdentity,
    details: Option<common::Payloads>,
    worker: &str,
) -> Result<(), Rejection> {
    let activity = check(tx, identity)?;
    if activity.cancel_requested_event_id == 0 {
        return Err(Rejection::InvalidArgument(format!(
            "cancellation of activity {:?} was not requested; report its failure instead",
            activity.activity_id
        )));
    }
    record_cancelled(tx, &activity, details, worker);
    close(tx, &activity);
    Ok(())
}

/// What an attempt is told when it reports that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub cancel_requested: bool,
    pub paused: bool,
    pub reset: bool,
}

/// Notes that an attempt is alive.
pub(crate) fn heartbeat(
    tx: &mut Transition<'_>,
    identity: &AttemptIdentity,
    details: Option<common::Payloads>,
) -> Result<Told, Rejection> {
    let mut activity = check(tx, identity)?;
    activity.last_heartbeat_time = tx.now.0;
    activity.heartbeat_details = details;
    let told = Told {
        cancel_requested: activity.cancel_requested_event_id != 0,
        paused: activity.pause.is_some(),
        reset: activity.reset,
    };
    tx.state.activities.insert(activity.scheduled_event_id, activity);
    Ok(told)
}

/// Whether the activity closed while the workflow task ran that may ask to cancel it.
pub(super) fn closed_in_buffer(state: &super::MutableState, scheduled_event_id: i64) -> bool {
    use EventAttributes as A;
    state.buffered.values().any(|event| {
        let closed = match &event.attributes {
            Some(A::ActivityTaskCompletedEventAttributes(a)) => a.scheduled_event_id,
            Some(A::ActivityTaskFailedEventAttributes(a)) => a.scheduled_event_id,
            Some(A::ActivityTaskTimedOutEventAttributes(a)) => a.scheduled_event_id,
            Some(A::ActivityTaskCanceledEventAttributes(a)) => a.scheduled_event_id,
            _ => return false,
        };
        closed == scheduled_event_id
    })
}

/// Applies the workflow's request to cancel; an attempt that no worker holds is cancelled at once.
pub(super) fn request_cancel(
    tx: &mut Transition<'_>,
    completed_id: i64,
    scheduled_event_id: i64,
    worker: &str,
) {
    // The event answers the command, so it is written also when the activity has just closed.
    let event_id = tx.append(EventAttributes::ActivityTaskCancelRequestedEventAttributes(
        history::ActivityTaskCancelRequestedEventAttributes {
            scheduled_event_id,
            workflow_task_completed_event_id: completed_id,
        },
    ));
    let Some(activity) = tx.state.activities.edit(&scheduled_event_id) else { return };
    activity.cancel_requested_event_id = event_id;
    if !activity.is_started() {
        let activity = activity.clone();
        record_cancelled(tx, &activity, Some(payload::text(NOT_STARTED)), worker);
        tx.state.activities.remove(&scheduled_event_id);
    }
}

fn record_cancelled(
    tx: &mut Transition<'_>,
    activity: &Activity,
    details: Option<common::Payloads>,
    worker: &str,
) {
    let started_event_id = if activity.is_started() { record_started(tx, activity) } else { 0 };
    tx.record(EventAttributes::ActivityTaskCanceledEventAttributes(
        history::ActivityTaskCanceledEventAttributes {
            details,
            latest_cancel_requested_event_id: activity.cancel_requested_event_id,
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            identity: worker.to_owned(),
            ..Default::default()
        },
    ));
}

fn record_started(tx: &mut Transition<'_>, activity: &Activity) -> i64 {
    let mut event = super::history::event(
        Timestamp(activity.started_time),
        EventAttributes::ActivityTaskStartedEventAttributes(history::ActivityTaskStartedEventAttributes {
            scheduled_event_id: activity.scheduled_event_id,
            identity: activity.identity.clone(),
            request_id: activity.nonce.clone(),
            attempt: activity.attempt,
            last_failure: activity.last_failure.clone(),
            ..Default::default()
        }),
    );
    event.event_time = Timestamp(activity.started_time).to_proto();
    tx.record_event(event)
}

fn close(tx: &mut Transition<'_>, activity: &Activity) {
    tx.state.activities.remove(&activity.scheduled_event_id);
    workflow_task::schedule(tx);
}

/// Puts the activity into backoff for its next attempt, or says why there is none.
fn try_again(
    tx: &mut Transition<'_>,
    activity: &Activity,
    failure: &failure::Failure,
) -> Result<(), RetryState> {
    if activity.cancel_requested_event_id != 0 {
        return Err(RetryState::CancelRequested);
    }
    let Some(policy) = activity.retry_policy.as_ref() else { return Err(RetryState::RetryPolicyNotSet) };
    let expires_at = Timestamp(activity.scheduled_time).plus_if_set(activity.schedule_to_close);
    // After a reset the next attempt is the first one.
    let attempt = if activity.reset { 0 } else { activity.attempt };
    let at = retry::next_attempt(policy, attempt, failure, tx.now, expires_at)?;
    let mut next = activity.clone();
    next.attempt = attempt + 1;
    if std::mem::take(&mut next.reset_heartbeat) {
        next.heartbeat_details = None;
        next.last_heartbeat_time = 0;
    }
    next.reset = false;
    next.last_failure = Some(failure.clone());
    next.started_time = 0;
    next.nonce.clear();
    next.last_attempt_close_time = tx.now.0;
    next.attempt_scheduled_time = at.0;
    if at > tx.now {
        next.backoff_until = at.0;
    } else {
        next.backoff_until = 0;
        if next.is_offered() {
            offer(tx, &next);
        }
    }
    tx.state.activities.insert(next.scheduled_event_id, next);
    Ok(())
}

pub(super) fn fire_due(tx: &mut Transition<'_>) {
    for id in tx.state.activities.due_by(tx.now) {
        let Some(activity) = tx.state.activities.get(&id).cloned() else { continue };
        let (at, timeout_type) = next_timeout(&activity);
        if at.is_set() && at <= tx.now {
            time_out(tx, &activity, timeout_type);
        } else if let Some(activity) = tx.state.activities.edit(&id) {
            activity.backoff_until = 0;
            let activity = activity.clone();
            offer(tx, &activity);
        }
    }
}

/// Ends the current attempt as if this timeout had passed.
pub(crate) fn time_out(tx: &mut Transition<'_>, activity: &Activity, timeout_type: TimeoutType) {
    let mut failure = timeout_failure(activity, timeout_type);
    let Err(retry_state) = try_again(tx, activity, &failure) else { return };
    if retry_state == RetryState::Timeout {
        // No time is left for another attempt, so what has passed is the time for all of them.
        failure = timeout_failure(activity, TimeoutType::ScheduleToClose);
    }
    // The last attempt's own error is what a person needs to see when time ran out between attempts.
    failure.cause = activity.last_failure.clone().map(Box::new);
    let started_event_id = if activity.is_started() { record_started(tx, activity) } else { 0 };
    tx.record(EventAttributes::ActivityTaskTimedOutEventAttributes(
        history::ActivityTaskTimedOutEventAttributes {
            failure: Some(failure),
            scheduled_event_id: activity.scheduled_event_id,
            started_event_id,
            retry_state: retry_state as i32,
        },
    ));
    close(tx, activity);
}

fn timeout_failure(activity: &Activity, timeout_type: TimeoutType) -> failure::Failure {
    let name = match timeout_type {
        TimeoutType::StartToClose => "StartToClose",
        TimeoutType::ScheduleToStart => "ScheduleToStart",
        TimeoutType::ScheduleToClose => "ScheduleToClose",
        TimeoutType::Heartbeat => "Heartbeat",
        TimeoutType::Unspecified => "unknown",
    };
    failure::Failure {
        message: format!("activity {name} timeout"),
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(failure::TimeoutFailureInfo {
            timeout_type: timeout_type as i32,
            last_heartbeat_details: activity.heartbeat_details.clone(),
        })),
        ..Default::default()
    }
}

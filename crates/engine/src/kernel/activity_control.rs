//! What a person may do to a pending activity: pause it, let it go on, begin its attempts anew, change its
//! options. None of it is in the history.

use super::activity::{self, deadline_of_backoff, fill_timeouts, offer};
use super::retry;
use super::state::{Activity, Pause};
use super::time::{Timestamp, span, span_to_proto};
use super::{Rejection, Transition};
use crate::proto::{activity as protocol, command, common, history, taskqueue};
use std::collections::HashMap;

/// Which activities of a run are meant.
#[derive(Clone, Debug)]
pub(crate) enum Selection {
    Id(String),
    Type(String),
    All,
}

/// The activities' original options, by the event that scheduled them.
pub(crate) type Originals = HashMap<i64, history::ActivityTaskScheduledEventAttributes>;

/// The selected activities, as the events that scheduled them.
pub(crate) fn select(state: &super::MutableState, selection: &Selection) -> Vec<i64> {
    state
        .activities
        .values()
        .filter(|activity| match selection {
            Selection::Id(id) => activity.activity_id == *id,
            Selection::Type(name) => activity.activity_type == *name,
            Selection::All => true,
        })
        .map(|activity| activity.scheduled_event_id)
        .collect()
}

fn selected(tx: &Transition<'_>, selection: &Selection) -> Result<Vec<i64>, Rejection> {
    if !tx.state.core.is_running() {
        return Err(Rejection::WorkflowCompleted);
    }
    let ids = select(tx.state, selection);
    if ids.is_empty() { Err(Rejection::ActivityNotFound) } else { Ok(ids) }
}

/// Pauses activities: attempts that run may finish, no further one is offered. Pausing twice is refused,
/// save for the same request.
pub(crate) fn pause(tx: &mut Transition<'_>, selection: &Selection, pause: &Pause) -> Result<(), Rejection> {
    let ids = selected(tx, selection)?;
    let paused_already = |id: &i64| {
        let before = tx.state.activities.get(id).and_then(|activity| activity.pause.as_ref());
        before.is_some_and(|before| before.request_id != pause.request_id || pause.request_id.is_empty())
    };
    if ids.iter().any(paused_already) {
        return Err(Rejection::FailedPrecondition("activity is already paused".into()));
    }
    for id in ids {
        if let Some(activity) = tx.state.activities.edit(&id)
            && activity.pause.is_none()
        {
            activity.pause = Some(Pause { time: tx.now.0, ..pause.clone() });
        }
    }
    Ok(())
}

/// How activities go on after a pause.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unpause {
    pub reset_attempts: bool,
    pub reset_heartbeat: bool,
    /// The longest random delay before they are offered, nanoseconds.
    pub jitter: i64,
}

/// Lets paused activities go on. Those that are not paused are left as they are.
pub(crate) fn unpause(
    tx: &mut Transition<'_>,
    selection: &Selection,
    options: Unpause,
) -> Result<(), Rejection> {
    for id in selected(tx, selection)? {
        let Some(mut activity) = tx.state.activities.get(&id).cloned() else { continue };
        if activity.pause.take().is_none() {
            continue;
        }
        if options.reset_attempts {
            begin_anew(&mut activity);
        }
        if options.reset_heartbeat {
            forget_heartbeat(&mut activity);
        }
        offer_soon(tx, activity, options.jitter);
    }
    Ok(())
}

/// How attempts begin anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResetAttempts {
    pub reset_heartbeat: bool,
    pub keep_paused: bool,
    /// The longest random delay before they are offered, nanoseconds.
    pub jitter: i64,
}

/// Begins the count of attempts anew. One that waits is offered at once; one that runs may finish, and the
/// next counts as the first. With `originals`, the options are what they were at first.
pub(crate) fn reset(
    tx: &mut Transition<'_>,
    selection: &Selection,
    options: ResetAttempts,
    originals: Option<&Originals>,
) -> Result<(), Rejection> {
    for id in selected(tx, selection)? {
        let Some(mut activity) = tx.state.activities.get(&id).cloned() else { continue };
        if let Some(original) = originals.and_then(|originals| originals.get(&id)) {
            restore(&mut activity, original);
        }
        if !options.keep_paused {
            activity.pause = None;
        }
        begin_anew(&mut activity);
        if activity.is_started() {
            activity.reset_heartbeat |= options.reset_heartbeat;
        } else if options.reset_heartbeat {
            forget_heartbeat(&mut activity);
        }
        offer_soon(tx, activity, options.jitter);
    }
    Ok(())
}

fn begin_anew(activity: &mut Activity) {
    if activity.is_started() {
        activity.reset = true;
    } else {
        activity.attempt = 1;
    }
}

fn forget_heartbeat(activity: &mut Activity) {
    activity.heartbeat_details = None;
    activity.last_heartbeat_time = 0;
}

/// Stores the activity and, if it waits and may go on, offers it after a random part of the jitter.
fn offer_soon(tx: &mut Transition<'_>, mut activity: Activity, jitter: i64) {
    if !activity.is_started() && activity.pause.is_none() {
        let at = if jitter > 0 { tx.now.plus(tx.entropy.below(jitter)) } else { tx.now };
        offer_at(tx, activity, at);
    } else {
        if activity.is_started() {
            activity.backoff_until = 0;
        }
        tx.state.activities.insert(activity.scheduled_event_id, activity);
    }
}

fn offer_at(tx: &mut Transition<'_>, mut activity: Activity, at: Timestamp) {
    activity.attempt_scheduled_time = at.0;
    activity.backoff_until = if at > tx.now { at.0 } else { 0 };
    if activity.is_offered() {
        offer(tx, &activity);
    }
    tx.state.activities.insert(activity.scheduled_event_id, activity);
}

/// The options in which `mask` names fields, or the original ones, become those of the activities. Returns
/// the options of the last of them.
pub(crate) fn update_options(
    tx: &mut Transition<'_>,
    selection: &Selection,
    change: &Change<'_>,
) -> Result<protocol::ActivityOptions, Rejection> {
    let ids = selected(tx, selection)?;
    let mut changed = Vec::new();
    for id in ids {
        let Some(mut activity) = tx.state.activities.get(&id).cloned() else { continue };
        match change {
            Change::Restore(originals) => {
                let original = originals.get(&id).ok_or(Rejection::ActivityNotFound)?;
                restore(&mut activity, original);
            }
            Change::Fields { options, mask } => {
                let merged = merge(options_of(&activity), options, mask)?;
                apply(&mut activity, &merged)?;
            }
        }
        changed.push(activity);
    }
    let mut last = protocol::ActivityOptions::default();
    for activity in changed {
        last = options_of(&activity);
        let waits = !activity.is_started() && activity.pause.is_none();
        let at = if activity.attempt > 1 { deadline_of_backoff(&activity) } else { tx.now };
        if waits {
            offer_at(tx, activity, at.max(tx.now));
        } else {
            tx.state.activities.insert(activity.scheduled_event_id, activity);
        }
    }
    Ok(last)
}

/// A change of options.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    Restore(&'a Originals),
    Fields { options: &'a protocol::ActivityOptions, mask: &'a [String] },
}

/// The options an activity has now.
pub(crate) fn options_of(activity: &Activity) -> protocol::ActivityOptions {
    let policy = activity.retry_policy.clone().unwrap_or_default();
    protocol::ActivityOptions {
        task_queue: Some(taskqueue::TaskQueue {
            name: activity.task_queue.clone(),
            normal_name: activity.task_queue.clone(),
            ..Default::default()
        }),
        schedule_to_close_timeout: span_to_proto(activity.schedule_to_close),
        schedule_to_start_timeout: span_to_proto(activity.schedule_to_start),
        start_to_close_timeout: span_to_proto(activity.start_to_close),
        heartbeat_timeout: span_to_proto(activity.heartbeat),
        retry_policy: Some(common::RetryPolicy { non_retryable_error_types: Vec::new(), ..policy }),
        priority: activity.priority.clone(),
        ..Default::default()
    }
}

/// `retryPolicy.maximumAttempts` to `retry_policy.maximum_attempts`.
fn snake(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn merge(
    mut into: protocol::ActivityOptions,
    from: &protocol::ActivityOptions,
    mask: &[String],
) -> Result<protocol::ActivityOptions, Rejection> {
    let given = from.retry_policy.clone().unwrap_or_default();
    for path in mask {
        let policy = into.retry_policy.get_or_insert_default();
        match snake(path).as_str() {
            "task_queue" | "task_queue.name" => {
                if from.task_queue.as_ref().is_none_or(|queue| queue.name.is_empty()) {
                    return Err(Rejection::InvalidArgument("TaskQueue is not provided".into()));
                }
                into.task_queue.clone_from(&from.task_queue);
            }
            "schedule_to_close_timeout" => into.schedule_to_close_timeout = from.schedule_to_close_timeout,
            "schedule_to_start_timeout" => into.schedule_to_start_timeout = from.schedule_to_start_timeout,
            "start_to_close_timeout" => into.start_to_close_timeout = from.start_to_close_timeout,
            "heartbeat_timeout" => into.heartbeat_timeout = from.heartbeat_timeout,
            "retry_policy" => *policy = given.clone(),
            "retry_policy.initial_interval" => policy.initial_interval = given.initial_interval,
            "retry_policy.backoff_coefficient" => policy.backoff_coefficient = given.backoff_coefficient,
            "retry_policy.maximum_interval" => policy.maximum_interval = given.maximum_interval,
            "retry_policy.maximum_attempts" => policy.maximum_attempts = given.maximum_attempts,
            "priority" => into.priority.clone_from(&from.priority),
            "priority.priority_key" => {
                let key = from.priority.as_ref().map_or(0, |priority| priority.priority_key);
                into.priority.get_or_insert_default().priority_key = key;
            }
            _ => {
                let message = format!("the field {path:?} of an activity's options cannot be updated");
                return Err(Rejection::InvalidArgument(message));
            }
        }
    }
    Ok(into)
}

fn apply(activity: &mut Activity, options: &protocol::ActivityOptions) -> Result<(), Rejection> {
    let command = command::ScheduleActivityTaskCommandAttributes {
        schedule_to_close_timeout: options.schedule_to_close_timeout,
        schedule_to_start_timeout: options.schedule_to_start_timeout,
        start_to_close_timeout: options.start_to_close_timeout,
        heartbeat_timeout: options.heartbeat_timeout,
        ..Default::default()
    };
    if span(command.schedule_to_close_timeout.as_ref()) == 0
        && span(command.start_to_close_timeout.as_ref()) == 0
    {
        return Err(Rejection::InvalidArgument(
            "A valid StartToClose or ScheduleToCloseTimeout is not set on command.".into(),
        ));
    }
    let policy = options.retry_policy.clone().unwrap_or_default();
    retry::validate(&policy).map_err(Rejection::InvalidArgument)?;
    activity.task_queue = activity::queue_name(options.task_queue.as_ref(), &activity.task_queue);
    fill_timeouts(activity, &command, 0);
    let kept = activity.retry_policy.take().unwrap_or_default().non_retryable_error_types;
    let policy = retry::with_defaults(Some(policy));
    activity.retry_policy = Some(common::RetryPolicy { non_retryable_error_types: kept, ..policy });
    activity.priority.clone_from(&options.priority);
    Ok(())
}

fn restore(activity: &mut Activity, original: &history::ActivityTaskScheduledEventAttributes) {
    activity.task_queue = original.task_queue.clone().unwrap_or_default().name;
    activity.schedule_to_close = span(original.schedule_to_close_timeout.as_ref());
    activity.schedule_to_start = span(original.schedule_to_start_timeout.as_ref());
    activity.start_to_close = span(original.start_to_close_timeout.as_ref());
    activity.heartbeat = span(original.heartbeat_timeout.as_ref());
    activity.retry_policy.clone_from(&original.retry_policy);
    activity.priority.clone_from(&original.priority);
}

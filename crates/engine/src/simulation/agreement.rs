//! A history replayed gives the state that is stored beside it.

use crate::kernel::rebuild::rebuild;
use crate::kernel::state::{Activity, Child, MutableState};
use crate::kernel::{Entropy, Timestamp};
use crate::proto::history::HistoryEvent;
use std::fmt::Debug;

/// Compares what a history says with what is stored. A run that has ended keeps nothing that could be compared.
/// Where somebody has set the wall clock back, times in a history are not those that deadlines go by.
pub(super) fn check(
    stored: &MutableState,
    events: &[HistoryEvent],
    clock_is_set: bool,
) -> Result<(), String> {
    if !stored.core.is_running() {
        return Ok(());
    }
    // What waits for the running workflow task to end has changed the state already.
    let next = events.len() as i64 + 1;
    let waiting = stored.buffered.values().zip(next..).map(|(event, id)| {
        let mut event = event.clone();
        event.event_id = id;
        event
    });
    let all: Vec<HistoryEvent> = events.iter().cloned().chain(waiting).collect();
    let core = &stored.core;
    let rebuilt = rebuild(
        core.namespace.clone(),
        core.run_id.clone(),
        core.create_request_id.clone(),
        &all,
        Timestamp(core.start_time),
        &mut Entropy::from_seed(0),
    );
    let Some((rebuilt, _)) = rebuilt else { return Err("its history cannot be replayed".into()) };
    let buffered = !stored.buffered.is_empty();

    let timers = |state: &MutableState| {
        let timers = rows(&state.timers).into_iter();
        let at = |fires_at| if clock_is_set { 0 } else { fires_at };
        timers.map(|(id, timer)| (id, timer.started_event_id, at(timer.fires_at))).collect::<Vec<_>>()
    };
    same("timers", timers(&rebuilt), timers(stored))?;
    same("activities", activities(&rebuilt), activities(stored))?;
    same("children", children(&rebuilt, next), children(stored, next))?;
    same("signals on their way", rows(&rebuilt.external_signals), rows(&stored.external_signals))?;
    same("cancellations on their way", rows(&rebuilt.external_cancels), rows(&stored.external_cancels))?;
    same("signals received", rows(&rebuilt.signal_requests), rows(&stored.signal_requests))?;
    same("updates", rows(&rebuilt.updates), rows(&stored.updates))?;
    same("annotations", rows(&rebuilt.annotations), rows(&stored.annotations))?;
    let told = |state: &MutableState| {
        let core = &state.core;
        (
            core.workflow_type.clone(),
            core.task_queue.clone(),
            core.last_completed_started_event_id,
            core.cancel_requested,
            core.first_run_id.clone(),
            core.parent.clone(),
        )
    };
    same("the run", told(&rebuilt), told(stored))?;
    if !buffered {
        let bytes: i64 = rebuilt.core.history_bytes;
        same("the size of its history", bytes, stored.core.history_bytes)?;
    }
    // From the second attempt on a task is not in the history.
    let task = |state: &MutableState| {
        let task = state.core.workflow_task.as_ref().filter(|task| task.attempt == 1);
        task.map(|task| {
            let at = if clock_is_set { 0 } else { task.scheduled_time };
            (task.scheduled_event_id, task.started_event_id, at)
        })
    };
    same("the workflow task", task(&rebuilt), task(stored))
}

#[expect(clippy::needless_pass_by_value, reason = "the values are made for this")]
pub(super) fn same<T: PartialEq + Debug>(what: &str, rebuilt: T, stored: T) -> Result<(), String> {
    if rebuilt == stored {
        return Ok(());
    }
    Err(format!("{what} differ:\n  {rebuilt:?}\n  {stored:?}"))
}

pub(super) fn rows<K, V>(table: &crate::kernel::table::Table<K, V>) -> Vec<(K, V)>
where
    K: crate::kernel::table::Key,
    V: crate::kernel::table::Row + Clone,
{
    table.iter().map(|(key, row)| (key.clone(), row.clone())).collect()
}

/// Activities, without what only their attempts change.
fn activities(state: &MutableState) -> Vec<Activity> {
    let lasting = |activity: &Activity| Activity {
        scheduled_event_id: activity.scheduled_event_id,
        activity_id: activity.activity_id.clone(),
        activity_type: activity.activity_type.clone(),
        task_queue: activity.task_queue.clone(),
        schedule_to_close: activity.schedule_to_close,
        schedule_to_start: activity.schedule_to_start,
        start_to_close: activity.start_to_close,
        heartbeat: activity.heartbeat,
        retry_policy: activity.retry_policy.clone(),
        cancel_requested_event_id: activity.cancel_requested_event_id,
        ..Activity::default()
    };
    state.activities.values().map(lasting).collect()
}

/// Children, without the run id that is only known once they have started. Events that are not written yet
/// have no id.
fn children(state: &MutableState, next: i64) -> Vec<Child> {
    let known = |child: &Child| {
        let written = (1..next).contains(&child.started_event_id);
        let started = child.started_event_id != 0;
        Child {
            started_event_id: if written { child.started_event_id } else { -i64::from(started) },
            run_id: if started { child.run_id.clone() } else { String::new() },
            ..child.clone()
        }
    };
    state.children.values().map(known).collect()
}

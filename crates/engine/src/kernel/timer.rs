//! Timers the workflow starts.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | `StartTimer` | started |
//! | started | its time comes | fired; seen at once, or when the running workflow task ends |
//! | started | `CancelTimer` | cancelled |
//! | fired, not seen | `CancelTimer` | cancelled: the firing is taken back |

use super::state::UserTimer;
use super::time::span;
use super::{Transition, workflow_task};
use crate::proto::{EventAttributes, command, history, sdk};

pub(super) fn start(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::StartTimerCommandAttributes,
    metadata: Option<sdk::UserMetadata>,
) {
    let fires_at = tx.now.plus(span(command.start_to_fire_timeout.as_ref())).0;
    let timer_id = command.timer_id.clone();
    let started_event_id = tx.append_described(
        EventAttributes::TimerStartedEventAttributes(history::TimerStartedEventAttributes {
            timer_id: command.timer_id,
            start_to_fire_timeout: command.start_to_fire_timeout,
            workflow_task_completed_event_id: completed_id,
        }),
        metadata,
    );
    tx.state.timers.insert(timer_id, UserTimer { started_event_id, fires_at });
}

pub(super) fn cancel(tx: &mut Transition<'_>, completed_id: i64, timer_id: &str, identity: &str) {
    let started_event_id = match tx.state.timers.remove(&timer_id.to_owned()) {
        Some(timer) => timer.started_event_id,
        None => match take_buffered_fired(tx, timer_id) {
            Some(started_event_id) => started_event_id,
            None => return,
        },
    };
    tx.append(EventAttributes::TimerCanceledEventAttributes(history::TimerCanceledEventAttributes {
        timer_id: timer_id.to_owned(),
        started_event_id,
        workflow_task_completed_event_id: completed_id,
        identity: identity.to_owned(),
    }));
}

/// Whether the timer fired while the workflow task ran that now cancels it. The workflow never saw it
/// fire, so the cancellation wins.
pub(super) fn fired_in_buffer(tx: &Transition<'_>, timer_id: &str) -> bool {
    tx.state.buffered.values().any(|event| is_fired(event, timer_id))
}

pub(super) fn is_fired(event: &history::HistoryEvent, timer_id: &str) -> bool {
    matches!(&event.attributes,
        Some(EventAttributes::TimerFiredEventAttributes(fired)) if fired.timer_id == timer_id)
}

fn take_buffered_fired(tx: &mut Transition<'_>, timer_id: &str) -> Option<i64> {
    let key = *tx.state.buffered.iter().find(|(_, event)| is_fired(event, timer_id))?.0;
    match tx.state.buffered.remove(&key)?.attributes {
        Some(EventAttributes::TimerFiredEventAttributes(fired)) => Some(fired.started_event_id),
        _ => None,
    }
}

pub(super) fn fire_due(tx: &mut Transition<'_>) {
    let due = tx.state.timers.due_by(tx.now);
    if due.is_empty() {
        return;
    }
    let mut fired: Vec<_> = due
        .into_iter()
        .filter_map(|id| {
            tx.state.timers.remove(&id).map(|timer| (timer.fires_at, timer.started_event_id, id))
        })
        .collect();
    fired.sort();
    for (_, started_event_id, timer_id) in fired {
        tx.record(EventAttributes::TimerFiredEventAttributes(history::TimerFiredEventAttributes {
            timer_id,
            started_event_id,
        }));
    }
    workflow_task::schedule(tx);
}

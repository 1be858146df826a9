//! Building history: the one place where events get their ids.
//!
//! While a worker holds a workflow task, whatever arrives from outside waits in a buffer, because the
//! worker's commands refer to ids it can predict. When the task ends the buffer is flushed: completions
//! of activities and children last, ids assigned then, and references among buffered events repaired.

use super::Transition;
use super::time::Timestamp;
use crate::proto::{EventAttributes, history::HistoryEvent, sdk};
use prost::Message;
use std::collections::HashMap;

/// Stands for the id of an event that is still buffered.
pub(crate) const BUFFERED: i64 = -123;

/// The id of a run's first event.
pub(crate) const FIRST: i64 = 1;

/// An event without an id.
pub(super) fn event(now: Timestamp, attributes: EventAttributes) -> HistoryEvent {
    HistoryEvent {
        event_time: now.to_proto(),
        event_type: attributes.event_type() as i32,
        attributes: Some(attributes),
        ..HistoryEvent::default()
    }
}

impl Transition<'_> {
    /// Appends an event now: for what the workflow task itself and its commands cause, and for lifecycle
    /// events. Returns its id.
    pub(super) fn append(&mut self, attributes: EventAttributes) -> i64 {
        let event = event(self.event_time, attributes);
        self.append_event(event)
    }

    /// As [`Transition::append`], with the summary and details a person attached to the command.
    pub(super) fn append_described(
        &mut self,
        attributes: EventAttributes,
        user_metadata: Option<sdk::UserMetadata>,
    ) -> i64 {
        let mut event = event(self.event_time, attributes);
        event.user_metadata = user_metadata;
        self.append_event(event)
    }

    pub(super) fn append_event(&mut self, mut event: HistoryEvent) -> i64 {
        super::workflow_task::settle(self);
        self.effects.volatile = false;
        let id = self.state.core.next_event_id;
        event.event_id = id;
        self.state.core.next_event_id = id + 1;
        self.state.core.history_bytes += event.encoded_len() as i64;
        let time = Timestamp::from_proto(event.event_time.as_ref()).0;
        self.state.core.latest_event_time = self.state.core.latest_event_time.max(time);
        self.effects.events.push(event);
        id
    }

    /// Records something that came from outside: appended now, or buffered while a workflow task runs or
    /// its commands are being applied. Returns the id, or [`BUFFERED`].
    pub(super) fn record(&mut self, attributes: EventAttributes) -> i64 {
        let event = event(self.event_time, attributes);
        self.record_event(event)
    }

    pub(super) fn record_event(&mut self, event: HistoryEvent) -> i64 {
        if self.applying_commands || self.state.core.workflow_task_started() {
            let arrival = self.state.buffered.last_key().map_or(0, |last| last + 1);
            self.state.buffered.insert(arrival, event);
            BUFFERED
        } else {
            self.append_event(event)
        }
    }

    /// Appends what was buffered. Returns whether there was anything.
    pub(super) fn flush_buffered(&mut self) -> bool {
        if self.state.buffered.is_empty() {
            return false;
        }
        let (completions, others): (Vec<_>, Vec<_>) =
            self.state.buffered.take_all().into_iter().partition(is_completion);
        let mut started_ids = HashMap::new();
        for mut event in others.into_iter().chain(completions) {
            repair_started_id(&mut event, &started_ids);
            let cause = started_cause(&event);
            let id = self.append_event(event);
            if let Some(initiating) = cause {
                started_ids.insert(initiating, id);
                if let Some(child) = self.state.children.edit(&initiating) {
                    child.started_event_id = id;
                }
            }
        }
        true
    }
}

fn is_completion(event: &HistoryEvent) -> bool {
    use EventAttributes as A;
    matches!(
        event.attributes,
        Some(
            A::ActivityTaskCompletedEventAttributes(_)
                | A::ActivityTaskFailedEventAttributes(_)
                | A::ActivityTaskTimedOutEventAttributes(_)
                | A::ActivityTaskCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionCompletedEventAttributes(_)
                | A::ChildWorkflowExecutionFailedEventAttributes(_)
                | A::ChildWorkflowExecutionCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
                | A::ChildWorkflowExecutionTerminatedEventAttributes(_)
        )
    )
}

/// For a started event: the id of the event that scheduled or initiated it.
fn started_cause(event: &HistoryEvent) -> Option<i64> {
    match event.attributes.as_ref()? {
        EventAttributes::ActivityTaskStartedEventAttributes(a) => Some(a.scheduled_event_id),
        EventAttributes::ChildWorkflowExecutionStartedEventAttributes(a) => Some(a.initiated_event_id),
        _ => None,
    }
}

fn repair_started_id(event: &mut HistoryEvent, started_ids: &HashMap<i64, i64>) {
    let Some((cause, started)) = event.attributes.as_mut().and_then(closing) else { return };
    if *started == BUFFERED
        && let Some(id) = started_ids.get(&cause)
    {
        *started = *id;
    }
}

/// For the closing event of an activity or a child: the event that scheduled or initiated it, and the
/// reference to the one that started it.
pub(super) fn closing(attributes: &mut EventAttributes) -> Option<(i64, &mut i64)> {
    use EventAttributes as A;
    Some(match attributes {
        A::ActivityTaskCompletedEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskFailedEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionFailedEventAttributes(a) => (a.initiated_event_id, &mut a.started_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => {
            (a.initiated_event_id, &mut a.started_event_id)
        }
        _ => return None,
    })
}

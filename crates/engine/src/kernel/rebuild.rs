//! A run's state from its history, as far as an event: what a run that is reset there starts from.

use super::lifecycle::{NewRun, new_state};
use super::state::{Activity, MutableState, Parent, Seen, Update, UserTimer, WorkflowTask};
use super::time::{Timestamp, span};
use super::{Entropy, cancel_external, child, commands, history::FIRST, signal_external, update};
use crate::proto::{EventAttributes, history};
use history::HistoryEvent;
use prost::Message;

/// What a history asked of others and got no answer to yet.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    pub children: Vec<(HistoryEvent, history::StartChildWorkflowExecutionInitiatedEventAttributes)>,
    pub signals: Vec<(i64, history::SignalExternalWorkflowExecutionInitiatedEventAttributes)>,
    pub cancels: Vec<(i64, history::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes)>,
}

/// Replays events, the first of a run to any later one, into the state of a run `run_id` that begins `now`.
/// `None` if they are no history.
pub(crate) fn rebuild(
    namespace: String,
    run_id: String,
    request_id: String,
    events: &[HistoryEvent],
    now: Timestamp,
    entropy: &mut Entropy,
) -> Option<(MutableState, Unanswered)> {
    let (first, rest) = events.split_first()?;
    let Some(EventAttributes::WorkflowExecutionStartedEventAttributes(started)) = &first.attributes else {
        return None;
    };
    let parent = started.parent_workflow_execution.as_ref().map(|execution| Parent {
        namespace: started.parent_workflow_namespace.clone(),
        execution: Some(execution.clone()),
        initiated_event_id: started.parent_initiated_event_id,
    });
    let new = NewRun {
        namespace,
        run_id,
        started: started.clone(),
        request_id,
        user_metadata: first.user_metadata.clone(),
        parent,
        ..NewRun::default()
    };
    let (mut state, _) = new_state(new, now, entropy);
    // The history says what it said; only the state belongs to the new run.
    state.started.insert(0, started.clone());
    let mut unanswered = Unanswered::default();
    for event in rest {
        apply(&mut state, &mut unanswered, event, entropy);
    }
    unanswered.children.retain(|(event, _)| {
        state.children.get(&event.event_id).is_some_and(|child| child.started_event_id == 0)
    });
    unanswered.signals.retain(|(id, _)| state.external_signals.contains(id));
    unanswered.cancels.retain(|(id, _)| state.external_cancels.contains(id));
    state.core.next_event_id = FIRST + events.len() as i64;
    state.core.latest_event_time = events
        .iter()
        .map(|event| Timestamp::from_proto(event.event_time.as_ref()).0)
        .max()
        .unwrap_or_default();
    state.core.history_bytes = events.iter().map(|event| event.encoded_len() as i64).sum();
    Some((state, unanswered))
}

fn apply(state: &mut MutableState, unanswered: &mut Unanswered, event: &HistoryEvent, entropy: &mut Entropy) {
    use EventAttributes as A;
    let id = event.event_id;
    let at = Timestamp::from_proto(event.event_time.as_ref());
    let Some(attributes) = &event.attributes else { return };
    match attributes {
        A::WorkflowTaskScheduledEventAttributes(_)
        | A::WorkflowTaskStartedEventAttributes(_)
        | A::WorkflowTaskCompletedEventAttributes(_)
        | A::WorkflowTaskFailedEventAttributes(_)
        | A::WorkflowTaskTimedOutEventAttributes(_) => workflow_task(state, id, at, attributes),
        A::ActivityTaskScheduledEventAttributes(a) => {
            state.activities.insert(id, scheduled_activity(id, at, a));
        }
        A::ActivityTaskCancelRequestedEventAttributes(a) => {
            if let Some(activity) = state.activities.edit(&a.scheduled_event_id) {
                activity.cancel_requested_event_id = id;
            }
        }
        A::ActivityTaskCompletedEventAttributes(a) => close_activity(state, a.scheduled_event_id),
        A::ActivityTaskFailedEventAttributes(a) => close_activity(state, a.scheduled_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => close_activity(state, a.scheduled_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => close_activity(state, a.scheduled_event_id),
        A::TimerStartedEventAttributes(a) => {
            let fires_at = at.plus(span(a.start_to_fire_timeout.as_ref())).0;
            state.timers.insert(a.timer_id.clone(), UserTimer { started_event_id: id, fires_at });
        }
        A::TimerFiredEventAttributes(a) => drop(state.timers.remove(&a.timer_id)),
        A::TimerCanceledEventAttributes(a) => drop(state.timers.remove(&a.timer_id)),
        A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
            state.children.insert(id, child::pending(id, a, entropy.uuid()));
            unanswered.children.push((event.clone(), a.clone()));
        }
        A::ChildWorkflowExecutionStartedEventAttributes(a) => {
            if let Some(child) = state.children.edit(&a.initiated_event_id) {
                child.started_event_id = id;
                child.run_id = a.workflow_execution.clone().unwrap_or_default().run_id;
            }
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            state.external_signals.insert(id, signal_external::request(a));
            unanswered.signals.push((id, a.clone()));
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(a) => {
            state.external_signals.remove(&a.initiated_event_id);
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => {
            state.external_signals.remove(&a.initiated_event_id);
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            state.external_cancels.insert(id, cancel_external::request(a));
            unanswered.cancels.push((id, a.clone()));
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => {
            state.external_cancels.remove(&a.initiated_event_id);
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => {
            state.external_cancels.remove(&a.initiated_event_id);
        }
        A::WorkflowExecutionUpdateAdmittedEventAttributes(a) => {
            let meta = a.request.as_ref().and_then(|request| request.meta.clone()).unwrap_or_default();
            update::restore_admitted(state, meta.update_id.clone());
            let admitted = Update { admitted_event_id: id, ..Update::default() };
            state.updates.insert(meta.update_id, admitted);
        }
        A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
            let name = &a.protocol_instance_id;
            state.requested_updates.retain(|requested| requested.id != *name);
            let admitted = state.updates.get(name).cloned().unwrap_or_default();
            state.updates.insert(name.clone(), Update { accepted_event_id: id, ..admitted });
        }
        A::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
            let name = a.meta.clone().unwrap_or_default().update_id;
            if let Some(update) = state.updates.edit(&name) {
                update.completed_event_id = id;
            }
        }
        A::WorkflowExecutionSignaledEventAttributes(a) if !a.request_id.is_empty() => {
            state.signal_requests.insert(a.request_id.clone(), Seen {});
        }
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => state.core.cancel_requested = true,
        A::UpsertWorkflowSearchAttributesEventAttributes(a) => {
            if let (Some(annotations), Some(upserted)) = (state.annotations.edit(&0), &a.search_attributes) {
                let fields = &mut annotations.search_attributes.get_or_insert_default().indexed_fields;
                commands::merge(fields, &upserted.indexed_fields);
            }
        }
        A::WorkflowPropertiesModifiedEventAttributes(a) => {
            if let (Some(annotations), Some(upserted)) = (state.annotations.edit(&0), &a.upserted_memo) {
                commands::merge(&mut annotations.memo.get_or_insert_default().fields, &upserted.fields);
            }
        }
        other => {
            if let Some(initiated_event_id) = closed_child(other) {
                state.children.remove(&initiated_event_id);
            }
        }
    }
}

fn workflow_task(state: &mut MutableState, id: i64, at: Timestamp, attributes: &EventAttributes) {
    use EventAttributes as A;
    let core = &mut state.core;
    match attributes {
        A::WorkflowTaskScheduledEventAttributes(a) => {
            core.workflow_task = Some(WorkflowTask {
                scheduled_event_id: id,
                attempt: 1,
                scheduled_time: at.0,
                original_scheduled_time: at.0,
                timeout: span(a.start_to_close_timeout.as_ref()),
                queue: core.task_queue.clone(),
                ..WorkflowTask::default()
            });
        }
        A::WorkflowTaskStartedEventAttributes(a) => {
            if let Some(task) = &mut core.workflow_task {
                task.started_event_id = id;
                task.started_time = at.0;
                task.identity.clone_from(&a.identity);
            }
        }
        A::WorkflowTaskCompletedEventAttributes(a) => {
            core.workflow_task = None;
            core.last_completed_started_event_id = a.started_event_id;
        }
        _ => core.workflow_task = None,
    }
}

fn close_activity(state: &mut MutableState, scheduled_event_id: i64) {
    state.activities.remove(&scheduled_event_id);
}

fn scheduled_activity(
    id: i64,
    at: Timestamp,
    attributes: &history::ActivityTaskScheduledEventAttributes,
) -> Activity {
    Activity {
        scheduled_event_id: id,
        activity_id: attributes.activity_id.clone(),
        activity_type: attributes.activity_type.clone().unwrap_or_default().name,
        task_queue: attributes.task_queue.clone().unwrap_or_default().name,
        schedule_to_close: span(attributes.schedule_to_close_timeout.as_ref()),
        schedule_to_start: span(attributes.schedule_to_start_timeout.as_ref()),
        start_to_close: span(attributes.start_to_close_timeout.as_ref()),
        heartbeat: span(attributes.heartbeat_timeout.as_ref()),
        retry_policy: attributes.retry_policy.clone(),
        scheduled_time: at.0,
        attempt_scheduled_time: at.0,
        attempt: 1,
        ..Activity::default()
    }
}

/// The event that initiated the child whose end this event records.
pub(super) fn closed_child(attributes: &EventAttributes) -> Option<i64> {
    use EventAttributes as A;
    Some(match attributes {
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => a.initiated_event_id,
        _ => return None,
    })
}

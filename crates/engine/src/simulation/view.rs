//! What a worker knows of a run: its history as far as it was given, and what follows from that.

use crate::proto::EventAttributes as A;
use crate::proto::history::HistoryEvent;
use std::collections::BTreeMap;

/// A run, as a worker remembers it.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    events: Vec<HistoryEvent>,
}

/// What a workflow waits for, and what it has done.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    /// By the event that scheduled it: whether its cancellation was asked for.
    pub activities: BTreeMap<i64, bool>,
    pub timers: BTreeMap<String, i64>,
    pub children: usize,
    pub requests: usize,
    /// Updates that are accepted and not completed.
    pub updates: Vec<String>,
    pub cancel_requested: bool,
    /// Workflow tasks completed.
    pub steps: i64,
    /// Runs before this one, as far as the input tells.
    pub generation: u8,
    pub next_event_id: i64,
}

impl Outstanding {
    /// Whether something will wake the workflow that depends on no client.
    pub(super) fn is_empty(&self) -> bool {
        self.activities.is_empty() && self.timers.is_empty() && self.children == 0 && self.requests == 0
    }
}

impl View {
    /// Takes in the events of a task, which come after those known or replace them. `None` if some between are
    /// missing.
    pub(super) fn take(&mut self, events: Vec<HistoryEvent>) -> Option<()> {
        let Some(first) = events.first().map(|event| event.event_id) else { return Some(()) };
        let known = self.events.last().map_or(0, |event| event.event_id);
        if first > known + 1 {
            return None;
        }
        self.forget_after(first - 1);
        self.events.extend(events);
        Some(())
    }

    /// Forgets what came after an event.
    pub(super) fn forget_after(&mut self, event_id: i64) {
        self.events.retain(|event| event.event_id <= event_id);
    }

    /// Whether the events are the first of a history, up to this one.
    pub(super) fn is_whole(&self, last_event_id: i64) -> bool {
        self.events.len() as i64 == last_event_id
            && self.events.iter().zip(1..).all(|(event, id)| event.event_id == id)
    }

    pub(super) fn outstanding(&self) -> Outstanding {
        let mut now = Outstanding { next_event_id: self.events.len() as i64 + 1, ..Outstanding::default() };
        for event in &self.events {
            if let Some(attributes) = &event.attributes {
                now.apply(event.event_id, attributes);
            }
        }
        now
    }
}

impl Outstanding {
    fn apply(&mut self, id: i64, attributes: &A) {
        match attributes {
            A::WorkflowExecutionStartedEventAttributes(a) => {
                let payload = a.input.as_ref().and_then(|input| input.payloads.first());
                self.generation = payload.and_then(|payload| payload.data.first().copied()).unwrap_or(0);
            }
            A::WorkflowTaskCompletedEventAttributes(_) => self.steps += 1,
            A::ActivityTaskScheduledEventAttributes(_) => drop(self.activities.insert(id, false)),
            A::ActivityTaskCancelRequestedEventAttributes(a) => {
                self.activities.entry(a.scheduled_event_id).and_modify(|asked| *asked = true);
            }
            A::ActivityTaskCompletedEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskFailedEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskTimedOutEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::ActivityTaskCanceledEventAttributes(a) => drop(self.activities.remove(&a.scheduled_event_id)),
            A::TimerStartedEventAttributes(a) => drop(self.timers.insert(a.timer_id.clone(), id)),
            A::TimerFiredEventAttributes(a) => drop(self.timers.remove(&a.timer_id)),
            A::TimerCanceledEventAttributes(a) => drop(self.timers.remove(&a.timer_id)),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => self.children += 1,
            A::StartChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionCompletedEventAttributes(_)
            | A::ChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionCanceledEventAttributes(_)
            | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
            | A::ChildWorkflowExecutionTerminatedEventAttributes(_) => {
                self.children = self.children.saturating_sub(1);
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => self.requests += 1,
            A::SignalExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionSignaledEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => {
                self.requests = self.requests.saturating_sub(1);
            }
            A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                self.updates.push(a.protocol_instance_id.clone());
            }
            A::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
                let done = a.meta.clone().unwrap_or_default().update_id;
                self.updates.retain(|update| *update != done);
            }
            A::WorkflowExecutionCancelRequestedEventAttributes(_) => self.cancel_requested = true,
            // The run was reset here. What children told the run before it after that had ended, nobody heard.
            A::WorkflowTaskFailedEventAttributes(a) if !a.new_run_id.is_empty() => self.children = 0,
            _ => {}
        }
    }
}

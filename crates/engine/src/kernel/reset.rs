//! Resetting a run: a new run begins with a part of its history, up to a workflow task, and decides anew
//! from there. What came in from outside since is put to it again.

use super::effects::Signal;
use super::rebuild::{closed_child, rebuild};
use super::state::{MutableState, Seen};
use super::time::Timestamp;
use super::{Effects, Entropy, Rejection, Task, Transition, child, inbound, update, workflow_task};
use super::{cancel_external, history as events, signal_external};
use crate::proto::{EventAttributes, enums, failure, history};
use history::HistoryEvent;

/// Who ends a run that is reset.
pub(crate) const RESETTER: &str = "history-resetter";

/// What may be left out of what is put to the new run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exclude {
    pub signals: bool,
    pub updates: bool,
}

impl Exclude {
    /// From the request's two ways of saying it.
    pub(crate) fn of(types: &[i32], included: enums::ResetReapplyType) -> Self {
        use enums::{ResetReapplyExcludeType as Type, ResetReapplyType as Included};
        let lists = |excluded: Type| types.contains(&(excluded as i32));
        Self {
            signals: included == Included::None || lists(Type::Signal),
            updates: matches!(included, Included::None | Included::Signal) || lists(Type::Update),
        }
    }
}

/// A reset that was asked for.
#[derive(Debug)]
pub(crate) struct Reset {
    pub namespace: String,
    pub base_run_id: String,
    pub new_run_id: String,
    pub request_id: String,
    pub reason: String,
    /// The base run's events before the workflow task's finish.
    pub kept: Vec<HistoryEvent>,
    /// Those after it, and those of the runs that followed.
    pub later: Vec<HistoryEvent>,
    pub exclude: Exclude,
}

/// The new run. Its history begins with the events it keeps.
pub(crate) fn reset(
    reset: Reset,
    now: Timestamp,
    entropy: &mut Entropy,
) -> Result<(MutableState, Effects), Rejection> {
    let finish = reset.kept.len() as i64 + 1;
    let refuse = || {
        Rejection::InvalidArgument(format!(
            "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: \
             {finish}"
        ))
    };
    let run_id = reset.new_run_id.clone();
    let (mut state, unanswered) =
        rebuild(reset.namespace, run_id, reset.request_id, &reset.kept, now, entropy).ok_or_else(refuse)?;
    let task = state.core.workflow_task.take().ok_or_else(refuse)?;
    let mut tx = Transition::new(&mut state, now, entropy);
    let mut started_event_id = task.started_event_id;
    if started_event_id == 0 {
        let request_id = tx.entropy.uuid();
        started_event_id = tx.append(EventAttributes::WorkflowTaskStartedEventAttributes(
            history::WorkflowTaskStartedEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                identity: "history-service".into(),
                request_id,
                history_size_bytes: tx.state.core.history_bytes,
                ..Default::default()
            },
        ));
    }
    tx.append(EventAttributes::WorkflowTaskFailedEventAttributes(
        history::WorkflowTaskFailedEventAttributes {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id,
            cause: enums::WorkflowTaskFailedCause::ResetWorkflow as i32,
            failure: Some(reset_failure(&reset.reason)),
            identity: "history-service".into(),
            base_run_id: reset.base_run_id,
            new_run_id: reset.new_run_id,
            ..Default::default()
        },
    ));
    offer_activities(&mut tx);
    for (id, attributes) in unanswered.signals {
        signal_external::send(&mut tx, id, attributes);
    }
    for (id, attributes) in unanswered.cancels {
        cancel_external::send(&mut tx, id, attributes);
    }
    for event in reset.later {
        reapply(&mut tx, event, reset.exclude);
    }
    for (event, attributes) in unanswered.children {
        let child = tx.state.children.get(&event.event_id);
        if child.is_some_and(|child| child.started_event_id == 0) {
            child::ask_to_start(&mut tx, event.event_id, attributes, event.user_metadata, true);
        }
    }
    workflow_task::schedule(&mut tx);
    let mut effects = tx.finish();
    effects.events.splice(0..0, reset.kept);
    Ok((state, effects))
}

fn reset_failure(reason: &str) -> failure::Failure {
    failure::Failure {
        message: reason.to_owned(),
        failure_info: Some(failure::failure::FailureInfo::ResetWorkflowFailureInfo(
            failure::ResetWorkflowFailureInfo::default(),
        )),
        ..Default::default()
    }
}

/// Activities that had not closed are scheduled anew, as of now: no attempt of theirs is in the history.
fn offer_activities(tx: &mut Transition<'_>) {
    let ids: Vec<i64> = tx.state.activities.iter().map(|(id, _)| *id).collect();
    for id in ids {
        let Some(activity) = tx.state.activities.edit(&id) else { continue };
        activity.scheduled_time = tx.now.0;
        activity.attempt_scheduled_time = tx.now.0;
        let (queue, attempt) = (activity.task_queue.clone(), activity.attempt);
        tx.effects.tasks.push(Task::Activity { queue, scheduled_event_id: id, attempt });
    }
}

/// Puts to the new run what came to the old one from outside.
fn reapply(tx: &mut Transition<'_>, event: HistoryEvent, exclude: Exclude) {
    use EventAttributes as A;
    let Some(attributes) = event.attributes else { return };
    match attributes {
        A::WorkflowExecutionSignaledEventAttributes(a) if !exclude.signals => {
            if !a.request_id.is_empty() {
                tx.state.signal_requests.insert(a.request_id.clone(), Seen {});
            }
            let signal = Signal {
                name: a.signal_name,
                input: a.input,
                header: a.header,
                identity: a.identity,
                request_id: a.request_id,
            };
            inbound::record_signal(tx, signal, None);
        }
        A::WorkflowExecutionUpdateAdmittedEventAttributes(a) if !exclude.updates => {
            a.request.into_iter().for_each(|request| update::admit_again(tx, request));
        }
        // Without its request it was admitted by an event of its own.
        A::WorkflowExecutionUpdateAcceptedEventAttributes(a) if !exclude.updates => {
            a.accepted_request.into_iter().for_each(|request| update::admit_again(tx, request));
        }
        A::ChildWorkflowExecutionStartedEventAttributes(a) => {
            let awaited = tx.state.children.get(&a.initiated_event_id);
            if awaited.is_some_and(|child| child.started_event_id == 0) {
                let (initiated, run_id) = (a.initiated_event_id, a.workflow_execution.clone());
                let id = tx.append(EventAttributes::ChildWorkflowExecutionStartedEventAttributes(a));
                if let Some(child) = tx.state.children.edit(&initiated) {
                    child.started_event_id = id;
                    child.run_id = run_id.unwrap_or_default().run_id;
                }
            }
        }
        other => reapply_child_end(tx, other),
    }
}

/// The end of a child that the new run still waits for.
fn reapply_child_end(tx: &mut Transition<'_>, mut attributes: EventAttributes) {
    let Some(child) = closed_child(&attributes).and_then(|id| tx.state.children.remove(&id)) else { return };
    if let Some(started_event_id) = events::closing(&mut attributes).map(|(_, started)| started) {
        *started_event_id = child.started_event_id;
    }
    tx.append(attributes);
}

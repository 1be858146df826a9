//! Signals from this workflow to another.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | `SignalExternalWorkflowExecution` | initiated: a transfer is on its way |
//! | initiated | the target has recorded it | signalled |
//! | initiated | there is no such running target | failed |

use super::Transition;
use super::effects::{Reply, Request, Signal, Source, Transfer};
use super::state::ExternalRequest;
use super::workflow_task;
use crate::proto::{EventAttributes, command, history, sdk};

pub(super) fn initiate(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::SignalExternalWorkflowExecutionCommandAttributes,
    metadata: Option<sdk::UserMetadata>,
) {
    let namespace = tx.namespace_or_own(&command.namespace);
    let execution = command.execution.unwrap_or_default();
    let attributes = history::SignalExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completed_id,
        namespace,
        namespace_id: String::new(),
        workflow_execution: Some(execution),
        signal_name: command.signal_name,
        input: command.input,
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        header: command.header,
    };
    let id = tx.append_described(
        EventAttributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(attributes.clone()),
        metadata,
    );
    tx.state.external_signals.insert(id, request(&attributes));
    send(tx, id, attributes);
}

/// What is remembered of a signal that is on its way.
pub(super) fn request(
    attributes: &history::SignalExternalWorkflowExecutionInitiatedEventAttributes,
) -> ExternalRequest {
    ExternalRequest {
        namespace: attributes.namespace.clone(),
        execution: attributes.workflow_execution.clone(),
        control: attributes.control.clone(),
    }
}

/// Sends the signal that the event with this id initiated.
pub(super) fn send(
    tx: &mut Transition<'_>,
    id: i64,
    attributes: history::SignalExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let execution = attributes.workflow_execution.unwrap_or_default();
    let request_id = tx.entropy.uuid();
    let source = Source { wants_reply: true, child_only: attributes.child_workflow_only, ..tx.source(id) };
    tx.effects.transfers.push(Transfer {
        namespace: attributes.namespace,
        workflow_id: execution.workflow_id,
        run_id: execution.run_id,
        source: Some(source),
        request: Some(Request::Signal(Signal {
            name: attributes.signal_name,
            input: attributes.input,
            header: attributes.header,
            identity: "history-service".into(),
            request_id,
        })),
    });
}

pub(super) fn resolve(tx: &mut Transition<'_>, reply: &Reply) {
    let Some(request) = tx.state.external_signals.remove(&reply.initiated_event_id) else { return };
    let ExternalRequest { namespace, execution, control } = request;
    let attributes = if reply.failed_cause == 0 {
        EventAttributes::ExternalWorkflowExecutionSignaledEventAttributes(
            history::ExternalWorkflowExecutionSignaledEventAttributes {
                initiated_event_id: reply.initiated_event_id,
                namespace,
                namespace_id: String::new(),
                workflow_execution: execution,
                control,
            },
        )
    } else {
        EventAttributes::SignalExternalWorkflowExecutionFailedEventAttributes(
            history::SignalExternalWorkflowExecutionFailedEventAttributes {
                cause: reply.failed_cause,
                namespace,
                namespace_id: String::new(),
                workflow_execution: execution,
                initiated_event_id: reply.initiated_event_id,
                control,
                ..Default::default()
            },
        )
    };
    tx.record(attributes);
    workflow_task::schedule(tx);
}

//! Cancellations this workflow asks of another.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | `RequestCancelExternalWorkflowExecution` | initiated: a transfer is on its way |
//! | initiated | the target has recorded it | requested |
//! | initiated | there is no such running target | failed |

use super::Transition;
use super::effects::{Cancel, Reply, Request, Source, Transfer};
use super::state::ExternalRequest;
use super::workflow_task;
use crate::proto::{EventAttributes, command, common, history, sdk};

pub(super) fn initiate(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::RequestCancelExternalWorkflowExecutionCommandAttributes,
    metadata: Option<sdk::UserMetadata>,
) {
    let namespace = tx.namespace_or_own(&command.namespace);
    let execution = common::WorkflowExecution { workflow_id: command.workflow_id, run_id: command.run_id };
    let attributes = history::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completed_id,
        namespace,
        namespace_id: String::new(),
        workflow_execution: Some(execution),
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        reason: command.reason,
    };
    let id = tx.append_described(
        EventAttributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(attributes.clone()),
        metadata,
    );
    tx.state.external_cancels.insert(id, request(&attributes));
    send(tx, id, attributes);
}

/// What is remembered of a cancellation that is on its way.
pub(super) fn request(
    attributes: &history::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) -> ExternalRequest {
    ExternalRequest {
        namespace: attributes.namespace.clone(),
        execution: attributes.workflow_execution.clone(),
        control: attributes.control.clone(),
    }
}

/// Sends the cancellation that the event with this id initiated.
pub(super) fn send(
    tx: &mut Transition<'_>,
    id: i64,
    attributes: history::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let execution = attributes.workflow_execution.unwrap_or_default();
    let request_id = tx.entropy.uuid();
    let source = Source { wants_reply: true, child_only: attributes.child_workflow_only, ..tx.source(id) };
    tx.effects.transfers.push(Transfer {
        namespace: attributes.namespace,
        workflow_id: execution.workflow_id,
        run_id: execution.run_id,
        source: Some(source),
        request: Some(Request::Cancel(Cancel {
            reason: attributes.reason,
            identity: "history-service".into(),
            request_id,
        })),
    });
}

pub(super) fn resolve(tx: &mut Transition<'_>, reply: &Reply) {
    let Some(request) = tx.state.external_cancels.remove(&reply.initiated_event_id) else { return };
    let ExternalRequest { namespace, execution, control } = request;
    let attributes = if reply.failed_cause == 0 {
        EventAttributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(
            history::ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id: reply.initiated_event_id,
                namespace,
                namespace_id: String::new(),
                workflow_execution: execution,
            },
        )
    } else {
        EventAttributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
            history::RequestCancelExternalWorkflowExecutionFailedEventAttributes {
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

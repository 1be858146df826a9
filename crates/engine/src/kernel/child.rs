//! A child workflow, seen from its parent.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | `StartChildWorkflowExecution` | initiated: a transfer is on its way |
//! | initiated | the child exists | started; the child is told that it may begin |
//! | initiated | the child's id is taken, or its namespace unknown | refused |
//! | started | the last run of the child's chain ends | closed, as that run ended |
//! | any | the parent ends | forgotten; the child goes on, is cancelled or terminated, by its close policy |

use super::effects::{Cancel, ChildClosed, ChildStarted, Request, Source, StartChild, Terminate, Transfer};
use super::state::{Child, Parent};
use super::time::{shorter, span, span_to_proto};
use super::{Transition, lifecycle, retry, workflow_task};
use crate::proto::{EventAttributes, command, common, enums, history, sdk, taskqueue};
use enums::{ParentClosePolicy, WorkflowExecutionStatus as Status, WorkflowIdReusePolicy};

pub(super) fn initiate(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::StartChildWorkflowExecutionCommandAttributes,
    metadata: Option<sdk::UserMetadata>,
) {
    let namespace = tx.namespace_or_own(&command.namespace);
    let task_queue = super::activity::queue_name(command.task_queue.as_ref(), &tx.state.core.task_queue);
    let run_timeout = shorter(
        span(command.workflow_run_timeout.as_ref()),
        span(command.workflow_execution_timeout.as_ref()),
    );
    let task_timeout = lifecycle::task_timeout(span(command.workflow_task_timeout.as_ref()), run_timeout);
    let reuse_policy = match command.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified => WorkflowIdReusePolicy::AllowDuplicate,
        asked => asked,
    };
    let attributes = history::StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace,
        workflow_id: command.workflow_id,
        workflow_type: command.workflow_type,
        task_queue: Some(taskqueue::TaskQueue {
            name: task_queue,
            kind: enums::TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        }),
        input: command.input,
        workflow_execution_timeout: command.workflow_execution_timeout,
        workflow_run_timeout: span_to_proto(run_timeout),
        workflow_task_timeout: span_to_proto(task_timeout),
        parent_close_policy: command.parent_close_policy,
        control: command.control,
        workflow_task_completed_event_id: completed_id,
        workflow_id_reuse_policy: reuse_policy as i32,
        retry_policy: command.retry_policy.map(|policy| retry::with_defaults(Some(policy))),
        cron_schedule: command.cron_schedule,
        header: command.header,
        memo: command.memo,
        search_attributes: command.search_attributes,
        inherit_build_id: command.inherit_build_id,
        priority: command.priority,
        ..Default::default()
    };
    let id = tx.append_described(
        EventAttributes::StartChildWorkflowExecutionInitiatedEventAttributes(attributes.clone()),
        metadata.clone(),
    );
    let child = pending(id, &attributes, tx.entropy.uuid());
    tx.state.children.insert(id, child);
    ask_to_start(tx, id, attributes, metadata, false);
}

/// A child as it is remembered before it has started.
pub(super) fn pending(
    id: i64,
    attributes: &history::StartChildWorkflowExecutionInitiatedEventAttributes,
    run_id: String,
) -> Child {
    Child {
        initiated_event_id: id,
        started_event_id: 0,
        namespace: attributes.namespace.clone(),
        workflow_id: attributes.workflow_id.clone(),
        run_id,
        workflow_type: attributes.workflow_type.clone().unwrap_or_default().name,
        parent_close_policy: attributes.parent_close_policy,
        header: attributes.header.clone(),
        control: attributes.control.clone(),
    }
}

/// Sends for the child that the event with this id initiated. With `reconnect`, the child may run already,
/// started by the run that this one was reset from.
pub(super) fn ask_to_start(
    tx: &mut Transition<'_>,
    id: i64,
    attributes: history::StartChildWorkflowExecutionInitiatedEventAttributes,
    metadata: Option<sdk::UserMetadata>,
    reconnect: bool,
) {
    let Some(run_id) = tx.state.children.get(&id).map(|child| child.run_id.clone()) else { return };
    let core = &tx.state.core;
    let parent = Parent {
        namespace: core.namespace.clone(),
        execution: Some(core.execution()),
        initiated_event_id: id,
    };
    let root = core.root.clone().unwrap_or_else(|| core.execution());
    let source = Source { wants_reply: true, ..tx.source(id) };
    tx.effects.transfers.push(Transfer {
        namespace: attributes.namespace.clone(),
        workflow_id: attributes.workflow_id.clone(),
        run_id: String::new(),
        source: Some(source),
        request: Some(Request::StartChild(Box::new(StartChild {
            run_id,
            attributes: Some(attributes),
            parent: Some(parent),
            root: Some(root),
            user_metadata: metadata,
            reconnect,
        }))),
    });
}

pub(super) fn started(tx: &mut Transition<'_>, report: &ChildStarted) {
    let Some(child) = tx.state.children.get(&report.initiated_event_id).cloned() else { return };
    let workflow_type = Some(common::WorkflowType { name: child.workflow_type.clone() });
    if report.run_id.is_empty() {
        tx.state.children.remove(&report.initiated_event_id);
        tx.record(EventAttributes::StartChildWorkflowExecutionFailedEventAttributes(
            history::StartChildWorkflowExecutionFailedEventAttributes {
                namespace: child.namespace,
                namespace_id: String::new(),
                workflow_id: child.workflow_id,
                workflow_type,
                cause: report.failed_cause,
                control: child.control,
                initiated_event_id: report.initiated_event_id,
                workflow_task_completed_event_id: 0,
            },
        ));
    } else {
        let started_event_id = tx.record(EventAttributes::ChildWorkflowExecutionStartedEventAttributes(
            history::ChildWorkflowExecutionStartedEventAttributes {
                namespace: child.namespace,
                namespace_id: String::new(),
                initiated_event_id: report.initiated_event_id,
                workflow_execution: Some(common::WorkflowExecution {
                    workflow_id: child.workflow_id,
                    run_id: report.run_id.clone(),
                }),
                workflow_type,
                header: child.header,
            },
        ));
        if let Some(child) = tx.state.children.edit(&report.initiated_event_id) {
            child.started_event_id = started_event_id;
            child.run_id.clone_from(&report.run_id);
        }
    }
    workflow_task::schedule(tx);
}

/// This run is a child, and its parent knows that it started.
pub(super) fn begin(tx: &mut Transition<'_>) {
    if std::mem::take(&mut tx.state.core.awaits_parent) {
        workflow_task::schedule(tx);
    }
}

pub(super) fn closed(tx: &mut Transition<'_>, report: ChildClosed) {
    let Some(child) = tx.state.children.remove(&report.initiated_event_id) else { return };
    let execution = Some(common::WorkflowExecution {
        workflow_id: child.workflow_id.clone(),
        run_id: child.run_id.clone(),
    });
    let workflow_type = Some(common::WorkflowType { name: child.workflow_type });
    let namespace = child.namespace;
    let (initiated_event_id, started_event_id) = (child.initiated_event_id, child.started_event_id);
    let namespace_id = String::new();
    let attributes = match Status::try_from(report.status).unwrap_or_default() {
        Status::Completed => EventAttributes::ChildWorkflowExecutionCompletedEventAttributes(
            history::ChildWorkflowExecutionCompletedEventAttributes {
                result: report.payloads,
                namespace,
                namespace_id,
                workflow_execution: execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
        ),
        Status::Canceled => EventAttributes::ChildWorkflowExecutionCanceledEventAttributes(
            history::ChildWorkflowExecutionCanceledEventAttributes {
                details: report.payloads,
                namespace,
                namespace_id,
                workflow_execution: execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
        ),
        Status::TimedOut => EventAttributes::ChildWorkflowExecutionTimedOutEventAttributes(
            history::ChildWorkflowExecutionTimedOutEventAttributes {
                namespace,
                namespace_id,
                workflow_execution: execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state: report.retry_state,
            },
        ),
        Status::Terminated => EventAttributes::ChildWorkflowExecutionTerminatedEventAttributes(
            history::ChildWorkflowExecutionTerminatedEventAttributes {
                namespace,
                namespace_id,
                workflow_execution: execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
            },
        ),
        _ => EventAttributes::ChildWorkflowExecutionFailedEventAttributes(
            history::ChildWorkflowExecutionFailedEventAttributes {
                failure: report.failure,
                namespace,
                namespace_id,
                workflow_execution: execution,
                workflow_type,
                initiated_event_id,
                started_event_id,
                retry_state: report.retry_state,
            },
        ),
    };
    tx.record(attributes);
    workflow_task::schedule(tx);
}

/// What becomes of the children when the parent's run closes.
pub(super) fn release_all(tx: &mut Transition<'_>) {
    for child in tx.state.children.take_all() {
        let request = match ParentClosePolicy::try_from(child.parent_close_policy).unwrap_or_default() {
            ParentClosePolicy::Abandon => continue,
            ParentClosePolicy::RequestCancel => Request::Cancel(Cancel {
                reason: String::new(),
                identity: "history-service".into(),
                request_id: tx.entropy.uuid(),
            }),
            ParentClosePolicy::Terminate | ParentClosePolicy::Unspecified => Request::Terminate(Terminate {
                reason: "by parent close policy".into(),
                identity: "history-service".into(),
                details: None,
            }),
        };
        // No event of the parent's asked for it.
        let source = Source { child_only: true, ..tx.source(0) };
        tx.effects.transfers.push(Transfer {
            namespace: child.namespace,
            workflow_id: child.workflow_id,
            // The child may have continued as new since; its policy holds for the whole chain.
            run_id: String::new(),
            source: Some(source),
            request: Some(request),
        });
    }
}

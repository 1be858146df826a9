//! What comes to a run from outside: signals, requests to cancel, terminations.

use super::effects::{Cancel, Signal, Source, Terminate};
use super::state::Seen;
use super::{Rejection, Transition, lifecycle, workflow_task};
use crate::proto::{EventAttributes, common, history};

/// What the reference server says where a run has received as many signals as it may.
const TOO_MANY_SIGNALS: &str = "exceeded workflow execution limit for signal events";

/// Delivers a signal, once per request id.
pub(crate) fn signal(
    tx: &mut Transition<'_>,
    signal: Signal,
    from: Option<&Source>,
) -> Result<(), Rejection> {
    if !tx.state.core.is_running() {
        return Err(Rejection::WorkflowCompleted);
    }
    if !signal.request_id.is_empty() && tx.state.signal_requests.contains(&signal.request_id) {
        return Ok(());
    }
    if from.is_none() {
        // A client asks again; what another workflow sent arrives all the same and is seen by nobody.
        workflow_task::check_not_closing(tx.state)?;
    }
    if tx.state.core.signals >= tx.rules.limits.signals {
        return Err(Rejection::InvalidArgument(TOO_MANY_SIGNALS.into()));
    }
    if !signal.request_id.is_empty() {
        tx.state.signal_requests.insert(signal.request_id.clone(), Seen {});
    }
    record_signal(tx, signal, from);
    if tx.state.core.start_backoff_breakable {
        tx.state.core.start_backoff_until = 0;
    }
    workflow_task::schedule(tx);
    Ok(())
}

/// Writes the signal's event without asking for a workflow task.
pub(crate) fn record_signal(tx: &mut Transition<'_>, signal: Signal, from: Option<&Source>) {
    tx.state.core.signals += 1;
    tx.record(EventAttributes::WorkflowExecutionSignaledEventAttributes(
        history::WorkflowExecutionSignaledEventAttributes {
            signal_name: signal.name,
            input: signal.input,
            identity: signal.identity,
            header: signal.header,
            external_workflow_execution: from.map(execution),
            request_id: signal.request_id,
            ..Default::default()
        },
    ));
}

fn execution(source: &Source) -> common::WorkflowExecution {
    common::WorkflowExecution { workflow_id: source.workflow_id.clone(), run_id: source.run_id.clone() }
}

/// Asks the workflow to cancel. Asking twice changes nothing.
pub(crate) fn cancel(tx: &mut Transition<'_>, cancel: Cancel, from: Option<&Source>) {
    // What has ended has done what was asked of it.
    if !tx.state.core.is_running() || tx.state.core.cancel_requested {
        return;
    }
    tx.state.core.cancel_requested = true;
    tx.state.core.cancel_request_id = cancel.request_id;
    tx.record(EventAttributes::WorkflowExecutionCancelRequestedEventAttributes(
        history::WorkflowExecutionCancelRequestedEventAttributes {
            cause: cancel.reason,
            external_initiated_event_id: from.map_or(0, |source| source.initiated_event_id),
            external_workflow_execution: from.map(execution),
            identity: cancel.identity,
        },
    ));
    // A run that waits to begin, for whatever reason, is not kept waiting by who does not want it any more.
    tx.state.core.start_backoff_until = 0;
    workflow_task::schedule(tx);
}

/// Ends the run at once.
pub(crate) fn terminate(tx: &mut Transition<'_>, terminate: Terminate) -> Result<(), Rejection> {
    if !tx.state.core.is_running() {
        return Err(Rejection::WorkflowCompleted);
    }
    lifecycle::terminate(tx, &terminate.reason, terminate.details, &terminate.identity);
    Ok(())
}

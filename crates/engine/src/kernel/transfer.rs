//! Receiving what another run sent.

use super::effects::{BeginChild, ChildStarted, Request, Source, Transfer};
use super::state::MutableState;
use super::{Rejection, Transition, cancel_external, child, inbound, signal_external};
use crate::proto::enums;

/// The protocol's cause for "there is no such running workflow", the same number for signals and cancels.
pub(crate) const TARGET_NOT_FOUND: i32 =
    enums::SignalExternalWorkflowExecutionFailedCause::ExternalWorkflowExecutionNotFound as i32;

/// Applies a transfer to the run it is for; an answer, if the sender wants one, is among the effects.
/// Starting a child is not here: that makes a run, it does not change one.
pub(crate) fn receive(tx: &mut Transition<'_>, transfer: &Transfer) {
    let source = transfer.source.as_ref();
    let outcome = match &transfer.request {
        Some(Request::Signal(signal)) => {
            guarded(tx, source, |tx| inbound::signal(tx, signal.clone(), source))
        }
        Some(Request::Cancel(cancel)) => guarded(tx, source, |tx| {
            inbound::cancel(tx, cancel.clone(), source);
            Ok(())
        }),
        Some(Request::Terminate(terminate)) => {
            guarded(tx, source, |tx| inbound::terminate(tx, terminate.clone()))
        }
        Some(request) => {
            if tx.state.core.is_running() {
                answer(tx, request);
            } else if !tx.state.core.reset_run_id.is_empty() {
                let run_id = tx.state.core.reset_run_id.clone();
                tx.effects.transfers.push(Transfer { run_id, ..transfer.clone() });
                return;
            }
            tx.effects.transfers.extend(begin_child(transfer));
            return;
        }
        None => return,
    };
    tx.effects.transfers.extend(transfer.outcome(if outcome.is_ok() { 0 } else { TARGET_NOT_FOUND }));
}

/// What a child waits for that reported its start: the word that it may begin. It gets it also when its
/// parent is gone, because what becomes of it then is up to the parent's close policy alone.
pub(crate) fn begin_child(report: &Transfer) -> Option<Transfer> {
    match &report.request {
        Some(Request::ChildStarted(ChildStarted { run_id, .. })) if !run_id.is_empty() => {
            report.reply(Request::BeginChild(BeginChild {}))
        }
        _ => None,
    }
}

fn guarded(
    tx: &mut Transition<'_>,
    source: Option<&Source>,
    apply: impl FnOnce(&mut Transition<'_>) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    if source.is_some_and(|source| source.child_only && !is_child_of(tx.state, source)) {
        return Err(Rejection::WorkflowCompleted);
    }
    apply(tx)
}

fn is_child_of(state: &MutableState, source: &Source) -> bool {
    state
        .core
        .parent
        .as_ref()
        .and_then(|parent| parent.execution.as_ref())
        .is_some_and(|parent| parent.workflow_id == source.workflow_id && parent.run_id == source.run_id)
}

fn answer(tx: &mut Transition<'_>, request: &Request) {
    match request {
        Request::ChildStarted(report) => child::started(tx, report),
        Request::ChildClosed(report) => child::closed(tx, (**report).clone()),
        Request::Reply(reply) if reply.is_signal => signal_external::resolve(tx, reply),
        Request::Reply(reply) => cancel_external::resolve(tx, reply),
        Request::BeginChild(_) => child::begin(tx),
        Request::StartChild(_) | Request::Signal(_) | Request::Cancel(_) | Request::Terminate(_) => {}
    }
}

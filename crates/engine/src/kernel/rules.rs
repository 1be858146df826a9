//! What a transition is checked against beside the run's own state, and the checks themselves.

use super::validate::BadCommand;
use super::{MutableState, Transition, lifecycle};
use crate::limits::Limits;
use crate::proto::{CommandAttributes, command, common, enums};
use crate::visibility::{Attributes, check};
use enums::WorkflowTaskFailedCause as Cause;
use prost::Message;
use std::sync::Arc;

/// Limits, and the search attributes of the run's namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub limits: Limits,
    pub attributes: Arc<Attributes>,
}

/// Terminates a run whose history has grown too long, as the reference server does.
pub(super) fn enforce_history_limits(tx: &mut Transition<'_>) {
    if !tx.state.core.is_running() {
        return;
    }
    let limits = tx.rules.limits;
    let reason = if tx.state.core.history_bytes > limits.history_bytes {
        "Workflow history size exceeds limit."
    } else if tx.state.core.next_event_id - 1 > limits.history_events {
        "Workflow history count exceeds limit."
    } else {
        return;
    };
    lifecycle::terminate(tx, reason, None, "history-service");
}

/// Refuses search attributes of a command that are not allowed: the workflow task fails.
pub(super) fn check_search_attributes(
    rules: &Rules,
    set: Option<&common::SearchAttributes>,
) -> Result<(), BadCommand> {
    let Some(set) = set else { return Ok(()) };
    check::check(set, &rules.attributes, &rules.limits)
        .map_err(|message| BadCommand { cause: Cause::BadSearchAttributes, message })
}

/// Refuses commands that carry too much. The reference server terminates the run then, as its worker would
/// only send the same again.
pub(super) fn check_sizes(
    rules: &Rules,
    state: &MutableState,
    commands: &[command::Command],
) -> Result<(), BadCommand> {
    commands.iter().filter_map(|command| command.attributes.as_ref()).try_for_each(|attributes| {
        let Some((cause, message)) = oversized(rules, state, attributes) else { return Ok(()) };
        Err(BadCommand { cause, message: message.to_owned() })
    })
}

fn oversized(
    rules: &Rules,
    state: &MutableState,
    attributes: &CommandAttributes,
) -> Option<(Cause, &'static str)> {
    use CommandAttributes as C;
    let size = |payloads: &Option<common::Payloads>| payloads.as_ref().map_or(0, Message::encoded_len);
    let memo = |memo: &Option<common::Memo>| memo.as_ref().map_or(0, Message::encoded_len);
    let blob = |bytes: usize| bytes > rules.limits.blob_bytes;
    let refused = match attributes {
        C::ScheduleActivityTaskCommandAttributes(c) if blob(size(&c.input)) => (
            Cause::BadScheduleActivityAttributes,
            "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
        ),
        C::CompleteWorkflowExecutionCommandAttributes(c) if blob(size(&c.result)) => (
            Cause::BadCompleteWorkflowExecutionAttributes,
            "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
        ),
        C::FailWorkflowExecutionCommandAttributes(c)
            if blob(c.failure.as_ref().map_or(0, Message::encoded_len)) =>
        {
            (
                Cause::BadFailWorkflowExecutionAttributes,
                "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
            )
        }
        C::RecordMarkerCommandAttributes(c) if blob(c.details.values().map(Message::encoded_len).sum()) => {
            (Cause::BadRecordMarkerAttributes, "RecordMarkerCommandAttributes.Details exceeds size limit.")
        }
        C::ContinueAsNewWorkflowExecutionCommandAttributes(c) if blob(size(&c.input)) => (
            Cause::BadContinueAsNewAttributes,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        C::ContinueAsNewWorkflowExecutionCommandAttributes(c) if memo(&c.memo) > rules.limits.memo_bytes => (
            Cause::BadContinueAsNewAttributes,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.",
        ),
        C::StartChildWorkflowExecutionCommandAttributes(c) if blob(size(&c.input)) => (
            Cause::BadStartChildExecutionAttributes,
            "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ),
        C::StartChildWorkflowExecutionCommandAttributes(c) if memo(&c.memo) > rules.limits.memo_bytes => (
            Cause::BadStartChildExecutionAttributes,
            "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
        ),
        C::SignalExternalWorkflowExecutionCommandAttributes(c) if blob(size(&c.input)) => (
            Cause::BadSignalWorkflowExecutionAttributes,
            "SignalExternalWorkflowExecutionCommandAttributes.Input exceeds size limit.",
        ),
        C::ModifyWorkflowPropertiesCommandAttributes(c) if total_memo(state, c) > rules.limits.memo_bytes => {
            (
                Cause::BadModifyWorkflowPropertiesAttributes,
                "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.",
            )
        }
        C::UpsertWorkflowSearchAttributesCommandAttributes(c)
            if total_search_attributes(state, c) > rules.limits.search_attributes_bytes =>
        {
            (
                Cause::BadSearchAttributes,
                "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.",
            )
        }
        _ => return None,
    };
    Some(refused)
}

/// The memo's bytes once the command is applied, at most.
fn total_memo(state: &MutableState, command: &command::ModifyWorkflowPropertiesCommandAttributes) -> usize {
    let mut fields = command.upserted_memo.clone().unwrap_or_default();
    let memo = state.annotations.get(&0).and_then(|annotations| annotations.memo.clone());
    for (name, payload) in memo.unwrap_or_default().fields {
        fields.fields.entry(name).or_insert(payload);
    }
    fields.encoded_len()
}

/// The search attributes' bytes once the command is applied, at most.
fn total_search_attributes(
    state: &MutableState,
    command: &command::UpsertWorkflowSearchAttributesCommandAttributes,
) -> usize {
    let mut set = command.search_attributes.clone().unwrap_or_default();
    let known = state.annotations.get(&0).and_then(|annotations| annotations.search_attributes.clone());
    for (name, payload) in known.unwrap_or_default().indexed_fields {
        set.indexed_fields.entry(name).or_insert(payload);
    }
    set.encoded_len()
}

/// Refuses one more of what is pending when there are as many as allowed.
pub(super) fn check_pending(count: usize, limit: usize, what: &str, cause: Cause) -> Result<(), BadCommand> {
    if count < limit {
        return Ok(());
    }
    Err(BadCommand {
        cause,
        message: format!("the number of {what}, {count}, has reached the per-workflow limit of {limit}"),
    })
}

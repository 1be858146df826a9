//! Commands are checked as a whole before any of them is applied, so that a bad one changes nothing.

use super::rules::{Rules, check_pending, check_search_attributes};
use super::{Timestamp, activity, cron, retry, timer, update};
use crate::proto::{CommandAttributes, command, enums, protocol};
use enums::WorkflowTaskFailedCause as Cause;
use std::collections::HashSet;

use super::time::span;

/// A command that cannot be applied: why the workflow task fails.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BadCommand {
    pub cause: Cause,
    pub message: String,
}

fn bad<T>(cause: Cause, message: impl Into<String>) -> Result<T, BadCommand> {
    Err(BadCommand { cause, message: message.into() })
}

/// Checks the commands and messages of one workflow task against the run's state and against each other.
pub(super) fn check(
    tx: &super::Transition<'_>,
    commands: &[command::Command],
    messages: &[protocol::Message],
) -> Result<(), BadCommand> {
    let mut seen = Batch::new(tx);
    let mut updates = update::Check::default();
    let mut left: Vec<_> = messages.iter().collect();
    for command in commands {
        if command.command_type() != enums::CommandType::Unspecified && !is_offered(command.command_type()) {
            return not_offered();
        }
        let Some(attributes) = &command.attributes else {
            return bad(Cause::Unspecified, "a command has no attributes");
        };
        if let CommandAttributes::ProtocolMessageCommandAttributes(pointer) = attributes {
            let id = &pointer.message_id;
            let Some(place) = left.iter().position(|message| message.id == *id) else {
                return bad(
                    Cause::BadUpdateWorkflowExecutionMessage,
                    format!("ProtocolMessageCommand referenced absent message ID {id}"),
                );
            };
            updates.message(tx.state, left.remove(place))?;
            continue;
        }
        if ends_the_run(attributes) {
            check_nothing_unhandled(tx, commands)?;
        }
        if check_one(tx, &mut seen, attributes)? {
            // Commands after the one that ends the run are ignored.
            break;
        }
    }
    left.into_iter().try_for_each(|message| updates.message(tx.state, message))
}

fn ends_the_run(attributes: &CommandAttributes) -> bool {
    use CommandAttributes as C;
    matches!(
        attributes,
        C::CompleteWorkflowExecutionCommandAttributes(_)
            | C::FailWorkflowExecutionCommandAttributes(_)
            | C::CancelWorkflowExecutionCommandAttributes(_)
            | C::ContinueAsNewWorkflowExecutionCommandAttributes(_)
    )
}

/// A run may not end while there is something the workflow has not seen.
fn check_nothing_unhandled(
    tx: &super::Transition<'_>,
    commands: &[command::Command],
) -> Result<(), BadCommand> {
    use CommandAttributes as C;
    // A timer that is cancelled here takes its unseen firing with it.
    let cancelled: Vec<&str> = commands
        .iter()
        .filter_map(|command| match &command.attributes {
            Some(C::CancelTimerCommandAttributes(c)) => Some(c.timer_id.as_str()),
            _ => None,
        })
        .collect();
    if tx.state.buffered.values().all(|event| cancelled.iter().any(|id| timer::is_fired(event, id))) {
        return Ok(());
    }
    bad(Cause::UnhandledCommand, "UnhandledCommand")
}

/// Whether commands of this type are taken.
pub(crate) fn is_offered(command: enums::CommandType) -> bool {
    use enums::CommandType as C;
    !matches!(command, C::Unspecified | C::ScheduleNexusOperation | C::RequestCancelNexusOperation)
}

fn not_offered<T>() -> Result<T, BadCommand> {
    bad(Cause::FeatureDisabled, "this server does not offer the feature the command is for")
}

/// Ids as they will be once the commands so far are applied.
struct Batch {
    activity_ids: HashSet<String>,
    timer_ids: HashSet<String>,
    children: usize,
    signals: usize,
    cancels: usize,
    now: Timestamp,
}

impl Batch {
    fn new(tx: &super::Transition<'_>) -> Self {
        let state = &*tx.state;
        Self {
            activity_ids: state.activities.values().map(|a| a.activity_id.clone()).collect(),
            timer_ids: state.timers.iter().map(|(id, _)| id.clone()).collect(),
            children: state.children.len(),
            signals: state.external_signals.len(),
            cancels: state.external_cancels.len(),
            now: tx.now,
        }
    }
}

/// Whether the command ends the run.
fn check_one(
    tx: &super::Transition<'_>,
    seen: &mut Batch,
    attributes: &CommandAttributes,
) -> Result<bool, BadCommand> {
    use CommandAttributes as C;
    match attributes {
        C::ScheduleActivityTaskCommandAttributes(c) => check_activity(&tx.rules, seen, c).map(|()| false),
        C::RequestCancelActivityTaskCommandAttributes(c) => {
            let id = c.scheduled_event_id;
            if !tx.state.activities.contains(&id) && !activity::closed_in_buffer(tx.state, id) {
                return bad(
                    Cause::BadRequestCancelActivityAttributes,
                    format!("no activity is pending that event {id} scheduled"),
                );
            }
            Ok(false)
        }
        C::StartTimerCommandAttributes(c) => {
            if c.timer_id.is_empty() || c.timer_id.len() > tx.rules.limits.id_bytes {
                return bad(Cause::BadStartTimerAttributes, "TimerId is not set on StartTimerCommand.");
            }
            if !seen.timer_ids.insert(c.timer_id.clone()) {
                return bad(
                    Cause::StartTimerDuplicateId,
                    format!("a timer with the id {:?} is already running", c.timer_id),
                );
            }
            Ok(false)
        }
        C::CancelTimerCommandAttributes(c) => {
            if !seen.timer_ids.remove(&c.timer_id) && !timer::fired_in_buffer(tx, &c.timer_id) {
                return bad(
                    Cause::BadCancelTimerAttributes,
                    format!("there is no timer with the id {:?}", c.timer_id),
                );
            }
            Ok(false)
        }
        C::RecordMarkerCommandAttributes(c) if c.marker_name.is_empty() => {
            bad(Cause::BadRecordMarkerAttributes, "MarkerName is not set on RecordMarkerCommand.")
        }
        C::StartChildWorkflowExecutionCommandAttributes(c) => check_child(&tx.rules, seen, c).map(|()| false),
        C::SignalExternalWorkflowExecutionCommandAttributes(c) => {
            let target = c.execution.as_ref().is_some_and(|e| !e.workflow_id.is_empty());
            if !target || c.signal_name.is_empty() {
                return bad(
                    Cause::BadSignalWorkflowExecutionAttributes,
                    "WorkflowId and SignalName must be set on SignalExternalWorkflowExecutionCommand.",
                );
            }
            check_pending(
                seen.signals,
                tx.rules.limits.pending_signals,
                "pending signals to external workflows",
                Cause::PendingSignalsLimitExceeded,
            )?;
            seen.signals += 1;
            Ok(false)
        }
        C::RequestCancelExternalWorkflowExecutionCommandAttributes(c) if c.workflow_id.is_empty() => bad(
            Cause::BadRequestCancelExternalWorkflowExecutionAttributes,
            "WorkflowId is not set on RequestCancelExternalWorkflowExecutionCommand.",
        ),
        C::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            check_pending(
                seen.cancels,
                tx.rules.limits.pending_cancels,
                "pending requests to cancel external workflows",
                Cause::PendingRequestCancelLimitExceeded,
            )?;
            seen.cancels += 1;
            Ok(false)
        }
        C::UpsertWorkflowSearchAttributesCommandAttributes(c) => {
            if c.search_attributes.as_ref().is_none_or(|set| set.indexed_fields.is_empty()) {
                return bad(
                    Cause::BadSearchAttributes,
                    "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.",
                );
            }
            check_search_attributes(&tx.rules, c.search_attributes.as_ref()).map(|()| false)
        }
        C::ModifyWorkflowPropertiesCommandAttributes(c) if c.upserted_memo.is_none() => {
            bad(Cause::BadModifyWorkflowPropertiesAttributes, "UpsertedMemo is not set.")
        }
        C::RecordMarkerCommandAttributes(_)
        | C::ModifyWorkflowPropertiesCommandAttributes(_)
        | C::ProtocolMessageCommandAttributes(_) => Ok(false),
        C::FailWorkflowExecutionCommandAttributes(c) if c.failure.is_none() => bad(
            Cause::BadFailWorkflowExecutionAttributes,
            "Failure is not set on FailWorkflowExecutionCommand.",
        ),
        C::CompleteWorkflowExecutionCommandAttributes(_)
        | C::FailWorkflowExecutionCommandAttributes(_)
        | C::CancelWorkflowExecutionCommandAttributes(_) => Ok(true),
        C::ContinueAsNewWorkflowExecutionCommandAttributes(c) => {
            check_search_attributes(&tx.rules, c.search_attributes.as_ref()).map(|()| true)
        }
        C::ScheduleNexusOperationCommandAttributes(_)
        | C::RequestCancelNexusOperationCommandAttributes(_) => not_offered(),
    }
}

fn check_activity(
    rules: &Rules,
    seen: &mut Batch,
    command: &command::ScheduleActivityTaskCommandAttributes,
) -> Result<(), BadCommand> {
    let cause = Cause::BadScheduleActivityAttributes;
    if command.task_queue.as_ref().is_none_or(|queue| queue.name.is_empty()) {
        return bad(cause, "TaskQueue is not set on ScheduleActivityTaskCommand.");
    }
    if command.activity_id.is_empty() {
        return bad(cause, "ActivityId is not set on ScheduleActivityTaskCommand.");
    }
    if command.activity_type.as_ref().is_none_or(|named| named.name.is_empty()) {
        return bad(cause, "ActivityType is not set on ScheduleActivityTaskCommand.");
    }
    if command.activity_id.len() > rules.limits.id_bytes {
        return bad(cause, "ActivityId on ScheduleActivityTaskCommand exceeds the length limit.");
    }
    if span(command.schedule_to_close_timeout.as_ref()) == 0
        && span(command.start_to_close_timeout.as_ref()) == 0
    {
        return bad(
            cause,
            "A valid StartToClose or ScheduleToCloseTimeout is not set on ScheduleActivityTaskCommand.",
        );
    }
    if let Some(policy) = &command.retry_policy
        && let Err(message) = retry::validate(policy)
    {
        return bad(cause, message);
    }
    check_pending(
        seen.activity_ids.len(),
        rules.limits.pending_activities,
        "pending activities",
        Cause::PendingActivitiesLimitExceeded,
    )?;
    if !seen.activity_ids.insert(command.activity_id.clone()) {
        return bad(
            Cause::ScheduleActivityDuplicateId,
            format!("an activity with the id {:?} is already pending", command.activity_id),
        );
    }
    Ok(())
}

fn check_child(
    rules: &Rules,
    seen: &mut Batch,
    command: &command::StartChildWorkflowExecutionCommandAttributes,
) -> Result<(), BadCommand> {
    let cause = Cause::BadStartChildExecutionAttributes;
    if command.workflow_id.is_empty() || command.workflow_id.len() > rules.limits.id_bytes {
        return bad(cause, "WorkflowId is not set on StartChildWorkflowExecutionCommand.");
    }
    if command.workflow_type.as_ref().is_none_or(|named| named.name.is_empty()) {
        return bad(cause, "WorkflowType is not set on StartChildWorkflowExecutionCommand.");
    }
    if let Some(policy) = &command.retry_policy
        && let Err(message) = retry::validate(policy)
    {
        return bad(cause, message);
    }
    if let Err(message) = cron::validate(&command.cron_schedule, seen.now) {
        return bad(cause, message);
    }
    check_pending(
        seen.children,
        rules.limits.pending_children,
        "pending child workflow executions",
        Cause::PendingChildWorkflowsLimitExceeded,
    )?;
    seen.children += 1;
    // Another namespace has other attributes; what it refuses there, it refuses when the child starts.
    if command.namespace.is_empty() {
        check_search_attributes(rules, command.search_attributes.as_ref())
    } else {
        Ok(())
    }
}

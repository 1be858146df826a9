//! A worker's answer to a workflow task: its commands, applied in order.

use super::state::WorkflowTask;
use super::time::Timestamp;
use super::update::{self, Happening};
use super::validate::{self, BadCommand};
use super::workflow_task::{self, TaskIdentity};
use super::{
    Rejection, Transition, activity, cancel_external, child, lifecycle, rules, signal_external, timer,
};
use crate::proto::{CommandAttributes, EventAttributes, command, enums, failure, history, protocol, sdk};
use enums::WorkflowTaskFailedCause as Cause;

/// Everything the kernel needs of RespondWorkflowTaskCompleted.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    pub commands: Vec<command::Command>,
    /// What the worker says about updates.
    pub messages: Vec<protocol::Message>,
    pub identity: String,
    pub sticky_queue: String,
    /// Nanoseconds.
    pub sticky_timeout: i64,
    pub force_new_task: bool,
    pub sdk_metadata: Option<sdk::WorkflowTaskCompletedMetadata>,
    pub metering_metadata: Option<crate::proto::common::MeteringMetadata>,
    pub binary_checksum: String,
    /// The worker takes the next task with the answer, if there is one.
    pub takes_next_task: bool,
    /// The worker can be given events again that went with a task that was forgotten.
    pub takes_events_again: bool,
}

/// How a completion ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Completed,
    /// It brought nothing but rejections of updates, and the task is forgotten: the worker has to forget
    /// what came after this event, too.
    Discarded {
        reset_history_event_id: i64,
    },
    /// The task failed instead, which is recorded; the worker is told this.
    Failed(BadCommand),
    /// The worker has asked for more time for too long; the task has timed out instead.
    HeartbeatTimeout,
}

/// Events that a forgotten task may have carried, where the worker can take the same events again.
const MOST_CARRIED_AGAIN: i64 = 10;

/// Applies the completion: all of its commands, or none and a failed task.
pub(crate) fn complete(
    tx: &mut Transition<'_>,
    identity: &TaskIdentity,
    mut completion: Completion,
) -> Result<Outcome, Rejection> {
    let task = workflow_task::check(tx, identity)?;
    if let Err(bad) = rules::check_sizes(&tx.rules, tx.state, &completion.commands) {
        refuse(tx, &task, &bad, &completion.identity);
        lifecycle::terminate(tx, &bad.message, None, "history-service");
        return Ok(Outcome::Failed(bad));
    }
    if let Err(bad) = validate::check(tx, &completion.commands, &completion.messages) {
        refuse(tx, &task, &bad, &completion.identity);
        return Ok(Outcome::Failed(bad));
    }
    let only_heartbeat =
        completion.force_new_task && completion.commands.is_empty() && completion.messages.is_empty();
    if only_heartbeat
        && tx.now.since(Timestamp(task.original_scheduled_time)) > workflow_task::LONGEST_HEARTBEATING
    {
        workflow_task::time_out(tx, &task);
        return Ok(Outcome::HeartbeatTimeout);
    }
    if may_be_forgotten(tx, &task, &completion) {
        workflow_task::discard(tx);
        end_task(tx, &mut completion);
        for message in completion.messages {
            update::apply(tx, message);
        }
        update::all(tx, Happening::Ignore);
        let reset_history_event_id = tx.state.core.last_completed_started_event_id;
        return Ok(Outcome::Discarded { reset_history_event_id });
    }

    workflow_task::materialise(tx, &task);
    let completed_id = tx.append(EventAttributes::WorkflowTaskCompletedEventAttributes(
        history::WorkflowTaskCompletedEventAttributes {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            identity: completion.identity.clone(),
            binary_checksum: std::mem::take(&mut completion.binary_checksum),
            sdk_metadata: completion.sdk_metadata.take(),
            metering_metadata: completion.metering_metadata.take(),
            ..Default::default()
        },
    ));
    end_task(tx, &mut completion);
    tx.state.core.last_completed_started_event_id = task.started_event_id;

    tx.applying_commands = true;
    apply_all(tx, completed_id, completion.commands, completion.messages, &completion.identity);
    tx.applying_commands = false;
    if !tx.state.core.is_running() {
        update::all(tx, Happening::of_end(tx));
        return Ok(Outcome::Completed);
    }
    if !completion.force_new_task {
        update::all(tx, Happening::Ignore);
    }
    if tx.flush_buffered()
        || completion.force_new_task
        || (update::has_unsent(tx.state) && !completion.takes_next_task)
    {
        workflow_task::schedule(tx);
        if only_heartbeat && let Some(next) = &mut tx.state.core.workflow_task {
            next.original_scheduled_time = task.original_scheduled_time;
        }
    }
    Ok(Outcome::Completed)
}

/// The worker's answer cannot be accepted: its task fails. Of a task that failed before no more is made
/// than that: it times out, so that a worker that cannot do better does not try without a pause.
fn refuse(tx: &mut Transition<'_>, task: &WorkflowTask, bad: &BadCommand, worker: &str) {
    update::all(tx, Happening::TaskRefused);
    if task.attempt > 1 && bad.cause != Cause::UnhandledCommand {
        tx.effects.volatile = true;
        return;
    }
    let failure = failure::Failure {
        message: bad.message.clone(),
        failure_info: Some(failure::failure::FailureInfo::ServerFailureInfo(
            failure::ServerFailureInfo::default(),
        )),
        ..Default::default()
    };
    workflow_task::fail_started(tx, task, bad.cause as i32, Some(failure), worker);
}

/// Whether the task may leave no trace: nothing came of it, and few events that history keeps went with it.
fn may_be_forgotten(tx: &Transition<'_>, task: &WorkflowTask, completion: &Completion) -> bool {
    let core = &tx.state.core;
    // The last completed task's completed event follows its started event.
    let carried = core.next_event_id - core.last_completed_started_event_id - 2;
    let allowed = if completion.takes_events_again { MOST_CARRIED_AGAIN } else { 0 };
    task.speculative
        && completion.commands.is_empty()
        && !completion.force_new_task
        && carried <= allowed
        && update::only_rejects(&completion.messages)
        && !tx.state.requested_updates.iter().any(|requested| requested.in_history)
}

fn end_task(tx: &mut Transition<'_>, completion: &mut Completion) {
    let core = &mut tx.state.core;
    core.workflow_task = None;
    core.workflow_task_attempt = 1;
    core.close_attempted = false;
    core.sticky_queue = std::mem::take(&mut completion.sticky_queue);
    core.sticky_timeout = completion.sticky_timeout;
}

/// Applies commands and messages: a message where its command points at it, the others at the end.
fn apply_all(
    tx: &mut Transition<'_>,
    completed_id: i64,
    commands: Vec<command::Command>,
    mut messages: Vec<protocol::Message>,
    worker: &str,
) {
    for command in commands {
        if let Some(CommandAttributes::ProtocolMessageCommandAttributes(pointer)) = &command.attributes {
            if let Some(place) = messages.iter().position(|message| message.id == pointer.message_id) {
                update::apply(tx, messages.remove(place));
            }
            continue;
        }
        apply(tx, completed_id, command, worker);
        if !tx.state.core.is_running() {
            break;
        }
    }
    for message in messages {
        update::apply(tx, message);
    }
}

fn apply(tx: &mut Transition<'_>, completed_id: i64, command: command::Command, worker: &str) {
    use CommandAttributes as C;
    let metadata = command.user_metadata;
    let Some(attributes) = command.attributes else { return };
    match attributes {
        C::ScheduleActivityTaskCommandAttributes(c) => {
            let own = c.task_queue.as_ref().is_some_and(|queue| queue.name == tx.state.core.task_queue);
            let eager = c.request_eager_execution && own;
            activity::schedule(tx, completed_id, c, metadata, eager.then_some(worker));
        }
        C::RequestCancelActivityTaskCommandAttributes(c) => {
            activity::request_cancel(tx, completed_id, c.scheduled_event_id, worker);
        }
        C::StartTimerCommandAttributes(c) => timer::start(tx, completed_id, c, metadata),
        C::CancelTimerCommandAttributes(c) => timer::cancel(tx, completed_id, &c.timer_id, worker),
        C::RecordMarkerCommandAttributes(c) => {
            tx.append_described(
                EventAttributes::MarkerRecordedEventAttributes(history::MarkerRecordedEventAttributes {
                    marker_name: c.marker_name,
                    details: c.details,
                    workflow_task_completed_event_id: completed_id,
                    header: c.header,
                    failure: c.failure,
                }),
                metadata,
            );
        }
        C::StartChildWorkflowExecutionCommandAttributes(c) => {
            child::initiate(tx, completed_id, c, metadata);
        }
        C::SignalExternalWorkflowExecutionCommandAttributes(c) => {
            signal_external::initiate(tx, completed_id, c, metadata);
        }
        C::RequestCancelExternalWorkflowExecutionCommandAttributes(c) => {
            cancel_external::initiate(tx, completed_id, c, metadata);
        }
        C::UpsertWorkflowSearchAttributesCommandAttributes(c) => upsert(tx, completed_id, c),
        C::ModifyWorkflowPropertiesCommandAttributes(c) => modify(tx, completed_id, c),
        C::CompleteWorkflowExecutionCommandAttributes(c) => {
            lifecycle::complete(tx, completed_id, c.result);
        }
        C::FailWorkflowExecutionCommandAttributes(c) => lifecycle::fail(tx, completed_id, c.failure),
        C::CancelWorkflowExecutionCommandAttributes(c) => lifecycle::cancel(tx, completed_id, c.details),
        C::ContinueAsNewWorkflowExecutionCommandAttributes(c) => {
            lifecycle::continue_as_new(tx, completed_id, c);
        }
        // The first points at a message, which is applied in its place; the others are refused by `validate`.
        C::ProtocolMessageCommandAttributes(_)
        | C::ScheduleNexusOperationCommandAttributes(_)
        | C::RequestCancelNexusOperationCommandAttributes(_) => {}
    }
}

fn upsert(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::UpsertWorkflowSearchAttributesCommandAttributes,
) {
    if let Some(annotations) = tx.state.annotations.edit(&0)
        && let Some(upserted) = &command.search_attributes
    {
        let fields = &mut annotations.search_attributes.get_or_insert_default().indexed_fields;
        merge(fields, &upserted.indexed_fields);
    }
    tx.append(EventAttributes::UpsertWorkflowSearchAttributesEventAttributes(
        history::UpsertWorkflowSearchAttributesEventAttributes {
            workflow_task_completed_event_id: completed_id,
            search_attributes: command.search_attributes,
        },
    ));
}

fn modify(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::ModifyWorkflowPropertiesCommandAttributes,
) {
    if let Some(annotations) = tx.state.annotations.edit(&0)
        && let Some(upserted) = &command.upserted_memo
    {
        merge(&mut annotations.memo.get_or_insert_default().fields, &upserted.fields);
    }
    tx.append(EventAttributes::WorkflowPropertiesModifiedEventAttributes(
        history::WorkflowPropertiesModifiedEventAttributes {
            workflow_task_completed_event_id: completed_id,
            upserted_memo: command.upserted_memo,
        },
    ));
}

/// Upserts fields; a payload without data, or with an empty list, removes its field.
pub(super) fn merge(
    fields: &mut std::collections::HashMap<String, crate::proto::common::Payload>,
    upserted: &std::collections::HashMap<String, crate::proto::common::Payload>,
) {
    for (name, payload) in upserted {
        if payload.data.is_empty() || payload.data == b"[]" {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), payload.clone());
        }
    }
}

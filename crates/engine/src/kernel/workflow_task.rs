//! The workflow task: scheduled → started → completed, failed or timed out.
//!
//! From the second attempt on a task is *transient*: its scheduled and started events exist only in the
//! poll response, with the ids they would have, and are written if it completes.

use super::history::event;
use super::state::WorkflowTask;
use super::time::{SECOND, Timestamp, span_to_proto};
use super::{Rejection, Task, Transition};
use crate::proto::{EventAttributes, enums, failure, history, taskqueue};

/// Suggest continue-as-new from this many events on.
const SUGGEST_AT_EVENTS: i64 = 4_096;
/// Suggest continue-as-new from this history size on, bytes.
const SUGGEST_AT_BYTES: i64 = 4 * 1024 * 1024;
/// Attempts up to this one get the plain timeout; later ones wait longer, so that a workflow that cannot
/// make progress does not occupy workers.
const PATIENT_ATTEMPTS: i32 = 3;
/// The longest a failing task is put off, nanoseconds.
const LONGEST_TIMEOUT: i64 = 600 * SECOND;

/// What a worker was given, and must show when it answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskIdentity {
    pub scheduled_event_id: i64,
    pub started_event_id: i64,
    pub attempt: i32,
    pub nonce: String,
}

/// A task that has just started.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub task: WorkflowTask,
    /// Whether the worker has the run cached and needs only what is new.
    pub sticky: bool,
    /// Scheduled and started events that are not in history.
    pub transient: Vec<history::HistoryEvent>,
}

/// When this task next needs the clock.
pub(crate) fn deadline(task: &WorkflowTask) -> Timestamp {
    if task.started_event_id != 0 {
        Timestamp(task.started_time).plus(task.timeout)
    } else {
        Timestamp(task.schedule_to_start_deadline)
    }
}

/// Schedules a workflow task unless there is one, or the run has closed or not begun.
pub(crate) fn schedule(tx: &mut Transition<'_>) {
    let core = &tx.state.core;
    if !core.is_running() || core.workflow_task.is_some() || core.start_backoff_until != 0 {
        return;
    }
    if core.workflow_task_attempt < 1 {
        tx.state.core.workflow_task_attempt = 1;
    }
    if !tx.state.buffered.is_empty() {
        tx.flush_buffered();
        tx.state.core.workflow_task_attempt = 1;
    }
    let attempt = tx.state.core.workflow_task_attempt;
    let core = &tx.state.core;
    let sticky = !core.sticky_queue.is_empty() && attempt == 1;
    let mut task = WorkflowTask {
        attempt,
        scheduled_time: tx.now.0,
        original_scheduled_time: tx.now.0,
        timeout: timeout(core.workflow_task_timeout, attempt),
        queue: if sticky { core.sticky_queue.clone() } else { core.task_queue.clone() },
        sticky,
        schedule_to_start_deadline: if sticky { tx.now.plus(core.sticky_timeout).0 } else { 0 },
        ..WorkflowTask::default()
    };
    task.scheduled_event_id = if attempt == 1 {
        let attributes = scheduled_attributes(tx, &task);
        tx.append(attributes)
    } else {
        tx.state.core.next_event_id
    };
    tx.effects.tasks.push(Task::Workflow {
        queue: task.queue.clone(),
        sticky,
        scheduled_event_id: task.scheduled_event_id,
        attempt,
    });
    tx.state.core.workflow_task = Some(task);
}

fn timeout(base: i64, attempt: i32) -> i64 {
    let base = if base > 0 { base } else { super::lifecycle::DEFAULT_WORKFLOW_TASK_TIMEOUT };
    let doublings = (attempt - PATIENT_ATTEMPTS).clamp(0, 16);
    if doublings == 0 { base } else { (base << doublings).min(LONGEST_TIMEOUT.max(base)) }
}

fn scheduled_attributes(tx: &Transition<'_>, task: &WorkflowTask) -> EventAttributes {
    let core = &tx.state.core;
    let kind = if task.sticky { enums::TaskQueueKind::Sticky } else { enums::TaskQueueKind::Normal };
    EventAttributes::WorkflowTaskScheduledEventAttributes(history::WorkflowTaskScheduledEventAttributes {
        task_queue: Some(taskqueue::TaskQueue {
            name: task.queue.clone(),
            kind: kind as i32,
            normal_name: if task.sticky { core.task_queue.clone() } else { String::new() },
        }),
        start_to_close_timeout: span_to_proto(task.timeout),
        attempt: task.attempt,
    })
}

fn started_attributes(task: &WorkflowTask) -> EventAttributes {
    use enums::SuggestContinueAsNewReason as Reason;
    let mut reasons = Vec::new();
    if task.suggest_continue_as_new && task.history_bytes >= SUGGEST_AT_BYTES {
        reasons.push(Reason::HistorySizeTooLarge as i32);
    } else if task.suggest_continue_as_new {
        reasons.push(Reason::TooManyHistoryEvents as i32);
    }
    EventAttributes::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
        scheduled_event_id: task.scheduled_event_id,
        identity: task.identity.clone(),
        request_id: task.nonce.clone(),
        suggest_continue_as_new: task.suggest_continue_as_new,
        suggest_continue_as_new_reasons: reasons,
        history_size_bytes: task.history_bytes,
        ..Default::default()
    })
}

/// A worker takes the task. `None` if it is no longer there to be taken.
pub(crate) fn start(
    tx: &mut Transition<'_>,
    scheduled_event_id: i64,
    attempt: i32,
    polled_queue: &str,
    identity: &str,
) -> Option<Started> {
    if !tx.state.core.is_running() {
        return None;
    }
    let mut task = tx.state.core.workflow_task.clone()?;
    if task.started_event_id != 0 || task.scheduled_event_id != scheduled_event_id || task.attempt != attempt
    {
        return None;
    }
    let sticky = task.sticky && polled_queue == task.queue;
    if !sticky {
        tx.state.core.sticky_queue.clear();
    }
    if task.attempt > 1 && task.scheduled_event_id != tx.state.core.next_event_id {
        // Something was recorded since it was scheduled: it is an ordinary task now.
        task.attempt = 1;
        tx.state.core.workflow_task_attempt = 1;
        let attributes = scheduled_attributes(tx, &task);
        task.scheduled_event_id = tx.append(attributes);
    }
    task.started_time = tx.now.0;
    task.nonce = tx.entropy.uuid();
    identity.clone_into(&mut task.identity);
    task.history_bytes = tx.state.core.history_bytes;
    task.suggest_continue_as_new =
        tx.state.core.next_event_id > SUGGEST_AT_EVENTS || task.history_bytes >= SUGGEST_AT_BYTES;
    let mut transient = Vec::new();
    if task.attempt == 1 {
        task.started_event_id = tx.append(started_attributes(&task));
    } else {
        task.started_event_id = task.scheduled_event_id + 1;
        transient = transient_events(tx, &task);
    }
    tx.state.core.workflow_task = Some(task.clone());
    Some(Started { task, sticky, transient })
}

/// The scheduled and started events of a started transient task.
fn transient_events(tx: &Transition<'_>, task: &WorkflowTask) -> Vec<history::HistoryEvent> {
    let mut scheduled = event(Timestamp(task.scheduled_time), scheduled_attributes(tx, task));
    scheduled.event_id = task.scheduled_event_id;
    let mut started = event(Timestamp(task.started_time), started_attributes(task));
    started.event_id = task.started_event_id;
    vec![scheduled, started]
}

/// The started task this identity belongs to.
pub(super) fn check(tx: &Transition<'_>, identity: &TaskIdentity) -> Result<WorkflowTask, Rejection> {
    if !tx.state.core.is_running() {
        return Err(Rejection::WorkflowCompleted);
    }
    tx.state
        .core
        .workflow_task
        .clone()
        .filter(|task| {
            task.started_event_id != 0
                && task.started_event_id == identity.started_event_id
                && task.scheduled_event_id == identity.scheduled_event_id
                && task.attempt == identity.attempt
                && task.nonce == identity.nonce
        })
        .ok_or(Rejection::WorkflowTaskNotFound)
}

/// Writes the events of a transient task that turned out to matter.
pub(super) fn materialise(tx: &mut Transition<'_>, task: &WorkflowTask) {
    if task.attempt > 1 {
        for event in transient_events(tx, task) {
            tx.append_event(event);
        }
    }
}

/// A worker reports that it could not do the task.
pub(crate) fn fail(
    tx: &mut Transition<'_>,
    identity: &TaskIdentity,
    cause: i32,
    failure: Option<failure::Failure>,
    worker: &str,
) -> Result<(), Rejection> {
    let task = check(tx, identity)?;
    fail_started(tx, &task, cause, failure, worker);
    Ok(())
}

pub(super) fn fail_started(
    tx: &mut Transition<'_>,
    task: &WorkflowTask,
    cause: i32,
    failure: Option<failure::Failure>,
    worker: &str,
) {
    if task.attempt == 1 {
        tx.append(EventAttributes::WorkflowTaskFailedEventAttributes(
            history::WorkflowTaskFailedEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: task.started_event_id,
                cause,
                failure,
                identity: worker.to_owned(),
                ..Default::default()
            },
        ));
    }
    again(tx);
}

/// The next attempt, on the normal queue.
fn again(tx: &mut Transition<'_>) {
    tx.state.core.workflow_task = None;
    tx.state.core.sticky_queue.clear();
    tx.state.core.workflow_task_attempt += 1;
    schedule(tx);
}

pub(super) fn fire_due(tx: &mut Transition<'_>) {
    if Timestamp(tx.state.core.start_backoff_until).is_set()
        && Timestamp(tx.state.core.start_backoff_until) <= tx.now
    {
        tx.state.core.start_backoff_until = 0;
        schedule(tx);
        return;
    }
    let Some(task) = tx.state.core.workflow_task.clone() else { return };
    let due = deadline(&task);
    if !due.is_set() || due > tx.now {
        return;
    }
    time_out(tx, &task);
}

/// Ends the task as if its time had passed.
pub(super) fn time_out(tx: &mut Transition<'_>, task: &WorkflowTask) {
    let started = task.started_event_id != 0;
    let timeout_type =
        if started { enums::TimeoutType::StartToClose } else { enums::TimeoutType::ScheduleToStart };
    if task.attempt == 1 {
        tx.append(EventAttributes::WorkflowTaskTimedOutEventAttributes(
            history::WorkflowTaskTimedOutEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: task.started_event_id,
                timeout_type: timeout_type as i32,
            },
        ));
    }
    if started {
        again(tx);
    } else {
        // No sticky worker came for it: not the workflow's fault, so this attempt does not count.
        tx.state.core.workflow_task = None;
        tx.state.core.sticky_queue.clear();
        schedule(tx);
    }
}

/// The worker that had the run cached is gone.
pub(crate) fn clear_stickiness(tx: &mut Transition<'_>) {
    tx.state.core.sticky_queue.clear();
    tx.state.core.sticky_timeout = 0;
}

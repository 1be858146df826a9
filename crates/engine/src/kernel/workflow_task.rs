//! The workflow task. A run has one at most.
//!
//! | state | what happens | becomes |
//! |---|---|---|
//! | – | something the workflow must see | scheduled |
//! | scheduled | a worker takes it | started |
//! | scheduled on a sticky queue | nobody takes it in time | timed out; scheduled on the run's own queue |
//! | started | its worker completes it | –; scheduled, if something came meanwhile |
//! | started | its worker fails it, or its time passes | scheduled again, as the next attempt |
//! | any | the run ends | – |
//!
//! From the second attempt on a task is *transient*: its scheduled and started events exist only in the
//! poll response, with the ids they would have, and are written if it completes.
//!
//! A task that exists only to carry updates is *speculative*: nothing of it is in history, and if all it
//! brings is rejections, nothing ever will be and the ids it would have had are used again. Whatever else
//! happens to the run meanwhile makes it an ordinary task first ([`settle`]), so that it is never stored.

use super::history::event;
use super::state::WorkflowTask;
use super::time::{SECOND, Timestamp, span_to_proto};
use super::{MutableState, Rejection, Task, Transition, update};
use crate::limits::Limits;
use crate::proto::{EventAttributes, enums, failure, history, protocol, taskqueue};

/// Attempts up to this one get the plain timeout; later ones wait longer, so that a workflow that cannot
/// make progress does not occupy workers.
const PATIENT_ATTEMPTS: i32 = 3;
/// The longest a failing task is put off, nanoseconds.
const LONGEST_TIMEOUT: i64 = 600 * SECOND;
/// How long a speculative task waits for a worker before it becomes an ordinary one, nanoseconds.
const SPECULATIVE_PATIENCE: i64 = 5 * SECOND;
/// How long a worker may do nothing but ask for more time, nanoseconds.
pub(super) const LONGEST_HEARTBEATING: i64 = 30 * 60 * SECOND;

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
    /// Updates for the workflow.
    pub messages: Vec<protocol::Message>,
}

/// The task to start, and who wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'a> {
    pub scheduled_event_id: i64,
    pub attempt: i32,
    pub polled_queue: &'a str,
    pub identity: &'a str,
    /// It continues a task that asked for more time: the worker still has the updates it was sent.
    pub is_heartbeat: bool,
}

impl<'a> Take<'a> {
    /// The task as it is on offer.
    pub(crate) fn of(task: &'a WorkflowTask, identity: &'a str) -> Self {
        Self {
            scheduled_event_id: task.scheduled_event_id,
            attempt: task.attempt,
            polled_queue: &task.queue,
            identity,
            is_heartbeat: false,
        }
    }
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
    if !core.is_running()
        || core.workflow_task.is_some()
        || core.start_backoff_until != 0
        || core.awaits_parent
    {
        return;
    }
    if !tx.state.buffered.is_empty() {
        tx.flush_buffered();
        tx.state.core.workflow_task_attempt = 1;
    }
    let mut task = fresh(tx);
    task.scheduled_event_id = if task.attempt == 1 {
        let attributes = scheduled_attributes(tx, &task);
        tx.append(attributes)
    } else {
        tx.state.core.next_event_id
    };
    offer(tx, task);
}

/// Schedules a task for updates alone. Writes nothing. A run that waits to begin is not kept waiting by an
/// update: only a parent that must hear of its child first is waited for.
pub(super) fn schedule_speculative(tx: &mut Transition<'_>) {
    let core = &tx.state.core;
    if !core.is_running() || core.workflow_task.is_some() || core.awaits_parent {
        return;
    }
    let mut task = fresh(tx);
    task.speculative = true;
    task.scheduled_event_id = tx.state.core.next_event_id;
    if !task.sticky {
        task.schedule_to_start_deadline = tx.now.plus(SPECULATIVE_PATIENCE).0;
    }
    offer(tx, task);
}

/// A task for updates that no task carries yet, if there are any and no other is on its way.
pub(crate) fn carry_updates(tx: &mut Transition<'_>) {
    tx.effects.volatile = true;
    if update::has_unsent(tx.state) {
        schedule_speculative(tx);
    }
}

fn fresh(tx: &Transition<'_>) -> WorkflowTask {
    let core = &tx.state.core;
    let attempt = core.workflow_task_attempt.max(1);
    let sticky = !core.sticky_queue.is_empty() && attempt == 1;
    WorkflowTask {
        attempt,
        scheduled_time: tx.now.0,
        original_scheduled_time: tx.now.0,
        timeout: timeout(core.workflow_task_timeout, attempt),
        queue: if sticky { core.sticky_queue.clone() } else { core.task_queue.clone() },
        sticky,
        schedule_to_start_deadline: if sticky { tx.now.plus(core.sticky_timeout).0 } else { 0 },
        ..WorkflowTask::default()
    }
}

fn offer(tx: &mut Transition<'_>, task: WorkflowTask) {
    tx.effects.tasks.push(Task::Workflow {
        queue: task.queue.clone(),
        sticky: task.sticky,
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
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
    EventAttributes::WorkflowTaskStartedEventAttributes(history::WorkflowTaskStartedEventAttributes {
        scheduled_event_id: task.scheduled_event_id,
        identity: task.identity.clone(),
        request_id: task.nonce.clone(),
        suggest_continue_as_new: !task.suggest_reasons.is_empty(),
        suggest_continue_as_new_reasons: task.suggest_reasons.clone(),
        history_size_bytes: task.history_bytes,
        ..Default::default()
    })
}

/// Why the workflow should continue as new now.
fn suggest_reasons(state: &MutableState, limits: &Limits) -> Vec<i32> {
    use enums::SuggestContinueAsNewReason as Reason;
    let core = &state.core;
    [
        (core.history_bytes >= limits.suggested_history_bytes, Reason::HistorySizeTooLarge),
        (core.next_event_id > limits.suggested_history_events, Reason::TooManyHistoryEvents),
        (update::suggests_continue_as_new(state), Reason::TooManyUpdates),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, reason)| reason as i32)
    .collect()
}

/// A worker takes the task. `None` if it is no longer there to be taken.
pub(crate) fn start(tx: &mut Transition<'_>, take: &Take<'_>) -> Option<Started> {
    if !tx.state.core.is_running() {
        return None;
    }
    let mut task = tx.state.core.workflow_task.clone()?;
    if task.started_event_id != 0
        || task.scheduled_event_id != take.scheduled_event_id
        || task.attempt != take.attempt
    {
        return None;
    }
    let sticky = task.sticky && take.polled_queue == task.queue;
    if !sticky {
        tx.state.core.sticky_queue.clear();
    }
    if task.attempt > 1 && task.scheduled_event_id != tx.state.core.next_event_id {
        // Something was recorded since it was scheduled: it is an ordinary task now, scheduled now.
        task.attempt = 1;
        task.scheduled_time = tx.now.0;
        tx.state.core.workflow_task_attempt = 1;
        let attributes = scheduled_attributes(tx, &task);
        task.scheduled_event_id = tx.append(attributes);
    }
    task.started_time = tx.now.0;
    task.nonce = tx.entropy.uuid();
    take.identity.clone_into(&mut task.identity);
    task.history_bytes = tx.state.core.history_bytes;
    task.suggest_reasons = suggest_reasons(tx.state, &tx.rules.limits);
    let mut transient = Vec::new();
    if task.attempt == 1 && !task.speculative {
        task.started_event_id = tx.append(started_attributes(&task));
    } else {
        task.started_event_id = task.scheduled_event_id + 1;
        transient = transient_events(tx, &task);
        tx.effects.volatile |= task.speculative;
    }
    tx.state.core.workflow_task = Some(task.clone());
    let messages = update::send(tx, task.started_event_id, !take.is_heartbeat);
    Some(Started { task, sticky, transient, messages })
}

/// Makes a speculative task an ordinary one, with the events it would have had. Done before anything else
/// is recorded, so that they get the ids its worker was told.
pub(super) fn settle(tx: &mut Transition<'_>) {
    let Some(task) = tx.state.core.workflow_task.as_mut().filter(|task| task.speculative) else { return };
    task.speculative = false;
    let task = task.clone();
    tx.state.core.start_backoff_until = 0;
    let mut events = transient_events(tx, &task);
    if task.started_event_id == 0 {
        events.truncate(1);
    }
    for event in events {
        tx.append_event(event);
    }
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

/// Refuses what a workflow will not see that is about to end: it tried to, was told that something had come
/// in, and is at it again.
pub(super) fn check_not_closing(state: &MutableState) -> Result<(), Rejection> {
    if state.core.close_attempted && state.core.workflow_task_started() {
        return Err(Rejection::WorkflowClosing);
    }
    Ok(())
}

/// Writes the events of a task that is not in history and turned out to matter.
pub(super) fn materialise(tx: &mut Transition<'_>, task: &WorkflowTask) {
    if task.attempt > 1 {
        for event in transient_events(tx, task) {
            tx.append_event(event);
        }
    } else {
        settle(tx);
    }
}

/// Ends a speculative task as if it had never been.
pub(super) fn discard(tx: &mut Transition<'_>) {
    tx.effects.volatile = true;
    tx.state.core.workflow_task = None;
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
    tx.state.core.close_attempted = cause == enums::WorkflowTaskFailedCause::UnhandledCommand as i32;
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

/// The next attempt, on the normal queue. While there was a sticky queue, what went wrong may lie with what its worker
/// had cached: then the whole history is tried first, and that counts as no further attempt.
fn again(tx: &mut Transition<'_>) {
    let core = &mut tx.state.core;
    core.workflow_task = None;
    if core.sticky_queue.is_empty() {
        core.workflow_task_attempt += 1;
    }
    core.sticky_queue.clear();
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
    tx.state.core.close_attempted = false;
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

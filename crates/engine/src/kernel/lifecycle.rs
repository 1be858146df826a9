//! A run's beginning and end, and the run that follows it.

use super::effects::{ChildClosed, Request, Source, Successor, Transfer};
use super::state::{Annotations, MutableState, Parent, RunCore, STATE_VERSION};
use super::time::{SECOND, Timestamp, shorter, span, span_to_proto};
use super::{Effects, Entropy, Transition, child, cron, retry, update, workflow_task};
use crate::proto::{EventAttributes, command, common, enums, failure, history, sdk};
use enums::{ContinueAsNewInitiator as Initiator, RetryState, WorkflowExecutionStatus as Status};

/// What the protocol promises where a client sets no workflow task timeout, nanoseconds.
pub(crate) const DEFAULT_WORKFLOW_TASK_TIMEOUT: i64 = 10 * SECOND;
/// The longest workflow task timeout a client may ask for, nanoseconds.
const LONGEST_WORKFLOW_TASK_TIMEOUT: i64 = 120 * SECOND;

/// Everything that determines a new run.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewRun {
    pub namespace: String,
    pub run_id: String,
    /// The run's first event, without what [`begin`] fills in from the fields here.
    pub started: history::WorkflowExecutionStartedEventAttributes,
    pub request_id: String,
    pub user_metadata: Option<sdk::UserMetadata>,
    pub parent: Option<Parent>,
    /// How long the first workflow task waits, nanoseconds.
    pub backoff: i64,
    /// Whether a signal ends that wait.
    pub backoff_breakable: bool,
    /// When the whole chain of runs must have ended; not set for the first run of a chain, which computes it.
    pub execution_deadline: Timestamp,
    /// The parent must record the start before the first workflow task is offered.
    pub awaits_parent: bool,
    /// The schedule that starts it; empty without one.
    pub schedule_id: String,
}

/// The state of a new run, its first event written; no workflow task yet.
pub(crate) fn new_state(new: NewRun, now: Timestamp, entropy: &mut Entropy) -> (MutableState, Effects) {
    let NewRun { namespace, run_id, mut started, request_id, user_metadata, parent, backoff, .. } = new;
    let workflow_id = started.workflow_id.clone();
    let execution_timeout = span(started.workflow_execution_timeout.as_ref());
    let execution_deadline = if new.execution_deadline.is_set() {
        new.execution_deadline
    } else {
        now.plus_if_set(execution_timeout)
    };
    let run_timeout = shorter(span(started.workflow_run_timeout.as_ref()), execution_timeout);
    let run_deadline = now.plus(backoff).plus_if_set(run_timeout);
    let task_timeout = task_timeout(span(started.workflow_task_timeout.as_ref()), run_timeout);
    let first_run_id = if started.first_execution_run_id.is_empty() {
        run_id.clone()
    } else {
        started.first_execution_run_id.clone()
    };
    let own = common::WorkflowExecution { workflow_id: workflow_id.clone(), run_id: run_id.clone() };
    // Only a child is told its root: a workflow that is its own is not.
    let root = started.root_workflow_execution.clone().unwrap_or(own);
    let attempt = started.attempt.max(1);

    started.workflow_task_timeout = span_to_proto(task_timeout);
    started.workflow_execution_timeout = span_to_proto(execution_timeout);
    started.workflow_run_timeout = span_to_proto(run_timeout);
    started.original_execution_run_id.clone_from(&run_id);
    started.first_execution_run_id.clone_from(&first_run_id);
    started.attempt = attempt;
    started.first_workflow_task_backoff = span_to_proto(backoff);
    started.workflow_execution_expiration_time = execution_deadline.to_proto();
    if let Some(parent) = &parent {
        started.parent_workflow_namespace.clone_from(&parent.namespace);
        started.parent_workflow_execution.clone_from(&parent.execution);
        started.parent_initiated_event_id = parent.initiated_event_id;
    }

    let core = RunCore {
        version: STATE_VERSION,
        namespace,
        workflow_id,
        run_id,
        first_run_id,
        workflow_type: started.workflow_type.clone().unwrap_or_default().name,
        task_queue: started.task_queue.clone().unwrap_or_default().name,
        status: Status::Running as i32,
        start_time: now.0,
        execution_time: now.plus(backoff).0,
        next_event_id: super::history::FIRST,
        execution_deadline: execution_deadline.0,
        run_deadline: run_deadline.0,
        workflow_task_timeout: task_timeout,
        start_backoff_until: if backoff > 0 { now.plus(backoff).0 } else { 0 },
        start_backoff_breakable: new.backoff_breakable,
        workflow_task_attempt: 1,
        parent,
        create_request_id: request_id,
        run_attempt: attempt,
        root: Some(root),
        awaits_parent: new.awaits_parent,
        schedule_id: new.schedule_id,
        ..RunCore::default()
    };
    let mut state = MutableState { core, ..MutableState::default() };
    state.started.insert(0, started.clone());
    state.annotations.insert(
        0,
        Annotations {
            memo: started.memo.clone(),
            search_attributes: started.search_attributes.clone(),
            user_metadata: user_metadata.clone(),
        },
    );
    let mut tx = Transition::new(&mut state, now, entropy);
    tx.append_described(EventAttributes::WorkflowExecutionStartedEventAttributes(started), user_metadata);
    let effects = tx.finish();
    (state, effects)
}

/// The workflow task timeout of a run where this one is asked for, nanoseconds: no task outlives its run.
pub(super) fn task_timeout(asked: i64, run_timeout: i64) -> i64 {
    let asked = if asked == 0 { DEFAULT_WORKFLOW_TASK_TIMEOUT } else { asked };
    shorter(asked.min(LONGEST_WORKFLOW_TASK_TIMEOUT), run_timeout)
}

/// A new run with its first workflow task, if that need not wait.
pub(crate) fn begin(new: NewRun, now: Timestamp, entropy: &mut Entropy) -> (MutableState, Effects) {
    let (mut state, started) = new_state(new, now, entropy);
    let mut tx = Transition::new(&mut state, now, entropy);
    tx.effects = started;
    workflow_task::schedule(&mut tx);
    let effects = std::mem::take(&mut tx.effects);
    (state, effects)
}

/// The run's own timeout, nanoseconds; zero if it has none.
pub(super) fn run_timeout(state: &MutableState) -> i64 {
    state.started.get(&0).map_or(0, |started| span(started.workflow_run_timeout.as_ref()))
}

/// How a run ended, for those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub payloads: Option<common::Payloads>,
    pub failure: Option<failure::Failure>,
    pub retry_state: RetryState,
    /// The workflow goes on in the run it was reset to.
    pub by_reset: bool,
}

/// Completes the run with its result.
pub(super) fn complete(tx: &mut Transition<'_>, completed_id: i64, result: Option<common::Payloads>) {
    let successor = next_cron_run(tx, result.clone(), None);
    tx.append(EventAttributes::WorkflowExecutionCompletedEventAttributes(
        history::WorkflowExecutionCompletedEventAttributes {
            result: result.clone(),
            workflow_task_completed_event_id: completed_id,
            new_execution_run_id: successor_id(successor.as_ref()),
        },
    ));
    follow(tx, successor);
    close(tx, Status::Completed, Ending { payloads: result, ..Ending::default() });
}

/// Fails the run; its retry policy or its cron schedule may start another.
pub(super) fn fail(tx: &mut Transition<'_>, completed_id: i64, failure: Option<failure::Failure>) {
    let failure = failure.unwrap_or_default();
    let (retry_state, successor) = after_failure(tx, &failure);
    let new_execution_run_id = successor_id(successor.as_ref());
    tx.append(EventAttributes::WorkflowExecutionFailedEventAttributes(
        history::WorkflowExecutionFailedEventAttributes {
            failure: Some(failure.clone()),
            retry_state: retry_state as i32,
            workflow_task_completed_event_id: completed_id,
            new_execution_run_id,
        },
    ));
    follow(tx, successor);
    close(tx, Status::Failed, Ending { failure: Some(failure), retry_state, ..Ending::default() });
}

/// Ends the run as the workflow answered a cancellation.
pub(super) fn cancel(tx: &mut Transition<'_>, completed_id: i64, details: Option<common::Payloads>) {
    tx.append(EventAttributes::WorkflowExecutionCanceledEventAttributes(
        history::WorkflowExecutionCanceledEventAttributes {
            workflow_task_completed_event_id: completed_id,
            details: details.clone(),
        },
    ));
    close(tx, Status::Canceled, Ending { payloads: details, ..Ending::default() });
}

/// Ends the run without asking the workflow.
pub(super) fn terminate(
    tx: &mut Transition<'_>,
    reason: &str,
    details: Option<common::Payloads>,
    identity: &str,
) {
    stop_workflow_task(tx, enums::WorkflowTaskFailedCause::ForceCloseCommand);
    tx.append(EventAttributes::WorkflowExecutionTerminatedEventAttributes(
        history::WorkflowExecutionTerminatedEventAttributes {
            reason: reason.to_owned(),
            details,
            identity: identity.to_owned(),
        },
    ));
    let by_reset = identity == super::reset::RESETTER;
    close(tx, Status::Terminated, Ending { by_reset, ..Ending::default() });
}

/// Closes the run's time: whether it did.
pub(super) fn fire_due(tx: &mut Transition<'_>) -> bool {
    let due = |at: i64| at != 0 && Timestamp(at) <= tx.now;
    let execution_due = due(tx.state.core.execution_deadline);
    if !execution_due && !due(tx.state.core.run_deadline) {
        return false;
    }
    stop_workflow_task(tx, enums::WorkflowTaskFailedCause::ForceCloseCommand);
    let timeout = failure::Failure {
        message: "workflow timeout".into(),
        source: "Server".into(),
        failure_info: Some(failure::failure::FailureInfo::TimeoutFailureInfo(failure::TimeoutFailureInfo {
            timeout_type: enums::TimeoutType::StartToClose as i32,
            last_heartbeat_details: None,
        })),
        ..Default::default()
    };
    let (retry_state, successor) =
        if execution_due { (RetryState::Timeout, None) } else { after_failure(tx, &timeout) };
    let new_execution_run_id = successor_id(successor.as_ref());
    tx.append(EventAttributes::WorkflowExecutionTimedOutEventAttributes(
        history::WorkflowExecutionTimedOutEventAttributes {
            retry_state: retry_state as i32,
            new_execution_run_id,
        },
    ));
    follow(tx, successor);
    close(tx, Status::TimedOut, Ending { failure: Some(timeout), retry_state, ..Ending::default() });
    true
}

/// Closes a running workflow task so that what was buffered can be written before the run ends.
fn stop_workflow_task(tx: &mut Transition<'_>, cause: enums::WorkflowTaskFailedCause) {
    if tx.state.core.workflow_task_started() {
        workflow_task::settle(tx);
    }
    if let Some(task) = tx.state.core.workflow_task.take()
        && task.started_event_id != 0
        && task.attempt == 1
    {
        tx.append(EventAttributes::WorkflowTaskFailedEventAttributes(
            history::WorkflowTaskFailedEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: task.started_event_id,
                cause: cause as i32,
                identity: "history-service".into(),
                ..Default::default()
            },
        ));
    }
    tx.flush_buffered();
}

/// Continues as new: this run closes, its successor starts.
pub(super) fn continue_as_new(
    tx: &mut Transition<'_>,
    completed_id: i64,
    command: command::ContinueAsNewWorkflowExecutionCommandAttributes,
) {
    let previous = tx.state.started_attributes();
    let mut started = history::WorkflowExecutionStartedEventAttributes {
        input: command.input.clone(),
        header: command.header.clone(),
        last_completion_result: command.last_completion_result.clone(),
        continued_failure: command.failure.clone(),
        initiator: Initiator::Workflow as i32,
        attempt: 1,
        ..previous
    };
    if command.workflow_type.as_ref().is_some_and(|named| !named.name.is_empty()) {
        started.workflow_type.clone_from(&command.workflow_type);
    }
    if command.task_queue.as_ref().is_some_and(|queue| !queue.name.is_empty()) {
        started.task_queue.clone_from(&command.task_queue);
    }
    if span(command.workflow_run_timeout.as_ref()) > 0 {
        started.workflow_run_timeout.clone_from(&command.workflow_run_timeout);
    }
    if span(command.workflow_task_timeout.as_ref()) > 0 {
        started.workflow_task_timeout.clone_from(&command.workflow_task_timeout);
    }
    // Whoever continues as new says all of what the next run has: SDKs carry over what there is.
    started.retry_policy.clone_from(&command.retry_policy);
    started.memo.clone_from(&command.memo);
    started.search_attributes.clone_from(&command.search_attributes);
    let backoff = span(command.backoff_start_interval.as_ref());
    let successor = successor(tx, started.clone(), backoff);
    tx.append(EventAttributes::WorkflowExecutionContinuedAsNewEventAttributes(
        history::WorkflowExecutionContinuedAsNewEventAttributes {
            new_execution_run_id: successor.state.core.run_id.clone(),
            workflow_type: started.workflow_type,
            task_queue: started.task_queue,
            input: command.input,
            workflow_run_timeout: started.workflow_run_timeout,
            workflow_task_timeout: started.workflow_task_timeout,
            workflow_task_completed_event_id: completed_id,
            backoff_start_interval: command.backoff_start_interval,
            initiator: command.initiator,
            failure: command.failure,
            last_completion_result: command.last_completion_result,
            header: command.header,
            memo: started.memo,
            search_attributes: started.search_attributes,
            ..Default::default()
        },
    ));
    follow(tx, Some(successor));
    close(tx, Status::ContinuedAsNew, Ending::default());
}

/// The run that the workflow's retry policy starts after a failure, if it does.
fn retry_run(tx: &mut Transition<'_>, failure: &failure::Failure) -> (RetryState, Option<Successor>) {
    let previous = tx.state.started_attributes();
    let Some(policy) = previous.retry_policy.clone() else { return (RetryState::RetryPolicyNotSet, None) };
    let policy = retry::with_defaults(Some(policy));
    let expires_at = Timestamp(tx.state.core.execution_deadline);
    // A workflow that ran out of its run timeout may be retried, unlike an activity that waited too long.
    match retry::next_attempt(&policy, tx.state.core.run_attempt, failure, tx.now, expires_at) {
        Err(retry_state) => (retry_state, None),
        Ok(at) => {
            let backoff = at.since(tx.now).min(retry::LONGEST_BACKOFF);
            let started = history::WorkflowExecutionStartedEventAttributes {
                initiator: Initiator::Retry as i32,
                continued_failure: Some(failure.clone()),
                attempt: tx.state.core.run_attempt + 1,
                ..previous
            };
            (RetryState::InProgress, Some(successor(tx, started, backoff)))
        }
    }
}

/// What follows a failure: another attempt if the retry policy has one, else the next run of the schedule.
fn after_failure(tx: &mut Transition<'_>, failure: &failure::Failure) -> (RetryState, Option<Successor>) {
    let (retry_state, successor) = retry_run(tx, failure);
    if successor.is_some() {
        return (retry_state, successor);
    }
    let last_result = tx.state.started.get(&0).and_then(|started| started.last_completion_result.clone());
    (retry_state, next_cron_run(tx, last_result, Some(failure.clone())))
}

/// The next run of the cron schedule, if there is one. It is told the last result there was, and how the
/// run before it failed if it did.
fn next_cron_run(
    tx: &mut Transition<'_>,
    last_completion_result: Option<common::Payloads>,
    continued_failure: Option<failure::Failure>,
) -> Option<Successor> {
    let previous = tx.state.started.get(&0)?;
    let scheduled = Timestamp(tx.state.core.execution_time);
    let backoff = cron::backoff(&previous.cron_schedule, scheduled, tx.now)?;
    let started = history::WorkflowExecutionStartedEventAttributes {
        initiator: Initiator::CronSchedule as i32,
        last_completion_result,
        continued_failure,
        attempt: 1,
        ..previous.clone()
    };
    Some(successor(tx, started, backoff))
}

fn successor(
    tx: &mut Transition<'_>,
    mut started: history::WorkflowExecutionStartedEventAttributes,
    backoff: i64,
) -> Successor {
    let core = tx.state.core.clone();
    let backoff = spaced(tx, backoff);
    started.continued_execution_run_id.clone_from(&core.run_id);
    started.first_execution_run_id.clone_from(&core.first_run_id);
    // No client started this run.
    started.identity.clear();
    let annotations = tx.state.annotations.get(&0).cloned().unwrap_or_default();
    let new = NewRun {
        namespace: core.namespace,
        run_id: tx.entropy.uuid(),
        started,
        request_id: tx.entropy.uuid(),
        user_metadata: annotations.user_metadata,
        parent: core.parent,
        backoff,
        backoff_breakable: false,
        execution_deadline: Timestamp(core.execution_deadline),
        awaits_parent: false,
        schedule_id: core.schedule_id,
    };
    let (state, effects) = begin(new, tx.now, tx.entropy);
    Successor { state, effects }
}

/// A backoff that is long enough for runs of a workflow not to begin one upon the other, as a loop without a wait in it
/// would have them.
fn spaced(tx: &Transition<'_>, backoff: i64) -> i64 {
    let lifetime = tx.now.since(Timestamp(tx.state.core.execution_time));
    let spacing = tx.rules.limits.run_spacing.as_nanos() as i64;
    if lifetime + backoff < spacing { spacing - lifetime } else { backoff }
}

fn successor_id(successor: Option<&Successor>) -> String {
    successor.map(|next| next.state.core.run_id.clone()).unwrap_or_default()
}

fn follow(tx: &mut Transition<'_>, successor: Option<Successor>) {
    tx.state.core.successor_run_id = successor_id(successor.as_ref());
    tx.effects.successor = successor.map(Box::new);
}

/// The end of a run, after its closing event: nothing of it stays pending, and who must know is told.
fn close(tx: &mut Transition<'_>, status: Status, ending: Ending) {
    let core = &mut tx.state.core;
    core.status = status as i32;
    core.close_time = tx.now.0;
    core.workflow_task = None;
    core.sticky_queue.clear();
    core.start_backoff_until = 0;
    if tx.state.core.reset_run_id.is_empty() {
        child::release_all(tx);
    }
    tx.state.children.clear();
    if !tx.applying_commands {
        update::all(tx, update::Happening::of_end(tx));
    }
    let state = &mut *tx.state;
    state.activities.clear();
    state.timers.clear();
    state.external_signals.clear();
    state.external_cancels.clear();
    state.buffered.clear();
    if tx.effects.successor.is_some() || ending.by_reset {
        return;
    }
    if let Some(parent) = tx.state.core.parent.clone() {
        let execution = parent.execution.unwrap_or_default();
        tx.effects.transfers.push(Transfer {
            namespace: parent.namespace,
            workflow_id: execution.workflow_id,
            run_id: execution.run_id,
            source: Some(tx.source(0)),
            request: Some(Request::ChildClosed(Box::new(ChildClosed {
                initiated_event_id: parent.initiated_event_id,
                status: status as i32,
                payloads: ending.payloads,
                failure: ending.failure,
                retry_state: ending.retry_state as i32,
            }))),
        });
    }
}

impl Transition<'_> {
    /// This run as the sender of a transfer that the given event caused.
    pub(super) fn source(&self, initiated_event_id: i64) -> Source {
        let core = &self.state.core;
        Source {
            namespace: core.namespace.clone(),
            workflow_id: core.workflow_id.clone(),
            run_id: core.run_id.clone(),
            initiated_event_id,
            wants_reply: false,
            child_only: false,
        }
    }

    pub(super) fn namespace_or_own(&self, asked: &str) -> String {
        if asked.is_empty() { self.state.core.namespace.clone() } else { asked.to_owned() }
    }
}

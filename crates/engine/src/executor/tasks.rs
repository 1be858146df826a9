//! Giving tasks to workers: what they receive, and the token they answer with.

use super::history::{PAGE, Page};
use super::{CommitOptions, Executor, RunCell, RunRef, Slot, tail};
use crate::kernel::Transition;
use crate::kernel::activity::{self, AttemptIdentity};
use crate::kernel::commands::{self, Outcome};
use crate::kernel::state::Activity;
use crate::kernel::time::{Timestamp, span_to_proto};
use crate::kernel::update;
use crate::kernel::workflow_task::{self, Take, TaskIdentity};
use crate::proto::{EventAttributes, common, enums, history, query, taskqueue, workflowservice as ws};
use crate::status::Failure;
use bytes::Bytes;
use prost::{Message, encoding};
use std::collections::HashMap;

/// A workflow task's token.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkflowToken {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    #[prost(string, tag = "3")]
    pub run_id: String,
    #[prost(int64, tag = "4")]
    pub scheduled_event_id: i64,
    #[prost(int64, tag = "5")]
    pub started_event_id: i64,
    #[prost(int32, tag = "6")]
    pub attempt: i32,
    #[prost(string, tag = "7")]
    pub nonce: String,
    /// Set instead of the event ids when the task is only a query.
    #[prost(string, tag = "8")]
    pub query_id: String,
}

/// An activity task's token.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ActivityToken {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    #[prost(string, tag = "3")]
    pub run_id: String,
    #[prost(int64, tag = "4")]
    pub scheduled_event_id: i64,
    #[prost(int32, tag = "5")]
    pub attempt: i32,
    #[prost(string, tag = "6")]
    pub nonce: String,
}

impl WorkflowToken {
    /// The token a request carries; refused where it is none of ours.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        Self::decode(bytes)
            .ok()
            .filter(|token| !token.workflow_id.is_empty() && !token.run_id.is_empty())
            .ok_or_else(|| Failure::invalid("Error deserializing task token."))
    }

    pub(crate) fn run(&self) -> RunRef {
        RunRef {
            namespace: self.namespace.clone(),
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
        }
    }

    pub(crate) fn task(&self) -> TaskIdentity {
        TaskIdentity {
            scheduled_event_id: self.scheduled_event_id,
            started_event_id: self.started_event_id,
            attempt: self.attempt,
            nonce: self.nonce.clone(),
        }
    }
}

impl ActivityToken {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        Self::decode(bytes)
            .ok()
            .filter(|token| !token.workflow_id.is_empty() && !token.run_id.is_empty())
            .ok_or_else(|| Failure::invalid("Error deserializing task token."))
    }

    pub(crate) fn run(&self) -> RunRef {
        RunRef {
            namespace: self.namespace.clone(),
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
        }
    }

    pub(crate) fn attempt(&self) -> AttemptIdentity {
        AttemptIdentity {
            scheduled_event_id: self.scheduled_event_id,
            attempt: self.attempt,
            nonce: self.nonce.clone(),
        }
    }
}

/// A started workflow task on its way to a worker, its history not yet read.
#[derive(Debug)]
pub(crate) struct Dispatch {
    response: ws::PollWorkflowTaskQueueResponse,
    run_key: i64,
    /// Events still to be read from storage: from this id, before that one.
    missing: (i64, i64),
    /// The events after these, as encoded `History` messages.
    tail: Vec<Bytes>,
    page: Page,
}

/// A workflow task for a worker. Its last events lie there encoded, so they stay so: to take them apart and put
/// them together again would cost as much as the rest of the task.
#[derive(Debug, Default)]
pub(crate) struct WorkflowTask {
    /// Without the history.
    head: ws::PollWorkflowTaskQueueResponse,
    /// As encoded `History` messages: one after the other they are one.
    history: Vec<Bytes>,
}

/// The tag of `PollWorkflowTaskQueueResponse.history`.
const HISTORY_TAG: u32 = 8;

impl WorkflowTask {
    /// As an encoded `PollWorkflowTaskQueueResponse`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let history: usize = self.history.iter().map(Bytes::len).sum();
        let mut encoded = Vec::with_capacity(self.head.encoded_len() + history + 16);
        self.head.encode(&mut encoded).expect("invariant: a vector takes everything");
        if !self.history.is_empty() {
            encoding::encode_key(HISTORY_TAG, encoding::WireType::LengthDelimited, &mut encoded);
            encoding::encode_varint(history as u64, &mut encoded);
            self.history.iter().for_each(|events| encoded.extend_from_slice(events));
        }
        encoded
    }

    pub(crate) fn into_message(self) -> ws::PollWorkflowTaskQueueResponse {
        let events = self.history.into_iter().flat_map(tail::decode).collect();
        ws::PollWorkflowTaskQueueResponse { history: Some(history::History { events }), ..self.head }
    }
}

impl From<ws::PollWorkflowTaskQueueResponse> for WorkflowTask {
    fn from(head: ws::PollWorkflowTaskQueueResponse) -> Self {
        Self { head, history: Vec::new() }
    }
}

impl Executor {
    /// Starts an offered workflow task for a worker; `None` if it is no longer on offer.
    pub(crate) async fn start_workflow_task(
        &self,
        name: &RunRef,
        take: &Take<'_>,
    ) -> Result<Option<WorkflowTask>, Failure> {
        let dispatch = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            match self.run(&mut slot, name).await {
                Err(failure) if failure.is_not_found() => return Ok(None),
                found => found.map(drop)?,
            }
            // Taking a task acknowledges nothing to anyone: if this is lost in a crash, the task is offered
            // again and the token given out here no longer fits. So the worker need not wait for the disk.
            let started = self.apply_held(&mut slot, &name.run_id, |tx| {
                workflow_task::start(tx, take).ok_or(crate::kernel::Rejection::WorkflowTaskNotFound)
            });
            match started {
                Ok(started) => Self::dispatch(&mut slot, name, started)?,
                Err(failure) if failure.is_not_found() => return Ok(None),
                Err(failure) => return Err(failure),
            }
        };
        self.complete_dispatch(name, dispatch).await.map(Some)
    }

    /// Describes a started task for its worker. Quick, under the lock.
    pub(crate) fn dispatch(
        slot: &mut Slot,
        name: &RunRef,
        started: workflow_task::Started,
    ) -> Result<Dispatch, Failure> {
        let run = slot.runs.get_mut(&name.run_id).ok_or_else(Failure::stopped)?;
        let workflow_task::Started { task, sticky, transient, messages } = started;
        let queries = attach_queries(run);
        let core = &run.state.core;
        let until = if transient.is_empty() { task.started_event_id + 1 } else { task.scheduled_event_id };
        let from = if sticky { core.last_completed_started_event_id + 1 } else { 1 };
        let (tail_begins, tail) = run.tail.encoded(from, until);
        let token = WorkflowToken {
            namespace: core.namespace.clone(),
            workflow_id: core.workflow_id.clone(),
            run_id: core.run_id.clone(),
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            nonce: task.nonce.clone(),
            query_id: String::new(),
        };
        let response = ws::PollWorkflowTaskQueueResponse {
            task_token: token.encode_to_vec(),
            workflow_execution: Some(core.execution()),
            workflow_type: Some(common::WorkflowType { name: core.workflow_type.clone() }),
            previous_started_event_id: core.last_completed_started_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            workflow_execution_task_queue: Some(normal_queue(&core.task_queue)),
            scheduled_time: Timestamp(task.scheduled_time).to_proto(),
            started_time: Timestamp(task.started_time).to_proto(),
            queries,
            messages,
            ..Default::default()
        };
        let page = Page { run_id: core.run_id.clone(), next_event_id: from, until, transient };
        Ok(Dispatch { response, run_key: run.run_key, missing: (from, tail_begins), tail, page })
    }

    /// Adds the history to a task. May read from storage.
    pub(crate) async fn complete_dispatch(
        &self,
        name: &RunRef,
        dispatch: Dispatch,
    ) -> Result<WorkflowTask, Failure> {
        let Dispatch { mut response, run_key, missing: (from, tail_begins), tail, mut page } = dispatch;
        let events = self.storage.readers.events(run_key, from, tail_begins, PAGE).await?;
        let next = events.last().map_or(from, |event| event.event_id + 1);
        let mut history = vec![tail::encode(events)];
        if next < tail_begins {
            // Further pages are read from storage, so all of this task's history has to be there.
            self.flush_run(name).await?;
            page.next_event_id = next;
            response.next_page_token = page.encode_to_vec();
        } else {
            history.extend(tail);
            history.push(tail::encode(std::mem::take(&mut page.transient)));
        }
        Ok(WorkflowTask { head: response, history })
    }

    /// Starts an offered activity for a worker; `None` if it is no longer on offer.
    pub(crate) async fn start_activity(
        &self,
        name: &RunRef,
        scheduled_event_id: i64,
        attempt: i32,
        worker: &str,
    ) -> Result<Option<ws::PollActivityTaskQueueResponse>, Failure> {
        let (activity, workflow_type, ticket) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let workflow_type = match self.run(&mut slot, name).await {
                Err(failure) if failure.is_not_found() => return Ok(None),
                found => found?.state.core.workflow_type.clone(),
            };
            let started = self.apply(&mut slot, &name.run_id, CommitOptions::KNOWN, |tx| {
                activity::start(tx, scheduled_event_id, attempt, worker)
                    .ok_or(crate::kernel::Rejection::ActivityNotFound)
            });
            match started {
                Ok((activity, ticket)) => (activity, workflow_type, ticket),
                Err(failure) if failure.is_not_found() => return Ok(None),
                Err(failure) => return Err(failure),
            }
        };
        // An attempt counts once a worker has it: an activity that may run once only must not be given out
        // again after a crash, so its start is durable first.
        ticket.durable().await?;
        let event = self.event(name, activity.scheduled_event_id).await?;
        let scheduled = event.as_ref().and_then(schedule_of).ok_or_else(|| {
            Failure::unavailable(format!(
                "event {} of run {} is not the activity's schedule; the database is damaged",
                activity.scheduled_event_id, name.run_id
            ))
        })?;
        Ok(Some(activity_task(name, workflow_type, &activity, scheduled)))
    }

    /// A worker answers a workflow task. If it takes the next one and that follows at once, it starts here.
    pub(crate) async fn complete_workflow_task(
        &self,
        token: &WorkflowToken,
        completion: commands::Completion,
        results: HashMap<String, query::WorkflowQueryResult>,
    ) -> Result<ws::RespondWorkflowTaskCompletedResponse, Failure> {
        let name = token.run();
        let worker = completion.identity.clone();
        let takes_next = completion.takes_next_task;
        let is_heartbeat = completion.force_new_task;
        let (outcome, eager, next, ticket) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            self.run(&mut slot, &name).await?;
            let ((outcome, eager, mut next), mut ticket) =
                self.apply(&mut slot, &name.run_id, CommitOptions::KNOWN, |tx| {
                    let outcome = commands::complete(tx, &token.task(), completion)?;
                    let eager = eager_activities(tx, &name);
                    let wanted = takes_next && outcome == Outcome::Completed;
                    let next = if wanted { take_next_task(tx, &worker, is_heartbeat) } else { None };
                    Ok((outcome, eager, next))
                })?;
            let answered = matches!(outcome, Outcome::Completed | Outcome::Discarded { .. });
            let state = &self.run(&mut slot, &name).await?.state;
            let may_follow = outcome != Outcome::Completed || update::has_unsent(state);
            if answered && next.is_none() && may_follow {
                // Updates that came meanwhile get a task of which nothing is stored, so it is no part of
                // what is stored here.
                (next, ticket) = self.apply(&mut slot, &name.run_id, CommitOptions::KNOWN, |tx| {
                    workflow_task::carry_updates(tx);
                    Ok(if takes_next { take_next_task(tx, &worker, is_heartbeat) } else { None })
                })?;
            }
            if answered {
                Self::answer_queries(&mut slot, &name.run_id, results);
            }
            let next = match next {
                Some(started) => Some(Self::dispatch(&mut slot, &name, started)?),
                None => None,
            };
            self.release_queries(&mut slot, &name.run_id);
            (outcome, eager, next, ticket)
        };
        ticket.durable().await?;
        let mut response =
            ws::RespondWorkflowTaskCompletedResponse { activity_tasks: eager, ..Default::default() };
        match outcome {
            Outcome::Completed => {}
            Outcome::Discarded { reset_history_event_id } => {
                response.reset_history_event_id = reset_history_event_id;
            }
            Outcome::Failed(bad) => return Err(Failure::invalid(bad.message)),
            Outcome::HeartbeatTimeout => return Err(Failure::not_found("workflow task heartbeat timeout")),
        }
        if let Some(next) = next {
            response.workflow_task = Some(self.complete_dispatch(&name, next).await?.into_message());
        }
        Ok(response)
    }

    /// A worker gives a workflow task back as failed.
    pub(crate) async fn fail_workflow_task(
        &self,
        token: &WorkflowToken,
        cause: i32,
        failure: Option<crate::proto::failure::Failure>,
        worker: &str,
    ) -> Result<(), Failure> {
        let name = token.run();
        let ticket = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            self.run(&mut slot, &name).await?;
            let ((), ticket) = self.apply(&mut slot, &name.run_id, CommitOptions::KNOWN, |tx| {
                workflow_task::fail(tx, &token.task(), cause, failure, worker)
            })?;
            ticket
        };
        Ok(ticket.durable().await?)
    }
}

/// What a worker gets to run one attempt.
fn activity_task(
    name: &RunRef,
    workflow_type: String,
    activity: &Activity,
    scheduled: &history::ActivityTaskScheduledEventAttributes,
) -> ws::PollActivityTaskQueueResponse {
    let token = ActivityToken {
        namespace: name.namespace.clone(),
        workflow_id: name.workflow_id.clone(),
        run_id: name.run_id.clone(),
        scheduled_event_id: activity.scheduled_event_id,
        attempt: activity.attempt,
        nonce: activity.nonce.clone(),
    };
    ws::PollActivityTaskQueueResponse {
        task_token: token.encode_to_vec(),
        workflow_namespace: name.namespace.clone(),
        workflow_type: Some(common::WorkflowType { name: workflow_type }),
        workflow_execution: Some(common::WorkflowExecution {
            workflow_id: name.workflow_id.clone(),
            run_id: name.run_id.clone(),
        }),
        activity_type: scheduled.activity_type.clone(),
        activity_id: activity.activity_id.clone(),
        header: scheduled.header.clone(),
        input: scheduled.input.clone(),
        heartbeat_details: activity.heartbeat_details.clone(),
        scheduled_time: Timestamp(activity.scheduled_time).to_proto(),
        current_attempt_scheduled_time: Timestamp(activity.attempt_scheduled_time).to_proto(),
        started_time: Timestamp(activity.started_time).to_proto(),
        attempt: activity.attempt,
        schedule_to_close_timeout: span_to_proto(activity.schedule_to_close),
        start_to_close_timeout: span_to_proto(activity.start_to_close),
        heartbeat_timeout: span_to_proto(activity.heartbeat),
        retry_policy: activity.retry_policy.clone(),
        priority: scheduled.priority.clone(),
        ..Default::default()
    }
}

/// How an activity was scheduled, if that is what an event says.
fn schedule_of(event: &history::HistoryEvent) -> Option<&history::ActivityTaskScheduledEventAttributes> {
    match event.attributes.as_ref()? {
        EventAttributes::ActivityTaskScheduledEventAttributes(scheduled) => Some(scheduled),
        _ => None,
    }
}

/// The activities that a transition has started for the worker that makes it.
fn eager_activities(tx: &Transition<'_>, name: &RunRef) -> Vec<ws::PollActivityTaskQueueResponse> {
    let started = |id: &i64| {
        let activity = tx.state.activities.get(id)?;
        let event = tx.effects.events.iter().find(|event| event.event_id == *id)?;
        Some(activity_task(name, tx.state.core.workflow_type.clone(), activity, schedule_of(event)?))
    };
    tx.effects.eager_activities.iter().filter_map(started).collect()
}

/// If the transition scheduled another workflow task, starts it for the worker that caused it.
fn take_next_task(
    tx: &mut Transition<'_>,
    worker: &str,
    is_heartbeat: bool,
) -> Option<workflow_task::Started> {
    let task = tx.state.core.workflow_task.clone()?;
    let started = workflow_task::start(tx, &Take { is_heartbeat, ..Take::of(&task, worker) })?;
    tx.effects.tasks.retain(|task| !matches!(task, crate::kernel::Task::Workflow { .. }));
    // Whoever has just answered has the run at hand, on whichever queue its tasks are.
    Some(workflow_task::Started { sticky: true, ..started })
}

fn attach_queries(run: &RunCell) -> HashMap<String, query::WorkflowQuery> {
    run.queries.iter().map(|buffered| (buffered.id.clone(), buffered.query.clone())).collect()
}

pub(crate) fn normal_queue(name: &str) -> taskqueue::TaskQueue {
    taskqueue::TaskQueue {
        name: name.to_owned(),
        kind: enums::TaskQueueKind::Normal as i32,
        normal_name: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_with_encoded_events_reads_as_one_that_was_encoded_as_a_whole() {
        let event = |event_id| history::HistoryEvent { event_id, ..Default::default() };
        let whole = |events: Vec<i64>| ws::PollWorkflowTaskQueueResponse {
            task_token: vec![1],
            started_event_id: 3,
            history: Some(history::History { events: events.into_iter().map(event).collect() }),
            ..Default::default()
        };
        for parts in [vec![], vec![vec![]], vec![vec![1], vec![], vec![2, 3]]] {
            let task = || WorkflowTask {
                head: ws::PollWorkflowTaskQueueResponse { history: None, ..whole(vec![]) },
                history: parts
                    .iter()
                    .map(|ids| tail::encode(ids.iter().copied().map(event).collect()))
                    .collect(),
            };
            let whole = whole(parts.concat());
            assert_eq!(task().into_message(), whole);
            let read = ws::PollWorkflowTaskQueueResponse::decode(&*task().encode()).expect("it decodes");
            assert_eq!(read.history.is_none(), parts.is_empty());
            assert_eq!(
                ws::PollWorkflowTaskQueueResponse { history: whole.history.clone(), ..read.clone() },
                whole
            );
            assert_eq!(read.history.unwrap_or_default(), whole.history.unwrap_or_default());
        }
    }
}

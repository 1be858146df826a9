//! Queries: on the next workflow task while one is outstanding, so that they see what was acknowledged
//! before them; otherwise as a task of their own. They write nothing.

use super::history::PAGE;
use super::slot::{AskedQuery, BufferedQuery};
use super::tasks::{WorkflowToken, normal_queue};
use super::{Executor, RunRef, Slot};
use crate::kernel::Timestamp;
use crate::kernel::time::MILLISECOND;
use crate::matching::{Offer, QueryAnswer, QueryTask, QueueKey, TaskKind};
use crate::proto::{common, enums, history, query, workflowservice as ws};
use crate::status::Failure;
use enums::{QueryRejectCondition as RejectIf, WorkflowExecutionStatus as Status};
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a query may take; the caller's own deadline is usually shorter.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Queries that may wait for one workflow task: it carries them all, and its answer theirs.
const MOST_BUFFERED: usize = 100;
/// A workflow task that failed this often will most likely fail again, and the query with it.
const HOPELESS_ATTEMPT: i32 = 3;

/// The status a query was refused for, or the channel its answer comes on.
enum Asked {
    Rejected(i32),
    Buffered(oneshot::Receiver<QueryAnswer>),
    Direct { run: Arc<RunRef>, sticky: Option<(QueueKey, Duration)>, normal: QueueKey },
}

impl Executor {
    /// Asks a workflow.
    pub(crate) async fn query(
        &self,
        name: &RunRef,
        query: query::WorkflowQuery,
        reject_if: RejectIf,
    ) -> Result<ws::QueryWorkflowResponse, Failure> {
        let deadline = tokio::time::Instant::now() + QUERY_TIMEOUT;
        let answer = loop {
            match self.ask(name, &query, reject_if).await? {
                Asked::Rejected(status) => {
                    return Ok(ws::QueryWorkflowResponse {
                        query_rejected: Some(query::QueryRejected { status }),
                        ..Default::default()
                    });
                }
                Asked::Buffered(answer) => match tokio::time::timeout_at(deadline, answer).await {
                    Ok(Ok(answer)) => break Some(answer),
                    // The run ended before its task did: ask again, of what it is now.
                    Ok(Err(_)) => {}
                    Err(_) => break None,
                },
                Asked::Direct { run, sticky, normal } => {
                    break self.ask_directly(run, query, sticky, normal).await;
                }
            }
        };
        match answer {
            Some(QueryAnswer::Answered(query_result)) => {
                Ok(ws::QueryWorkflowResponse { query_result, ..Default::default() })
            }
            Some(QueryAnswer::Failed { message, failure }) => {
                Err(Failure::query_failed(message, failure.map(|f| *f)))
            }
            None => Err(Failure::deadline("no worker answered the query in time")),
        }
    }

    async fn ask(
        &self,
        name: &RunRef,
        query: &query::WorkflowQuery,
        reject_if: RejectIf,
    ) -> Result<Asked, Failure> {
        let id = self.uuid();
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, name).await?;
        let core = &run.state.core;
        let status = core.status;
        let rejected = match reject_if {
            RejectIf::NotOpen => !core.is_running(),
            RejectIf::NotCompletedCleanly => {
                ![Status::Running, Status::Completed].iter().any(|clean| *clean as i32 == status)
            }
            RejectIf::None | RejectIf::Unspecified => false,
        };
        if rejected {
            return Ok(Asked::Rejected(status));
        }
        let never_ran = core.last_completed_started_event_id == 0;
        let begins = Timestamp(core.start_backoff_until);
        let not_ready = if never_ran && !core.is_running() {
            Some("Workflow execution closed before WorkflowTaskStarted event")
        } else if begins > self.now().plus(QUERY_TIMEOUT.as_nanos() as i64) {
            Some("Workflow task is not scheduled yet.")
        } else if core.workflow_task_attempt >= HOPELESS_ATTEMPT {
            Some("Unable to query workflow due to Workflow Task in failed state.")
        } else {
            None
        };
        if let Some(why) = not_ready {
            return Err(Failure::workflow_not_ready(why));
        }
        if core.is_running() && (core.workflow_task.is_some() || never_ran) {
            let (send, answer) = oneshot::channel();
            run.queries.retain(|buffered| !buffered.answer.is_closed());
            if run.queries.len() >= MOST_BUFFERED {
                return Err(Failure::exhausted(
                    enums::ResourceExhaustedCause::BusyWorkflow,
                    "consistent query buffer is full, this may be caused by too many queries and workflow not able to \
                     process query fast enough",
                ));
            }
            run.queries.push(BufferedQuery { id, query: query.clone(), answer: send });
            return Ok(Asked::Buffered(answer));
        }
        let key = |queue: &str| QueueKey {
            namespace: core.namespace.clone(),
            name: queue.to_owned(),
            kind: TaskKind::Workflow,
        };
        let sticky = (!core.sticky_queue.is_empty()).then(|| {
            let patience = Duration::from_nanos(core.sticky_timeout.max(100 * MILLISECOND) as u64);
            (key(&core.sticky_queue), patience)
        });
        Ok(Asked::Direct { run: run.name.clone(), sticky, normal: key(&core.task_queue) })
    }

    async fn ask_directly(
        &self,
        run: Arc<RunRef>,
        query: query::WorkflowQuery,
        sticky: Option<(QueueKey, Duration)>,
        normal: QueueKey,
    ) -> Option<QueryAnswer> {
        if let Some((queue, patience)) = sticky
            && self.matching.is_alive(&queue, self.now())
        {
            let answer = self.offer_query(queue, run.clone(), query.clone());
            if let Some(answer) = within(patience, answer).await {
                return Some(answer);
            }
        }
        within(QUERY_TIMEOUT, self.offer_query(normal, run, query)).await
    }

    fn offer_query(
        &self,
        queue: QueueKey,
        run: Arc<RunRef>,
        query: query::WorkflowQuery,
    ) -> oneshot::Receiver<QueryAnswer> {
        let (answer, receive) = oneshot::channel();
        let task = QueryTask { run, query, answer };
        self.matching.offer(queue, None, Offer::Query(Box::new(task)), self.now());
        receive
    }

    /// Gives a query that stands alone to a worker; `None` if nobody waits for it any more.
    pub(crate) async fn start_query(
        &self,
        task: QueryTask,
        polled_queue: &str,
    ) -> Result<Option<ws::PollWorkflowTaskQueueResponse>, Failure> {
        if task.answer.is_closed() {
            return Ok(None);
        }
        let QueryTask { run: name, query, answer } = task;
        let query_id = self.uuid();
        let (mut response, run_key, sticky, until, tail) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let run = self.run(&mut slot, &name).await?;
            let core = &run.state.core;
            let sticky = core.sticky_queue == polled_queue && !polled_queue.is_empty();
            let token = WorkflowToken {
                namespace: core.namespace.clone(),
                workflow_id: core.workflow_id.clone(),
                run_id: core.run_id.clone(),
                query_id: query_id.clone(),
                ..WorkflowToken::default()
            };
            let response = ws::PollWorkflowTaskQueueResponse {
                task_token: token.encode_to_vec(),
                workflow_execution: Some(core.execution()),
                workflow_type: Some(common::WorkflowType { name: core.workflow_type.clone() }),
                previous_started_event_id: core.last_completed_started_event_id,
                workflow_execution_task_queue: Some(normal_queue(&core.task_queue)),
                query: Some(query),
                attempt: 1,
                ..Default::default()
            };
            let until = core.next_event_id;
            let tail = run.tail.from(1, until);
            run.asked.retain(|asked| !asked.answer.is_closed());
            run.asked.push(AskedQuery { id: query_id, answer });
            (response, run.run_key, sticky, until, tail)
        };
        let mut events = Vec::new();
        if !sticky {
            let (tail_begins, tail) = tail;
            events = self.storage.readers.events(run_key, 1, tail_begins, PAGE).await?;
            let next = events.last().map_or(1, |event| event.event_id + 1);
            if next < tail_begins {
                self.flush_run(&name).await?;
                let run_id = name.run_id.clone();
                let page = super::Page { run_id, next_event_id: next, until, transient: Vec::new() };
                response.next_page_token = page.encode_to_vec();
            } else {
                events.extend(tail);
            }
        }
        response.history = Some(history::History { events });
        Ok(Some(response))
    }

    /// A worker answers a query that stood alone.
    pub(crate) async fn answer_query(
        &self,
        token: &WorkflowToken,
        answer: QueryAnswer,
    ) -> Result<(), Failure> {
        let name = token.run();
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, &name).await?;
        let Some(place) = run.asked.iter().position(|asked| asked.id == token.query_id) else {
            return Err(Failure::not_found("the query is no longer waited for"));
        };
        // Whoever asked may have given up in this moment.
        let _ = run.asked.swap_remove(place).answer.send(answer);
        Ok(())
    }

    /// Hands the answers that came with a workflow task to those who asked.
    pub(super) fn answer_queries(
        slot: &mut Slot,
        run_id: &str,
        mut results: HashMap<String, query::WorkflowQueryResult>,
    ) {
        let Some(run) = slot.runs.get_mut(run_id) else { return };
        for buffered in std::mem::take(&mut run.queries) {
            match results.remove(&buffered.id) {
                Some(result) => {
                    let _ = buffered.answer.send(answer_of(result));
                }
                None => run.queries.push(buffered),
            }
        }
    }

    /// The run has ended without its workflow: no task of it will carry what waits for one, so those who
    /// asked ask again.
    pub(super) fn drop_queries(slot: &mut Slot, run_id: &str) {
        if let Some(run) = slot.runs.get_mut(run_id)
            && !run.state.core.is_running()
        {
            run.queries.clear();
        }
    }

    /// Queries that came too late for the task that just ended, when no other follows, become tasks of
    /// their own.
    pub(super) fn release_queries(&self, slot: &mut Slot, run_id: &str) {
        let now = self.now();
        let Some(run) = slot.runs.get_mut(run_id) else { return };
        let core = &run.state.core;
        if core.workflow_task.is_some() && core.is_running() {
            return;
        }
        let queue = if core.is_running() && !core.sticky_queue.is_empty() {
            core.sticky_queue.clone()
        } else {
            core.task_queue.clone()
        };
        let key =
            |name: String| QueueKey { namespace: core.namespace.clone(), name, kind: TaskKind::Workflow };
        let (queue, fallback) = (key(queue), key(core.task_queue.clone()));
        let name = run.name.clone();
        for buffered in std::mem::take(&mut run.queries) {
            if !buffered.answer.is_closed() {
                let BufferedQuery { query, answer, .. } = buffered;
                let task = QueryTask { run: name.clone(), query, answer };
                let offer = Offer::Query(Box::new(task));
                self.matching.offer(queue.clone(), Some(fallback.clone()), offer, now);
            }
        }
    }
}

fn answer_of(result: query::WorkflowQueryResult) -> QueryAnswer {
    if result.result_type == enums::QueryResultType::Failed as i32 {
        QueryAnswer::Failed { message: result.error_message, failure: result.failure.map(Box::new) }
    } else {
        QueryAnswer::Answered(result.answer)
    }
}

async fn within(limit: Duration, answer: oneshot::Receiver<QueryAnswer>) -> Option<QueryAnswer> {
    tokio::time::timeout(limit, answer).await.ok()?.ok()
}

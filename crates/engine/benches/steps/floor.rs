//! The SDK's floor: a WorkflowService that keeps just enough in memory to answer a worker's polls, behind the same
//! door as the engine. It checks nothing and stores nothing; what it takes is what the SDK takes.
//!
//! It offers what the SDK asks for: sticky queues and eager starts, and eager activities if it is told to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use parking_lot::Mutex;
use prost::Message;
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest, GrpcSuccessResponse};
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_protos::temporal::api::command::v1::ScheduleActivityTaskCommandAttributes;
use temporalio_protos::temporal::api::command::v1::command::Attributes as Command;
use temporalio_protos::temporal::api::common::v1::{Payloads, WorkflowExecution, WorkflowType};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes as Event;
use temporalio_protos::temporal::api::history::v1::{
    ActivityTaskCompletedEventAttributes, ActivityTaskScheduledEventAttributes,
    ActivityTaskStartedEventAttributes, History, HistoryEvent, WorkflowExecutionCompletedEventAttributes,
    WorkflowExecutionSignaledEventAttributes, WorkflowExecutionStartedEventAttributes,
    WorkflowTaskCompletedEventAttributes, WorkflowTaskScheduledEventAttributes,
    WorkflowTaskStartedEventAttributes,
};
use temporalio_protos::temporal::api::namespace::v1::NamespaceInfo;
use temporalio_protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_protos::temporal::api::workflowservice::v1 as ws;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use url::Url;

/// A connection to a floor of its own, which hands activities out with the workflow task that schedules them, or
/// waits for somebody to poll for them.
pub(crate) async fn connect(eager_activities: bool) -> Connection {
    let floor = Arc::new(Floor { eager_activities, ..Floor::default() });
    let callback = move |request: GrpcRequest| {
        let floor = Arc::clone(&floor);
        async move {
            let proto = floor.call(&request.rpc, &request.proto).await?;
            Ok(GrpcSuccessResponse { headers: tonic::codegen::http::HeaderMap::new(), proto })
        }
        .boxed()
    };
    let options = ConnectionOptions::new(Url::parse("http://floor.invalid").expect("a URL"))
        .service_override(CallbackBasedGrpcService { callback: Arc::new(callback) })
        .dns_load_balancing(None)
        .build();
    Connection::connect(options).await.expect("it connects")
}

#[derive(Default)]
struct Floor {
    eager_activities: bool,
    runs: Mutex<HashMap<String, Run>>,
    queues: Mutex<HashMap<(Kind, String), Arc<Queue>>>,
    /// Set when the worker says that it ends: then polls come back empty.
    ending: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Workflow,
    Activity,
}

/// Tasks, each by its run and the event that scheduled it.
#[derive(Default)]
struct Queue {
    tasks: Mutex<VecDeque<(String, i64)>>,
    arrived: Notify,
}

impl Queue {
    fn push(&self, run: &str, scheduled: i64) {
        self.tasks.lock().push_back((run.to_owned(), scheduled));
        self.arrived.notify_one();
    }

    async fn pop(&self) -> (String, i64) {
        loop {
            let arrived = self.arrived.notified();
            if let Some(task) = self.take() {
                return task;
            }
            arrived.await;
        }
    }

    fn take(&self) -> Option<(String, i64)> {
        let mut tasks = self.tasks.lock();
        let task = tasks.pop_front();
        if !tasks.is_empty() {
            self.arrived.notify_one();
        }
        task
    }
}

struct Run {
    workflow: WorkflowExecution,
    workflow_type: Option<WorkflowType>,
    queue: String,
    sticky: String,
    /// Events that the worker has not been given yet. What it was given is forgotten: it keeps its workflows.
    events: Vec<HistoryEvent>,
    /// How many it was given.
    given: i64,
    /// The last workflow task's started event; 0 before the first.
    started: i64,
    is_closed: bool,
    closed: Arc<Notify>,
}

impl Run {
    fn record(&mut self, attributes: Event) -> i64 {
        let event_id = self.given + self.events.len() as i64 + 1;
        self.events.push(HistoryEvent {
            event_id,
            event_time: Some(now()),
            event_type: attributes.event_type() as i32,
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        event_id
    }

    fn schedule_workflow_task(&mut self) -> i64 {
        let queue = if self.sticky.is_empty() { &self.queue } else { &self.sticky };
        self.record(Event::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes {
            task_queue: Some(TaskQueue { name: queue.clone(), ..TaskQueue::default() }),
            attempt: 1,
            ..WorkflowTaskScheduledEventAttributes::default()
        }))
    }

    /// Hands the workflow's task out, with what its worker has not seen.
    fn start_workflow_task(&mut self, scheduled: i64) -> ws::PollWorkflowTaskQueueResponse {
        let previous = self.started;
        self.started =
            self.record(Event::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
                scheduled_event_id: scheduled,
                ..WorkflowTaskStartedEventAttributes::default()
            }));
        let events = std::mem::take(&mut self.events);
        self.given += events.len() as i64;
        ws::PollWorkflowTaskQueueResponse {
            task_token: self.workflow.run_id.clone().into_bytes(),
            workflow_execution: Some(self.workflow.clone()),
            workflow_type: self.workflow_type.clone(),
            previous_started_event_id: previous,
            started_event_id: self.started,
            attempt: 1,
            history: Some(History { events }),
            workflow_execution_task_queue: Some(TaskQueue {
                name: self.queue.clone(),
                ..TaskQueue::default()
            }),
            scheduled_time: Some(now()),
            started_time: Some(now()),
            ..ws::PollWorkflowTaskQueueResponse::default()
        }
    }

    fn schedule_activity(&mut self, command: &ScheduleActivityTaskCommandAttributes, completed: i64) -> i64 {
        let command = command.clone();
        self.record(Event::ActivityTaskScheduledEventAttributes(ActivityTaskScheduledEventAttributes {
            activity_id: command.activity_id,
            activity_type: command.activity_type,
            task_queue: command.task_queue,
            input: command.input,
            start_to_close_timeout: command.start_to_close_timeout,
            workflow_task_completed_event_id: completed,
            ..ActivityTaskScheduledEventAttributes::default()
        }))
    }

    fn start_activity(&self, scheduled: i64) -> ws::PollActivityTaskQueueResponse {
        let event = &self.events[(scheduled - self.given) as usize - 1];
        let Some(Event::ActivityTaskScheduledEventAttributes(activity)) = event.attributes.clone() else {
            panic!("event {scheduled} schedules no activity")
        };
        ws::PollActivityTaskQueueResponse {
            task_token: format!("{} {scheduled}", self.workflow.run_id).into_bytes(),
            workflow_namespace: "default".to_owned(),
            workflow_type: self.workflow_type.clone(),
            workflow_execution: Some(self.workflow.clone()),
            activity_type: activity.activity_type,
            activity_id: activity.activity_id,
            input: activity.input,
            scheduled_time: event.event_time,
            current_attempt_scheduled_time: event.event_time,
            started_time: event.event_time,
            attempt: 1,
            start_to_close_timeout: activity.start_to_close_timeout,
            ..ws::PollActivityTaskQueueResponse::default()
        }
    }

    fn complete_activity(&mut self, scheduled: i64, result: Option<Payloads>) {
        let started =
            self.record(Event::ActivityTaskStartedEventAttributes(ActivityTaskStartedEventAttributes {
                scheduled_event_id: scheduled,
                attempt: 1,
                ..ActivityTaskStartedEventAttributes::default()
            }));
        self.record(Event::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
            result,
            scheduled_event_id: scheduled,
            started_event_id: started,
            ..ActivityTaskCompletedEventAttributes::default()
        }));
    }
}

impl Floor {
    /// Answers the calls that the client and the worker of this benchmark make.
    async fn call(&self, rpc: &str, proto: &[u8]) -> Result<Vec<u8>, Status> {
        Ok(match rpc {
            "GetSystemInfo" => system_info().encode_to_vec(),
            "DescribeNamespace" => namespace().encode_to_vec(),
            "StartWorkflowExecution" => self.start(read(proto)?).encode_to_vec(),
            "SignalWorkflowExecution" => self.signal(read(proto)?)?.encode_to_vec(),
            "TerminateWorkflowExecution" => ws::TerminateWorkflowExecutionResponse::default().encode_to_vec(),
            "GetWorkflowExecutionHistory" => self.wait(read(proto)?).await?.encode_to_vec(),
            "PollWorkflowTaskQueue" => self.poll_workflow_task(read(proto)?).await.encode_to_vec(),
            "PollActivityTaskQueue" => self.poll_activity_task(read(proto)?).await.encode_to_vec(),
            "PollNexusTaskQueue" => {
                self.ending.cancelled().await;
                ws::PollNexusTaskQueueResponse::default().encode_to_vec()
            }
            "RespondWorkflowTaskCompleted" => self.complete_workflow_task(read(proto)?)?.encode_to_vec(),
            "RespondActivityTaskCompleted" => self.complete_activity(read(proto)?)?.encode_to_vec(),
            "ShutdownWorker" => {
                self.ending.cancel();
                ws::ShutdownWorkerResponse::default().encode_to_vec()
            }
            other => return Err(Status::unimplemented(format!("the floor has no {other}"))),
        })
    }

    fn queue(&self, kind: Kind, name: &str) -> Arc<Queue> {
        Arc::clone(self.queues.lock().entry((kind, name.to_owned())).or_default())
    }

    fn start(&self, request: ws::StartWorkflowExecutionRequest) -> ws::StartWorkflowExecutionResponse {
        let mut runs = self.runs.lock();
        let run_id = format!("run-{}", runs.len() + 1);
        let queue = request.task_queue.clone().unwrap_or_default().name;
        let mut run = Run {
            workflow: WorkflowExecution { workflow_id: request.workflow_id.clone(), run_id: run_id.clone() },
            workflow_type: request.workflow_type.clone(),
            queue: queue.clone(),
            sticky: String::new(),
            events: Vec::new(),
            given: 0,
            started: 0,
            is_closed: false,
            closed: Arc::default(),
        };
        run.record(Event::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
            workflow_type: request.workflow_type,
            task_queue: request.task_queue,
            input: request.input,
            original_execution_run_id: run_id.clone(),
            first_execution_run_id: run_id.clone(),
            workflow_id: request.workflow_id,
            attempt: 1,
            ..WorkflowExecutionStartedEventAttributes::default()
        }));
        let scheduled = run.schedule_workflow_task();
        let eager_workflow_task = if request.request_eager_execution {
            Some(run.start_workflow_task(scheduled))
        } else {
            self.queue(Kind::Workflow, &queue).push(&run_id, scheduled);
            None
        };
        runs.insert(run_id.clone(), run);
        ws::StartWorkflowExecutionResponse {
            run_id,
            started: true,
            eager_workflow_task,
            ..ws::StartWorkflowExecutionResponse::default()
        }
    }

    fn signal(
        &self,
        request: ws::SignalWorkflowExecutionRequest,
    ) -> Result<ws::SignalWorkflowExecutionResponse, Status> {
        let execution = request.workflow_execution.unwrap_or_default();
        let mut runs = self.runs.lock();
        let run = runs.get_mut(&execution.run_id).ok_or_else(|| missing(&execution.run_id))?;
        run.record(Event::WorkflowExecutionSignaledEventAttributes(
            WorkflowExecutionSignaledEventAttributes {
                signal_name: request.signal_name,
                input: request.input,
                identity: request.identity,
                ..WorkflowExecutionSignaledEventAttributes::default()
            },
        ));
        Ok(ws::SignalWorkflowExecutionResponse::default())
    }

    /// Waits until a run is closed, and answers with how.
    async fn wait(
        &self,
        request: ws::GetWorkflowExecutionHistoryRequest,
    ) -> Result<ws::GetWorkflowExecutionHistoryResponse, Status> {
        let run_id = request.execution.unwrap_or_default().run_id;
        loop {
            let closed = {
                let runs = self.runs.lock();
                let run = runs.get(&run_id).ok_or_else(|| missing(&run_id))?;
                if run.is_closed {
                    let events = run.events.last().cloned().into_iter().collect();
                    return Ok(ws::GetWorkflowExecutionHistoryResponse {
                        history: Some(History { events }),
                        ..ws::GetWorkflowExecutionHistoryResponse::default()
                    });
                }
                Arc::clone(&run.closed).notified_owned()
            };
            closed.await;
        }
    }

    async fn poll_workflow_task(
        &self,
        request: ws::PollWorkflowTaskQueueRequest,
    ) -> ws::PollWorkflowTaskQueueResponse {
        let polled = request.task_queue.unwrap_or_default().name;
        let queue = self.queue(Kind::Workflow, &polled);
        let Some((run, scheduled)) = self.ending.run_until_cancelled(queue.pop()).await else {
            return ws::PollWorkflowTaskQueueResponse::default();
        };
        let mut runs = self.runs.lock();
        let run = runs.get_mut(&run).expect("a queued task has a run");
        run.start_workflow_task(scheduled)
    }

    async fn poll_activity_task(
        &self,
        request: ws::PollActivityTaskQueueRequest,
    ) -> ws::PollActivityTaskQueueResponse {
        let queue = self.queue(Kind::Activity, &request.task_queue.unwrap_or_default().name);
        let Some((run, scheduled)) = self.ending.run_until_cancelled(queue.pop()).await else {
            return ws::PollActivityTaskQueueResponse::default();
        };
        self.runs.lock()[&run].start_activity(scheduled)
    }

    fn complete_workflow_task(
        &self,
        request: ws::RespondWorkflowTaskCompletedRequest,
    ) -> Result<ws::RespondWorkflowTaskCompletedResponse, Status> {
        let run_id = String::from_utf8_lossy(&request.task_token).into_owned();
        let mut runs = self.runs.lock();
        let run = runs.get_mut(&run_id).ok_or_else(|| missing(&run_id))?;
        run.sticky = request.sticky_attributes.unwrap_or_default().worker_task_queue.unwrap_or_default().name;
        let completed =
            run.record(Event::WorkflowTaskCompletedEventAttributes(WorkflowTaskCompletedEventAttributes {
                started_event_id: run.started,
                scheduled_event_id: run.started - 1,
                ..WorkflowTaskCompletedEventAttributes::default()
            }));
        let mut activity_tasks = Vec::new();
        for command in request.commands {
            match command.attributes {
                Some(Command::ScheduleActivityTaskCommandAttributes(activity)) => {
                    let scheduled = run.schedule_activity(&activity, completed);
                    if self.eager_activities && activity.request_eager_execution {
                        activity_tasks.push(run.start_activity(scheduled));
                    } else {
                        let queue = activity.task_queue.unwrap_or_default().name;
                        self.queue(Kind::Activity, &queue).push(&run_id, scheduled);
                    }
                }
                Some(Command::CompleteWorkflowExecutionCommandAttributes(end)) => {
                    run.events.clear();
                    run.record(Event::WorkflowExecutionCompletedEventAttributes(
                        WorkflowExecutionCompletedEventAttributes {
                            result: end.result,
                            workflow_task_completed_event_id: completed,
                            ..WorkflowExecutionCompletedEventAttributes::default()
                        },
                    ));
                    run.is_closed = true;
                    run.closed.notify_waiters();
                }
                other => return Err(Status::unimplemented(format!("the floor has no command {other:?}"))),
            }
        }
        Ok(ws::RespondWorkflowTaskCompletedResponse {
            activity_tasks,
            ..ws::RespondWorkflowTaskCompletedResponse::default()
        })
    }

    fn complete_activity(
        &self,
        request: ws::RespondActivityTaskCompletedRequest,
    ) -> Result<ws::RespondActivityTaskCompletedResponse, Status> {
        let token = String::from_utf8_lossy(&request.task_token).into_owned();
        let parts = token.split_once(' ').and_then(|(run, event)| Some((run, event.parse().ok()?)));
        let (run_id, scheduled) =
            parts.ok_or_else(|| Status::invalid_argument("not a token of the floor"))?;
        let mut runs = self.runs.lock();
        let run = runs.get_mut(run_id).ok_or_else(|| missing(run_id))?;
        run.complete_activity(scheduled, request.result);
        let scheduled = run.schedule_workflow_task();
        let queue = if run.sticky.is_empty() { &run.queue } else { &run.sticky };
        self.queue(Kind::Workflow, queue).push(run_id, scheduled);
        Ok(ws::RespondActivityTaskCompletedResponse::default())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no clock of its own")]
fn now() -> prost_wkt_types::Timestamp {
    SystemTime::now().into()
}

fn read<T: Message + Default>(proto: &[u8]) -> Result<T, Status> {
    T::decode(proto).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn missing(run: &str) -> Status {
    Status::not_found(format!("there is no run {run:?}"))
}

fn system_info() -> ws::GetSystemInfoResponse {
    ws::GetSystemInfoResponse {
        capabilities: Some(ws::get_system_info_response::Capabilities {
            signal_and_query_header: true,
            internal_error_differentiation: true,
            activity_failure_include_heartbeat: true,
            encoded_failure_attributes: true,
            upsert_memo: true,
            eager_workflow_start: true,
            sdk_metadata: true,
            ..ws::get_system_info_response::Capabilities::default()
        }),
        ..ws::GetSystemInfoResponse::default()
    }
}

fn namespace() -> ws::DescribeNamespaceResponse {
    ws::DescribeNamespaceResponse {
        namespace_info: Some(NamespaceInfo { name: "default".to_owned(), ..NamespaceInfo::default() }),
        ..ws::DescribeNamespaceResponse::default()
    }
}

//! Steps without the SDK: a worker that speaks the protocol and does nothing else, so that what is measured
//! is the engine.

use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::{FutureExt as _, join_all};
use prost::Message;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest};
use temporalio_protos::temporal::api::command::v1 as command;
use temporalio_protos::temporal::api::common::v1::{ActivityType, Payload, Payloads, WorkflowType};
use temporalio_protos::temporal::api::enums::v1::CommandType;
use temporalio_protos::temporal::api::taskqueue::v1::{StickyExecutionAttributes, TaskQueue};
use temporalio_protos::temporal::api::workflowservice::v1 as ws;
use tokio_util::sync::CancellationToken;

use crate::disk::{Written, processor_time, raw_commit};

const WORKFLOWS: u32 = 200;
const STEPS: u32 = 100;
const QUEUE: &str = "bare";
const STICKY: &str = "bare sticky";
/// A queue that no worker looks at.
const NOBODY: &str = "nobody";

/// What was measured of a step.
pub(crate) struct Measured {
    pub wall: Duration,
    pub processor: Duration,
    pub commits: f64,
    pub bytes: f64,
    pub raw_commit: Duration,
    /// The longest that a worker waited for an answer to what it completed.
    pub longest: Duration,
}

/// Runs the workflows on an engine of their own, once for the time and once for what is written.
pub(crate) async fn measure(folder: &Path) -> Measured {
    let database = folder.join("bare.db");
    let engine = Engine::open(EngineOptions::new(&database)).await.expect("it opens");
    let service = engine.connection_options().service_override.expect("it is reached in memory");
    let client = Bare { service, longest_micros: AtomicU64::new(0) };
    client.run("warm", 10).await;

    for held in ["held", "held too"] {
        client.start(held, NOBODY).await;
    }
    let written = Written::since_now(&database);
    client.run("counted", 10).await;
    let (commits, bytes) = written.count();
    let (commits, bytes) = (commits as f64, bytes as f64);

    client.longest_micros.store(0, Ordering::Relaxed);
    let before = raw_commit(folder, bytes / commits);
    let (processor, begun) = (processor_time(), Instant::now());
    client.run("timed", STEPS).await;
    let (wall, processor) = (begun.elapsed(), processor_time().saturating_sub(processor));
    let longest = Duration::from_micros(client.longest_micros.load(Ordering::Relaxed));
    let raw_commit = (before + raw_commit(folder, bytes / commits)) / 2;
    engine.shutdown().await;
    let (steps, counted) = (WORKFLOWS * STEPS, f64::from(WORKFLOWS * 10));
    Measured {
        wall: wall / steps,
        processor: processor / steps,
        commits: commits / counted,
        bytes: bytes / counted,
        raw_commit,
        longest,
    }
}

struct Bare {
    service: CallbackBasedGrpcService,
    longest_micros: AtomicU64,
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.into(), ..TaskQueue::default() })
}

fn seconds(seconds: i64) -> Option<prost_wkt_types::Duration> {
    Some(prost_wkt_types::Duration { seconds, nanos: 0 })
}

fn input() -> Option<Payloads> {
    let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
    Some(Payloads { payloads: vec![Payload { metadata, data: b"1".to_vec(), ..Payload::default() }] })
}

/// An activity that the worker takes at once, as the SDK asks for it.
fn activity(step: u32) -> command::Command {
    let attributes = command::ScheduleActivityTaskCommandAttributes {
        activity_id: step.to_string(),
        activity_type: Some(ActivityType { name: "nothing".into() }),
        task_queue: queue(QUEUE),
        input: input(),
        start_to_close_timeout: seconds(60),
        request_eager_execution: true,
        ..command::ScheduleActivityTaskCommandAttributes::default()
    };
    command::Command {
        command_type: CommandType::ScheduleActivityTask as i32,
        attributes: Some(command::command::Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..command::Command::default()
    }
}

fn completion() -> command::Command {
    let attributes = command::CompleteWorkflowExecutionCommandAttributes { result: input() };
    command::Command {
        command_type: CommandType::CompleteWorkflowExecution as i32,
        attributes: Some(command::command::Attributes::CompleteWorkflowExecutionCommandAttributes(
            attributes,
        )),
        ..command::Command::default()
    }
}

impl Bare {
    async fn call<A: Message, B: Message + Default>(&self, rpc: &str, request: A) -> B {
        let request = GrpcRequest {
            service: "temporal.api.workflowservice.v1.WorkflowService".into(),
            rpc: rpc.into(),
            headers: tonic::codegen::http::HeaderMap::new(),
            proto: request.encode_to_vec().into(),
        };
        let begun = Instant::now();
        let answer = (self.service.callback)(request).await.expect("the engine answers");
        if rpc.starts_with("Respond") {
            self.longest_micros.fetch_max(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        }
        B::decode(answer.proto.as_slice()).expect("an answer decodes")
    }

    async fn start(&self, id: &str, name: &str) {
        let request = ws::StartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: id.into(),
            workflow_type: Some(WorkflowType { name: "steps".into() }),
            task_queue: queue(name),
            input: input(),
            request_id: id.into(),
            ..ws::StartWorkflowExecutionRequest::default()
        };
        let _: ws::StartWorkflowExecutionResponse = self.call("StartWorkflowExecution", request).await;
    }

    /// Runs as many workflows at once as there are, each of so many activities, one after another.
    async fn run(&self, round: &str, steps: u32) {
        let (open, ended) = (AtomicU32::new(WORKFLOWS), CancellationToken::new());
        // A sticky queue that nobody has polled has no worker, and its tasks go back to the common one.
        let _ = self.poll(STICKY).now_or_never();
        let worker = |number: u32| {
            let (open, ended) = (&open, &ended);
            async move {
                self.start(&format!("{round} {number}"), QUEUE).await;
                // A workflow's first task is on one queue and its others on the other; a worker takes whichever
                // is next, and there are as many of them as workflows.
                let mut name = QUEUE;
                while let Some(task) = ended.run_until_cancelled(self.poll(name)).await {
                    name = STICKY;
                    if self.work(task, steps).await && open.fetch_sub(1, Ordering::AcqRel) == 1 {
                        ended.cancel();
                    }
                }
            }
        };
        join_all((0..WORKFLOWS).map(worker)).await;
    }

    async fn poll(&self, name: &str) -> ws::PollWorkflowTaskQueueResponse {
        let request = ws::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(name),
            identity: "bare".into(),
            ..ws::PollWorkflowTaskQueueRequest::default()
        };
        self.call("PollWorkflowTaskQueue", request).await
    }

    /// Takes a workflow one step further. Says whether that was its end.
    async fn work(&self, task: ws::PollWorkflowTaskQueueResponse, steps: u32) -> bool {
        // Each step is six events, and the first task comes after three.
        let step = (task.started_event_id - 3) as u32 / 6;
        let is_last = step == steps;
        let request = ws::RespondWorkflowTaskCompletedRequest {
            namespace: "default".into(),
            task_token: task.task_token,
            commands: vec![if is_last { completion() } else { activity(step) }],
            identity: "bare".into(),
            sticky_attributes: Some(StickyExecutionAttributes {
                worker_task_queue: queue(STICKY),
                schedule_to_start_timeout: seconds(10),
            }),
            ..ws::RespondWorkflowTaskCompletedRequest::default()
        };
        let answer: ws::RespondWorkflowTaskCompletedResponse =
            self.call("RespondWorkflowTaskCompleted", request).await;
        for activity in answer.activity_tasks {
            let request = ws::RespondActivityTaskCompletedRequest {
                namespace: "default".into(),
                task_token: activity.task_token,
                result: input(),
                identity: "bare".into(),
                ..ws::RespondActivityTaskCompletedRequest::default()
            };
            let _: ws::RespondActivityTaskCompletedResponse =
                self.call("RespondActivityTaskCompleted", request).await;
        }
        is_last
    }
}

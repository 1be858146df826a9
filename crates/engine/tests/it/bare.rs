//! A client and a worker that speak the bare protocol, for what no SDK lets a test do or see.

use crate::world::{PATIENCE, QUEUE};
use prost::{Message, Name};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use temporalio_client::grpc::WorkflowService;
use temporalio_protos::temporal::api::{
    command::v1 as command, common::v1 as common, enums::v1 as enums, history::v1 as history,
    protocol::v1 as protocol, query::v1 as query, taskqueue::v1 as taskqueue, update::v1 as update,
    workflowservice::v1 as ws,
};
use tonic::{Code, Request, Status};

pub type Task = ws::PollWorkflowTaskQueueResponse;
pub type Stage = enums::UpdateWorkflowExecutionLifecycleStage;

#[derive(Clone)]
pub struct Bare(Box<dyn WorkflowService>);

pub fn bare(client: &temporalio_client::Client) -> Bare {
    Bare(client.connection().workflow_service())
}

/// What a worker answers a workflow task with.
#[derive(Default)]
pub struct Reply {
    pub commands: Vec<command::Command>,
    pub messages: Vec<protocol::Message>,
    pub sticky: Option<&'static str>,
    pub heartbeat: bool,
    pub answers: Vec<String>,
}

fn queue(name: &str) -> Option<taskqueue::TaskQueue> {
    Some(taskqueue::TaskQueue { name: name.into(), ..Default::default() })
}

fn execution(id: &str) -> Option<common::WorkflowExecution> {
    Some(common::WorkflowExecution { workflow_id: id.into(), run_id: String::new() })
}

/// A request's id that no other request of this process has.
fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("request {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn start_request(id: &str) -> ws::StartWorkflowExecutionRequest {
    ws::StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: id.into(),
        workflow_type: Some(common::WorkflowType { name: "bare".into() }),
        task_queue: queue(QUEUE),
        request_id: fresh_id(),
        ..Default::default()
    }
}

pub fn update_request(id: &str, update_id: &str, stage: Stage) -> ws::UpdateWorkflowExecutionRequest {
    ws::UpdateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(id),
        wait_policy: Some(update::WaitPolicy { lifecycle_stage: stage as i32 }),
        request: Some(update::Request {
            meta: Some(update::Meta { update_id: update_id.into(), identity: "bare".into() }),
            input: Some(update::Input { name: "set".into(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

impl Bare {
    pub async fn start(&self, id: &str) -> String {
        let request = Request::new(start_request(id));
        self.0.clone().start_workflow_execution(request).await.expect("it starts").into_inner().run_id
    }

    /// Starts a workflow and answers its first task, so that it has nothing to do.
    pub async fn start_idle(&self, id: &str, reply: Reply) {
        self.start(id).await;
        let first = self.poll(QUEUE).await;
        self.reply(&first, reply).await.expect("it is the task");
    }

    /// Takes the next workflow task of a queue.
    pub async fn poll(&self, name: &str) -> Task {
        let request = Request::new(ws::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(name),
            identity: "bare".into(),
            ..Default::default()
        });
        let mut service = self.0.clone();
        let task = tokio::time::timeout(PATIENCE, service.poll_workflow_task_queue(request)).await;
        let task = task.expect("there is a task").expect("the poll succeeds").into_inner();
        assert!(!task.task_token.is_empty(), "there is a task");
        task
    }

    pub async fn reply(
        &self,
        task: &Task,
        reply: Reply,
    ) -> Result<ws::RespondWorkflowTaskCompletedResponse, Status> {
        let answers = reply.answers.into_iter().map(|id| {
            let result = query::WorkflowQueryResult {
                result_type: enums::QueryResultType::Answered as i32,
                answer: Some(common::Payloads::default()),
                ..Default::default()
            };
            (id, result)
        });
        let request = ws::RespondWorkflowTaskCompletedRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            commands: reply.commands,
            messages: reply.messages,
            identity: "bare".into(),
            sticky_attributes: reply.sticky.map(|name| taskqueue::StickyExecutionAttributes {
                worker_task_queue: queue(name),
                schedule_to_start_timeout: Some(prost_wkt_types::Duration { seconds: 5, nanos: 0 }),
            }),
            return_new_workflow_task: true,
            force_create_new_workflow_task: reply.heartbeat,
            query_results: answers.collect(),
            capabilities: Some(ws::respond_workflow_task_completed_request::Capabilities {
                discard_speculative_workflow_task_with_events: true,
            }),
            ..Default::default()
        };
        let response = self.0.clone().respond_workflow_task_completed(Request::new(request)).await;
        response.map(tonic::Response::into_inner)
    }

    pub async fn fail(&self, task: &Task) -> Result<(), Status> {
        let request = ws::RespondWorkflowTaskFailedRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            cause: enums::WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure as i32,
            ..Default::default()
        };
        self.0.clone().respond_workflow_task_failed(Request::new(request)).await.map(|_| ())
    }

    pub async fn signal(&self, id: &str) -> Result<(), Status> {
        let request = ws::SignalWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution(id),
            signal_name: "signal".into(),
            ..Default::default()
        };
        self.0.clone().signal_workflow_execution(Request::new(request)).await.map(|_| ())
    }

    pub async fn terminate(&self, id: &str) {
        let request = ws::TerminateWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution(id),
            ..Default::default()
        };
        self.0.clone().terminate_workflow_execution(Request::new(request)).await.expect("it is terminated");
    }

    pub async fn query(
        &self,
        id: &str,
        reject_if: enums::QueryRejectCondition,
    ) -> Result<ws::QueryWorkflowResponse, Status> {
        let request = ws::QueryWorkflowRequest {
            namespace: "default".into(),
            execution: execution(id),
            query: Some(query::WorkflowQuery { query_type: "state".into(), ..Default::default() }),
            query_reject_condition: reject_if as i32,
        };
        let response = self.0.clone().query_workflow(Request::new(request)).await;
        response.map(tonic::Response::into_inner)
    }

    /// Answers a task that is only a query.
    pub async fn answer_query(&self, task: &Task) {
        let request = ws::RespondQueryTaskCompletedRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            completed_type: enums::QueryResultType::Answered as i32,
            ..Default::default()
        };
        self.0.clone().respond_query_task_completed(Request::new(request)).await.expect("it is waited for");
    }

    pub async fn update(
        &self,
        request: ws::UpdateWorkflowExecutionRequest,
    ) -> Result<ws::UpdateWorkflowExecutionResponse, Status> {
        let response = self.0.clone().update_workflow_execution(Request::new(request)).await;
        response.map(tonic::Response::into_inner)
    }

    /// Asks for an update and returns when its task is with a worker: what the caller will be told, and
    /// the task.
    pub async fn update_and_poll(
        &self,
        request: ws::UpdateWorkflowExecutionRequest,
        queue: &str,
    ) -> (tokio::task::JoinHandle<Result<ws::UpdateWorkflowExecutionResponse, Status>>, Task) {
        let asking = self.ask(request);
        (asking, self.poll(queue).await)
    }

    pub fn ask(
        &self,
        request: ws::UpdateWorkflowExecutionRequest,
    ) -> tokio::task::JoinHandle<Result<ws::UpdateWorkflowExecutionResponse, Status>> {
        let client = self.clone();
        tokio::spawn(async move { client.update(request).await })
    }

    pub async fn poll_update(
        &self,
        id: &str,
        update_id: &str,
        stage: Stage,
    ) -> Result<ws::PollWorkflowExecutionUpdateResponse, Status> {
        let request = ws::PollWorkflowExecutionUpdateRequest {
            namespace: "default".into(),
            update_ref: Some(update::UpdateRef {
                workflow_execution: execution(id),
                update_id: update_id.into(),
            }),
            wait_policy: Some(update::WaitPolicy { lifecycle_stage: stage as i32 }),
            ..Default::default()
        };
        let response = self.0.clone().poll_workflow_execution_update(Request::new(request)).await;
        response.map(tonic::Response::into_inner)
    }

    pub async fn update_with_start(
        &self,
        start: ws::StartWorkflowExecutionRequest,
        update: ws::UpdateWorkflowExecutionRequest,
    ) -> Result<Vec<ws::execute_multi_operation_response::response::Response>, Status> {
        use ws::execute_multi_operation_request::{Operation, operation::Operation as Is};
        let operations = [Is::StartWorkflow(start), Is::UpdateWorkflow(update)];
        let request = ws::ExecuteMultiOperationRequest {
            namespace: "default".into(),
            operations: operations.into_iter().map(|is| Operation { operation: Some(is) }).collect(),
            ..Default::default()
        };
        let response = self.0.clone().execute_multi_operation(Request::new(request)).await?.into_inner();
        Ok(response.responses.into_iter().filter_map(|item| item.response).collect())
    }

    /// The history of the current run, one event a line.
    pub async fn history(&self, id: &str) -> String {
        let request = ws::GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: execution(id),
            ..Default::default()
        };
        let response = self.0.clone().get_workflow_execution_history(Request::new(request)).await;
        lines(&response.expect("a history").into_inner().history.unwrap_or_default())
    }

    /// Resets to the workflow task that this event ended.
    pub async fn reset(&self, id: &str, workflow_task_finish_event_id: i64) {
        let request = ws::ResetWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution(id),
            workflow_task_finish_event_id,
            request_id: fresh_id(),
            ..Default::default()
        };
        self.0.clone().reset_workflow_execution(Request::new(request)).await.expect("it is reset");
    }

    pub async fn reset_stickiness(&self, id: &str) {
        let request =
            ws::ResetStickyTaskQueueRequest { namespace: "default".into(), execution: execution(id) };
        self.0.clone().reset_sticky_task_queue(Request::new(request)).await.expect("it is reset");
    }
}

pub fn lines(history: &history::History) -> String {
    let name = |event: &history::HistoryEvent| {
        event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase()
    };
    history.events.iter().map(|e| format!("{} {}", e.event_id, name(e))).collect::<Vec<_>>().join("\n")
}

/// The ids of the updates a task carries.
pub fn carried(task: &Task) -> Vec<&str> {
    task.messages.iter().map(|message| message.protocol_instance_id.as_str()).collect()
}

fn message<M: Message + Name>(update_id: &str, kind: &str, body: &M) -> protocol::Message {
    protocol::Message {
        id: format!("{update_id}/{kind}"),
        protocol_instance_id: update_id.into(),
        body: Some(prost_wkt_types::Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: body.encode_to_vec(),
        }),
        sequencing_id: None,
    }
}

fn command(kind: enums::CommandType, attributes: command::command::Attributes) -> command::Command {
    command::Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

impl Reply {
    pub fn sticky(self, queue: &'static str) -> Self {
        Self { sticky: Some(queue), ..self }
    }

    fn says<M: Message + Name>(mut self, update_id: &str, kind: &str, body: &M) -> Self {
        let message = message(update_id, kind, body);
        let pointer = command::ProtocolMessageCommandAttributes { message_id: message.id.clone() };
        if kind != "reject" {
            let attributes = command::command::Attributes::ProtocolMessageCommandAttributes(pointer);
            self.commands.push(command(enums::CommandType::ProtocolMessage, attributes));
        }
        self.messages.push(message);
        self
    }

    pub fn accepts(self, update_id: &str) -> Self {
        let body = update::Acceptance {
            accepted_request_message_id: format!("{update_id}/request"),
            accepted_request_sequencing_event_id: 5,
            accepted_request: None,
        };
        self.says(update_id, "accept", &body)
    }

    pub fn rejects(self, update_id: &str) -> Self {
        let failure = temporalio_protos::temporal::api::failure::v1::Failure {
            message: "no".into(),
            ..Default::default()
        };
        let body = update::Rejection { failure: Some(failure), ..Default::default() };
        self.says(update_id, "reject", &body)
    }

    pub fn responds(self, update_id: &str) -> Self {
        let outcome = update::outcome::Value::Success(common::Payloads::default());
        let body = update::Response {
            meta: Some(update::Meta { update_id: update_id.into(), ..Default::default() }),
            outcome: Some(update::Outcome { value: Some(outcome) }),
        };
        self.says(update_id, "respond", &body)
    }

    pub fn completes(mut self) -> Self {
        let attributes = command::CompleteWorkflowExecutionCommandAttributes::default();
        self.commands.push(command(
            enums::CommandType::CompleteWorkflowExecution,
            command::command::Attributes::CompleteWorkflowExecutionCommandAttributes(attributes),
        ));
        self
    }

    /// Starts a timer.
    pub fn sleeps(self, time: Duration) -> Self {
        self.starts_timer("sleep", time)
    }

    pub fn starts_timer(mut self, id: &str, time: Duration) -> Self {
        let attributes = command::StartTimerCommandAttributes {
            timer_id: id.into(),
            start_to_fire_timeout: time.try_into().ok(),
        };
        self.commands.push(command(
            enums::CommandType::StartTimer,
            command::command::Attributes::StartTimerCommandAttributes(attributes),
        ));
        self
    }

    /// Records as many markers.
    pub fn marks(mut self, count: usize) -> Self {
        let attributes =
            command::RecordMarkerCommandAttributes { marker_name: "mark".into(), ..Default::default() };
        let attributes = command::command::Attributes::RecordMarkerCommandAttributes(attributes);
        let mark = command(enums::CommandType::RecordMarker, attributes);
        self.commands.extend(std::iter::repeat_n(mark, count));
        self
    }

    pub fn continues_as_new(mut self) -> Self {
        let attributes = command::ContinueAsNewWorkflowExecutionCommandAttributes::default();
        self.commands.push(command(
            enums::CommandType::ContinueAsNewWorkflowExecution,
            command::command::Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes),
        ));
        self
    }
}

/// An answer in one line: the stage, and the failure if that is the outcome.
pub fn told(answer: Result<ws::UpdateWorkflowExecutionResponse, Status>) -> String {
    match answer {
        Ok(response) => outcome(response.stage(), response.outcome),
        Err(status) => refusal(&status),
    }
}

pub fn told_later(answer: Result<ws::PollWorkflowExecutionUpdateResponse, Status>) -> String {
    match answer {
        Ok(response) => outcome(response.stage(), response.outcome),
        Err(status) => refusal(&status),
    }
}

fn outcome(stage: Stage, outcome: Option<update::Outcome>) -> String {
    match outcome.and_then(|outcome| outcome.value) {
        None => format!("{stage:?}"),
        Some(update::outcome::Value::Success(_)) => format!("{stage:?}: success"),
        Some(update::outcome::Value::Failure(failure)) => format!("{stage:?}: {}", failure.message),
    }
}

/// google.rpc.Status, as far as a test reads it.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<prost_wkt_types::Any>,
}

/// A refusal in one line: code, detail types, message.
pub fn refusal(status: &Status) -> String {
    let details = RpcStatus::decode(status.details()).expect("details are a status").details;
    let names: Vec<_> = details
        .iter()
        .map(|detail| detail.type_url.rsplit('.').next().unwrap_or_default().to_owned())
        .collect();
    format!("{:?} [{}] {}", status.code(), names.join(" "), status.message())
}

/// The operations of a failed multi-operation, one a line: code, detail types, message.
pub fn operations(status: &Status) -> String {
    use temporalio_protos::temporal::api::errordetails::v1::MultiOperationExecutionFailure;
    let details = RpcStatus::decode(status.details()).expect("details are a status").details;
    let failure = MultiOperationExecutionFailure::decode(details[0].value.as_slice()).expect("the detail");
    let lines = failure.statuses.iter().map(|operation| {
        let names: Vec<_> = operation
            .details
            .iter()
            .map(|detail| detail.type_url.rsplit('.').next().unwrap_or_default().to_owned())
            .collect();
        format!("{:?} [{}] {}", Code::from(operation.code), names.join(" "), operation.message)
    });
    std::iter::once(refusal(status)).chain(lines).collect::<Vec<_>>().join("\n")
}

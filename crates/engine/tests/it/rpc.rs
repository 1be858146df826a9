//! An engine as a client of another language sees it: RPCs by name, in bytes.

use prost::Message;
use std::path::PathBuf;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest};
use temporalio_common::protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1 as os;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1 as ws;
use tonic::Status;

pub const WORKFLOW: &str = "temporal.api.workflowservice.v1.WorkflowService";
pub const OPERATOR: &str = "temporal.api.operatorservice.v1.OperatorService";

pub struct Raw {
    /// Where the file lies, if it goes with this.
    directory: Option<tempfile::TempDir>,
    pub engine: Engine,
    service: CallbackBasedGrpcService,
}

/// Adds a custom search attribute to the namespace `default`.
pub async fn add_search_attribute(engine: &Engine, name: &str, kind: IndexedValueType) {
    let request = os::AddSearchAttributesRequest {
        namespace: "default".into(),
        search_attributes: [(name.to_owned(), kind as i32)].into(),
    };
    let service = engine.connection_options().service_override.expect("it is reached in memory");
    send(&service, OPERATOR, "AddSearchAttributes", request.encode_to_vec()).await.expect("it is added");
}

async fn send(
    service: &CallbackBasedGrpcService,
    name: &str,
    rpc: &str,
    proto: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let request = GrpcRequest {
        service: name.into(),
        rpc: rpc.into(),
        headers: tonic::codegen::http::HeaderMap::new(),
        proto: proto.into(),
    };
    (service.callback)(request).await.map(|response| response.proto)
}

pub fn duration(seconds: i64) -> Option<prost_wkt_types::Duration> {
    Some(prost_wkt_types::Duration { seconds, nanos: 0 })
}

impl Raw {
    pub async fn new() -> Self {
        Self::open(|options| options).await
    }

    pub async fn open(options: impl FnOnce(EngineOptions) -> EngineOptions) -> Self {
        Self::open_in(tempfile::tempdir().expect("a temporary directory"), options).await
    }

    /// On the file that is in this directory already.
    pub async fn at(directory: tempfile::TempDir) -> Self {
        Self::open_in(directory, |options| options).await
    }

    /// On a file that somebody else looks after.
    pub async fn at_path(path: PathBuf) -> Self {
        Self::open_at(None, EngineOptions::new(path)).await
    }

    async fn open_in(
        directory: tempfile::TempDir,
        options: impl FnOnce(EngineOptions) -> EngineOptions,
    ) -> Self {
        let options = options(EngineOptions::new(directory.path().join("engine.db")));
        Self::open_at(Some(directory), options).await
    }

    async fn open_at(directory: Option<tempfile::TempDir>, options: EngineOptions) -> Self {
        let engine = Engine::open(options).await.expect("the engine opens");
        let service = engine.connection_options().service_override.expect("it is reached in memory");
        Self { directory, engine, service }
    }

    /// Closes the engine and opens its file again.
    pub async fn reopen(self, options: impl FnOnce(EngineOptions) -> EngineOptions) -> Self {
        self.engine.shutdown().await;
        Self::open_in(self.directory.expect("it has a directory"), options).await
    }

    pub async fn bytes(&self, service: &str, rpc: &str, proto: Vec<u8>) -> Result<Vec<u8>, Status> {
        send(&self.service, service, rpc, proto).await
    }

    pub async fn call<A: Message, B: Message + Default>(
        &self,
        service: &str,
        rpc: &str,
        request: A,
    ) -> Result<B, Status> {
        let answer = self.bytes(service, rpc, request.encode_to_vec()).await?;
        Ok(B::decode(answer.as_slice()).expect("an answer decodes"))
    }

    pub async fn workflow<A: Message, B: Message + Default>(
        &self,
        rpc: &str,
        request: A,
    ) -> Result<B, Status> {
        self.call(WORKFLOW, rpc, request).await
    }

    /// A workflow of the type `order` on the queue `queue`.
    pub fn start_request(id: &str) -> ws::StartWorkflowExecutionRequest {
        ws::StartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: id.into(),
            workflow_type: Some(WorkflowType { name: "order".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            request_id: format!("start {id}"),
            ..Default::default()
        }
    }

    pub async fn start(
        &self,
        request: ws::StartWorkflowExecutionRequest,
    ) -> Result<ws::StartWorkflowExecutionResponse, Status> {
        self.workflow("StartWorkflowExecution", request).await
    }

    pub async fn describe(&self, id: &str) -> Result<ws::DescribeWorkflowExecutionResponse, Status> {
        let request = ws::DescribeWorkflowExecutionRequest {
            namespace: "default".into(),
            execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
        };
        self.workflow("DescribeWorkflowExecution", request).await
    }
}

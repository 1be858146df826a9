//! WorkflowService: one file per group of RPCs, and the table that finds them.

mod activity;
mod describe;
mod history;
mod list;
mod multi_operation;
mod namespace;
mod query;
mod signal;
mod start;
mod system;
mod update;
mod worker;
mod workflow_task;

use crate::executor::{Executor, RunRef};
use crate::options::EngineOptions;
use crate::proto::{common, workflowservice as ws};
use crate::status::Failure;
use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

/// Answers RPCs.
#[derive(Debug)]
pub(crate) struct Service {
    pub executor: Arc<Executor>,
    shutdown: CancellationToken,
    task_poll_timeout: Duration,
    history_poll_timeout: Duration,
    /// What runs beside requests: timers, and deliveries between workflows.
    drivers: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop_drivers();
    }
}

/// The table of RPCs: name, request message, handler.
macro_rules! rpcs {
    ($($name:ident($request:ident) => $handler:ident,)*) => {
        impl Service {
            async fn dispatch(&self, service: &str, rpc: &str, bytes: Bytes) -> Result<Vec<u8>, Failure> {
                match rpc {
                    $(stringify!($name) => {
                        let request = ws::$request::decode(bytes).map_err(|error| malformed(rpc, &error))?;
                        Ok(self.$handler(request).await?.encode_to_vec())
                    })*
                    _ => Err(Failure::unimplemented(service, rpc)),
                }
            }
        }
    };
}

rpcs! {
    GetSystemInfo(GetSystemInfoRequest) => get_system_info,
    GetClusterInfo(GetClusterInfoRequest) => get_cluster_info,
    DescribeNamespace(DescribeNamespaceRequest) => describe_namespace,
    ListNamespaces(ListNamespacesRequest) => list_namespaces,
    RegisterNamespace(RegisterNamespaceRequest) => register_namespace,
    StartWorkflowExecution(StartWorkflowExecutionRequest) => start_workflow,
    SignalWithStartWorkflowExecution(SignalWithStartWorkflowExecutionRequest) => signal_with_start,
    PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest) => poll_workflow_task,
    RespondWorkflowTaskCompleted(RespondWorkflowTaskCompletedRequest) => complete_workflow_task,
    RespondWorkflowTaskFailed(RespondWorkflowTaskFailedRequest) => fail_workflow_task,
    PollActivityTaskQueue(PollActivityTaskQueueRequest) => poll_activity_task,
    RecordActivityTaskHeartbeat(RecordActivityTaskHeartbeatRequest) => heartbeat,
    RecordActivityTaskHeartbeatById(RecordActivityTaskHeartbeatByIdRequest) => heartbeat_by_id,
    RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest) => complete_activity,
    RespondActivityTaskCompletedById(RespondActivityTaskCompletedByIdRequest) => complete_activity_by_id,
    RespondActivityTaskFailed(RespondActivityTaskFailedRequest) => fail_activity,
    RespondActivityTaskFailedById(RespondActivityTaskFailedByIdRequest) => fail_activity_by_id,
    RespondActivityTaskCanceled(RespondActivityTaskCanceledRequest) => cancel_activity,
    RespondActivityTaskCanceledById(RespondActivityTaskCanceledByIdRequest) => cancel_activity_by_id,
    GetWorkflowExecutionHistory(GetWorkflowExecutionHistoryRequest) => get_history,
    GetWorkflowExecutionHistoryReverse(GetWorkflowExecutionHistoryReverseRequest) => get_history_reverse,
    SignalWorkflowExecution(SignalWorkflowExecutionRequest) => signal_workflow,
    RequestCancelWorkflowExecution(RequestCancelWorkflowExecutionRequest) => cancel_workflow,
    TerminateWorkflowExecution(TerminateWorkflowExecutionRequest) => terminate_workflow,
    QueryWorkflow(QueryWorkflowRequest) => query_workflow,
    RespondQueryTaskCompleted(RespondQueryTaskCompletedRequest) => complete_query,
    DescribeWorkflowExecution(DescribeWorkflowExecutionRequest) => describe_workflow,
    ListWorkflowExecutions(ListWorkflowExecutionsRequest) => list_workflows,
    CountWorkflowExecutions(CountWorkflowExecutionsRequest) => count_workflows,
    ResetStickyTaskQueue(ResetStickyTaskQueueRequest) => reset_sticky_task_queue,
    DescribeTaskQueue(DescribeTaskQueueRequest) => describe_task_queue,
    ShutdownWorker(ShutdownWorkerRequest) => shutdown_worker,
    UpdateWorkflowExecution(UpdateWorkflowExecutionRequest) => update_workflow,
    PollWorkflowExecutionUpdate(PollWorkflowExecutionUpdateRequest) => poll_update,
    ExecuteMultiOperation(ExecuteMultiOperationRequest) => execute_multi_operation,
    PollNexusTaskQueue(PollNexusTaskQueueRequest) => poll_nexus_task,
}

fn malformed(rpc: &str, error: &prost::DecodeError) -> Failure {
    Failure::invalid(format!("the request of {rpc} does not decode: {error}"))
}

impl Service {
    pub(crate) fn new(
        executor: Arc<Executor>,
        shutdown: CancellationToken,
        options: &EngineOptions,
        drivers: Vec<JoinHandle<()>>,
    ) -> Self {
        Self {
            drivers: Mutex::new(drivers),
            executor,
            shutdown,
            task_poll_timeout: options.task_poll_timeout,
            history_poll_timeout: options.history_poll_timeout,
        }
    }

    /// Answers one call: the encoded request to the encoded response.
    pub(crate) async fn call(&self, service: &str, rpc: &str, request: Bytes) -> Result<Vec<u8>, Failure> {
        if service != WORKFLOW_SERVICE {
            return Err(Failure::unimplemented(service, rpc));
        }
        if self.shutdown.is_cancelled() {
            return Err(Failure::stopped());
        }
        self.dispatch(service, rpc, request).await
    }

    /// Ends long polls and refuses what comes from now on.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
        self.executor.matching.close();
        self.stop_drivers();
    }

    fn stop_drivers(&self) {
        for driver in self.drivers.lock().drain(..) {
            driver.abort();
        }
    }

    fn check_namespace(&self, namespace: &str) -> Result<(), Failure> {
        if namespace.is_empty() {
            return Err(Failure::invalid("Namespace not set on request."));
        }
        if !self.executor.namespaces.contains(namespace) {
            return Err(Failure::namespace_not_found(namespace));
        }
        Ok(())
    }

    /// The run a request is about; without a run id, the current one.
    fn named(
        &self,
        namespace: &str,
        execution: Option<common::WorkflowExecution>,
    ) -> Result<RunRef, Failure> {
        self.check_namespace(namespace)?;
        let common::WorkflowExecution { workflow_id, run_id } =
            execution.ok_or_else(|| Failure::invalid("Execution is not set on request."))?;
        if workflow_id.is_empty() {
            return Err(Failure::invalid("WorkflowId is not set on request."));
        }
        if !run_id.is_empty() && uuid::Uuid::parse_str(&run_id).is_err() {
            return Err(Failure::invalid("Invalid RunId."));
        }
        Ok(RunRef { namespace: namespace.to_owned(), workflow_id, run_id })
    }

    /// As [`Service::named`], for requests that may name the chain by its first run instead.
    async fn named_in_chain(
        &self,
        namespace: &str,
        execution: Option<common::WorkflowExecution>,
        first_run_id: &str,
    ) -> Result<RunRef, Failure> {
        let name = self.named(namespace, execution)?;
        if first_run_id.is_empty() || !name.run_id.is_empty() {
            return Ok(name);
        }
        let mut slot = self.executor.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.executor.run(&mut slot, &name).await?;
        if run.state.core.first_run_id != first_run_id {
            return Err(Failure::workflow_not_found(&name));
        }
        Ok(name)
    }
}

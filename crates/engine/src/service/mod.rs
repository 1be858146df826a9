//! WorkflowService: one file per group of RPCs, and the table that finds them.

mod activity;
mod activity_control;
mod delete;
mod describe;
mod history;
mod list;
mod multi_operation;
mod namespace;
mod operator;
mod query;
mod reset;
mod schedule;
mod scheduler;
mod signal;
mod start;
mod system;
#[cfg(test)]
mod tests;
mod update;
mod worker;
mod workflow_task;

use crate::executor::{Executor, RunRef, WorkflowTask};
use crate::options::EngineOptions;
use crate::proto::{common, operatorservice as os, workflowservice as ws};
use crate::status::Failure;
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use prost::Message;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";
pub(crate) const OPERATOR_SERVICE: &str = "temporal.api.operatorservice.v1.OperatorService";

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

/// One RPC that is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rpc {
    pub service: &'static str,
    pub name: &'static str,
    /// What it is about, for the document that lists them.
    pub group: &'static str,
    handler: Handler,
}

/// Takes the encoded request and gives the encoded response. Each has a future of its own: a call is then as large
/// as its own handler, not as the largest.
type Handler = for<'a> fn(&'a Service, Bytes) -> BoxFuture<'a, Result<Vec<u8>, Failure>>;

/// What a handler answers with.
trait Answer {
    fn into_bytes(self) -> Vec<u8>;
}

impl<M: Message> Answer for M {
    fn into_bytes(self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

impl Answer for WorkflowTask {
    fn into_bytes(self) -> Vec<u8> {
        self.encode()
    }
}

/// The table of RPCs: by group, service and package of messages; name, request message, handler.
macro_rules! rpcs {
    ($($group:literal: $service:ident($package:ident) {
        $($name:ident($request:ident) => $handler:ident,)*
    })*) => {
        /// Every RPC that is answered, in the order of the document that lists them.
        pub(crate) const RPCS: &[Rpc] =
            &[$($(Rpc {
                service: $service,
                name: stringify!($name),
                group: $group,
                handler: |service, bytes| Box::pin(async move {
                    let request = $package::$request::decode(bytes);
                    let request = request.map_err(|error| malformed(stringify!($name), &error))?;
                    Ok(service.$handler(request).await?.into_bytes())
                }),
            },)*)*];
    };
}

rpcs! {
    "The server": WORKFLOW_SERVICE(ws) {
        GetSystemInfo(GetSystemInfoRequest) => get_system_info,
        GetClusterInfo(GetClusterInfoRequest) => get_cluster_info,
    }
    "Namespaces": WORKFLOW_SERVICE(ws) {
        DescribeNamespace(DescribeNamespaceRequest) => describe_namespace,
        ListNamespaces(ListNamespacesRequest) => list_namespaces,
        RegisterNamespace(RegisterNamespaceRequest) => register_namespace,
        UpdateNamespace(UpdateNamespaceRequest) => update_namespace,
        DeprecateNamespace(DeprecateNamespaceRequest) => deprecate_namespace,
    }
    "Workflows": WORKFLOW_SERVICE(ws) {
        StartWorkflowExecution(StartWorkflowExecutionRequest) => start_workflow,
        SignalWithStartWorkflowExecution(SignalWithStartWorkflowExecutionRequest) => signal_with_start,
        ExecuteMultiOperation(ExecuteMultiOperationRequest) => execute_multi_operation,
        SignalWorkflowExecution(SignalWorkflowExecutionRequest) => signal_workflow,
        RequestCancelWorkflowExecution(RequestCancelWorkflowExecutionRequest) => cancel_workflow,
        TerminateWorkflowExecution(TerminateWorkflowExecutionRequest) => terminate_workflow,
        DeleteWorkflowExecution(DeleteWorkflowExecutionRequest) => delete_workflow,
        UpdateWorkflowExecution(UpdateWorkflowExecutionRequest) => update_workflow,
        PollWorkflowExecutionUpdate(PollWorkflowExecutionUpdateRequest) => poll_update,
        ResetWorkflowExecution(ResetWorkflowExecutionRequest) => reset_workflow,
        QueryWorkflow(QueryWorkflowRequest) => query_workflow,
        DescribeWorkflowExecution(DescribeWorkflowExecutionRequest) => describe_workflow,
        GetWorkflowExecutionHistory(GetWorkflowExecutionHistoryRequest) => get_history,
        GetWorkflowExecutionHistoryReverse(GetWorkflowExecutionHistoryReverseRequest) => get_history_reverse,
    }
    "Listing": WORKFLOW_SERVICE(ws) {
        ListWorkflowExecutions(ListWorkflowExecutionsRequest) => list_workflows,
        CountWorkflowExecutions(CountWorkflowExecutionsRequest) => count_workflows,
        ScanWorkflowExecutions(ScanWorkflowExecutionsRequest) => scan_workflows,
        ListOpenWorkflowExecutions(ListOpenWorkflowExecutionsRequest) => list_open_workflows,
        ListClosedWorkflowExecutions(ListClosedWorkflowExecutionsRequest) => list_closed_workflows,
        GetSearchAttributes(GetSearchAttributesRequest) => get_search_attributes,
    }
    "Workers": WORKFLOW_SERVICE(ws) {
        PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest) => poll_workflow_task,
        RespondWorkflowTaskCompleted(RespondWorkflowTaskCompletedRequest) => complete_workflow_task,
        RespondWorkflowTaskFailed(RespondWorkflowTaskFailedRequest) => fail_workflow_task,
        RespondQueryTaskCompleted(RespondQueryTaskCompletedRequest) => complete_query,
        PollActivityTaskQueue(PollActivityTaskQueueRequest) => poll_activity_task,
        RecordActivityTaskHeartbeat(RecordActivityTaskHeartbeatRequest) => heartbeat,
        RecordActivityTaskHeartbeatById(RecordActivityTaskHeartbeatByIdRequest) => heartbeat_by_id,
        RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest) => complete_activity,
        RespondActivityTaskCompletedById(RespondActivityTaskCompletedByIdRequest) => complete_activity_by_id,
        RespondActivityTaskFailed(RespondActivityTaskFailedRequest) => fail_activity,
        RespondActivityTaskFailedById(RespondActivityTaskFailedByIdRequest) => fail_activity_by_id,
        RespondActivityTaskCanceled(RespondActivityTaskCanceledRequest) => cancel_activity,
        RespondActivityTaskCanceledById(RespondActivityTaskCanceledByIdRequest) => cancel_activity_by_id,
        ResetStickyTaskQueue(ResetStickyTaskQueueRequest) => reset_sticky_task_queue,
        ShutdownWorker(ShutdownWorkerRequest) => shutdown_worker,
        PollNexusTaskQueue(PollNexusTaskQueueRequest) => poll_nexus_task,
    }
    "Activities": WORKFLOW_SERVICE(ws) {
        PauseActivity(PauseActivityRequest) => pause_activity,
        UnpauseActivity(UnpauseActivityRequest) => unpause_activity,
        ResetActivity(ResetActivityRequest) => reset_activity,
        UpdateActivityOptions(UpdateActivityOptionsRequest) => update_activity_options,
        PauseActivityExecution(PauseActivityExecutionRequest) => pause_activity_execution,
        UnpauseActivityExecution(UnpauseActivityExecutionRequest) => unpause_activity_execution,
        ResetActivityExecution(ResetActivityExecutionRequest) => reset_activity_execution,
        UpdateActivityExecutionOptions(UpdateActivityExecutionOptionsRequest) => update_activity_execution_options,
    }
    "Schedules": WORKFLOW_SERVICE(ws) {
        CreateSchedule(CreateScheduleRequest) => create_schedule,
        DescribeSchedule(DescribeScheduleRequest) => describe_schedule,
        UpdateSchedule(UpdateScheduleRequest) => update_schedule,
        PatchSchedule(PatchScheduleRequest) => patch_schedule,
        DeleteSchedule(DeleteScheduleRequest) => delete_schedule,
        ListSchedules(ListSchedulesRequest) => list_schedules,
        CountSchedules(CountSchedulesRequest) => count_schedules,
        ListScheduleMatchingTimes(ListScheduleMatchingTimesRequest) => list_schedule_matching_times,
    }
    "Task queues": WORKFLOW_SERVICE(ws) {
        DescribeTaskQueue(DescribeTaskQueueRequest) => describe_task_queue,
        ListTaskQueuePartitions(ListTaskQueuePartitionsRequest) => list_task_queue_partitions,
    }
    "Operators": OPERATOR_SERVICE(os) {
        AddSearchAttributes(AddSearchAttributesRequest) => add_search_attributes,
        RemoveSearchAttributes(RemoveSearchAttributesRequest) => remove_search_attributes,
        ListSearchAttributes(ListSearchAttributesRequest) => list_search_attributes,
        DeleteNamespace(DeleteNamespaceRequest) => delete_namespace,
        ListClusters(ListClustersRequest) => list_clusters,
    }
}

/// The RPCs by service and name.
static BY_NAME: LazyLock<HashMap<(&str, &str), Handler>> =
    LazyLock::new(|| RPCS.iter().map(|rpc| ((rpc.service, rpc.name), rpc.handler)).collect());

/// Whether an RPC can be answered while nothing can be stored. A poll cannot: taking a task is stored.
fn only_reads(rpc: &str) -> bool {
    ["Get", "Describe", "List", "Count", "Scan", "Query", "RespondQuery"]
        .iter()
        .any(|verb| rpc.starts_with(verb))
}

/// Whether a call may be dropped with the caller: it reads, or it waits for a task that it gives back.
#[cfg(feature = "port")]
pub(crate) fn ends_with_its_caller(rpc: &str) -> bool {
    only_reads(rpc) || rpc.starts_with("Poll")
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
        if self.shutdown.is_cancelled() {
            return Err(Failure::stopped());
        }
        if self.executor.storage.writer.is_full() && !only_reads(rpc) {
            return Err(Failure::storage_full());
        }
        let handler = BY_NAME.get(&(service, rpc)).ok_or_else(|| Failure::unimplemented(service, rpc))?;
        handler(self, request).await
    }

    /// Ends long polls and refuses what comes from now on.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
        self.executor.matching.close();
        self.stop_drivers();
    }

    /// Takes in something that runs beside requests until the engine closes.
    pub(crate) fn drive(&self, driver: JoinHandle<()>) {
        self.drivers.lock().push(driver);
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

    /// Refuses a worker's build that the namespace's owner has marked as bad.
    fn check_binary(&self, namespace: &str, checksum: &str) -> Result<(), Failure> {
        if !checksum.is_empty()
            && let Some(record) = self.executor.namespaces.find(namespace, "")
            && record.bad_binaries.contains_key(checksum)
        {
            return Err(Failure::invalid(format!("binary {checksum} already marked as bad deployment.")));
        }
        Ok(())
    }

    /// Refuses an input, an argument or the like that is too large.
    fn check_blob(&self, payloads: Option<&common::Payloads>) -> Result<(), Failure> {
        if payloads.map_or(0, Message::encoded_len) > self.executor.limits.blob_bytes {
            return Err(Failure::invalid("Blob data size exceeds limit."));
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
        if workflow_id.len() > self.executor.limits.id_bytes {
            return Err(Failure::invalid("WorkflowId length exceeds limit."));
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

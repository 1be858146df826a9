//! What workers say about themselves and ask about queues.

use super::Service;
use crate::kernel::workflow_task;
use crate::matching::{QueueKey, TaskKind};
use crate::proto::{enums, taskqueue, workflowservice as ws};
use crate::status::Failure;

impl Service {
    pub(super) async fn reset_sticky_task_queue(
        &self,
        request: ws::ResetStickyTaskQueueRequest,
    ) -> Result<ws::ResetStickyTaskQueueResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        self.executor
            .transact(&name, |tx| {
                workflow_task::clear_stickiness(tx);
                Ok(())
            })
            .await?;
        Ok(ws::ResetStickyTaskQueueResponse::default())
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn shutdown_worker(
        &self,
        request: ws::ShutdownWorkerRequest,
    ) -> Result<ws::ShutdownWorkerResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let sticky = QueueKey {
            namespace: request.namespace,
            name: request.sticky_task_queue,
            kind: TaskKind::Workflow,
        };
        self.executor.matching.shut_down_worker(&request.worker_instance_key, &sticky);
        Ok(ws::ShutdownWorkerResponse::default())
    }

    /// Nexus is not offered, but the worker polls before it knows: it waits as long as for any other task.
    pub(super) async fn poll_nexus_task(
        &self,
        request: ws::PollNexusTaskQueueRequest,
    ) -> Result<ws::PollNexusTaskQueueResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        tokio::select! {
            () = tokio::time::sleep(self.task_poll_timeout) => {}
            () = self.shutdown.cancelled() => {}
        }
        Ok(ws::PollNexusTaskQueueResponse::default())
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn describe_task_queue(
        &self,
        request: ws::DescribeTaskQueueRequest,
    ) -> Result<ws::DescribeTaskQueueResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let kind = match request.task_queue_type() {
            enums::TaskQueueType::Activity => TaskKind::Activity,
            _ => TaskKind::Workflow,
        };
        let name = request.task_queue.unwrap_or_default().name;
        let key = QueueKey { namespace: request.namespace, name, kind };
        let (pollers, backlog) = self.executor.matching.load(&key);
        Ok(ws::DescribeTaskQueueResponse {
            pollers: vec![taskqueue::PollerInfo::default(); pollers],
            stats: Some(taskqueue::TaskQueueStats {
                approximate_backlog_count: backlog as i64,
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    /// A queue here is never split: it has the one partition that has its name.
    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn list_task_queue_partitions(
        &self,
        request: ws::ListTaskQueuePartitionsRequest,
    ) -> Result<ws::ListTaskQueuePartitionsResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let queue = request.task_queue.unwrap_or_default().name;
        if queue.is_empty() {
            return Err(Failure::invalid("TaskQueue is not set on request."));
        }
        let partition = taskqueue::TaskQueuePartitionMetadata { key: queue, owner_host_name: String::new() };
        Ok(ws::ListTaskQueuePartitionsResponse {
            activity_task_queue_partitions: vec![partition.clone()],
            workflow_task_queue_partitions: vec![partition],
        })
    }
}

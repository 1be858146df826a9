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
            biased;
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
        let name = request.task_queue.clone().unwrap_or_default().name;
        if name.is_empty() {
            return Err(Failure::invalid("TaskQueue is not set on request."));
        }
        if request.api_mode() == enums::DescribeTaskQueueMode::Enhanced {
            // What newer command lines ask for: every kind of task at once, by worker version. There is one
            // version here, the unversioned.
            let kinds = if request.task_queue_types.is_empty() {
                vec![enums::TaskQueueType::Workflow as i32, enums::TaskQueueType::Activity as i32]
            } else {
                request.task_queue_types
            };
            let types_info = kinds
                .into_iter()
                .map(|kind| (kind, self.queue_load(&request.namespace, &name, kind)))
                .collect();
            let unversioned = taskqueue::TaskQueueVersionInfo { types_info, ..Default::default() };
            return Ok(ws::DescribeTaskQueueResponse {
                versions_info: [(String::new(), unversioned)].into(),
                ..Default::default()
            });
        }
        let load = self.queue_load(&request.namespace, &name, request.task_queue_type);
        // Older command lines cannot do without it once they have asked.
        let task_queue_status = request.include_task_queue_status.then(|| taskqueue::TaskQueueStatus {
            backlog_count_hint: load.stats.as_ref().map_or(0, |stats| stats.approximate_backlog_count),
            task_id_block: Some(taskqueue::TaskIdBlock::default()),
            ..Default::default()
        });
        Ok(ws::DescribeTaskQueueResponse {
            pollers: load.pollers,
            stats: load.stats,
            task_queue_status,
            ..Default::default()
        })
    }

    /// Who polls a queue, and what waits there. Nothing is ever dispatched at a limited rate.
    fn queue_load(&self, namespace: &str, name: &str, kind: i32) -> taskqueue::TaskQueueTypeInfo {
        let kind = match enums::TaskQueueType::try_from(kind) {
            Ok(enums::TaskQueueType::Activity) => TaskKind::Activity,
            _ => TaskKind::Workflow,
        };
        let key = QueueKey { namespace: namespace.to_owned(), name: name.to_owned(), kind };
        let (pollers, backlog) = self.executor.matching.load(&key, self.executor.now());
        let pollers = pollers
            .into_iter()
            .map(|(identity, at)| taskqueue::PollerInfo {
                last_access_time: at.to_proto(),
                identity,
                ..Default::default()
            })
            .collect();
        let stats =
            taskqueue::TaskQueueStats { approximate_backlog_count: backlog as i64, ..Default::default() };
        taskqueue::TaskQueueTypeInfo { pollers, stats: Some(stats) }
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

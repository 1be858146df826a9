//! Workflow tasks: polling for them and answering them.

use super::Service;
use crate::executor::{WorkflowTask, WorkflowToken};
use crate::kernel::commands::Completion;
use crate::kernel::time::span;
use crate::kernel::workflow_task::Take;
use crate::matching::{Offer, QueueKey, TaskKind};
use crate::proto::workflowservice as ws;
use crate::status::Failure;
use tokio::time::Instant;

impl Service {
    pub(super) async fn poll_workflow_task(
        &self,
        request: ws::PollWorkflowTaskQueueRequest,
    ) -> Result<WorkflowTask, Failure> {
        self.check_namespace(&request.namespace)?;
        let queue = request.task_queue.unwrap_or_default().name;
        if queue.is_empty() {
            return Err(Failure::invalid("TaskQueue is not set on request."));
        }
        self.check_binary(&request.namespace, &request.binary_checksum)?;
        let deadline = Instant::now() + self.task_poll_timeout;
        loop {
            let key = QueueKey {
                namespace: request.namespace.clone(),
                name: queue.clone(),
                kind: TaskKind::Workflow,
            };
            self.executor.matching.note_poller(&key, &request.identity, self.executor.now());
            let wait = deadline.saturating_duration_since(Instant::now());
            let worker = request.worker_instance_key.clone();
            let taken = self.executor.matching.poll(key, worker, self.executor.now(), wait).await;
            let Some(taken) = taken else { return Ok(WorkflowTask::default()) };
            let response = if let Offer::Task { run, scheduled_event_id, attempt } = taken.offer() {
                let take = Take {
                    scheduled_event_id: *scheduled_event_id,
                    attempt: *attempt,
                    polled_queue: &queue,
                    identity: &request.identity,
                    is_heartbeat: false,
                };
                let started = self.executor.start_workflow_task(run, &take).await?;
                taken.keep();
                started
            } else if let Offer::Query(task) = taken.keep() {
                self.executor.start_query(*task, &queue).await?.map(WorkflowTask::from)
            } else {
                None
            };
            if let Some(response) = response {
                return Ok(response);
            }
        }
    }

    pub(super) async fn complete_workflow_task(
        &self,
        request: ws::RespondWorkflowTaskCompletedRequest,
    ) -> Result<ws::RespondWorkflowTaskCompletedResponse, Failure> {
        let token = WorkflowToken::parse(&request.task_token)?;
        let sticky = request.sticky_attributes.unwrap_or_default();
        let completion = Completion {
            commands: request.commands,
            identity: request.identity,
            sticky_queue: sticky.worker_task_queue.unwrap_or_default().name,
            sticky_timeout: span(sticky.schedule_to_start_timeout.as_ref()),
            force_new_task: request.force_create_new_workflow_task,
            sdk_metadata: request.sdk_metadata,
            metering_metadata: request.metering_metadata,
            binary_checksum: String::new(),
            messages: request.messages,
            takes_next_task: request.return_new_workflow_task,
            takes_events_again: request
                .capabilities
                .is_some_and(|capabilities| capabilities.discard_speculative_workflow_task_with_events),
        };
        self.executor.complete_workflow_task(&token, completion, request.query_results).await
    }

    pub(super) async fn fail_workflow_task(
        &self,
        request: ws::RespondWorkflowTaskFailedRequest,
    ) -> Result<ws::RespondWorkflowTaskFailedResponse, Failure> {
        let token = WorkflowToken::parse(&request.task_token)?;
        self.executor.fail_workflow_task(&token, request.cause, request.failure, &request.identity).await?;
        Ok(ws::RespondWorkflowTaskFailedResponse::default())
    }
}

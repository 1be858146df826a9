//! Resetting workflows.

use super::Service;
use crate::executor::ResetRequest;
use crate::kernel::reset::Exclude;
use crate::proto::workflowservice as ws;
use crate::status::Failure;

impl Service {
    pub(super) async fn reset_workflow(
        &self,
        request: ws::ResetWorkflowExecutionRequest,
    ) -> Result<ws::ResetWorkflowExecutionResponse, Failure> {
        if !request.post_reset_operations.is_empty() {
            return Err(Failure::invalid("post reset operations are not offered by this server"));
        }
        let exclude = Exclude::of(&request.reset_reapply_exclude_types, request.reset_reapply_type());
        let name = self.named(&request.namespace, request.workflow_execution)?;
        let run_id = self
            .executor
            .reset(ResetRequest {
                name,
                finish_event_id: request.workflow_task_finish_event_id,
                request_id: request.request_id,
                reason: request.reason,
                exclude,
            })
            .await?;
        Ok(ws::ResetWorkflowExecutionResponse { run_id })
    }
}

//! Deleting workflows.

use super::Service;
use crate::proto::workflowservice as ws;
use crate::status::Failure;

impl Service {
    pub(super) async fn delete_workflow(
        &self,
        request: ws::DeleteWorkflowExecutionRequest,
    ) -> Result<ws::DeleteWorkflowExecutionResponse, Failure> {
        let name = self.named(&request.namespace, request.workflow_execution)?;
        self.executor.delete(&name).await?;
        Ok(ws::DeleteWorkflowExecutionResponse::default())
    }
}

//! Whether a project's workflows have anything under way: asked of the workflow service itself, which knows
//! every activity that runs or will be tried again, at whatever depth.

use std::collections::VecDeque;

use temporalio_client::Connection;
use temporalio_client::tonic::{Code, IntoRequest as _};
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::workflowservice::v1::DescribeWorkflowExecutionRequest;

use crate::failure::Failure;

/// Whether this workflow, or a child of it at any depth, has an activity or a task pending.
pub(super) async fn is_busy(
    connection: &Connection,
    namespace: &str,
    workflow: String,
) -> Result<bool, Failure> {
    let mut service = connection.workflow_service();
    let mut to_ask = VecDeque::from([workflow]);
    while let Some(workflow_id) = to_ask.pop_front() {
        let request = DescribeWorkflowExecutionRequest {
            namespace: namespace.to_owned(),
            execution: Some(WorkflowExecution { workflow_id, run_id: String::new() }),
        };
        let described = match service.describe_workflow_execution(request.into_request()).await {
            Ok(response) => response.into_inner(),
            // A child that ended between two questions, or a project whose workflow is about to start.
            Err(status) if status.code() == Code::NotFound => return Ok(true),
            Err(status) => {
                return Err(Failure::internal("the embedded engine did not answer").because(status));
            }
        };
        if !described.pending_activities.is_empty() || described.pending_workflow_task.is_some() {
            return Ok(true);
        }
        to_ask.extend(described.pending_children.into_iter().map(|child| child.workflow_id));
    }
    Ok(false)
}

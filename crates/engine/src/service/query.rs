//! Queries.

use super::Service;
use crate::executor::WorkflowToken;
use crate::matching::QueryAnswer;
use crate::proto::{enums, workflowservice as ws};
use crate::status::Failure;

impl Service {
    pub(super) async fn query_workflow(
        &self,
        request: ws::QueryWorkflowRequest,
    ) -> Result<ws::QueryWorkflowResponse, Failure> {
        let reject_if = request.query_reject_condition();
        let name = self.named(&request.namespace, request.execution)?;
        let query = request
            .query
            .filter(|query| !query.query_type.is_empty())
            .ok_or_else(|| Failure::invalid("QueryType is not set on request."))?;
        self.check_blob(query.query_args.as_ref())?;
        tokio::select! {
            biased;
            answer = self.executor.query(&name, query, reject_if) => answer,
            () = self.shutdown.cancelled() => Err(Failure::stopped()),
        }
    }

    pub(super) async fn complete_query(
        &self,
        request: ws::RespondQueryTaskCompletedRequest,
    ) -> Result<ws::RespondQueryTaskCompletedResponse, Failure> {
        let token = WorkflowToken::parse(&request.task_token)?;
        let answer = if request.completed_type == enums::QueryResultType::Failed as i32 {
            QueryAnswer::Failed { message: request.error_message, failure: request.failure.map(Box::new) }
        } else {
            QueryAnswer::Answered(request.query_result)
        };
        self.executor.answer_query(&token, answer).await?;
        Ok(ws::RespondQueryTaskCompletedResponse::default())
    }
}

//! Updates.

use super::Service;
use crate::executor::{Asked, Progress, RunRef, Unanswered};
use crate::kernel::update::Abort;
use crate::proto::{common, enums, update, workflowservice as ws};
use crate::status::Failure;
use enums::UpdateWorkflowExecutionLifecycleStage as Stage;

/// The longest id the protocol's reference server takes.
const LONGEST_ID: usize = 1_000;
/// How often an update is asked of the next run when the run it was asked of continued as new before it
/// accepted the update. A workflow that does so more often is not going to take it.
const RUNS_TRIED: usize = 3;

impl Service {
    pub(super) async fn update_workflow(
        &self,
        request: ws::UpdateWorkflowExecutionRequest,
    ) -> Result<ws::UpdateWorkflowExecutionResponse, Failure> {
        let (name, update, stage) = self.checked_update(request).await?;
        let mut tried = 1;
        loop {
            let asked = self.executor.ask_update(&name, update.clone()).await?;
            match self.answer_to(asked, stage).await {
                Ok(progress) => return Ok(response(progress, &update)),
                Err(Unanswered::Aborted(Abort::RunContinued)) if tried < RUNS_TRIED => tried += 1,
                Err(unanswered) => return Err(unanswered.into()),
            }
        }
    }

    pub(super) async fn poll_update(
        &self,
        request: ws::PollWorkflowExecutionUpdateRequest,
    ) -> Result<ws::PollWorkflowExecutionUpdateResponse, Failure> {
        let reference =
            request.update_ref.ok_or_else(|| Failure::invalid("UpdateRef is not set on request."))?;
        let name = self.named(&request.namespace, reference.workflow_execution)?;
        let stage = request.wait_policy.unwrap_or_default().lifecycle_stage();
        let asked = self.executor.find_update(&name, &reference.update_id).await?;
        let Progress { run, stage, outcome } = self.answer_to(asked, stage).await?;
        Ok(ws::PollWorkflowExecutionUpdateResponse {
            outcome,
            stage: stage as i32,
            update_ref: Some(reference_to(&run, reference.update_id)),
        })
    }

    /// Waits for as long as any long poll.
    pub(super) async fn answer_to(&self, asked: Asked, stage: Stage) -> Result<Progress, Unanswered> {
        tokio::select! {
            biased;
            answer = self.executor.await_update(asked, stage, self.history_poll_timeout) => answer,
            () = self.shutdown.cancelled() => Err(Failure::stopped().into()),
        }
    }

    /// The run, the update and the stage a request asks for, all of it checked.
    async fn checked_update(
        &self,
        mut request: ws::UpdateWorkflowExecutionRequest,
    ) -> Result<(RunRef, update::Request, Stage), Failure> {
        let (update, stage) = self.complete_update(&mut request)?;
        let name = self
            .named_in_chain(&request.namespace, request.workflow_execution, &request.first_execution_run_id)
            .await?;
        Ok((name, update, stage))
    }

    /// Takes the update out of a request, with what it may leave out filled in.
    pub(super) fn complete_update(
        &self,
        request: &mut ws::UpdateWorkflowExecutionRequest,
    ) -> Result<(update::Request, Stage), Failure> {
        let mut update = request.request.take().unwrap_or_default();
        let Some(meta) = &mut update.meta else {
            return Err(Failure::invalid("Update meta is not set on request."));
        };
        if meta.update_id.len() > LONGEST_ID {
            return Err(Failure::invalid("UpdateId length exceeds limit."));
        }
        if meta.update_id.is_empty() {
            meta.update_id = self.executor.uuid();
        }
        let Some(input) = &update.input else {
            return Err(Failure::invalid("Update input is not set on request."));
        };
        if input.name.is_empty() {
            return Err(Failure::invalid("Update name is not set on request."));
        }
        let stage = match request.wait_policy.unwrap_or_default().lifecycle_stage() {
            Stage::Admitted => {
                return Err(Failure::permission_denied(
                    "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not \
                     supported.",
                ));
            }
            Stage::Unspecified => Stage::Completed,
            stage => stage,
        };
        Ok((update, stage))
    }
}

pub(super) fn response(progress: Progress, update: &update::Request) -> ws::UpdateWorkflowExecutionResponse {
    let Progress { run, stage, outcome } = progress;
    let update_id = update.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
    ws::UpdateWorkflowExecutionResponse {
        update_ref: Some(reference_to(&run, update_id)),
        outcome,
        stage: stage as i32,
        ..Default::default()
    }
}

fn reference_to(run: &RunRef, update_id: String) -> update::UpdateRef {
    update::UpdateRef {
        workflow_execution: Some(common::WorkflowExecution {
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
        }),
        update_id,
    }
}

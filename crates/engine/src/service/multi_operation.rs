//! Update-with-start: the only pair of operations that the protocol lets succeed or fail together.

use super::Service;
use super::start::check_policies;
use super::update::response as update_response;
use crate::executor::{Refused, RunRef, StartRequest, Unanswered};
use crate::kernel::time::span;
use crate::kernel::update::Abort;
use crate::proto::{enums, update, workflowservice as ws};
use crate::status::Failure;
use enums::UpdateWorkflowExecutionLifecycleStage as Stage;
use ws::execute_multi_operation_request::operation::Operation;
use ws::execute_multi_operation_response::{Response, response};

/// What a caller is told whatever went wrong; the details say what did.
const FAILED: &str = "Update-with-Start could not be executed.";

/// How often the pair is tried when the run that took the update ended before accepting it: another try
/// may start a run of its own.
const TRIES: usize = 2;

impl Service {
    pub(super) async fn execute_multi_operation(
        &self,
        request: ws::ExecuteMultiOperationRequest,
    ) -> Result<ws::ExecuteMultiOperationResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let operations: Vec<_> = request.operations.into_iter().map(|item| item.operation).collect();
        let Ok([Some(Operation::StartWorkflow(start)), Some(Operation::UpdateWorkflow(update))]) =
            <[_; 2]>::try_from(operations)
        else {
            return Err(Failure::invalid("Operations have to be exactly [Start, Update]."));
        };
        let update_id = update.workflow_execution.clone().unwrap_or_default().workflow_id;
        let consistent = start.workflow_id == update_id;
        let start = self.checked_start(&request.namespace, start);
        let update = self.checked_companion(&request.namespace, update);
        match (start, update) {
            (Ok(start), Ok((update, stage))) if consistent => {
                self.update_with_start(start, update, stage).await
            }
            (Ok(_), Ok(_)) => {
                let inconsistent =
                    Failure::invalid("WorkflowId is not consistent with previous operation(s).");
                Err(failed(Some(Failure::operation_aborted()), inconsistent))
            }
            (Ok(_), Err(update)) => Err(failed(Some(Failure::operation_aborted()), update)),
            (Err(start), Ok(_)) => Err(failed(Some(start), Failure::operation_aborted())),
            (Err(start), Err(update)) => Err(failed(Some(start), update)),
        }
    }

    fn checked_start(
        &self,
        namespace: &str,
        mut start: ws::StartWorkflowExecutionRequest,
    ) -> Result<StartRequest, Failure> {
        check_same_namespace(namespace, &start.namespace)?;
        namespace.clone_into(&mut start.namespace);
        let (reuse, conflict) = (start.workflow_id_reuse_policy(), start.workflow_id_conflict_policy());
        check_policies(reuse, conflict)?;
        if !start.cron_schedule.is_empty() {
            return Err(Failure::invalid("CronSchedule is not allowed."));
        }
        if start.request_eager_execution {
            return Err(Failure::invalid("RequestEagerExecution is not supported."));
        }
        if span(start.workflow_start_delay.as_ref()) > 0 {
            return Err(Failure::invalid("WorkflowStartDelay is not supported."));
        }
        let new = self.new_run(start)?;
        Ok(StartRequest { new, reuse, conflict, signal: None, eager_for: None, announce: None })
    }

    fn checked_companion(
        &self,
        namespace: &str,
        mut update: ws::UpdateWorkflowExecutionRequest,
    ) -> Result<(update::Request, Stage), Failure> {
        check_same_namespace(namespace, &update.namespace)?;
        let RunRef { run_id, .. } = self.named(namespace, update.workflow_execution.clone())?;
        let checked = self.complete_update(&mut update)?;
        if !update.first_execution_run_id.is_empty() {
            return Err(Failure::invalid("FirstExecutionRunId is not allowed."));
        }
        if !run_id.is_empty() {
            return Err(Failure::invalid("RunId is not allowed."));
        }
        Ok(checked)
    }

    async fn update_with_start(
        &self,
        start: StartRequest,
        update: update::Request,
        stage: Stage,
    ) -> Result<ws::ExecuteMultiOperationResponse, Failure> {
        let mut tries = 1;
        loop {
            let (started, asked) = match self.executor.update_with_start(start.clone(), update.clone()).await
            {
                Ok(both) => both,
                Err(Refused::Start(failure)) => {
                    return Err(failed(Some(failure), Failure::operation_aborted()));
                }
                Err(Refused::Update(failure)) => {
                    return Err(failed(Some(Failure::operation_aborted()), failure));
                }
            };
            let progress = match self.answer_to(asked, stage).await {
                Ok(progress) => progress,
                Err(unanswered) => {
                    if started.created {
                        return Err(failed(None, unanswered.into()));
                    }
                    let aborted = Some(Failure::operation_aborted());
                    let ended =
                        matches!(unanswered, Unanswered::Aborted(Abort::RunClosed | Abort::RunContinued));
                    if ended && tries < TRIES {
                        tries += 1;
                        continue;
                    }
                    let failure = Failure::from(unanswered);
                    // Asking once more may start a run, so this is worth a client's retry, unlike the
                    // same failure of an update alone.
                    let failure = if ended { Failure::aborted(failure.message()) } else { failure };
                    return Err(failed(aborted, failure));
                }
            };
            let responses = [
                response::Response::StartWorkflow(ws::StartWorkflowExecutionResponse {
                    run_id: started.name.run_id,
                    first_execution_run_id: started.first_run_id,
                    started: started.created,
                    status: started.status,
                    ..Default::default()
                }),
                response::Response::UpdateWorkflow(update_response(progress, &update)),
            ];
            let responses =
                responses.into_iter().map(|response| Response { response: Some(response) }).collect();
            return Ok(ws::ExecuteMultiOperationResponse { responses });
        }
    }
}

fn check_same_namespace(namespace: &str, own: &str) -> Result<(), Failure> {
    if !own.is_empty() && own != namespace {
        return Err(Failure::invalid("Operation namespace did not match request's namespace."));
    }
    Ok(())
}

/// The failure of the pair; `None` for a start that succeeded.
fn failed(start: Option<Failure>, update: Failure) -> Failure {
    Failure::multi_operation(FAILED, vec![start, Some(update)])
}

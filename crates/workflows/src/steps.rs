//! The steps that more than one workflow takes: run a piece of work, ask a human, wait for the answer.

use std::future::Future;

use syndarix_core::approval::ApprovalState;
use temporalio_sdk::{
    ActivityExecutionError, ChildWorkflowExecutionError, ChildWorkflowOptions, ChildWorkflowStartError,
    WorkflowCancellationToken, WorkflowContext,
};

use crate::activities::Activities;
use crate::agent_task::AgentTaskWorkflow;
use crate::inbox::Inbox;
use crate::names;
use crate::options;
use crate::types::{
    CheckpointRequest, DecisionSignal, EscalationRequest, Settled, StageRequest, TaskOutcome, WorkRequest,
    WorkResult,
};
use crate::waiting::decision;

/// Why a workflow's body stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A human cancelled it.
    Cancelled,
    /// It cannot go on.
    Failed(String),
}

impl From<ActivityExecutionError> for Stop {
    fn from(error: ActivityExecutionError) -> Self {
        match &error {
            ActivityExecutionError::Cancelled(_) => Self::Cancelled,
            ActivityExecutionError::Failed(failure) => {
                let cause = failure.cause().map(|cause| cause.failure().message.clone());
                Self::Failed(cause.unwrap_or_else(|| failure.failure().message.clone()))
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<temporalio_sdk::WorkflowCancellationError> for Stop {
    fn from(_: temporalio_sdk::WorkflowCancellationError) -> Self {
        Self::Cancelled
    }
}

/// A workflow that receives decisions.
pub(crate) trait Listens {
    fn inbox(&self) -> &Inbox;
    fn inbox_mut(&mut self) -> &mut Inbox;
}

/// Runs a piece of work as a child workflow. It always answers with an outcome.
pub(crate) fn work<W: 'static>(
    ctx: &WorkflowContext<W>,
    work: WorkRequest,
) -> impl Future<Output = TaskOutcome> + use<W> {
    work_until(ctx, work, ctx.cancellation_token())
}

/// As [`work`], until it is stopped.
pub(crate) fn work_until<W: 'static>(
    ctx: &WorkflowContext<W>,
    work: WorkRequest,
    stop: WorkflowCancellationToken,
) -> impl Future<Output = TaskOutcome> + use<W> {
    let ctx = ctx.clone();
    let id = names::task_workflow(&work);
    let summary = format!("{} {} of {}", work.agent, work.stage.as_str(), work.task.key());
    let options = ChildWorkflowOptions::builder()
        .workflow_id(id)
        .static_summary(summary)
        .cancellation_token(stop)
        .build();
    async move {
        match ctx.start_child_workflow(AgentTaskWorkflow::run, work, options).await {
            Ok(started) => match started.result().await {
                Ok(outcome) => outcome,
                Err(ChildWorkflowExecutionError::Failed(failure)) if failure.as_cancelled().is_some() => {
                    TaskOutcome::Cancelled
                }
                Err(error) => TaskOutcome::Failed { reason: error.to_string() },
            },
            Err(ChildWorkflowStartError::Cancelled(_)) => TaskOutcome::Cancelled,
            Err(error) => TaskOutcome::Failed { reason: error.to_string() },
        }
    }
}

/// Asks a human whether the project goes on past a checkpoint; `None` where the autonomy level does not ask.
///
/// Silence is not a refusal: nothing is written or called again because of it. What nobody decided in time is asked
/// anew, as it stands then.
pub(crate) async fn checkpoint<W: Listens + 'static>(
    ctx: &WorkflowContext<W>,
    mut request: CheckpointRequest,
) -> Result<Option<DecisionSignal>, Stop> {
    loop {
        let asking = ctx.execute_activity(Activities::ask_checkpoint, request.clone(), options::record());
        let Some(asked) = asking.await? else { return Ok(None) };
        let decided = decision(ctx, asked).await?;
        if decided.state == ApprovalState::Expired {
            request.asking += 1;
            continue;
        }
        return Ok(Some(decided));
    }
}

/// Asks a human about a problem: whether to try once more.
pub(crate) async fn escalate<W: Listens + 'static>(
    ctx: &WorkflowContext<W>,
    request: EscalationRequest,
) -> Result<DecisionSignal, Stop> {
    let asked = ctx.execute_activity(Activities::ask_escalation, request, options::record()).await?;
    decision(ctx, asked).await
}

/// Runs a stage that is one task of one agent: opens it, does it, closes it. Where it fails a human is asked
/// whether to try again.
pub(crate) async fn stage<W: Listens + 'static>(
    ctx: &WorkflowContext<W>,
    mut request: StageRequest,
) -> Result<TaskOutcome, Stop> {
    loop {
        let opened = ctx.execute_activity(Activities::open_stage, request.clone(), options::record()).await?;
        let outcome = work(ctx, opened.clone()).await;
        if outcome == TaskOutcome::Cancelled {
            return Err(Stop::Cancelled);
        }
        let result = WorkResult { work: opened.clone(), outcome: outcome.clone() };
        let settled = ctx.execute_activity(Activities::close_stage, result, options::proof()).await?;
        let problem = match settled {
            Settled::Forward => return Ok(outcome),
            Settled::Back => None,
            Settled::Stuck { problem } => Some(problem),
        };
        if let Some(problem) = problem {
            let decided = escalate(
                ctx,
                EscalationRequest {
                    project: request.project.clone(),
                    task: Some(opened.task.clone()),
                    subject: format!("stage:{}", opened.run_id()),
                    problem: problem.clone(),
                },
            )
            .await?;
            if !decided.is_approved() {
                return Err(Stop::Failed(decided.comment.unwrap_or(problem)));
            }
        }
        request.attempt += 1;
    }
}

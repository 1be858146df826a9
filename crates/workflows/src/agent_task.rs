//! `AgentTaskWorkflow`: one task by one agent. Run the graph, wait on what it interrupted for (a human's decision, another
//! agent's answer), resume, and finish with the proof.

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::activities::Activities;
use crate::answers;
use crate::inbox::Inbox;
use crate::options;
use crate::steps::{Listens, Stop};
use crate::types::{
    AgentStep, Answer, DecisionSignal, MessageSignal, ProjectStatus, Question, StepOutcome, TaskOutcome,
    WorkRequest,
};
use crate::waiting;

/// One piece of work by one agent. It answers with a [`TaskOutcome`] however it ends.
#[workflow]
#[derive(Debug, Default)]
pub struct AgentTaskWorkflow {
    inbox: Inbox,
}

impl Listens for AgentTaskWorkflow {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }
    fn inbox_mut(&mut self) -> &mut Inbox {
        &mut self.inbox
    }
}

#[workflow_methods]
impl AgentTaskWorkflow {
    /// Does the work.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, work: WorkRequest) -> WorkflowResult<TaskOutcome> {
        let stopped = match perform(ctx, &work).await {
            Ok(outcome) => return Ok(outcome),
            Err(stop) => stop,
        };
        // The agent must be free again, and what it asked must not stay open, however the work ended.
        let released =
            ctx.execute_activity(Activities::release_work, work, options::record_at_the_end()).await;
        Ok(match (stopped, released) {
            (Stop::Cancelled, _) => TaskOutcome::Cancelled,
            (Stop::Failed(reason), Ok(())) => TaskOutcome::Failed { reason },
            (Stop::Failed(reason), Err(error)) => {
                TaskOutcome::Failed { reason: format!("{reason}; and {error}") }
            }
        })
    }

    /// A human decided.
    #[signal]
    pub fn approve_checkpoint(&mut self, _ctx: &mut SyncWorkflowContext<Self>, decision: DecisionSignal) {
        self.inbox.decide(decision);
    }

    /// Something happened to a question: it was answered, or whoever was asked stopped working. The answer itself is in
    /// the store.
    #[signal]
    pub fn deliver_message(&mut self, _ctx: &mut SyncWorkflowContext<Self>, message: MessageSignal) {
        self.inbox.deliver(message);
    }

    /// A human stops the work.
    #[signal]
    pub fn cancel(&mut self, ctx: &mut SyncWorkflowContext<Self>, reason: String) {
        ctx.cancellation_token().cancel_with_reason(reason);
    }

    /// What it waits for.
    #[query]
    pub fn status(&self, _ctx: &WorkflowContextView) -> ProjectStatus {
        self.inbox.status()
    }

    /// Everything it knows.
    #[query]
    pub fn state(&self, _ctx: &WorkflowContextView) -> ProjectStatus {
        self.inbox.state()
    }
}

async fn perform(ctx: &WorkflowContext<AgentTaskWorkflow>, work: &WorkRequest) -> Result<TaskOutcome, Stop> {
    ctx.execute_activity(Activities::prepare_work, work.clone(), options::proof()).await?;
    let mut resume = Vec::new();
    let ended = loop {
        let step = AgentStep { work: work.clone(), resume };
        match ctx.execute_activity(Activities::run_agent, step, options::agent()).await? {
            StepOutcome::Ended { result } => break result,
            StepOutcome::Waiting { questions, replies } => {
                ctx.state_mut(|state| {
                    state.inbox.wait_for(questions.iter().map(|question| &question.asked.approval));
                });
                resume = Vec::with_capacity(questions.len());
                for Question { interrupt, asked } in questions {
                    resume.push(Answer { interrupt, decision: waiting::decision(ctx, asked).await? });
                }
                for awaited in replies {
                    Box::pin(answers::reply(ctx, work, awaited)).await?;
                }
            }
        }
    };
    Ok(match ended {
        TaskOutcome::Written if work.changes_code() => loop {
            let proved = ctx.execute_activity(Activities::prove_work, work.clone(), options::proof()).await?;
            let TaskOutcome::AwaitsSetUp { asked } = proved else { break proved };
            waiting::decision(ctx, asked).await?;
        },
        TaskOutcome::Reviewed { approved: true } => {
            let merged = ctx.execute_activity(Activities::merge_work, work.clone(), options::proof());
            TaskOutcome::Merged { settled: merged.await? }
        }
        ended => ended,
    })
}

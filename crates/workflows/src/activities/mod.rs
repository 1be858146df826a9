//! Activities: everything the workflows do to the world. Each takes one value, answers with one value, and may
//! run twice.

mod answering;
mod asking;
mod environment;
mod proof;
mod repository;
mod services;
mod sprints;
mod stages;
mod work;

use std::sync::Arc;

use syndarix_core::id::{ApprovalId, MessageId, ProjectId, TaskId};
use syndarix_core::time::Timestamp;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::types::{
    AgentStep, Arrangement, Asked, Backlog, CheckpointRequest, CloseRequest, EscalationRequest, GiveUp,
    PhaseRequest, Rejection, ReplyRequest, Settled, SprintInput, StageRequest, StepOutcome, SuperviseRequest,
    Supervision, TaskOutcome, WaitVerdict, Word, WorkRequest, WorkResult,
};

pub(crate) use services::Services;
pub use services::{ActivitiesOptions, Limits};

/// The activities, as registered with the worker.
#[derive(Debug)]
pub struct Activities {
    services: Services,
}

impl Activities {
    /// Activities over these services.
    pub fn new(options: ActivitiesOptions) -> Self {
        Self { services: Services::new(options) }
    }
}

#[activities]
impl Activities {
    // The project.

    #[activity]
    pub async fn enter_phase(
        self: Arc<Self>,
        _: ActivityContext,
        request: PhaseRequest,
    ) -> Result<(), ActivityError> {
        self.services.enter_phase(request).await
    }

    #[activity]
    pub async fn backlog(
        self: Arc<Self>,
        _: ActivityContext,
        project: ProjectId,
    ) -> Result<Backlog, ActivityError> {
        self.services.backlog(project).await
    }

    #[activity]
    pub async fn close_project(
        self: Arc<Self>,
        _: ActivityContext,
        close: CloseRequest,
    ) -> Result<(), ActivityError> {
        self.services.close_project(close).await
    }

    // Asking a human.

    #[activity]
    pub async fn ask_checkpoint(
        self: Arc<Self>,
        _: ActivityContext,
        request: CheckpointRequest,
    ) -> Result<Option<Asked>, ActivityError> {
        self.services.ask_checkpoint(request).await
    }

    #[activity]
    pub async fn ask_escalation(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: EscalationRequest,
    ) -> Result<Asked, ActivityError> {
        let workflow = ctx.info().workflow_id.clone().unwrap_or_default();
        self.services.ask_escalation(request, workflow).await
    }

    #[activity]
    pub async fn expire_approval(
        self: Arc<Self>,
        _: ActivityContext,
        approval: ApprovalId,
    ) -> Result<Option<Timestamp>, ActivityError> {
        self.services.expire_approval(approval).await
    }

    #[activity]
    pub async fn pass_on_refusal(
        self: Arc<Self>,
        _: ActivityContext,
        word: Word,
    ) -> Result<(), ActivityError> {
        self.services.pass_on_refusal(word).await
    }

    #[activity]
    pub async fn take_up_rejection(
        self: Arc<Self>,
        _: ActivityContext,
        rejection: Rejection,
    ) -> Result<(), ActivityError> {
        self.services.take_up_rejection(rejection).await
    }

    // Stages that are one task of one agent.

    #[activity]
    pub async fn open_stage(
        self: Arc<Self>,
        _: ActivityContext,
        request: StageRequest,
    ) -> Result<WorkRequest, ActivityError> {
        self.services.open_stage(request).await
    }

    #[activity]
    pub async fn close_stage(
        self: Arc<Self>,
        ctx: ActivityContext,
        result: WorkResult,
    ) -> Result<Settled, ActivityError> {
        work::alive(&ctx, Box::pin(self.services.close_stage(result))).await
    }

    // Sprints.

    #[activity]
    pub async fn begin_sprint(
        self: Arc<Self>,
        _: ActivityContext,
        sprint: SprintInput,
    ) -> Result<(), ActivityError> {
        self.services.begin_sprint(sprint).await
    }

    #[activity]
    pub async fn supervise(
        self: Arc<Self>,
        _: ActivityContext,
        request: SuperviseRequest,
    ) -> Result<Supervision, ActivityError> {
        self.services.supervise(request).await
    }

    #[activity]
    pub async fn merge_work(
        self: Arc<Self>,
        ctx: ActivityContext,
        work: WorkRequest,
    ) -> Result<Settled, ActivityError> {
        work::alive(&ctx, Box::pin(self.services.merge_work(work))).await
    }

    #[activity]
    pub async fn reopen_task(self: Arc<Self>, _: ActivityContext, task: TaskId) -> Result<(), ActivityError> {
        self.services.reopen_task(task).await
    }

    #[activity]
    pub async fn give_up_task(
        self: Arc<Self>,
        _: ActivityContext,
        verdict: GiveUp,
    ) -> Result<(), ActivityError> {
        self.services.give_up_task(verdict).await
    }

    #[activity]
    pub async fn take_up_defects(
        self: Arc<Self>,
        _: ActivityContext,
        sprint: SprintInput,
    ) -> Result<(), ActivityError> {
        self.services.take_up_defects(sprint).await
    }

    #[activity]
    pub async fn end_sprint(
        self: Arc<Self>,
        _: ActivityContext,
        sprint: SprintInput,
    ) -> Result<u32, ActivityError> {
        self.services.end_sprint(sprint).await
    }

    // One piece of work by one agent.

    #[activity]
    pub async fn prepare_work(
        self: Arc<Self>,
        ctx: ActivityContext,
        work: WorkRequest,
    ) -> Result<(), ActivityError> {
        work::alive(&ctx, Box::pin(self.services.prepare_work(work))).await
    }

    #[activity]
    pub async fn run_agent(
        self: Arc<Self>,
        ctx: ActivityContext,
        step: AgentStep,
    ) -> Result<StepOutcome, ActivityError> {
        Box::pin(self.services.run_agent(ctx, step)).await
    }

    #[activity]
    pub async fn arrange_answer(
        self: Arc<Self>,
        _: ActivityContext,
        request: ReplyRequest,
    ) -> Result<Arrangement, ActivityError> {
        self.services.arrange_answer(request).await
    }

    #[activity]
    pub async fn escalate_wait(
        self: Arc<Self>,
        _: ActivityContext,
        question: MessageId,
    ) -> Result<Option<ApprovalId>, ActivityError> {
        self.services.escalate_wait(question).await
    }

    #[activity]
    pub async fn carry_out_on_wait(
        self: Arc<Self>,
        _: ActivityContext,
        verdict: WaitVerdict,
    ) -> Result<bool, ActivityError> {
        self.services.carry_out_on_wait(verdict).await
    }

    #[activity]
    pub async fn prove_work(
        self: Arc<Self>,
        ctx: ActivityContext,
        work: WorkRequest,
    ) -> Result<TaskOutcome, ActivityError> {
        work::alive(&ctx, Box::pin(self.services.prove_work(work))).await
    }

    #[activity]
    pub async fn release_work(
        self: Arc<Self>,
        _: ActivityContext,
        work: WorkRequest,
    ) -> Result<(), ActivityError> {
        self.services.release_work(work).await
    }
}

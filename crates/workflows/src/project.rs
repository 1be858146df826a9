//! `ProjectWorkflow`: discovery, architecture, sprints while the backlog is not done, delivery, and a human where the
//! autonomy level says so.

use syndarix_agents::Stage;
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::id::ProjectId;
use syndarix_core::project::Phase;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ChildWorkflowOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
};

use crate::activities::Activities;
use crate::inbox::Inbox;
use crate::names;
use crate::options;
use crate::sprint::SprintWorkflow;
use crate::steps::{self, Listens, Stop};
use crate::types::{
    CheckpointRequest, CloseRequest, DecisionSignal, EscalationRequest, MessageSignal, PhaseRequest,
    ProjectInput, ProjectOutcome, ProjectStatus, Rejection, SprintInput, SprintOutcome, StageRequest,
    TaskOutcome,
};

/// How often a human may send a document back before the project is given up.
const MAX_DOCUMENT_ROUNDS: u32 = 10;

/// Sprints in a row that may prove no task done before a human is asked.
const MAX_IDLE_SPRINTS: u32 = 2;

/// One project, from its brief to its delivery.
#[workflow]
#[derive(Debug, Default)]
pub struct ProjectWorkflow {
    inbox: Inbox,
}

impl Listens for ProjectWorkflow {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }
    fn inbox_mut(&mut self) -> &mut Inbox {
        &mut self.inbox
    }
}

#[workflow_methods]
impl ProjectWorkflow {
    /// Runs the project.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ProjectInput) -> WorkflowResult<ProjectOutcome> {
        let outcome = match perform(ctx, &input.project).await {
            Ok(()) => ProjectOutcome::Delivered,
            Err(Stop::Cancelled) => ProjectOutcome::Cancelled,
            Err(Stop::Failed(reason)) => ProjectOutcome::Failed { reason },
        };
        let close = CloseRequest { project: input.project, outcome: outcome.clone() };
        ctx.execute_activity(Activities::close_project, close, options::record_at_the_end()).await?;
        Ok(outcome)
    }

    /// A human said something to the team; the words are in the store, where the agents read them.
    #[signal]
    pub fn provide_feedback(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _message: String) {
        self.inbox.hear();
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

    /// A human stops the project.
    #[signal]
    pub fn cancel(&mut self, ctx: &mut SyncWorkflowContext<Self>, reason: String) {
        ctx.cancellation_token().cancel_with_reason(reason);
    }

    /// Where it is, and what it waits for.
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

type Context = WorkflowContext<ProjectWorkflow>;

async fn perform(ctx: &Context, project: &ProjectId) -> Result<(), Stop> {
    enter(ctx, project, Phase::Discovery).await?;
    document(ctx, project, Stage::Vision, 1).await?;
    documents(ctx, project, Stage::Requirements, Checkpoint::Discovery).await?;
    enter(ctx, project, Phase::Architecture).await?;
    documents(ctx, project, Stage::Architecture, Checkpoint::Architecture).await?;

    let mut sprint = 0;
    let mut idle = 0;
    for delivery in 1..=MAX_DOCUMENT_ROUNDS {
        sprints(ctx, project, &mut sprint, &mut idle).await?;
        let asked = steps::checkpoint(ctx, at(project, Checkpoint::Delivery, None, delivery)).await?;
        if let Some(decision) = asked.filter(|decision| !decision.is_approved()) {
            take_up(ctx, project, decision).await?;
            continue;
        }
        enter(ctx, project, Phase::Delivery).await?;
        document(ctx, project, Stage::Deliver, delivery).await?;
        return Ok(());
    }
    Err(Stop::Failed(format!("the delivery was refused {MAX_DOCUMENT_ROUNDS} times")))
}

fn at(project: &ProjectId, checkpoint: Checkpoint, sprint: Option<u32>, round: u32) -> CheckpointRequest {
    CheckpointRequest { project: project.clone(), checkpoint, sprint, round, asking: 1 }
}

async fn enter(ctx: &Context, project: &ProjectId, phase: Phase) -> Result<(), Stop> {
    ctx.state_mut(|state| state.inbox.phase = Some(phase));
    let request = PhaseRequest { project: project.clone(), phase };
    ctx.execute_activity(Activities::enter_phase, request, options::record()).await?;
    Ok(())
}

async fn document(ctx: &Context, project: &ProjectId, stage: Stage, round: u32) -> Result<TaskOutcome, Stop> {
    steps::stage(ctx, StageRequest { project: project.clone(), stage, round, attempt: 1, sprint: None }).await
}

/// Writes a document, and again for as long as a human sends it back.
async fn documents(
    ctx: &Context,
    project: &ProjectId,
    stage: Stage,
    checkpoint: Checkpoint,
) -> Result<(), Stop> {
    for round in 1..=MAX_DOCUMENT_ROUNDS {
        document(ctx, project, stage, round).await?;
        match steps::checkpoint(ctx, at(project, checkpoint, None, round)).await? {
            Some(decision) if !decision.is_approved() => {
                let comment = decision.comment.unwrap_or_else(|| "refused without a comment".to_owned());
                let word =
                    crate::types::Word { project: project.clone(), subject: decision.approval, comment };
                ctx.execute_activity(Activities::pass_on_refusal, word, options::record()).await?;
            }
            _ => return Ok(()),
        }
    }
    Err(Stop::Failed(format!("{} was refused {MAX_DOCUMENT_ROUNDS} times", stage.as_str())))
}

/// Turns a refusal into a task for the next sprint.
async fn take_up(ctx: &Context, project: &ProjectId, decision: DecisionSignal) -> Result<(), Stop> {
    let rejection = Rejection { project: project.clone(), sprint: None, decision };
    ctx.execute_activity(Activities::take_up_rejection, rejection, options::record()).await?;
    Ok(())
}

/// Runs sprints until the backlog is done.
async fn sprints(ctx: &Context, project: &ProjectId, sprint: &mut u32, idle: &mut u32) -> Result<(), Stop> {
    loop {
        let backlog = ctx.execute_activity(Activities::backlog, project.clone(), options::record()).await?;
        if backlog.open == 0 {
            return Ok(());
        }
        *sprint += 1;
        enter(ctx, project, Phase::Sprint(*sprint)).await?;
        let input = SprintInput { project: project.clone(), sprint: *sprint };
        match run_sprint(ctx, input).await? {
            SprintOutcome::Finished { done: 0, .. } => *idle += 1,
            SprintOutcome::Finished { .. } => *idle = 0,
            SprintOutcome::Abandoned { reason } => return Err(Stop::Failed(reason)),
            SprintOutcome::Cancelled => return Err(Stop::Cancelled),
        }
        if *idle >= MAX_IDLE_SPRINTS {
            let problem =
                format!("{MAX_IDLE_SPRINTS} sprints in a row finished no task. Go on with another?");
            let subject = format!("idle:{sprint}");
            let request =
                EscalationRequest { project: project.clone(), task: None, problem: problem.clone(), subject };
            let decision = steps::escalate(ctx, request).await?;
            if !decision.is_approved() {
                return Err(Stop::Failed(decision.comment.unwrap_or(problem)));
            }
            *idle = 0;
        }
        let asked = steps::checkpoint(ctx, at(project, Checkpoint::SprintEnd, Some(*sprint), 1)).await?;
        if let Some(decision) = asked.filter(|decision| !decision.is_approved()) {
            take_up(ctx, project, decision).await?;
        }
    }
}

async fn run_sprint(ctx: &Context, input: SprintInput) -> Result<SprintOutcome, Stop> {
    let options = ChildWorkflowOptions::builder()
        .workflow_id(names::sprint_workflow(&input.project, input.sprint))
        .static_summary(format!("sprint {} of {}", input.sprint, input.project))
        .build();
    let started = match ctx.start_child_workflow(SprintWorkflow::run, input, options).await {
        Ok(started) => started,
        Err(_) if ctx.cancellation_token().is_cancelled() => return Err(Stop::Cancelled),
        Err(error) => return Err(Stop::Failed(error.to_string())),
    };
    match started.result().await {
        Ok(outcome) => Ok(outcome),
        Err(_) if ctx.cancellation_token().is_cancelled() => Err(Stop::Cancelled),
        Err(error) => Err(Stop::Failed(error.to_string())),
    }
}

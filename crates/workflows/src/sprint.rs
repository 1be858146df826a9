//! `SprintWorkflow`: planning, parallel development, a checkpoint, QA, and the end.

use std::pin::Pin;
use std::task::Poll;

use futures::future::poll_fn;
use syndarix_agents::Stage;
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::activities::Activities;
use crate::inbox::Inbox;
use crate::options;
use crate::steps::{self, Listens, Stop};
use crate::types::{
    CheckpointRequest, DecisionSignal, EscalationRequest, GiveUp, MessageSignal, News, ProjectStatus,
    Rejection, SprintInput, SprintOutcome, StageRequest, SuperviseRequest, Supervision, TaskOutcome,
    WorkRequest, WorkResult,
};

/// How often QA may send a sprint back before what it found goes to the next one.
const MAX_QA_ROUNDS: u32 = 3;

/// One sprint of a project.
#[workflow]
#[derive(Debug, Default)]
pub struct SprintWorkflow {
    inbox: Inbox,
}

impl Listens for SprintWorkflow {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }
    fn inbox_mut(&mut self) -> &mut Inbox {
        &mut self.inbox
    }
}

#[workflow_methods]
impl SprintWorkflow {
    /// Runs the sprint.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, sprint: SprintInput) -> WorkflowResult<SprintOutcome> {
        Ok(match perform(ctx, &sprint).await {
            Ok(outcome) => outcome,
            Err(Stop::Cancelled) => SprintOutcome::Cancelled,
            Err(Stop::Failed(reason)) => SprintOutcome::Abandoned { reason },
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

    /// A human stops the sprint.
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

type Context = WorkflowContext<SprintWorkflow>;

async fn perform(ctx: &Context, sprint: &SprintInput) -> Result<SprintOutcome, Stop> {
    ctx.execute_activity(Activities::begin_sprint, sprint.clone(), options::record()).await?;
    stage(ctx, sprint, Stage::Plan, 1).await?;
    let mut accepted = false;
    let mut crew = Crew::default();
    let mut review_round = 0;
    for qa_round in 1..=MAX_QA_ROUNDS {
        develop(ctx, sprint, &mut crew).await?;
        review_round += 1;
        let reviewed =
            steps::checkpoint(ctx, checkpoint(sprint, Checkpoint::SprintReview, review_round)).await?;
        if let Some(decision) = reviewed.filter(|decision| !decision.is_approved()) {
            let rejection =
                Rejection { project: sprint.project.clone(), sprint: Some(sprint.sprint), decision };
            ctx.execute_activity(Activities::take_up_rejection, rejection, options::record()).await?;
            continue;
        }
        match stage(ctx, sprint, Stage::Qa, qa_round).await? {
            TaskOutcome::Judged { passed: true, .. } => {
                accepted = true;
                break;
            }
            TaskOutcome::Judged { .. } if qa_round < MAX_QA_ROUNDS => {
                ctx.execute_activity(Activities::take_up_defects, sprint.clone(), options::record()).await?;
            }
            _ => break,
        }
    }
    let done = ctx.execute_activity(Activities::end_sprint, sprint.clone(), options::record()).await?;
    Ok(SprintOutcome::Finished { done, accepted })
}

fn checkpoint(sprint: &SprintInput, checkpoint: Checkpoint, round: u32) -> CheckpointRequest {
    CheckpointRequest {
        project: sprint.project.clone(),
        checkpoint,
        sprint: Some(sprint.sprint),
        round,
        asking: 1,
    }
}

/// Runs a stage that is one task of one agent, and asks a human where it fails.
async fn stage(ctx: &Context, sprint: &SprintInput, stage: Stage, round: u32) -> Result<TaskOutcome, Stop> {
    steps::stage(
        ctx,
        StageRequest {
            project: sprint.project.clone(),
            stage,
            round,
            attempt: 1,
            sprint: Some(sprint.sprint),
        },
    )
    .await
}

/// What the development loop waits for.
enum Finished {
    Work { result: WorkResult },
    Decided { problem: EscalationRequest, decision: Result<DecisionSignal, Stop> },
}

type Pending = Pin<Box<dyn Future<Output = Finished>>>;

/// The loop's own state: the futures, and what the supervisor is to hear about those that have ended.
#[derive(Default)]
struct Crew {
    pending: Vec<Pending>,
    looks: u32,
    /// Where the supervisor left what it remembers.
    memory: Option<BlobHash>,
    news: Vec<News>,
}

impl Crew {
    /// Starts a piece of work. A merge is part of the review that accepts the change: merges, which come one after
    /// another and are checked, hold nobody up but whoever waits for them.
    fn start(&mut self, ctx: &Context, work: WorkRequest) {
        let ctx = ctx.clone();
        self.pending.push(Box::pin(async move {
            let outcome = steps::work(&ctx, work.clone()).await;
            Finished::Work { result: WorkResult { work, outcome } }
        }));
    }

    fn ask(&mut self, ctx: &Context, problem: EscalationRequest) {
        let ctx = ctx.clone();
        self.pending.push(Box::pin(async move {
            let decision = steps::escalate(&ctx, problem.clone()).await;
            Finished::Decided { problem, decision }
        }));
    }

    /// Asks the supervisor what is to be done, now that this has happened.
    async fn look(&mut self, ctx: &Context, sprint: &SprintInput) -> Result<Supervision, Stop> {
        self.looks += 1;
        let request = SuperviseRequest {
            sprint: sprint.clone(),
            look: self.looks,
            memory: self.memory.take(),
            news: std::mem::take(&mut self.news),
        };
        let supervision = ctx.execute_activity(Activities::supervise, request, options::record()).await?;
        self.memory = Some(supervision.memory.clone());
        Ok(supervision)
    }

    /// Whatever has ended, and if nothing has, whichever ends next; in the order in which they were started, so that
    /// a replay decides alike. All are polled, so that what was just started does start.
    async fn next(&mut self) -> Vec<Finished> {
        let pending = &mut self.pending;
        poll_fn(|cx| {
            let mut all_ended = Vec::new();
            pending.retain_mut(|one| match one.as_mut().poll(cx) {
                Poll::Ready(ended) => {
                    all_ended.push(ended);
                    false
                }
                Poll::Pending => true,
            });
            if all_ended.is_empty() { Poll::Pending } else { Poll::Ready(all_ended) }
        })
        .await
    }
}

/// Develops, reviews and merges until the supervisor says that every task of the sprint is over.
async fn develop(ctx: &Context, sprint: &SprintInput, crew: &mut Crew) -> Result<(), Stop> {
    loop {
        let supervision = crew.look(ctx, sprint).await?;
        if supervision.complete && crew.pending.is_empty() {
            return Ok(());
        }
        for problem in supervision.escalate {
            crew.ask(ctx, problem);
        }
        for work in supervision.start {
            crew.start(ctx, work);
        }
        if crew.pending.is_empty() {
            return Err(Stop::Failed(
                "the supervisor has nothing to start and nothing to wait for".to_owned(),
            ));
        }
        for ended in crew.next().await {
            match ended {
                Finished::Work { result } => {
                    if result.outcome == TaskOutcome::Cancelled && ctx.cancellation_token().is_cancelled() {
                        return Err(Stop::Cancelled);
                    }
                    crew.news.push(News::Ended { result });
                }
                Finished::Decided { problem, decision } => carry_out(ctx, crew, problem, decision?).await?,
            }
        }
    }
}

/// Carries out what a human decided about a stuck task: a yes gives it more rounds, a no gives it up.
async fn carry_out(
    ctx: &Context,
    crew: &mut Crew,
    problem: EscalationRequest,
    decision: DecisionSignal,
) -> Result<(), Stop> {
    let Some(task) = problem.task else { return Ok(()) };
    if decision.is_approved() {
        ctx.execute_activity(Activities::reopen_task, task.clone(), options::record()).await?;
        crew.news.push(News::Reprieved { task });
    } else {
        let reason = decision.comment.unwrap_or_else(|| "given up by a human".to_owned());
        let verdict = GiveUp { task: task.clone(), reason };
        ctx.execute_activity(Activities::give_up_task, verdict, options::record()).await?;
        crew.news.push(News::GivenUp { task });
    }
    Ok(())
}

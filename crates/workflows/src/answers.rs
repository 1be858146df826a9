//! Waiting for another agent's answer.
//!
//! Whoever was asked reads the question with the next step of their own work, if they are at work, and answers it there.
//! Otherwise a short run of theirs answers it. Where neither brings an answer for too long, a human is asked, once.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use syndarix_core::id::ApprovalId;
use temporalio_sdk::{WorkflowCancellationToken, WorkflowContext};

use crate::activities::Activities;
use crate::agent_task::AgentTaskWorkflow;
use crate::options;
use crate::steps::{self, Listens as _, Stop};
use crate::types::{Arrangement, AwaitedReply, ReplyRequest, WaitVerdict, WorkRequest};
use crate::waiting::until;

/// A run that is to answer a question.
struct Answering {
    work: WorkRequest,
    /// Ends it early, where there is no use for its answer any more.
    stop: WorkflowCancellationToken,
    /// Resolves when it is over, however it ended: that is seen by whether there is an answer.
    over: Pin<Box<dyn Future<Output = ()>>>,
    is_over: Rc<Cell<bool>>,
}

impl Answering {
    fn start(ctx: &Context, work: WorkRequest) -> Self {
        let stop = ctx.cancellation_token().child_token();
        let is_over = Rc::new(Cell::new(false));
        let running = steps::work_until(ctx, work.clone(), stop.clone());
        let noted = Rc::clone(&is_over);
        let over = Box::pin(async move {
            running.await;
            noted.set(true);
        });
        Self { work, stop, over, is_over }
    }

    /// Ends it, and waits until it has.
    async fn end(self) -> WorkRequest {
        if !self.is_over.get() {
            self.stop.cancel();
            self.over.await;
        }
        self.work
    }
}

type Context = WorkflowContext<AgentTaskWorkflow>;

/// Waits until a question is answered, or until it is clear that it will not be.
pub(crate) async fn reply(ctx: &Context, asker: &WorkRequest, awaited: AwaitedReply) -> Result<(), Stop> {
    let mut answering = None;
    let ended = wait(ctx, asker, awaited, &mut answering).await;
    // Whoever is answering is free again before this work is over.
    if let Some(run) = answering {
        run.end().await;
    }
    ended
}

/// Each turn is brought about by news of the question, by a decision, or by the end of a run that was to answer it, of
/// which there are few: nothing here turns by itself.
async fn wait(
    ctx: &Context,
    asker: &WorkRequest,
    awaited: AwaitedReply,
    answering: &mut Option<Answering>,
) -> Result<(), Stop> {
    let AwaitedReply { question, escalate_at } = awaited;
    let mut escalate_at = Some(escalate_at);
    let mut escalation: Option<ApprovalId> = None;
    let mut runs = Vec::new();
    loop {
        let known = ctx.state(|state| state.inbox().news_of(&question));
        if answering.is_none() {
            let request =
                ReplyRequest { question: question.clone(), sprint: asker.sprint, runs: runs.clone() };
            match ctx.execute_activity(Activities::arrange_answer, request, options::record()).await? {
                Arrangement::Over => return Ok(()),
                Arrangement::AtWork => {}
                Arrangement::Run { work } => *answering = Some(Answering::start(ctx, work)),
            }
        }
        let is_over = answering.as_ref().map(|run| Rc::clone(&run.is_over));
        let news = Box::pin(until(ctx, escalate_at, |state: &AgentTaskWorkflow| {
            let decided = escalation.as_ref().is_some_and(|approval| state.inbox().decided(approval));
            decided
                || match &is_over {
                    Some(is_over) => is_over.get(),
                    None => state.inbox().news_of(&question) > known,
                }
        }));
        let has_news = match answering.as_mut() {
            None => news.await?,
            Some(run) => beside(&mut run.over, news).await?,
        };
        if !has_news {
            escalate_at = None;
            let put = ctx.execute_activity(Activities::escalate_wait, question.clone(), options::record());
            escalation = put.await?;
            continue;
        }
        if let Some(run) = answering.take_if(|run| run.is_over.get()) {
            runs.push(run.work);
        }
        let decision =
            escalation.as_ref().and_then(|approval| ctx.state(|state| state.inbox().decision(approval)));
        if let Some(decision) = decision {
            escalation = None;
            let verdict = WaitVerdict { question: question.clone(), decision };
            let closed =
                ctx.execute_activity(Activities::carry_out_on_wait, verdict, options::record()).await?;
            if let Some(run) = answering.take_if(|_| closed) {
                runs.push(run.end().await);
            }
        }
    }
}

/// Lets something go on while waiting for something else that notices its end. What goes on comes first in each turn,
/// so that its end is noticed in the turn it comes in.
async fn beside<T>(
    going_on: &mut Pin<Box<dyn Future<Output = ()>>>,
    mut wait: Pin<Box<impl Future<Output = T>>>,
) -> T {
    let mut goes_on = true;
    poll_fn(|cx| {
        goes_on = goes_on && going_on.as_mut().poll(cx).is_pending();
        wait.as_mut().poll(cx)
    })
    .await
}

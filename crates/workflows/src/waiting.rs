//! Waiting in a workflow: for what a human decides, for as long as they can.

use std::time::{Duration, UNIX_EPOCH};

use futures::future::{Either, select};
use syndarix_core::time::Timestamp;
use temporalio_sdk::{CancellableFuture, WorkflowContext};

use crate::activities::Activities;
use crate::options;
use crate::steps::{Listens, Stop};
use crate::types::{Asked, DecisionSignal};

/// Waits until a human has decided, or until they no longer can.
///
/// The workflow's own timer says when that may be, and the store whether it is: it ends the approval and queues the
/// signal in one transaction, and a decision that came first stays.
pub(crate) async fn decision<W: Listens + 'static>(
    ctx: &WorkflowContext<W>,
    asked: Asked,
) -> Result<DecisionSignal, Stop> {
    let Asked { approval, mut expires_at } = asked;
    ctx.state_mut(|state| state.inbox_mut().wait_for([&approval]));
    while !until(ctx, expires_at, |state: &W| state.inbox().decided(&approval)).await? {
        let due = ctx.execute_activity(Activities::expire_approval, approval.clone(), options::record());
        expires_at = due.await?;
    }
    ctx.state(|state| state.inbox().decision(&approval))
        .ok_or_else(|| Stop::Failed(format!("the decision about {approval} was lost")))
}

/// Waits until something holds, at most until a moment. Returns whether it holds.
pub(crate) async fn until<W: 'static>(
    ctx: &WorkflowContext<W>,
    at: Option<Timestamp>,
    mut condition: impl FnMut(&W) -> bool,
) -> Result<bool, Stop> {
    let Some(at) = at.filter(|_| !ctx.state(&mut condition)) else {
        ctx.wait_condition(condition).await?;
        return Ok(true);
    };
    let timer = ctx.timer(at.since(now(ctx)).max(SHORTEST));
    let mut holds = Box::pin(ctx.wait_condition(condition));
    match select(&mut holds, timer).await {
        Either::Left((held, timer)) => {
            timer.cancel();
            held?;
            Ok(true)
        }
        // A cancelled workflow's timers end with it, and its conditions say so.
        Either::Right(_) if ctx.cancellation_token().is_cancelled() => Err(Stop::Cancelled),
        Either::Right(_) => Ok(false),
    }
}

/// The shortest a timer is set to: it keeps a clock that runs ahead of the store's from asking the store in circles.
const SHORTEST: Duration = Duration::from_millis(500);

/// The time as the workflow knows it, which is the same when it is replayed.
fn now<W>(ctx: &WorkflowContext<W>) -> Timestamp {
    let since_epoch = ctx.workflow_time().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Timestamp::default().plus(since_epoch.unwrap_or_default())
}

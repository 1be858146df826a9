//! Hands: they take activities and do them, too late, twice or never.

use super::known::Fact;
use super::letters::{Answer, deliver, post};
use super::network::Line;
use super::program::{QUEUE, byte, failed, queue};
use crate::kernel::time::MILLISECOND;
use crate::proto::{common, workflowservice as ws};

type Task = ws::PollActivityTaskQueueResponse;

/// Takes activities for as long as the engine lives.
pub(super) async fn run(mut line: Line) {
    loop {
        if line.mischief() {
            line.pause(10_000).await;
        }
        let request = ws::PollActivityTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(QUEUE),
            identity: line.name.clone(),
            ..Default::default()
        };
        let task: Option<Task> = line.poll("PollActivityTaskQueue", &request).await;
        match task.filter(|task| !task.task_token.is_empty()) {
            Some(task) => take(&mut line, task),
            None => line.pause(50).await,
        }
    }
}

/// Begins an attempt.
pub(super) fn take(line: &mut Line, task: Task) {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    let Some(scheduled_event_id) = scheduled_event_id(&task) else {
        return line.life.contradict(format!("{execution:?} gave out an activity of another form"));
    };
    let attempt = task.attempt;
    line.note(&format!("attempt {attempt} of {} of {}", task.activity_id, execution.workflow_id));
    line.life.learn(Fact::Attempt { run_id: execution.run_id.clone(), scheduled_event_id, attempt });
    let fact = Fact::Activity { run_id: execution.run_id.clone(), scheduled_event_id };
    let name = format!("{} at {} of {}", line.name, task.activity_id, execution.workflow_id);
    let hand = Line { life: line.life.clone(), dice: line.dice.split(), name };
    line.life.spawn(perform(hand, task, execution, fact));
}

/// The event that scheduled the activity; its token says so.
fn scheduled_event_id(task: &Task) -> Option<i64> {
    let token = crate::executor::ActivityToken::parse(&task.task_token).ok()?;
    Some(token.scheduled_event_id)
}

async fn perform(mut line: Line, task: Task, execution: common::WorkflowExecution, fact: Fact) {
    let most_ms = if line.dice.chance(700) { 100 } else { 3_000 };
    line.pause(most_ms).await;
    let done = ws::RespondActivityTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token.clone(),
        identity: line.name.clone(),
        ..Default::default()
    };
    if line.mischief() {
        match line.dice.between(0, 2) {
            0 => {}
            1 => {
                let late = line.now().plus(line.dice.between(0, 15_000) * MILLISECOND);
                post(&mut line, Answer::Done(done, fact), late);
            }
            _ => {
                let soon = line.now().plus(100 * MILLISECOND);
                post(&mut line, Answer::Done(done.clone(), fact.clone()), soon);
                deliver(&mut line, &Answer::Done(done, fact)).await;
            }
        }
        return;
    }
    match line.dice.between(0, 9) {
        0..=4 => drop(deliver(&mut line, &Answer::Done(done, fact)).await),
        5 => {
            let by_id = ws::RespondActivityTaskCompletedByIdRequest {
                namespace: "default".into(),
                workflow_id: execution.workflow_id,
                run_id: execution.run_id,
                activity_id: task.activity_id,
                identity: line.name.clone(),
                ..Default::default()
            };
            deliver(&mut line, &Answer::DoneById(by_id, fact)).await;
        }
        6..=7 => {
            let request = ws::RespondActivityTaskFailedRequest {
                namespace: "default".into(),
                task_token: task.task_token,
                failure: failed("it did not work", line.dice.chance(200)),
                ..Default::default()
            };
            deliver(&mut line, &Answer::Failed(request)).await;
        }
        _ => beat(line, task, done, fact).await,
    }
}

/// Says a few times that it is alive, gives in to a cancellation, or completes.
async fn beat(mut line: Line, task: Task, done: ws::RespondActivityTaskCompletedRequest, fact: Fact) {
    for beat in 0..line.dice.between(1, 5) {
        line.pause(400).await;
        let request = ws::RecordActivityTaskHeartbeatRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            details: byte(beat as u8),
            ..Default::default()
        };
        let rpc = "RecordActivityTaskHeartbeat";
        let told = line.ask::<ws::RecordActivityTaskHeartbeatResponse>(rpc, &request).await;
        if told.into_iter().flatten().any(|told| told.cancel_requested) {
            let request = ws::RespondActivityTaskCanceledRequest {
                namespace: "default".into(),
                task_token: task.task_token,
                ..Default::default()
            };
            deliver(&mut line, &Answer::Cancelled(request, fact)).await;
            return;
        }
    }
    deliver(&mut line, &Answer::Done(done, fact)).await;
}

//! Answers of workers on their way to the engine. They may come late, twice, after a crash, or never.

use super::known::Fact;
use super::life::Life;
use super::network::Line;
use crate::clock::Clock;
use crate::kernel::Timestamp;
use crate::proto::workflowservice as ws;
use std::sync::Arc;

/// An answer that has not arrived.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub arrives: Timestamp,
    pub number: u64,
    pub answer: Answer,
}

/// What a worker says, and what is known once the engine has acknowledged it.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Task(Box<ws::RespondWorkflowTaskCompletedRequest>, Fact),
    TaskFailed(ws::RespondWorkflowTaskFailedRequest),
    Done(ws::RespondActivityTaskCompletedRequest, Fact),
    DoneById(ws::RespondActivityTaskCompletedByIdRequest, Fact),
    Failed(ws::RespondActivityTaskFailedRequest),
    Cancelled(ws::RespondActivityTaskCanceledRequest, Fact),
}

/// Posts an answer that arrives later, perhaps in another life of the engine.
pub(super) fn post(line: &mut Line, answer: Answer, arrives: Timestamp) {
    let mut letters = line.life.world.letters.lock();
    let number = letters.last().map_or(0, |letter| letter.number + 1);
    letters.push(Letter { arrives, number, answer });
    drop(letters);
    let name = format!("letter {number}");
    let carrier = Line { life: line.life.clone(), dice: line.dice.split(), name };
    line.life.spawn(carry(carrier, number));
}

/// Delivers a letter when it is time.
pub(super) async fn carry(mut line: Line, number: u64) {
    let find =
        |life: &Arc<Life>| life.world.letters.lock().iter().find(|letter| letter.number == number).cloned();
    let Some(letter) = find(&line.life) else { return };
    let clock = line.life.clock.clone();
    clock.sleep_until(letter.arrives).await;
    line.life.world.letters.lock().retain(|letter| letter.number != number);
    deliver(&mut line, &letter.answer).await;
}

/// Hands an answer to the engine; what it replies to a workflow task is returned.
pub(super) async fn deliver(
    line: &mut Line,
    answer: &Answer,
) -> Vec<ws::RespondWorkflowTaskCompletedResponse> {
    let acknowledged = match answer {
        Answer::Task(request, fact) => {
            let replies = line.ask("RespondWorkflowTaskCompleted", request.as_ref()).await;
            let accepted: Vec<ws::RespondWorkflowTaskCompletedResponse> =
                replies.into_iter().flatten().collect();
            for reply in &accepted {
                // Zero unless the task was forgotten, and all it brought with it.
                if reply.reset_history_event_id == 0 {
                    line.life.learn(fact.clone());
                }
            }
            return accepted;
        }
        Answer::TaskFailed(request) => {
            line.ask::<ws::RespondWorkflowTaskFailedResponse>("RespondWorkflowTaskFailed", request).await;
            return Vec::new();
        }
        Answer::Failed(request) => {
            line.ask::<ws::RespondActivityTaskFailedResponse>("RespondActivityTaskFailed", request).await;
            return Vec::new();
        }
        Answer::Done(request, fact) => {
            let rpc = "RespondActivityTaskCompleted";
            let replies = line.ask::<ws::RespondActivityTaskCompletedResponse>(rpc, request).await;
            (replies.into_iter().flatten().count(), fact)
        }
        Answer::DoneById(request, fact) => {
            let rpc = "RespondActivityTaskCompletedById";
            let replies = line.ask::<ws::RespondActivityTaskCompletedByIdResponse>(rpc, request).await;
            (replies.into_iter().flatten().count(), fact)
        }
        Answer::Cancelled(request, fact) => {
            let rpc = "RespondActivityTaskCanceled";
            let replies = line.ask::<ws::RespondActivityTaskCanceledResponse>(rpc, request).await;
            (replies.into_iter().flatten().count(), fact)
        }
    };
    for _ in 0..acknowledged.0 {
        line.life.learn(acknowledged.1.clone());
    }
    Vec::new()
}

//! Questions from agent to agent whose answer is waited for.

use serde_json::{Value, json};
use syndarix_agents::{PendingReply, RunOutcome, RunRequest, Stage};
use syndarix_core::agent::AgentState;
use syndarix_core::wait::WaitEnd;

use crate::world::{World, scene, scene_of};

/// The question that Dave's first call asks, as agents write its id.
const QUESTION: &str = "T-1/run-1/message-2.0";

fn asks(to: &str) -> Value {
    json!({ "to": to, "kind": "query", "summary": "Which encoding?", "body": "UTF-8 or Latin-1?", "await_reply": true })
}

fn answers(text: &str) -> Value {
    json!({ "reply_to": QUESTION, "kind": "query", "summary": text, "body": "R2 asks for accents." })
}

fn finish() -> Value {
    json!({ "summary": "Done" })
}

/// A scene of this agent alone.
fn of(agent: &str, scene: &str) -> String {
    scene.replacen("[[scene]]\n", &format!("[[scene]]\nagent = \"{agent}\"\n"), 1)
}

fn dave_asks(whom: &str) -> String {
    [of("Dave", &scene(0, "send_message", asks(whom))), of("Dave", &scene(1, "finish", finish()))].concat()
}

fn waiting(outcome: RunOutcome) -> PendingReply {
    match outcome {
        RunOutcome::Interrupted { approvals, mut replies } if approvals.is_empty() && replies.len() == 1 => {
            replies.remove(0)
        }
        other => panic!("{other:?}"),
    }
}

fn answer_run(world: &World, agent: &str) -> RunRequest {
    let run = syndarix_core::id::RunId::new(format!("{}/answer-1", world.task)).expect("an id");
    RunRequest { run, workspace: None, ..world.request(agent, Stage::Answer) }
}

#[tokio::test]
async fn whoever_is_idle_answers_in_a_run_of_its_own() {
    let arthur = scene_of(0, &[("send_message", answers("UTF-8")), ("finish", finish())]);
    let world = World::new(&[dave_asks("Arthur"), of("Arthur", &arthur)].concat()).await;
    let asked = waiting(world.develop().await);
    assert_eq!(asked.question.as_str(), format!("{}/{QUESTION}", world.project));
    let wait = world.store.wait(&asked.question).await.expect("readable").expect("a wait");
    assert_eq!(asked.escalate_at.since(wait.since).as_secs(), 30 * 60);
    assert_eq!(world.store.agent(&world.agent("dave")).await.expect("dave").state, AgentState::WaitingInput);
    assert_eq!(waiting(world.develop().await), asked, "asked once, however often it is tried");

    // A letter for Arthur's own work stays where it is.
    world.store.give_feedback(&world.project, "Ann", "Use British spelling.").await.expect("feedback");
    assert!(matches!(world.run(answer_run(&world, "arthur")).await, RunOutcome::Finished { .. }));
    let left = world.store.inbox(&world.agent("arthur")).await.expect("an inbox");
    assert_eq!(left.len(), 1, "{left:?}");

    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    let results = world.tool_results(&world.task.run(1)).await;
    assert_eq!(results, ["QUERY from Arthur: UTF-8\nR2 asks for accents."]);
    let summaries: Vec<String> = {
        let messages = world.store.messages(&world.project).await.expect("messages");
        messages
            .into_iter()
            .filter(|message| message.sender.is_some())
            .map(|message| message.summary)
            .collect()
    };
    assert_eq!(summaries, ["Which encoding?", "UTF-8"]);
    let inbox = world.store.inbox(&world.agent("dave")).await.expect("an inbox");
    assert!(inbox.iter().all(|message| message.sender.is_none()), "the answer was read: {inbox:?}");
}

#[tokio::test]
async fn whoever_is_at_work_reads_the_question_and_cannot_wait_for_whoever_asked() {
    let kate = [
        scene(
            0,
            "send_message",
            json!({ "to": "Dave", "kind": "query", "summary": "Why?", "body": "", "await_reply": true }),
        ),
        scene(1, "send_message", answers("Latin-1")),
        scene(2, "finish", finish()),
    ];
    let world =
        World::new(&[dave_asks("Kate"), kate.map(|scene| of("Kate", &scene)).concat()].concat()).await;
    let asked = waiting(world.develop().await);
    let run = world.task.run(2);
    let request = RunRequest { run: run.clone(), ..world.request("kate", Stage::Develop) };
    assert!(matches!(world.run(request).await, RunOutcome::Finished { .. }));
    let results = world.tool_results(&run).await;
    assert!(
        results[0].contains("you cannot wait for Dave, who waits for you (Dave waits for Kate)"),
        "{results:?}"
    );
    let end = world.store.wait(&asked.question).await.expect("readable").expect("a wait").end;
    assert!(matches!(end, Some(WaitEnd::Answered { .. })), "{end:?}");
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
}

#[tokio::test]
async fn a_wait_that_ends_without_an_answer_lets_the_run_go_on() {
    let world = World::new(&dave_asks("Arthur")).await;
    let asked = waiting(world.develop().await);
    world
        .store
        .close_wait(&asked.question, "Arthur did not answer; decide by yourself.")
        .await
        .expect("closed");
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    assert_eq!(world.tool_results(&world.task.run(1)).await, ["Arthur did not answer; decide by yourself."]);
}

#[tokio::test]
async fn an_answer_ends_with_the_answer_and_nothing_else() {
    let arthur = [
        scene(0, "finish", finish()),
        scene(1, "send_message", asks("Kate")),
        scene(2, "ask_human", json!({ "question": "Which?" })),
        scene(
            3,
            "send_message",
            json!({ "reply_to": "T-9/x", "kind": "query", "summary": "UTF-8", "body": "" }),
        ),
        scene_of(4, &[("send_message", answers("UTF-8")), ("finish", finish())]),
    ];
    let script = [dave_asks("Arthur"), arthur.map(|scene| of("Arthur", &scene)).concat()].concat();
    let world = World::new(&script).await;
    waiting(world.develop().await);
    let outcome = world.run(answer_run(&world, "arthur")).await;
    let complaints = world.complaints().await;
    for (complaint, expected) in complaints.iter().zip([
        "the question is not answered; call send_message with \"reply_to\": \"T-1/run-1/message-2.0\"",
        "you are waited for yourself",
        "There is no tool `ask_human` here",
        "there is no message `T-9/x` to you",
    ]) {
        assert!(complaint.contains(expected), "{complaint}");
    }
    // Four in a row are more than an agent is told about.
    assert!(matches!(outcome, RunOutcome::Failed { .. }), "{outcome:?} {complaints:?}");
}

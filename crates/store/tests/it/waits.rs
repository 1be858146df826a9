//! Waiting for another agent's answer.

use serde_json::json;
use syndarix_core::agent::AgentTransition;
use syndarix_core::approval::ApprovalState;
use syndarix_core::id::{AgentId, MessageId, TaskId};
use syndarix_core::message::MessageKind;
use syndarix_core::project::ProjectState;
use syndarix_core::wait::WaitEnd;
use syndarix_store::{Error, NewMessage};

use crate::support::{Fixture, dave, ellis, fixture, kate};

fn query(f: &Fixture, id: &str, task: &TaskId, from: AgentId, to: AgentId) -> NewMessage {
    NewMessage {
        id: MessageId::new(id).expect("a valid id"),
        project: f.project.clone(),
        kind: MessageKind::Query,
        sender: Some(from),
        target: Some(to),
        task: Some(task.clone()),
        correlation_id: None,
        summary: "Which encoding?".to_owned(),
        body: b"Latin-1 or UTF-8?".to_vec(),
    }
}

fn answer(f: &Fixture, id: &str, question: &str, from: AgentId, to: AgentId) -> NewMessage {
    NewMessage {
        id: MessageId::new(id).expect("a valid id"),
        project: f.project.clone(),
        kind: MessageKind::Query,
        sender: Some(from),
        target: Some(to),
        task: None,
        correlation_id: Some(MessageId::new(question).expect("a valid id")),
        summary: "UTF-8".to_owned(),
        body: Vec::new(),
    }
}

async fn signals(f: &Fixture) -> Vec<(String, String, serde_json::Value)> {
    let pending = f.store.pending_signals().await.expect("signals");
    pending.into_iter().map(|signal| (signal.workflow_id, signal.name, signal.payload)).collect()
}

#[tokio::test]
async fn the_first_answer_from_whom_was_asked_ends_the_wait_and_tells_the_workflow() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let (dave, kate, ellis) = (dave(&f.project), kate(&f.project), ellis(&f.project));
    let question = query(&f, "q-1", &task, dave.clone(), kate.clone());
    let wait = f.store.ask_and_wait(question.clone(), "task:1").await.expect("asked");
    assert_eq!((wait.number, wait.end.clone()), (1, None));
    assert_eq!(f.store.ask_and_wait(question, "task:1").await.expect("asked once"), wait);
    assert_eq!(f.store.open_waits(&f.project).await.expect("waits"), std::slice::from_ref(&wait));
    assert_eq!(f.store.wait_numbered(&task, 1).await.expect("the wait"), wait);

    f.store.send_message(answer(&f, "m-1", "q-1", ellis, dave.clone())).await.expect("sent");
    assert_eq!(signals(&f).await, [], "an answer comes from whom was asked");
    for id in ["m-2", "m-3"] {
        f.store.send_message(answer(&f, id, "q-1", kate.clone(), dave.clone())).await.expect("sent");
    }
    let ended = f.store.wait(&wait.message).await.expect("readable").expect("the wait");
    assert_eq!(ended.end, Some(WaitEnd::Answered { reply: MessageId::new("m-2").expect("an id") }));
    let told = json!({ "message": "q-1", "reply": "m-2" });
    assert_eq!(signals(&f).await, [("task:1".to_owned(), "deliver_message".to_owned(), told)]);
    assert_eq!(f.store.open_waits(&f.project).await.expect("waits"), []);
    let closed = f.store.close_wait(&wait.message, "too late").await.expect("closed");
    assert_eq!(closed.end, ended.end, "the answer stays");

    let next = f.store.ask_and_wait(query(&f, "q-2", &task, dave, kate), "task:1").await.expect("asked");
    assert_eq!(next.number, 2);
}

#[tokio::test]
async fn a_circle_of_waits_is_refused_and_nothing_is_sent() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let (dave, kate, ellis) = (dave(&f.project), kate(&f.project), ellis(&f.project));
    let ask = async |id: &str, from: &AgentId, to: &AgentId| {
        f.store.ask_and_wait(query(&f, id, &task, from.clone(), to.clone()), "task:1").await
    };
    let first = ask("q-1", &dave, &kate).await.expect("asked");
    ask("q-2", &kate, &ellis).await.expect("asked");
    let refused = ask("q-3", &ellis, &dave).await.expect_err("a circle");
    assert_eq!(refused.to_string(), "p/dave, p/kate, p/ellis would wait for one another in a circle");
    assert!(matches!(ask("q-4", &dave, &dave).await, Err(Error::WaitsInCircle { .. })));
    assert_eq!(f.store.messages(&f.project).await.expect("messages").len(), 2);
    f.store.close_wait(&first.message, "never mind").await.expect("closed");
    ask("q-5", &ellis, &dave).await.expect("no circle any more");
}

#[tokio::test]
async fn whoever_waits_hears_that_the_other_has_stopped_working() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let (dave, kate) = (dave(&f.project), kate(&f.project));
    f.store.ask_and_wait(query(&f, "q-1", &task, dave, kate.clone()), "task:1").await.expect("asked");
    for (transition, told) in [
        (AgentTransition::Think, 0),
        (AgentTransition::Execute, 0),
        (AgentTransition::AwaitInput, 1),
        (AgentTransition::Think, 1),
        (AgentTransition::Complete, 2),
        (AgentTransition::Release, 2),
    ] {
        f.store.transition_agent(&kate, transition, None).await.expect("possible");
        assert_eq!(signals(&f).await.len(), told, "{transition:?}");
    }
    assert_eq!(signals(&f).await[0].2, json!({ "message": "q-1", "reply": null }));
}

#[tokio::test]
async fn a_wait_is_put_to_a_human_once_and_the_answer_makes_that_moot() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let (dave, kate) = (dave(&f.project), kate(&f.project));
    let wait = f
        .store
        .ask_and_wait(query(&f, "q-1", &task, dave.clone(), kate.clone()), "task:1")
        .await
        .expect("asked");
    let escalate = async || {
        let put = f.store.escalate_wait(&wait.message, "Dave waits".to_owned(), "What now?".to_owned());
        put.await.expect("put to a human")
    };
    let asked = escalate().await.expect("an approval");
    assert_eq!(escalate().await, Some(asked.clone()));
    assert_eq!((asked.workflow_id.as_str(), asked.expires_at), ("task:1", None));
    let story = f.story().await;
    assert_eq!(story[story.len() - 2..], ["guard_tripped", "approval_requested"]);
    f.store.send_message(answer(&f, "m-1", "q-1", kate, dave)).await.expect("sent");
    assert_eq!(f.store.approval(&asked.id).await.expect("stored").state, ApprovalState::Superseded);
}

#[tokio::test]
async fn no_wait_outlives_its_project() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let question = query(&f, "q-1", &task, dave(&f.project), kate(&f.project));
    let wait = f.store.ask_and_wait(question, "task:1").await.expect("asked");
    f.store.set_project_state(&f.project, ProjectState::Cancelled, None).await.expect("over");
    let ended = f.store.wait(&wait.message).await.expect("readable").expect("the wait").end;
    assert_eq!(ended, Some(WaitEnd::Closed { told: "the project is over".to_owned() }));
    let late =
        f.store.escalate_wait(&wait.message, "late".to_owned(), String::new()).await.expect("no error");
    assert_eq!(late, None);
}

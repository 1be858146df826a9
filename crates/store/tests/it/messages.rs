//! Messages, feedback and the outbox of signals.

use serde_json::json;
use syndarix_core::id::{AgentId, MessageId};
use syndarix_core::message::MessageKind;
use syndarix_core::ports::Blobs;
use syndarix_core::project::ProjectState;
use syndarix_store::{Error, NewMessage, Store};

use crate::support::{Fixture, dave, ellis, fixture, kate};

fn message(f: &Fixture, id: &str, sender: AgentId, target: Option<AgentId>) -> NewMessage {
    NewMessage {
        id: MessageId::new(id).expect("a valid id"),
        project: f.project.clone(),
        kind: MessageKind::ContextShare,
        sender: Some(sender),
        target,
        task: None,
        correlation_id: None,
        summary: format!("about {id}"),
        body: id.as_bytes().to_vec(),
    }
}

async fn inbox(store: &Store, agent: &AgentId) -> Vec<String> {
    let messages = store.inbox(agent).await.expect("an inbox");
    messages.into_iter().map(|message| message.id.to_string()).collect()
}

#[tokio::test]
async fn a_message_stays_until_everyone_it_is_for_has_acknowledged_it() {
    let f = fixture().await;
    let (dave, ellis, kate) = (dave(&f.project), ellis(&f.project), kate(&f.project));
    for _ in 0..2 {
        f.store.send_message(message(&f, "m-1", dave.clone(), Some(kate.clone()))).await.expect("sent");
        f.store.send_message(message(&f, "m-2", dave.clone(), None)).await.expect("sent");
        f.store.send_message(message(&f, "m-3", kate.clone(), Some(kate.clone()))).await.expect("sent");
    }
    assert_eq!(inbox(&f.store, &kate).await, ["m-1", "m-2", "m-3"]);
    assert_eq!(inbox(&f.store, &ellis).await, ["m-2"]);
    assert_eq!(inbox(&f.store, &dave).await, [""; 0], "nobody hears their own broadcast");
    let second = MessageId::new("m-2").expect("a valid id");
    for _ in 0..2 {
        f.store.acknowledge(&kate, &second).await.expect("acknowledged");
    }
    assert_eq!(inbox(&f.store, &kate).await, ["m-1", "m-3"]);
    assert_eq!(inbox(&f.store, &ellis).await, ["m-2"]);
    let first = MessageId::new("m-1").expect("a valid id");
    let error = f.store.acknowledge(&ellis, &first).await.expect_err("not for ellis");
    assert!(matches!(error, Error::NotFound { kind: "message", .. }));
    assert_eq!(f.store.messages(&f.project).await.expect("messages").len(), 3);
    assert_eq!(f.story().await, ["message_sent"; 3]);
}

#[tokio::test]
async fn messages_arrive_in_their_senders_order() {
    let f = fixture().await;
    let senders = [dave(&f.project), ellis(&f.project)].map(|sender| {
        let (store, kate) = (f.store.clone(), kate(&f.project));
        let messages: Vec<_> = (0..40)
            .map(|n| message(&f, &format!("{sender}/{n:02}"), sender.clone(), Some(kate.clone())))
            .collect();
        tokio::spawn(async move {
            for message in messages {
                store.send_message(message).await.expect("sent");
            }
        })
    });
    for sender in senders {
        sender.await.expect("ends");
    }
    let all = inbox(&f.store, &kate(&f.project)).await;
    for sender in ["p/dave", "p/ellis"] {
        let of_sender: Vec<_> = all.iter().filter(|id| id.starts_with(sender)).cloned().collect();
        assert!(of_sender.is_sorted() && of_sender.len() == 40, "{of_sender:?}");
    }
}

#[tokio::test]
async fn feedback_reaches_the_team_and_the_workflow() {
    let f = fixture().await;
    let mut signals = f.store.subscribe_signals();
    let given = f.store.give_feedback(&f.project, "ana", "Use blue.\nNot red.").await.expect("given");
    assert_eq!((given.id.as_str(), given.summary.as_str()), ("p/feedback-1", "Use blue."));
    assert_eq!(Blobs::get(&f.store, &given.body).await.expect("stored"), b"Use blue.\nNot red.");
    assert_eq!(inbox(&f.store, &dave(&f.project)).await, ["p/feedback-1"]);
    assert!(signals.has_changed().expect("open"), "whoever delivers signals is woken");
    signals.mark_unchanged();
    let pending = f.store.pending_signals().await.expect("signals");
    assert_eq!(pending.len(), 1);
    assert_eq!(
        (pending[0].workflow_id.as_str(), pending[0].name.as_str(), &pending[0].payload),
        ("project:p", "provide_feedback", &json!("p/feedback-1"))
    );
    f.store.signal_delivered(&pending[0].id).await.expect("delivered");
    assert_eq!(f.store.pending_signals().await.expect("signals"), []);
    assert_eq!(f.story().await, ["feedback_given", "message_sent"]);
    let second = f.store.give_feedback(&f.project, "ana", "ü".repeat(500)).await.expect("given");
    assert_eq!(second.id.as_str(), "p/feedback-2");
    assert_eq!(second.summary.chars().count(), 101);
    f.store.give_feedback(&f.project, "ana", "  \n").await.expect_err("nothing was said");
    f.store.set_project_state(&f.project, ProjectState::Completed, None).await.expect("ends");
    let late = f.store.give_feedback(&f.project, "ana", "late").await.expect_err("over");
    assert_eq!(late.to_string(), "project p is completed and hears no feedback");
}

#[tokio::test]
async fn a_signal_is_queued_once_and_delivered_in_order() {
    let f = fixture().await;
    for (id, workflow) in [("a", "w1"), ("b", "w2"), ("a", "w3")] {
        f.store.queue_signal(workflow, "cancel", json!({ "n": 1 }), id).await.expect("queued");
    }
    let pending = f.store.pending_signals().await.expect("signals");
    let ids: Vec<_> =
        pending.iter().map(|signal| (signal.id.as_str(), signal.workflow_id.as_str())).collect();
    assert_eq!(ids, [("a", "w1"), ("b", "w2")]);
    f.store.signal_delivered("a").await.expect("delivered");
    f.store.queue_signal("w1", "cancel", json!({}), "a").await.expect("known");
    assert_eq!(f.store.pending_signals().await.expect("signals").len(), 1);
    assert!(f.store.signal_delivered("c").await.is_err());
}

#[tokio::test]
async fn feedback_on_a_task_is_found_by_whom_it_is_for_even_when_it_was_read() {
    let f = fixture().await;
    let (dave, kate) = (dave(&f.project), kate(&f.project));
    let (parse, print) = (f.task("parse").await.id, f.task("print").await.id);
    let cases = [
        ("m-1", MessageKind::Feedback, &kate, &parse),
        ("m-2", MessageKind::Feedback, &kate, &print),
        ("m-3", MessageKind::Query, &kate, &parse),
        ("m-4", MessageKind::Feedback, &dave, &parse),
        ("m-5", MessageKind::CheckFailed, &kate, &parse),
        ("m-6", MessageKind::MergeFailed, &kate, &parse),
    ];
    for (id, kind, target, task) in cases {
        let message = message(&f, id, ellis(&f.project), Some(target.clone()));
        f.store.send_message(NewMessage { kind, task: Some(task.clone()), ..message }).await.expect("sent");
    }
    f.store.acknowledge(&kate, &MessageId::new("m-1").expect("a valid id")).await.expect("acknowledged");
    let found = f.store.feedback_on(&parse, &kate).await.expect("messages");
    assert_eq!(found.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["m-1", "m-5", "m-6"]);
}

//! Approvals.

use serde_json::json;
use syndarix_core::approval::{Approval, ApprovalKind, ApprovalState, Decision};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use syndarix_core::id::TaskId;
use syndarix_core::project::ProjectState;
use syndarix_core::task::TaskState;
use syndarix_core::time::Timestamp;
use syndarix_store::{Error, NewApproval};

use crate::support::{Fixture, fixture};

const SHOWN: &[u8] = b"the architecture";

async fn ask(f: &Fixture, subject: &str, expires_at: Option<i64>) -> Approval {
    let new = NewApproval {
        project: f.project.clone(),
        kind: ApprovalKind::Checkpoint,
        title: "Go on?".to_owned(),
        shown: SHOWN.to_vec(),
        subject: subject.to_owned(),
        task: None,
        workflow_id: "project:p".to_owned(),
        expires_at: expires_at.map(Timestamp),
        checkpoint: Some(Checkpoint::Architecture),
    };
    f.store.request_approval(new).await.expect("asked")
}

fn decision(by: &str, approved: bool) -> Decision {
    Decision {
        approved,
        comment: Some("because".to_owned()),
        decided_by: by.to_owned(),
        shown: BlobHash::of(SHOWN),
    }
}

#[tokio::test]
async fn a_subject_is_asked_about_once() {
    let f = fixture().await;
    let first = ask(&f, "architecture", None).await;
    let again = ask(&f, "architecture", Some(5)).await;
    let other = ask(&f, "delivery", None).await;
    assert_eq!(first, again);
    assert_eq!((first.id.key(), other.id.key()), ("A-1", "A-2"));
    assert_eq!(first.shown, BlobHash::of(SHOWN));
    assert_eq!(f.store.approvals(Some(&f.project)).await.expect("approvals"), [first, other]);
    assert_eq!(f.story().await, ["approval_requested"; 2]);
}

#[tokio::test]
async fn all_who_ask_the_same_are_told_the_answer_and_who_leaves_takes_nothing_along() {
    let f = fixture().await;
    let ask_for = async |workflow: &str| {
        let new = NewApproval {
            project: f.project.clone(),
            kind: ApprovalKind::Budget,
            title: "More?".to_owned(),
            shown: SHOWN.to_vec(),
            subject: "budget:project p:100:1".to_owned(),
            task: None,
            workflow_id: workflow.to_owned(),
            expires_at: None,
            checkpoint: None,
        };
        f.store.request_approval(new).await.expect("asked")
    };
    let asked = ask_for("task:1").await;
    for workflow in ["task:2", "task:3", "task:2", "task:1"] {
        assert_eq!(ask_for(workflow).await.id, asked.id);
    }
    f.store.leave_approvals(&f.project, "task:1").await.expect("left");
    f.store.leave_approvals(&f.project, "task:9").await.expect("nothing to leave");
    f.store.decide(&asked.id, decision("human", true)).await.expect("decided");
    let told: Vec<String> = f
        .store
        .pending_signals()
        .await
        .expect("signals")
        .into_iter()
        .map(|signal| signal.workflow_id)
        .collect();
    assert_eq!(told, ["task:2", "task:3"]);
    assert_eq!(ask_for("task:4").await.state, ApprovalState::Approved, "who comes later finds it decided");

    let alone = ask(&f, "alone", None).await;
    f.store.leave_approvals(&f.project, "project:p").await.expect("left");
    assert_eq!(f.store.approval(&alone.id).await.expect("there").state, ApprovalState::Superseded);
}

#[tokio::test]
async fn of_a_hundred_decisions_one_wins() {
    let f = fixture().await;
    let id = ask(&f, "architecture", None).await.id;
    let deciders = (0..100).map(|n| {
        let (store, id) = (f.store.clone(), id.clone());
        tokio::spawn(async move { store.decide(&id, decision(&format!("human {n}"), n % 2 == 0)).await })
    });
    let mut winners = Vec::new();
    for decider in deciders.collect::<Vec<_>>() {
        match decider.await.expect("ends") {
            Ok(approval) => winners.push(approval),
            Err(Error::AlreadyDecided(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(f.store.approval(&id).await.expect("stored"), winners[0]);
    let signals = f.store.pending_signals().await.expect("signals");
    assert_eq!(signals.len(), 1, "the workflow is told once");
    assert_eq!(
        signals[0].payload,
        json!({ "approval": "p/A-1", "state": winners[0].state, "comment": "because" })
    );
    assert_eq!(
        (signals[0].workflow_id.as_str(), signals[0].name.as_str()),
        ("project:p", "approve_checkpoint")
    );
    assert_eq!(f.story().await, ["approval_requested", "approval_decided"]);
    let late = f.store.decide(&id, decision("late", true)).await.expect_err("decided");
    let by = winners[0].decided_by.as_deref().expect("someone");
    assert_eq!(late.to_string(), format!("approval p/A-1 is already {} by {by}", winners[0].state.as_str()));
}

#[tokio::test]
async fn a_decision_is_bound_to_what_was_shown() {
    let f = fixture().await;
    let id = ask(&f, "architecture", None).await.id;
    let mut other = decision("ana", true);
    other.shown = BlobHash::of(b"another architecture");
    let error = f.store.decide(&id, other).await.expect_err("something else");
    assert!(matches!(error, Error::ShownChanged { .. }), "{error}");
    assert_eq!(f.store.pending_signals().await.expect("signals"), []);
    let approval = f.store.decide(&id, decision("ana", false)).await.expect("decided");
    assert_eq!((approval.state, approval.decided_at), (ApprovalState::Rejected, Some(Timestamp(1_000))));
}

#[tokio::test]
async fn what_expired_says_so_and_its_workflow_goes_on() {
    let f = fixture().await;
    let id = ask(&f, "architecture", Some(2_000)).await.id;
    let lasting = ask(&f, "delivery", Some(9_000)).await.id;
    assert_eq!(f.store.expire_due(Timestamp(1_999)).await.expect("none"), []);
    f.clock.set(2_000);
    let late = f.store.decide(&id, decision("ana", true)).await.expect_err("too late");
    assert_eq!(late.to_string(), "approval p/A-1 has expired");
    for expected in [1, 0] {
        assert_eq!(f.store.expire_due(Timestamp(2_000)).await.expect("expires").len(), expected);
    }
    assert_eq!(f.store.approval(&id).await.expect("stored").state, ApprovalState::Expired);
    assert_eq!(f.store.approval(&lasting).await.expect("stored").state, ApprovalState::Pending);
    let late = f.store.decide(&id, decision("ana", true)).await.expect_err("expired");
    assert!(matches!(late, Error::Expired { .. }));
    let signals = f.store.pending_signals().await.expect("signals");
    assert_eq!(signals.len(), 1);
    assert_eq!(signals[0].payload["state"], "expired");
    assert_eq!(
        f.story().await,
        ["approval_requested", "approval_requested", "approval_decided"],
        "told once, in the journal too"
    );
}

#[tokio::test]
async fn what_is_superseded_says_so() {
    let f = fixture().await;
    let id = ask(&f, "architecture", None).await.id;
    for _ in 0..2 {
        let approval = f.store.supersede(&id).await.expect("superseded");
        assert_eq!(approval.state, ApprovalState::Superseded);
    }
    let late = f.store.decide(&id, decision("ana", true)).await.expect_err("superseded");
    assert_eq!(late.to_string(), "approval p/A-1 is superseded");
    assert!(late.hint().is_some());
    assert_eq!(f.story().await, ["approval_requested", "approval_decided"]);
}

#[tokio::test]
async fn what_is_asked_about_a_task_ends_with_it_and_whoever_waits_is_told() {
    let f = fixture().await;
    let task = f.task("parse-flag").await.id;
    let about = |subject: &str, task: Option<TaskId>| NewApproval {
        project: f.project.clone(),
        kind: ApprovalKind::Escalation,
        title: "It does not come right".to_owned(),
        shown: SHOWN.to_vec(),
        subject: subject.to_owned(),
        task,
        workflow_id: "sprint:p:1".to_owned(),
        expires_at: None,
        checkpoint: None,
    };
    let moot = f.store.request_approval(about("stuck", Some(task.clone()))).await.expect("asked").id;
    let other = f.store.request_approval(about("another", None)).await.expect("asked").id;
    f.store.set_task_state(&task, TaskState::Cancelled, None).await.expect("cancelled");
    assert_eq!(f.store.approval(&moot).await.expect("stored").state, ApprovalState::Superseded);
    assert_eq!(f.store.approval(&other).await.expect("stored").state, ApprovalState::Pending);
    let signals = f.store.pending_signals().await.expect("signals");
    assert_eq!(signals.len(), 1);
    assert_eq!(
        (signals[0].workflow_id.as_str(), &signals[0].payload["state"]),
        ("sprint:p:1", &json!("superseded"))
    );
}

#[tokio::test]
async fn cancelling_a_project_leaves_nothing_to_decide() {
    let f = fixture().await;
    let id = ask(&f, "architecture", None).await.id;
    for _ in 0..2 {
        f.store.cancel_project(&f.project, "cancelled by ana").await.expect("cancelled");
    }
    assert!(matches!(f.store.decide(&id, decision("ana", true)).await, Err(Error::Superseded { .. })));
    let signals = f.store.pending_signals().await.expect("signals");
    let told: Vec<_> = signals.iter().map(|signal| (signal.name.as_str(), &signal.payload)).collect();
    assert_eq!(told, [("cancel", &json!("cancelled by ana"))]);
    assert_eq!(f.story().await, ["approval_requested", "approval_decided"]);
}

#[tokio::test]
async fn a_project_waits_while_anything_is_asked_and_no_longer() {
    let f = fixture().await;
    f.store.set_project_state(&f.project, ProjectState::Running, None).await.expect("runs");
    let state = async || f.store.project(&f.project).await.expect("stored").state;
    let first = ask(&f, "first", None).await;
    assert_eq!(state().await, ProjectState::Waiting);
    let second = ask(&f, "second", Some(1)).await;
    let third = ask(&f, "third", None).await;
    f.store.decide(&first.id, decision("ann", true)).await.expect("decided");
    f.store.supersede(&third.id).await.expect("superseded");
    assert_eq!(state().await, ProjectState::Waiting, "{} is open", second.id);
    f.store.expire_due(Timestamp(i64::MAX)).await.expect("expired");
    assert_eq!(state().await, ProjectState::Running);
}

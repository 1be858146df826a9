//! What is allowed for always: only what was offered, only in its project, and until it is taken back.

use syndarix_core::approval::{Approval, ApprovalKind, ApprovalState, Decision};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use syndarix_core::permission::CallScope;
use syndarix_store::{Error, NewApproval};

use crate::support::{Fixture, fixture, open};

const SHOWN: &[u8] = b"npm install left-pad; always: npm install";

fn npm(word: &str) -> CallScope {
    CallScope::CommandsBeginning {
        tool: "workspace.run_command".to_owned(),
        words: vec!["npm".to_owned(), word.to_owned()],
    }
}

async fn ask(f: &Fixture, subject: &str, always: Option<CallScope>) -> Approval {
    let new = NewApproval {
        project: f.project.clone(),
        kind: ApprovalKind::ToolCall,
        title: "May Dave?".to_owned(),
        shown: SHOWN.to_vec(),
        subject: subject.to_owned(),
        task: None,
        workflow_id: format!("task:{subject}"),
        expires_at: None,
        checkpoint: Some(Checkpoint::RiskyTool),
    };
    f.store.request_offering(new, always).await.expect("asked")
}

fn yes() -> Decision {
    Decision { approved: true, comment: None, decided_by: "ana".to_owned(), shown: BlobHash::of(SHOWN) }
}

#[tokio::test]
async fn what_was_offered_is_allowed_until_it_is_taken_back() {
    let f = fixture().await;
    let asked = ask(&f, "first", Some(npm("install"))).await;
    let find = async |scope: CallScope| {
        let found = f.store.permission_for(&f.project, "later", &scope).await.expect("reads");
        found.map(|permission| permission.approval)
    };
    assert_eq!(find(npm("install")).await, None, "it is not decided yet");
    let decided = f.store.approve_always(&asked.id, yes()).await.expect("decided");
    assert_eq!(decided.state, ApprovalState::Approved);
    assert_eq!(find(npm("install")).await.as_ref(), Some(&asked.id));
    assert_eq!(find(npm("publish")).await, None);
    assert_eq!(find(CallScope::Tool { tool: "workspace.run_command".to_owned() }).await, None);
    let asked_about = f.store.permission_for(&f.project, "first", &npm("install")).await.expect("reads");
    assert_eq!(asked_about, None, "its own approval decides it");

    let again = f.store.approve_always(&asked.id, yes()).await.expect_err("single use");
    assert!(matches!(again, Error::AlreadyDecided(_)), "{again}");
    for _ in 0..2 {
        let revoked = f.store.revoke_permission(&asked.id, "bob").await.expect("taken back");
        assert_eq!((revoked.holds(), revoked.revoked_by.as_deref()), (false, Some("bob")));
    }
    assert_eq!(find(npm("install")).await, None);
    assert_eq!(
        f.story().await,
        ["approval_requested", "approval_decided", "permission_granted", "permission_revoked"]
    );
}

#[tokio::test]
async fn what_was_not_offered_or_shown_is_not_allowed() {
    let f = fixture().await;
    let plain = ask(&f, "plain", None).await;
    let refused = f.store.approve_always(&plain.id, yes()).await.expect_err("nothing is offered");
    assert!(refused.to_string().contains("does not offer"), "{refused}");
    assert_eq!(f.store.approval(&plain.id).await.expect("stored").state, ApprovalState::Pending);

    let offering = ask(&f, "offering", Some(npm("install"))).await;
    let other = Decision { shown: BlobHash::of(b"another text"), ..yes() };
    assert!(matches!(f.store.approve_always(&offering.id, other).await, Err(Error::ShownChanged { .. })));
    let no = Decision { approved: false, ..yes() };
    assert!(matches!(f.store.approve_always(&offering.id, no).await, Err(Error::Invalid(_))));
    f.store.decide(&offering.id, yes()).await.expect("once");
    assert_eq!(f.store.permissions(None).await.expect("permissions"), [], "once is once");
    let unknown = f.store.revoke_permission(&offering.id, "ana").await;
    assert!(matches!(unknown, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn what_waits_for_the_same_is_decided_with_it() {
    let f = fixture().await;
    let first = ask(&f, "first", Some(npm("install"))).await;
    let same = ask(&f, "same", Some(npm("install"))).await;
    let another = ask(&f, "another", Some(npm("publish"))).await;
    f.store.approve_always(&first.id, yes()).await.expect("decided");
    let state = async |approval: &Approval| f.store.approval(&approval.id).await.expect("stored").state;
    assert_eq!(state(&same).await, ApprovalState::Approved);
    assert_eq!(state(&another).await, ApprovalState::Pending);
    let signals = f.store.pending_signals().await.expect("signals");
    let told: Vec<&str> = signals.iter().map(|signal| signal.workflow_id.as_str()).collect();
    assert_eq!(told, ["task:first", "task:same"]);
}

#[tokio::test]
async fn a_permission_outlives_the_process() {
    let f = fixture().await;
    let asked = ask(&f, "first", Some(npm("install"))).await;
    f.store.approve_always(&asked.id, yes()).await.expect("decided");
    let before = f.store.permissions(Some(&f.project)).await.expect("permissions");
    let Fixture { store, dir, project, .. } = f;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.permissions(Some(&project)).await.expect("permissions"), before);
    let held = store.permission_for(&project, "later", &npm("install")).await.expect("reads");
    assert_eq!(held.as_ref(), before.first());
}

//! Effects.

use syndarix_core::effect::EffectBegin;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::ports::Effects;

use crate::support::{effect, fixture, intent};

#[tokio::test]
async fn an_effect_is_fresh_then_orphaned_then_recorded() {
    let f = fixture().await;
    let key = effect(&f.task("parse").await.id, 1);
    let begin = || async { f.store.begin(&intent(&key, b"write a file")).await.expect("begins") };
    assert_eq!(begin().await, EffectBegin::Fresh);
    assert_eq!(begin().await, EffectBegin::Orphaned);
    let told = NewEvent {
        project: f.project.clone(),
        agent: None,
        task: None,
        kind: EventKind::Note { text: "wrote it".to_owned() },
    };
    for result in [b"first", b"later"] {
        f.store.complete(&key, result, vec![told.clone()]).await.expect("completes");
    }
    assert_eq!(begin().await, EffectBegin::Recorded(b"first".to_vec()));
    assert_eq!(f.story().await, ["task_created", "note"], "a result that is not kept tells nothing");
}

#[tokio::test]
async fn a_key_that_comes_back_with_another_request_is_refused() {
    let f = fixture().await;
    let key = effect(&f.task("parse").await.id, 3);
    f.store.begin(&intent(&key, b"one")).await.expect("begins");
    let error = f.store.begin(&intent(&key, b"another")).await.expect_err("another request");
    assert!(error.message.contains("effect p/T-1/run-1#3.0 came back with another request"), "{error}");
    assert!(!error.retryable);
    let mut renamed = intent(&key, b"one");
    renamed.name = "tool:write_file".to_owned();
    f.store.begin(&renamed).await.expect_err("another effect");
    let never = effect(&f.task("parse").await.id, 4);
    f.store.complete(&never, b"result", Vec::new()).await.expect_err("never begun");
}

#[tokio::test]
async fn one_of_many_that_begin_at_once_performs_it() {
    let f = fixture().await;
    let key = effect(&f.task("parse").await.id, 1);
    let begun = (0..50).map(|_| {
        let (store, intent) = (f.store.clone(), intent(&key, b"request"));
        tokio::spawn(async move { store.begin(&intent).await.expect("begins") })
    });
    let mut fresh = 0;
    for begun in begun.collect::<Vec<_>>() {
        fresh += usize::from(begun.await.expect("ends") == EffectBegin::Fresh);
    }
    assert_eq!(fresh, 1);
}

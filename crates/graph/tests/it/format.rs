//! The stored form of runs.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use syndarix_core::ports::{Checkpoints as _, StoredCheckpoint};
use syndarix_graph::superstep::Standing;
use syndarix_graph::{Answer, Checkpoint, END, Graph, Input, Interrupt, RunError, Task};

use crate::notes::{Notes, NotesUpdate, memory, run_id, runner, steps};

fn graph() -> Graph<Notes> {
    steps(&["think"], &[("think", END)]).build().expect("a valid graph")
}

fn stored(state: &Value) -> StoredCheckpoint {
    StoredCheckpoint { superstep: 2, state: state.to_string().into_bytes() }
}

#[test]
fn a_checkpoint_is_json_with_a_version() {
    let task = |index, node: &str, input| Task { index, node: node.into(), input };
    let checkpoint = Checkpoint {
        graph: "test".into(),
        superstep: 2,
        next: vec![task(0, "think", None), task(1, "think", Some(json!(null)))],
        joins: [("a + b -> c".to_owned(), ["a".to_owned()].into())].into(),
        answered: ["A-1".to_owned()].into(),
        state: Notes { total: 3, ..Notes::default() },
    };
    let stored = checkpoint.encode().expect("stores");
    assert_eq!(stored.superstep, 2);
    expect![[r#"{"version":1,"body":{"graph":"test","superstep":2,"next":[{"index":0,"node":"think"},{"index":1,"node":"think","input":null}],"joins":{"a + b -> c":["a"]},"answered":["A-1"],"state":{"ran":[],"total":3,"verdict":null,"by_name":{}}}}"#]]
        .assert_eq(&String::from_utf8(stored.state.clone()).expect("text"));
    assert_eq!(Checkpoint::decode(&graph(), &stored).expect("reads back"), checkpoint);
}

#[test]
fn an_unfinished_task_is_json() {
    let answers = vec![Answer { id: "A-1".into(), value: json!(true) }];
    let interrupt = Interrupt { id: "A-2".into(), value: json!("Sure?") };
    let update = NotesUpdate { total: Some(1), ..NotesUpdate::default() };
    let check = |standing: Standing<NotesUpdate>, expected: Expect| {
        let text = serde_json::to_string(&standing).expect("stores");
        expected.assert_eq(&text);
        let again: Standing<NotesUpdate> = serde_json::from_str(&text).expect("reads back");
        assert_eq!(serde_json::to_string(&again).expect("stores"), text);
    };
    check(
        Standing::Asking { interrupt, answers: answers.clone() },
        expect![[
            r#"{"status":"asking","interrupt":{"id":"A-2","value":"Sure?"},"answers":[{"id":"A-1","value":true}]}"#
        ]],
    );
    check(
        Standing::Ready { answers },
        expect![[r#"{"status":"ready","answers":[{"id":"A-1","value":true}]}"#]],
    );
    check(
        Standing::Done { update, answered: vec!["A-1".into()] },
        expect![[r#"{"status":"done","update":{"total":1},"answered":["A-1"]}"#]],
    );
}

#[test]
fn what_cannot_be_continued_says_why() {
    let body = json!({"graph": "test", "superstep": 2, "next": [{"index": 0, "node": "thing"}], "state": Notes::default()});
    let mut other = body.clone();
    other["graph"] = json!("supervisor");
    let check = |state: Value, expected: Expect| {
        let error = Checkpoint::<Notes>::decode(&graph(), &stored(&state)).expect_err("is refused");
        expected.assert_eq(&error.to_string());
    };
    check(
        json!({"version": 2, "body": ["a newer shape"]}),
        expect!["the checkpoint has format 2 and this version reads up to 1; use the newer version"],
    );
    check(
        json!({"version": 1, "body": other}),
        expect!["the checkpoint belongs to the graph `supervisor`, not to `test`"],
    );
    check(
        json!({"version": 1, "body": body}),
        expect![
            "the checkpoint continues at `thing`, which the graph `test` no longer has; the most similar node is `think`"
        ],
    );
    check(json!({"body": {}}), expect!["the checkpoint is damaged, or its state has another shape"]);
    check(
        json!({"version": 1, "body": {}}),
        expect!["the checkpoint is damaged, or its state has another shape"],
    );
}

#[tokio::test]
async fn a_newer_run_is_refused_and_left_as_it_is() {
    let checkpoints = memory();
    let newer = stored(&json!({"version": 99, "body": {}}));
    checkpoints.put(&run_id(), newer.clone()).await.expect("stores");
    for input in [Input::Start(Notes::default()), Input::Continue] {
        let error = runner(graph(), &checkpoints).run(&run_id(), input, &()).await.expect_err("is refused");
        assert!(matches!(error, RunError::Format(_)) && !error.retryable(), "{error}");
    }
    assert_eq!(checkpoints.list(&run_id()).await.expect("lists"), [newer]);
}

#[tokio::test]
async fn a_write_of_a_task_that_is_not_there_is_refused() {
    let checkpoints = memory();
    let start = Checkpoint::start(&graph(), Notes::default()).encode().expect("stores");
    checkpoints.put(&run_id(), start).await.expect("stores");
    let write = json!({"version": 1, "body": {"status": "ready", "answers": []}}).to_string().into_bytes();
    checkpoints.put_write(&run_id(), 1, "review", write).await.expect("stores");
    let error =
        runner(graph(), &checkpoints).run(&run_id(), Input::Continue, &()).await.expect_err("is refused");
    expect!["superstep 1 has a stored write of `review`, which is not one of its tasks"]
        .assert_eq(&error.to_string());
}

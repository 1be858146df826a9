//! Questions on the way, and their answers.

use std::sync::Arc;

use expect_test::expect;
use parking_lot::Mutex;
use serde_json::{Value, json};
use syndarix_core::ports::Checkpoints as _;
use syndarix_graph::{
    END, Event, Graph, Input, MemoryCheckpoints, NodeContext, NodeOutcome, Outcome, RunError, Runner,
};

use crate::notes::{Notes, NotesUpdate, Outcome as NodeResult, memory, note, run_id, runner, step};

/// Asks each of these questions in turn, then adds the answers up.
fn asks(ids: &'static [&'static str]) -> impl Fn(&NodeContext, &Notes) -> NodeResult {
    move |ctx, _| {
        for id in ids {
            if ctx.answer(id).is_none() {
                return Ok(NodeOutcome::interrupt(*id, json!({"asked_by": ctx.node})));
            }
        }
        let total = ctx.answers.iter().filter_map(|answer| answer.value.as_i64()).sum();
        Ok(NodeOutcome::Update(NotesUpdate { total: Some(total), ..note(ctx) }))
    }
}

struct Fixture {
    checkpoints: Arc<MemoryCheckpoints>,
    runner: Runner<Notes>,
    started: Mutex<Vec<String>>,
}

impl Fixture {
    /// `start`, then `left`, `right` and a plain `work` side by side, then `last`.
    fn new(left: &'static [&'static str], right: &'static [&'static str]) -> Self {
        let mut builder = Graph::builder("test")
            .node("start", step)
            .node("left", asks(left))
            .node("right", asks(right))
            .node("work", step)
            .node("last", step)
            .entry("start")
            .edge("last", END);
        for name in ["left", "right", "work"] {
            builder = builder.edge("start", name).edge(name, "last");
        }
        let checkpoints = memory();
        let runner = runner(builder.build().expect("a valid graph"), &checkpoints);
        Self { checkpoints, runner, started: Mutex::default() }
    }

    async fn run(&self, input: Input<Notes>) -> Result<String, RunError> {
        self.started.lock().clear();
        let observer = |event: &Event<'_>| {
            if let Event::NodeStarted { context } = event {
                self.started.lock().push(context.node.clone());
            }
        };
        let outcome = self.runner.run(&run_id(), input, &observer).await?;
        let came_to = match outcome {
            Outcome::Finished(notes) => format!("finished with {} by {}", notes.total, notes.ran.join(" ")),
            Outcome::Interrupted { state, interrupts } => {
                let ids: Vec<_> = interrupts.into_iter().map(|interrupt| interrupt.id).collect();
                format!("asks {ids:?} at {}", state.total)
            }
        };
        Ok(format!("ran {:?}; {came_to}", self.started.lock()))
    }

    async fn resume(&self, answers: &[(&str, i64)]) -> Result<String, RunError> {
        let answers = answers.iter().map(|(id, value)| ((*id).to_owned(), Value::from(*value)));
        self.run(Input::Resume(answers.collect())).await
    }
}

#[tokio::test]
async fn several_interrupts_wait_at_once_and_finished_nodes_are_not_repeated() {
    let test = Fixture::new(&["A-1"], &["A-2"]);
    expect![[r#"ran ["start", "left", "right", "work"]; asks ["A-1", "A-2"] at 1"#]]
        .assert_eq(&test.run(Input::Start(Notes::default())).await.expect("runs"));
    expect![[r#"ran []; asks ["A-1", "A-2"] at 1"#]]
        .assert_eq(&test.run(Input::Start(Notes::default())).await.expect("still waits"));
    expect![[r#"ran ["right"]; asks ["A-1"] at 1"#]]
        .assert_eq(&test.resume(&[("A-2", 20)]).await.expect("one answer"));
    expect![[r#"ran []; asks ["A-1"] at 1"#]]
        .assert_eq(&test.resume(&[("A-2", 99)]).await.expect("the same answer again"));
    expect![[r#"ran ["left", "last"]; finished with 123 by start@1 left@2 right@2 work@2 last@3"#]]
        .assert_eq(&test.resume(&[("A-1", 100)]).await.expect("the other answer"));
    expect![[r"ran []; finished with 123 by start@1 left@2 right@2 work@2 last@3"]]
        .assert_eq(&test.resume(&[("A-1", 5), ("A-2", 5)]).await.expect("both again"));
}

#[tokio::test]
async fn a_node_may_ask_more_than_once() {
    let test = Fixture::new(&["A-1", "A-2", "A-3"], &[]);
    expect![[r#"ran ["start", "left", "right", "work"]; asks ["A-1"] at 1"#]]
        .assert_eq(&test.run(Input::Start(Notes::default())).await.expect("runs"));
    expect![[r#"ran ["left"]; asks ["A-2"] at 1"#]]
        .assert_eq(&test.resume(&[("A-1", 10)]).await.expect("first answer"));
    expect![[r#"ran ["left"]; asks ["A-3"] at 1"#]]
        .assert_eq(&test.resume(&[("A-1", 10), ("A-2", 100)]).await.expect("second answer"));
    expect![[r#"ran ["left", "last"]; finished with 1113 by start@1 left@2 right@2 work@2 last@3"#]]
        .assert_eq(&test.resume(&[("A-3", 1000)]).await.expect("third answer"));
}

#[tokio::test]
async fn one_answer_serves_all_who_ask_the_same() {
    let test = Fixture::new(&["A-1"], &["A-1"]);
    expect![[r#"ran ["start", "left", "right", "work"]; asks ["A-1"] at 1"#]]
        .assert_eq(&test.run(Input::Start(Notes::default())).await.expect("runs"));
    expect![[r#"ran ["left", "right", "last"]; finished with 23 by start@1 left@2 right@2 work@2 last@3"#]]
        .assert_eq(&test.resume(&[("A-1", 10)]).await.expect("one answer"));
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_refused_and_changes_nothing() {
    let test = Fixture::new(&["A-1"], &["A-2"]);
    test.run(Input::Start(Notes::default())).await.expect("runs");
    let before = test.checkpoints.writes(&run_id(), 2).await.expect("reads");
    let error = test.resume(&[("A-1", 1), ("A-7", 1)]).await.expect_err("nobody asked A-7");
    expect!["there is no interrupt `A-7`; the run waits for A-1, A-2"].assert_eq(&error.to_string());
    assert!(!error.retryable());
    assert_eq!(test.checkpoints.writes(&run_id(), 2).await.expect("reads"), before);
    test.resume(&[("A-1", 1), ("A-2", 1)]).await.expect("both answers");
    let error = test.resume(&[("A-7", 1)]).await.expect_err("nobody asked A-7");
    expect!["there is no interrupt `A-7`; the run waits for no answer"].assert_eq(&error.to_string());
}

#[tokio::test]
async fn an_answer_outlives_a_failure_after_it() {
    let attempts = Mutex::new(0);
    let graph = Graph::builder("test")
        .node("ask", move |ctx: &NodeContext, _: &Notes| {
            let Some(answer) = &ctx.resume else { return Ok(NodeOutcome::interrupt("A-1", json!(null))) };
            *attempts.lock() += 1;
            if *attempts.lock() == 1 {
                return Err(syndarix_graph::NodeError::retryable("the connection broke"));
            }
            Ok(NodeOutcome::Update(NotesUpdate { total: answer.as_i64(), ..note(ctx) }))
        })
        .entry("ask")
        .edge("ask", END)
        .build()
        .expect("a valid graph");
    let runner = runner(graph, &memory());
    runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect("asks");
    let resume = Input::Resume(vec![("A-1".into(), json!(7))]);
    runner.run(&run_id(), resume, &()).await.expect_err("fails");
    let outcome = runner.run(&run_id(), Input::Continue, &()).await.expect("goes on with the stored answer");
    assert!(matches!(outcome, Outcome::Finished(notes) if notes.total == 7));
}

#[tokio::test]
async fn asking_again_what_was_answered_fails_the_node() {
    let graph = Graph::builder("test")
        .node("stubborn", |_: &NodeContext, _: &Notes| Ok(NodeOutcome::interrupt("A-1", json!(null))))
        .entry("stubborn")
        .edge("stubborn", END)
        .build()
        .expect("a valid graph");
    let runner = runner(graph, &memory());
    runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect("asks");
    let resume = Input::Resume(vec![("A-1".into(), json!(true))]);
    let error = runner.run(&run_id(), resume, &()).await.expect_err("asks again");
    let RunError::Node { source, .. } = &error else { panic!("{error}") };
    expect![
        "it raised the interrupt `A-1` again after that was answered; read the answer, or ask with a new id"
    ]
    .assert_eq(&source.to_string());
    assert!(!error.retryable());
}

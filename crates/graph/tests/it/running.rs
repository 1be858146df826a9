//! The driver: cycles, parallel nodes, failures, limits, cancellation.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use expect_test::expect;
use parking_lot::Mutex;
use syndarix_core::ports::Checkpoints as _;
use syndarix_graph::{
    END, Event, Graph, Input, Next, Node, NodeContext, NodeError, NodeOutcome, Outcome, RunError,
};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::notes::{Notes, NotesUpdate, memory, note, run_id, runner, step, steps};

/// A cycle of `think` and `execute` that ends after three rounds.
fn cycle() -> Graph<Notes> {
    steps(&["think", "execute"], &[("execute", "think")])
        .conditional(
            "think",
            |notes| vec![if notes.total < 5 { "execute".into() } else { Next::End }],
            ["execute", END],
        )
        .step_limit(10)
        .build()
        .expect("a valid graph")
}

#[tokio::test]
async fn a_cycle_runs_until_its_router_ends_it() {
    let checkpoints = memory();
    let runner = runner(cycle(), &checkpoints);
    let outcome = runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect("runs");
    let Outcome::Finished(notes) = &outcome else { panic!("it did not finish") };
    assert_eq!(notes.ran, ["think@1", "execute@2", "think@3", "execute@4", "think@5"]);
    assert_eq!(checkpoints.list(&run_id()).await.expect("lists").len(), 6);

    // Running it again, in whatever way, repeats nothing.
    for input in [Input::Start(Notes::default()), Input::Continue, Input::Resume(vec![])] {
        assert_eq!(runner.run(&run_id(), input, &()).await.expect("is finished"), outcome);
    }
}

#[tokio::test]
async fn the_step_limit_names_what_would_have_run() {
    let graph = || steps(&["a", "b"], &[("a", "b"), ("b", "a"), ("b", END)]).step_limit(4);
    let checkpoints = memory();
    let error = runner(graph().build().expect("a valid graph"), &checkpoints)
        .run(&run_id(), Input::Start(Notes::default()), &())
        .await
        .expect_err("never ends");
    expect!["`test` did not end within its limit of 4 supersteps; a would have run next"]
        .assert_eq(&error.to_string());
    assert!(!error.retryable());

    // With a higher limit the same run goes on from where it stopped.
    let higher = runner(graph().step_limit(6).build().expect("a valid graph"), &checkpoints);
    higher.run(&run_id(), Input::Continue, &()).await.expect_err("never ends");
    let latest = higher.latest(&run_id()).await.expect("reads").expect("is there");
    assert_eq!(latest.state.ran, ["a@1", "b@2", "a@3", "b@4", "a@5", "b@6"]);
}

#[tokio::test]
async fn a_run_that_was_not_started_cannot_be_continued() {
    for input in [Input::Continue, Input::Resume(vec![])] {
        let error = runner(cycle(), &memory()).run(&run_id(), input, &()).await.expect_err("not started");
        expect!["the run test/T-1/run-1 has no checkpoint to go on from; start it first"]
            .assert_eq(&error.to_string());
    }
}

/// A node that waits until as many nodes are running as the barrier asks for.
struct Meet(Arc<Barrier>);

#[async_trait]
impl Node<Notes> for Meet {
    async fn run(&self, ctx: &NodeContext, _: &Notes) -> Result<NodeOutcome<NotesUpdate>, NodeError> {
        self.0.wait().await;
        Ok(NodeOutcome::Update(note(ctx)))
    }
}

#[tokio::test]
async fn nodes_of_a_superstep_run_at_once_and_write_in_the_plan_s_order() {
    let barrier = Arc::new(Barrier::new(3));
    let mut builder = Graph::builder("test").node("start", step).entry("start");
    for name in ["c", "a", "b"] {
        builder = builder.node(name, Meet(Arc::clone(&barrier))).edge("start", name).edge(name, END);
    }
    let runner = runner(builder.build().expect("a valid graph"), &memory());
    let outcome = runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect("they meet");
    let Outcome::Finished(notes) = outcome else { panic!("it did not finish") };
    assert_eq!(notes.ran, ["start@1", "c@2", "a@2", "b@2"]);
}

/// Counts how many of it run at once.
#[derive(Default)]
struct Crowd {
    now: AtomicU32,
    most: AtomicU32,
}

#[async_trait]
impl Node<Notes> for Arc<Crowd> {
    async fn run(&self, ctx: &NodeContext, _: &Notes) -> Result<NodeOutcome<NotesUpdate>, NodeError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        let part: i64 = ctx.read_input()?;
        Ok(NodeOutcome::Update(NotesUpdate { total: Some(part), ..NotesUpdate::default() }))
    }
}

#[tokio::test]
async fn a_fan_out_runs_a_bounded_number_at_once() {
    let crowd = Arc::new(Crowd::default());
    let graph = Graph::builder("test")
        .node("split", |_: &NodeContext, _: &Notes| Ok(NodeOutcome::Update(NotesUpdate::default())))
        .node("part", Arc::clone(&crowd))
        .entry("split")
        .conditional("split", |_| (1..=50_i64).map(|part| Next::send("part", part)).collect(), ["part"])
        .edge("part", END)
        .build()
        .expect("a valid graph");
    let runner = runner(graph, &memory()).concurrency(NonZeroUsize::new(4).expect("not zero"));
    let outcome = runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect("runs");
    assert_eq!(outcome, Outcome::Finished(Notes { total: (1..=50).sum(), ..Notes::default() }));
    assert_eq!(crowd.most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_failure_keeps_what_the_others_did() {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let flaky = move |ctx: &NodeContext, notes: &Notes| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(NodeError::retryable("the model is overloaded").caused_by("529"));
        }
        step(ctx, notes)
    };
    let graph = Graph::builder("test")
        .node("start", step)
        .node("flaky", flaky)
        .node("steady", Meet(Arc::new(Barrier::new(1))))
        .node("last", step)
        .entry("start")
        .edge("start", "flaky")
        .edge("start", "steady")
        .edge("flaky", "last")
        .edge("steady", "last")
        .edge("last", END)
        .build()
        .expect("a valid graph");
    let ran = Mutex::new(Vec::new());
    let observer = |event: &Event<'_>| {
        if let Event::NodeStarted { context } = event {
            ran.lock().push(context.node.clone());
        }
    };
    let runner = runner(graph, &memory());
    let error =
        runner.run(&run_id(), Input::Start(Notes::default()), &observer).await.expect_err("one node fails");
    expect!["superstep 2 of `test`: the node `flaky` failed"].assert_eq(&error.to_string());
    assert!(error.retryable());
    let outcome = runner.run(&run_id(), Input::Continue, &observer).await.expect("runs");
    let Outcome::Finished(notes) = outcome else { panic!("it did not finish") };
    assert_eq!(notes.ran, ["start@1", "flaky@2", "steady@2", "last@3"]);
    assert_eq!(*ran.lock(), ["start", "flaky", "steady", "flaky", "last"]);
}

#[tokio::test]
async fn of_several_failures_the_permanent_one_decides() {
    let fail = |error: fn() -> NodeError| {
        move |_: &NodeContext, _: &Notes| -> Result<NodeOutcome<NotesUpdate>, NodeError> { Err(error()) }
    };
    let graph = Graph::builder("test")
        .node("start", step)
        .node("overloaded", fail(|| NodeError::retryable("later")))
        .node("broken", fail(|| NodeError::permanent("never")))
        .entry("start")
        .edge("start", "overloaded")
        .edge("start", "broken")
        .edge("overloaded", END)
        .edge("broken", END)
        .build()
        .expect("a valid graph");
    let error = runner(graph, &memory())
        .run(&run_id(), Input::Start(Notes::default()), &())
        .await
        .expect_err("both fail");
    assert!(matches!(&error, RunError::Node { node, .. } if node == "broken"), "{error}");
    assert!(!error.retryable());
}

#[tokio::test]
async fn two_writers_stop_the_run() {
    let judge = |ctx: &NodeContext, _: &Notes| {
        Ok(NodeOutcome::Update(NotesUpdate {
            verdict: Some(Some(ctx.node.clone())),
            ..NotesUpdate::default()
        }))
    };
    let graph = Graph::builder("test")
        .node("start", step)
        .node("a", judge)
        .node("b", judge)
        .entry("start")
        .edge("start", "a")
        .edge("start", "b")
        .edge("a", END)
        .edge("b", END)
        .build()
        .expect("a valid graph");
    let runner = runner(graph, &memory());
    let error = runner.run(&run_id(), Input::Start(Notes::default()), &()).await.expect_err("two writers");
    assert!(error.to_string().contains("`a` and `b` both wrote `verdict`") && !error.retryable(), "{error}");
}

#[tokio::test]
async fn a_cancelled_run_stops_between_supersteps_and_goes_on_later() {
    let checkpoints = memory();
    let cancel = CancellationToken::new();
    let after_two = |event: &Event<'_>| {
        if matches!(event, Event::SuperstepCommitted { superstep: 2, .. }) {
            cancel.cancel();
        }
    };
    let error = runner(cycle(), &checkpoints)
        .cancelled_by(cancel.clone())
        .run(&run_id(), Input::Start(Notes::default()), &after_two)
        .await
        .expect_err("is cancelled");
    expect!["the run test/T-1/run-1 was cancelled after superstep 2"].assert_eq(&error.to_string());
    let outcome = runner(cycle(), &checkpoints).run(&run_id(), Input::Continue, &()).await.expect("runs");
    assert!(matches!(outcome, Outcome::Finished(notes) if notes.total == 5));
}

#[tokio::test]
async fn an_observer_sees_what_happens() {
    let seen = Mutex::new(Vec::new());
    let observer = |event: &Event<'_>| {
        seen.lock().push(match event {
            Event::RunStarted { superstep, .. } => format!("started after {superstep}"),
            Event::NodeStarted { context } => format!("{} starts", context.node),
            Event::NodeFinished { context } => format!("{} finished", context.node),
            Event::SuperstepCommitted { superstep, next, .. } => {
                format!("committed {superstep}, next {next:?}")
            }
            other => format!("{other:?}"),
        });
    };
    let graph = steps(&["a", "b"], &[("a", "b"), ("b", END)]).build().expect("a valid graph");
    runner(graph, &memory()).run(&run_id(), Input::Start(Notes::default()), &observer).await.expect("runs");
    expect![[r#"
        started after 0
        a starts
        a finished
        committed 1, next ["b"]
        b starts
        b finished
        committed 2, next []"#]]
    .assert_eq(&seen.lock().join("\n"));
}

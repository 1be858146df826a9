//! What every implementation of [`Checkpoints`] must do, as functions that panic where it does not.
//! [`checkpoints_conformance!`](crate::checkpoints_conformance!) makes tests of them.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, StoredCheckpoint};

use crate::reducer::{Append, Sum};
use crate::{END, Graph, Input, MemoryCheckpoints, NodeContext, NodeOutcome, Outcome, Runner};

/// Makes one test of each thing an implementation of `Checkpoints` must do.
///
/// The factory is called once per test and returns a future of an empty implementation and of whatever must
/// live as long as it, such as a temporary folder. Runs are called `conformance/T-1/run-N`. The calling
/// crate needs `tokio` with its macros.
///
/// ```
/// mod memory {
///     syndarix_graph::checkpoints_conformance!(async || (syndarix_graph::MemoryCheckpoints::new(), ()));
/// }
/// ```
#[macro_export]
macro_rules! checkpoints_conformance {
    ($factory:expr) => {
        $crate::checkpoints_conformance! {
            @tests $factory;
            an_unknown_run_is_empty
            the_latest_checkpoint_is_the_highest_superstep
            storing_a_superstep_again_replaces_it
            storing_a_write_again_replaces_it
            writes_belong_to_their_superstep
            runs_do_not_see_each_other
            bytes_come_back_unchanged
            concurrent_writes_all_arrive
            it_agrees_with_the_oracle
            a_graph_runs_over_it
        }
    };
    (@tests $factory:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (checkpoints, _alive) = ($factory)().await;
                $crate::conformance::$case(::std::sync::Arc::new(checkpoints)).await;
            }
        )*
    };
}

type Port = Arc<dyn Checkpoints>;

fn run(number: u32) -> RunId {
    RunId::new(format!("conformance/T-1/run-{number}")).expect("a run's id")
}

fn checkpoint(superstep: u32, state: &[u8]) -> StoredCheckpoint {
    StoredCheckpoint { superstep, state: state.to_vec() }
}

fn write(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.to_vec())
}

async fn put(port: &Port, run: &RunId, stored: StoredCheckpoint) {
    port.put(run, stored).await.expect("stores a checkpoint");
}

async fn put_write(port: &Port, run: &RunId, superstep: u32, name: &str, bytes: &[u8]) {
    port.put_write(run, superstep, name, bytes.to_vec()).await.expect("stores a write");
}

async fn latest(port: &Port, run: &RunId) -> Option<StoredCheckpoint> {
    port.latest(run).await.expect("reads the latest checkpoint")
}

async fn list(port: &Port, run: &RunId) -> Vec<StoredCheckpoint> {
    port.list(run).await.expect("lists checkpoints")
}

async fn writes(port: &Port, run: &RunId, superstep: u32) -> Vec<(String, Vec<u8>)> {
    port.writes(run, superstep).await.expect("reads writes")
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn an_unknown_run_is_empty(port: Port) {
    assert_eq!(latest(&port, &run(1)).await, None);
    assert_eq!(list(&port, &run(1)).await, []);
    assert_eq!(writes(&port, &run(1), 1).await, []);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn the_latest_checkpoint_is_the_highest_superstep(port: Port) {
    for superstep in [0, 2, 10, 9, 1] {
        put(&port, &run(1), checkpoint(superstep, superstep.to_string().as_bytes())).await;
    }
    assert_eq!(latest(&port, &run(1)).await, Some(checkpoint(10, b"10")));
    let supersteps: Vec<u32> = list(&port, &run(1)).await.iter().map(|stored| stored.superstep).collect();
    assert_eq!(supersteps, [0, 1, 2, 9, 10]);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn storing_a_superstep_again_replaces_it(port: Port) {
    put(&port, &run(1), checkpoint(3, b"first")).await;
    put(&port, &run(1), checkpoint(3, b"second")).await;
    assert_eq!(list(&port, &run(1)).await, [checkpoint(3, b"second")]);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn storing_a_write_again_replaces_it(port: Port) {
    put_write(&port, &run(1), 1, "b", b"asks").await;
    put_write(&port, &run(1), 1, "a#10", b"a").await;
    put_write(&port, &run(1), 1, "b", b"done").await;
    put_write(&port, &run(1), 1, "B", b"another node").await;
    let expected = [write("B", b"another node"), write("a#10", b"a"), write("b", b"done")];
    assert_eq!(writes(&port, &run(1), 1).await, expected);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn writes_belong_to_their_superstep(port: Port) {
    put_write(&port, &run(1), 2, "a", b"two").await;
    put_write(&port, &run(1), 12, "a", b"twelve").await;
    put(&port, &run(1), checkpoint(1, b"state")).await;
    assert_eq!(writes(&port, &run(1), 1).await, []);
    assert_eq!(writes(&port, &run(1), 2).await, [write("a", b"two")]);
    assert_eq!(writes(&port, &run(1), 12).await, [write("a", b"twelve")]);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn runs_do_not_see_each_other(port: Port) {
    put(&port, &run(1), checkpoint(0, b"one")).await;
    put(&port, &run(11), checkpoint(4, b"eleven")).await;
    put_write(&port, &run(11), 5, "a", b"write").await;
    assert_eq!(list(&port, &run(1)).await, [checkpoint(0, b"one")]);
    assert_eq!(writes(&port, &run(1), 5).await, []);
    assert_eq!(latest(&port, &run(11)).await, Some(checkpoint(4, b"eleven")));
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn bytes_come_back_unchanged(port: Port) {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1 << 20).collect();
    for (superstep, bytes) in [(0, vec![]), (1, every_byte), (2, large)] {
        put(&port, &run(1), checkpoint(superstep, &bytes)).await;
        put_write(&port, &run(1), superstep, "näme ", &bytes).await;
        assert_eq!(latest(&port, &run(1)).await, Some(checkpoint(superstep, &bytes)));
        assert_eq!(writes(&port, &run(1), superstep).await, [write("näme ", &bytes)]);
    }
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn concurrent_writes_all_arrive(port: Port) {
    let (port, run) = (&port, &run(1));
    join_all((0..64_u32).map(async |n| {
        put_write(port, run, 1, &format!("node#{n:02}"), &n.to_be_bytes()).await;
        put(port, run, checkpoint(n, b"state")).await;
    }))
    .await;
    let names: Vec<String> = writes(port, run, 1).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, (0..64).map(|n| format!("node#{n:02}")).collect::<Vec<_>>());
    assert_eq!(list(port, run).await.len(), 64);
}

#[expect(missing_docs, reason = "the name is the requirement")]
pub async fn it_agrees_with_the_oracle(port: Port) {
    let oracle: Port = Arc::new(MemoryCheckpoints::new());
    let mut random = 0x5eed_u64;
    let mut pick = |below: u64| {
        // Knuth's MMIX generator; its high bits are good enough to pick operations.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for operation in 0..200_u32 {
        let (id, superstep) = (run(pick(3) as u32), pick(5) as u32);
        let bytes = operation.to_be_bytes();
        if pick(2) == 0 {
            for port in [&port, &oracle] {
                put(port, &id, checkpoint(superstep, &bytes)).await;
            }
        } else {
            let name = format!("node-{}", pick(4));
            for port in [&port, &oracle] {
                put_write(port, &id, superstep, &name, &bytes).await;
            }
        }
        assert_eq!(latest(&port, &id).await, latest(&oracle, &id).await, "after operation {operation}");
        assert_eq!(list(&port, &id).await, list(&oracle, &id).await, "after operation {operation}");
        let (found, expected) = (writes(&port, &id, superstep).await, writes(&oracle, &id, superstep).await);
        assert_eq!(found, expected, "after operation {operation}");
    }
}

crate::state! {
    #[derive(Debug, Default, PartialEq)]
    struct Tally, update TallyUpdate {
        ran: Append<String>,
        total: Sum<i64>,
    }
}

/// Two nodes side by side, one of which asks, then a third: what is stored on the way is enough for a new
/// driver at every stop.
pub async fn a_graph_runs_over_it(port: Port) {
    let outcome = async |input: Input<Tally>| {
        let done = |ctx: &NodeContext, total: i64| {
            let ran = Some(vec![format!("{}@{}", ctx.node, ctx.superstep)]);
            Ok(NodeOutcome::Update(TallyUpdate { ran, total: Some(total) }))
        };
        let graph = Graph::<Tally>::builder("conformance")
            .node("fan", move |ctx: &NodeContext, _: &Tally| done(ctx, 1))
            .node("ask", move |ctx: &NodeContext, _: &Tally| match &ctx.resume {
                None => Ok(NodeOutcome::interrupt("question", json!("how much?"))),
                Some(answer) => done(ctx, answer.as_i64().unwrap_or_default()),
            })
            .node("work", move |ctx: &NodeContext, _: &Tally| done(ctx, 10))
            .node("end-up", move |ctx: &NodeContext, tally: &Tally| done(ctx, -tally.total))
            .entry("fan")
            .edge("fan", "ask")
            .edge("fan", "work")
            .edge("ask", "end-up")
            .edge("work", "end-up")
            .edge("end-up", END)
            .build()
            .expect("a valid graph");
        let runner = Runner::new(Arc::new(graph), Arc::clone(&port));
        runner.run(&run(1), input, &()).await.expect("runs")
    };
    for input in [Input::Start(Tally::default()), Input::Continue] {
        let Outcome::Interrupted { interrupts, .. } = outcome(input).await else {
            panic!("the run went on without an answer");
        };
        assert_eq!(interrupts.len(), 1);
    }
    let Outcome::Finished(tally) = outcome(Input::Resume(vec![("question".into(), json!(5))])).await else {
        panic!("the run did not finish");
    };
    assert_eq!(tally.ran, ["fan@1", "ask@2", "work@2", "end-up@3"]);
    assert_eq!(tally.total, 0);
    assert_eq!(list(&port, &run(1)).await.len(), 4);
}

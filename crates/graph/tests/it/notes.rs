//! A small state and small nodes that the tests share.

use std::sync::Arc;

use syndarix_core::id::RunId;
use syndarix_core::ports::Checkpoints;
use syndarix_graph::reducer::{Append, LastValue, Merge, Sum};
use syndarix_graph::{Graph, GraphBuilder, MemoryCheckpoints, NodeContext, NodeError, NodeOutcome, Runner};

syndarix_graph::state! {
    /// What the nodes of a test note down.
    #[derive(Debug, Default, PartialEq)]
    pub(crate) struct Notes, update NotesUpdate {
        /// Who ran, in order.
        pub(crate) ran: Append<String>,
        /// A total.
        pub(crate) total: Sum<i64>,
        /// Something only one node may write in a superstep.
        pub(crate) verdict: LastValue<Option<String>>,
        /// Something by name.
        pub(crate) by_name: Merge<String, i64>,
    }
}

pub(crate) type Outcome = Result<NodeOutcome<NotesUpdate>, NodeError>;

/// Notes down that this node ran.
pub(crate) fn note(ctx: &NodeContext) -> NotesUpdate {
    NotesUpdate { ran: Some(vec![format!("{}@{}", ctx.node, ctx.superstep)]), ..NotesUpdate::default() }
}

/// A node that notes down that it ran, and adds one.
#[expect(clippy::unnecessary_wraps, reason = "it has the shape of a node")]
pub(crate) fn step(ctx: &NodeContext, _: &Notes) -> Outcome {
    Ok(NodeOutcome::Update(NotesUpdate { total: Some(1), ..note(ctx) }))
}

/// A graph whose nodes all are [`step`]s, with these edges.
pub(crate) fn steps(nodes: &[&str], edges: &[(&str, &str)]) -> GraphBuilder<Notes> {
    let builder = Graph::builder("test").entry(nodes.first().copied().unwrap_or("none"));
    let builder = nodes.iter().fold(builder, |builder, name| builder.node(*name, step));
    edges.iter().fold(builder, |builder, (from, to)| builder.edge(*from, *to))
}

pub(crate) fn run_id() -> RunId {
    "test/T-1/run-1".parse().expect("a run's id")
}

pub(crate) fn memory() -> Arc<MemoryCheckpoints> {
    Arc::new(MemoryCheckpoints::new())
}

pub(crate) fn runner(graph: Graph<Notes>, checkpoints: &Arc<MemoryCheckpoints>) -> Runner<Notes> {
    let checkpoints: Arc<dyn Checkpoints> = Arc::<MemoryCheckpoints>::clone(checkpoints);
    Runner::new(Arc::new(graph), checkpoints)
}

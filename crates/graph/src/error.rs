//! Why a run stopped.

use syndarix_core::id::RunId;
use syndarix_core::ports::PortError;

use crate::apply::ApplyError;
use crate::checkpoint::FormatError;
use crate::node::NodeError;
use crate::superstep::UnknownInterrupt;

/// Why a run stopped without an outcome. What was stored stays: running it again goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A node failed. The other nodes of its superstep were let finish.
    #[error("superstep {superstep} of `{graph}`: the node `{node}` failed")]
    Node {
        /// The graph.
        graph: String,
        /// The node.
        node: String,
        /// The superstep.
        superstep: u32,
        /// Why.
        source: NodeError,
    },
    /// The run did not end within the graph's step limit.
    #[error(
        "`{graph}` did not end within its limit of {limit} supersteps; {} would have run next",
        next.join(", ")
    )]
    StepLimit {
        /// The graph.
        graph: String,
        /// The limit.
        limit: u32,
        /// The nodes that would have run next.
        next: Vec<String>,
    },
    /// What the nodes wrote cannot be made part of the run.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An answer to a question that nobody asked.
    #[error(transparent)]
    UnknownInterrupt(#[from] UnknownInterrupt),
    /// There is no run to go on with.
    #[error("the run {run} has no checkpoint to go on from; start it first")]
    NotStarted {
        /// The run.
        run: RunId,
    },
    /// The stored run cannot be read or written.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Storage failed.
    #[error("the run could not be stored or read")]
    Port(#[from] PortError),
    /// It was asked to stop, and did between two supersteps.
    #[error("the run {run} was cancelled after superstep {superstep}")]
    Cancelled {
        /// The run.
        run: RunId,
        /// The last superstep that is stored.
        superstep: u32,
    },
}

impl RunError {
    /// Whether running it again, as it is, may help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Node { source, .. } => source.retryable,
            Self::Port(error) => error.retryable,
            Self::Cancelled { .. } => true,
            Self::StepLimit { .. }
            | Self::Apply(_)
            | Self::UnknownInterrupt(_)
            | Self::NotStarted { .. }
            | Self::Format(_) => false,
        }
    }
}

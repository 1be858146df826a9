//! What a run does next. A pure function of the graph and the checkpoint.

use crate::checkpoint::{Checkpoint, Task};
use crate::graph::Graph;

/// What a run does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Nothing: every branch has ended.
    Finished,
    /// A superstep.
    Superstep {
        /// Its number, from 1.
        number: u32,
        /// Its tasks, in the order in which their updates are applied.
        tasks: Vec<Task>,
    },
    /// Nothing more: there is work, but the graph's step limit is reached.
    StepLimit {
        /// The limit.
        limit: u32,
        /// The nodes that would have run.
        next: Vec<String>,
    },
}

/// Decides what the run does next.
pub fn plan<S>(graph: &Graph<S>, checkpoint: &Checkpoint<S>) -> Plan {
    if checkpoint.next.is_empty() {
        return Plan::Finished;
    }
    if checkpoint.superstep >= graph.step_limit {
        let next = checkpoint.next.iter().map(|task| task.node.clone()).collect();
        return Plan::StepLimit { limit: graph.step_limit, next };
    }
    Plan::Superstep { number: checkpoint.superstep + 1, tasks: checkpoint.next.clone() }
}

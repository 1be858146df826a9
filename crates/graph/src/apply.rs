//! What a superstep makes of a run. A pure function of the graph, the checkpoint and what its nodes wrote.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::checkpoint::{Checkpoint, Task};
use crate::graph::{END, Graph, Next};
use crate::state::State;

/// What a task of a superstep wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Write<U> {
    /// The task.
    pub task: Task,
    /// Its change to the state.
    pub update: U,
    /// The ids of the interrupts that were answered for it.
    pub answered: Vec<String>,
}

/// Why what nodes wrote, or where routers led, cannot be made part of a run. All of them are mistakes in
/// the graph's code, which another attempt cannot mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Two tasks wrote a field that takes one value.
    #[error(
        "superstep {superstep}: `{first}` and `{second}` both wrote `{field}`, which takes one value in a superstep; \
         let one of them write it, or give it a reducer that combines"
    )]
    TwoWriters {
        /// The superstep.
        superstep: u32,
        /// The field.
        field: String,
        /// The task that wrote it first.
        first: String,
        /// The task that wrote it too.
        second: String,
    },
    /// A router led where its edge does not.
    #[error("superstep {superstep}: the conditional edge of `{from}` led to `{to}`, which is not one of its targets ({})", targets.join(", "))]
    UndeclaredTarget {
        /// The superstep.
        superstep: u32,
        /// The node it leaves.
        from: String,
        /// Where it led.
        to: String,
        /// Where it may lead.
        targets: Vec<String>,
    },
    /// A router led nowhere without saying so.
    #[error(
        "superstep {superstep}: the conditional edge of `{from}` led nowhere; say `Next::End` to end the branch"
    )]
    NoTarget {
        /// The superstep.
        superstep: u32,
        /// The node it leaves.
        from: String,
    },
    /// The writes are not those of the checkpoint's tasks.
    #[error(
        "superstep {superstep}: the writes are not those of its tasks: expected {expected:?}, found {found:?}"
    )]
    OtherTasks {
        /// The superstep.
        superstep: u32,
        /// The keys of its tasks.
        expected: Vec<String>,
        /// The keys of the tasks that wrote.
        found: Vec<String>,
    },
}

/// Makes what the tasks of a superstep wrote part of the run and finds what runs next. The order of
/// `writes` does not matter: updates are applied in the order of the plan.
///
/// A node whose tasks ran takes its edges once, however many tasks of it there were. Routers are asked on
/// the state after all updates.
pub fn apply<S: State>(
    graph: &Graph<S>,
    checkpoint: Checkpoint<S>,
    mut writes: Vec<Write<S::Update>>,
) -> Result<Checkpoint<S>, ApplyError> {
    let superstep = checkpoint.superstep + 1;
    writes.sort_by_key(|write| write.task.index);
    if !writes.iter().map(|write| &write.task).eq(&checkpoint.next) {
        let expected = checkpoint.next.iter().map(Task::key).collect();
        let found = writes.iter().map(|write| write.task.key()).collect();
        return Err(ApplyError::OtherTasks { superstep, expected, found });
    }
    refuse_two_writers::<S>(superstep, &writes)?;

    let mut ran: Vec<String> = Vec::new();
    let Checkpoint { graph: name, mut state, mut joins, mut answered, .. } = checkpoint;
    for write in writes {
        state.apply(write.update);
        answered.extend(write.answered);
        if !ran.contains(&write.task.node) {
            ran.push(write.task.node);
        }
    }
    let next = route(graph, superstep, &ran, &state, &mut joins)?;
    Ok(Checkpoint { graph: name, superstep, next, joins, answered, state })
}

fn refuse_two_writers<S: State>(superstep: u32, writes: &[Write<S::Update>]) -> Result<(), ApplyError> {
    let mut wrote: BTreeMap<&'static str, &Task> = BTreeMap::new();
    for write in writes {
        for field in S::last_value_fields(&write.update) {
            if let Some(first) = wrote.insert(field, &write.task) {
                let (first, second) = (first.key(), write.task.key());
                return Err(ApplyError::TwoWriters { superstep, field: field.to_owned(), first, second });
            }
        }
    }
    Ok(())
}

/// Follows the edges of the nodes that ran: first the nodes reached by edges, each once, in the order of
/// their definition; then the tasks that were sent, in the order in which they were.
fn route<S: State>(
    graph: &Graph<S>,
    superstep: u32,
    ran: &[String],
    state: &S,
    joins: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<Vec<Task>, ApplyError> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut sent: Vec<(String, Value)> = Vec::new();
    for vertex in ran.iter().filter_map(|name| graph.vertex(name)) {
        reached.extend(vertex.edges.iter().cloned());
        for conditional in &vertex.conditionals {
            let from = || vertex.name.clone();
            let chosen = (conditional.router)(state);
            if chosen.is_empty() {
                return Err(ApplyError::NoTarget { superstep, from: from() });
            }
            for next in chosen {
                if !conditional.targets.iter().any(|target| target == next.target()) {
                    let (to, targets) = (next.target().to_owned(), conditional.targets.clone());
                    return Err(ApplyError::UndeclaredTarget { superstep, from: from(), to, targets });
                }
                match next {
                    Next::Send { node, input } if node != END => sent.push((node, input)),
                    other => {
                        reached.insert(other.target().to_owned());
                    }
                }
            }
        }
    }
    for join in &graph.joins {
        let arrived: Vec<_> = join.sources.iter().filter(|source| ran.contains(source)).cloned().collect();
        if arrived.is_empty() {
            continue;
        }
        let waiting = joins.entry(join.key()).or_default();
        waiting.extend(arrived);
        if waiting.len() == join.sources.len() {
            joins.remove(&join.key());
            reached.insert(join.target.clone());
        }
    }
    let by_edge = graph.nodes().filter(|name| reached.contains(*name)).map(|name| (name.to_owned(), None));
    let by_send = sent.into_iter().map(|(node, input)| (node, Some(input)));
    let tasks = by_edge.chain(by_send).zip(0..);
    Ok(tasks.map(|((node, input), index)| Task { index, node, input }).collect())
}

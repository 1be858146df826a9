//! A run between two supersteps, and how it is stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syndarix_core::ports::StoredCheckpoint;

use crate::graph::Graph;
use crate::reducer::present;
use crate::state::State;
use crate::validate::nearest;

/// The version of the stored form of checkpoints and of unfinished supersteps.
pub const FORMAT_VERSION: u32 = 1;

/// Everything a run is between two supersteps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<S> {
    /// The graph the run belongs to.
    pub graph: String,
    /// The superstep it follows; 0 for the input.
    pub superstep: u32,
    /// What is to run next, in the order in which its updates will be applied. Nothing, once the run is finished.
    pub next: Vec<Task>,
    /// For each join that is not complete, the sources that have run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joins: BTreeMap<String, BTreeSet<String>>,
    /// The ids of all interrupts that were answered in committed supersteps.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub answered: BTreeSet<String>,
    /// The state.
    pub state: S,
}

/// One node to run in a superstep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its place in the superstep, from 0.
    pub index: u32,
    /// The node.
    pub node: String,
    /// Its own input, where it was sent one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input: Option<Value>,
}

impl Task {
    /// The name under which its write is stored: the node's, and its place where the superstep can hold
    /// several tasks of the node.
    pub fn key(&self) -> String {
        match self.input {
            None => self.node.clone(),
            Some(_) => format!("{}#{}", self.node, self.index),
        }
    }
}

impl<S: State> Checkpoint<S> {
    /// The beginning of a run with this input.
    pub fn start(graph: &Graph<S>, input: S) -> Self {
        Self {
            graph: graph.name.clone(),
            superstep: 0,
            next: vec![Task { index: 0, node: graph.entry.clone(), input: None }],
            joins: BTreeMap::new(),
            answered: BTreeSet::new(),
            state: input,
        }
    }

    /// Whether there is nothing left to run.
    pub fn is_finished(&self) -> bool {
        self.next.is_empty()
    }

    /// The stored form.
    pub fn encode(&self) -> Result<StoredCheckpoint, FormatError> {
        Ok(StoredCheckpoint { superstep: self.superstep, state: encode(self)? })
    }

    /// Reads the stored form. It must come from this graph, or from an earlier definition of it that has the
    /// same names for what is to run next.
    pub fn decode(graph: &Graph<S>, stored: &StoredCheckpoint) -> Result<Self, FormatError> {
        let checkpoint: Self = decode(&stored.state)?;
        if checkpoint.graph != graph.name {
            return Err(FormatError::OtherGraph { expected: graph.name.clone(), found: checkpoint.graph });
        }
        for task in &checkpoint.next {
            if graph.vertex(&task.node).is_none() {
                return Err(FormatError::UnknownNode {
                    graph: graph.name.clone(),
                    node: task.node.clone(),
                    nearest: nearest(&task.node, graph.nodes()),
                });
            }
        }
        Ok(checkpoint)
    }
}

/// Why a stored run cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A newer version of this program wrote it.
    #[error(
        "the checkpoint has format {found} and this version reads up to {FORMAT_VERSION}; use the newer version"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It is not what this program writes.
    #[error("the checkpoint is damaged, or its state has another shape")]
    Malformed(#[source] serde_json::Error),
    /// The state or an update cannot be stored.
    #[error("the state cannot be stored as JSON")]
    Unstorable(#[source] serde_json::Error),
    /// It belongs to another graph.
    #[error("the checkpoint belongs to the graph `{found}`, not to `{expected}`")]
    OtherGraph {
        /// The graph that was asked to continue it.
        expected: String,
        /// The graph that wrote it.
        found: String,
    },
    /// The graph has changed and no longer has a node that was to run next.
    #[error(
        "the checkpoint continues at `{node}`, which the graph `{graph}` no longer has{}",
        nearest.as_ref().map(|name| format!("; the most similar node is `{name}`")).unwrap_or_default()
    )]
    UnknownNode {
        /// The graph.
        graph: String,
        /// The node.
        node: String,
        /// The most similar node that it has.
        nearest: Option<String>,
    },
    /// A write is stored for a task that the superstep does not have.
    #[error("superstep {superstep} has a stored write of `{task}`, which is not one of its tasks")]
    StrayWrite {
        /// The superstep.
        superstep: u32,
        /// The task's key.
        task: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    body: T,
}

#[derive(Deserialize)]
struct Header {
    version: u32,
}

/// JSON with the format's version around it.
pub(crate) fn encode<T: Serialize>(body: &T) -> Result<Vec<u8>, FormatError> {
    serde_json::to_vec(&Versioned { version: FORMAT_VERSION, body }).map_err(FormatError::Unstorable)
}

/// Reads the version before the body, whose shape only that version knows.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormatError> {
    let header: Header = serde_json::from_slice(bytes).map_err(FormatError::Malformed)?;
    if header.version > FORMAT_VERSION {
        return Err(FormatError::Newer { found: header.version });
    }
    let versioned: Versioned<T> = serde_json::from_slice(bytes).map_err(FormatError::Malformed)?;
    Ok(versioned.body)
}

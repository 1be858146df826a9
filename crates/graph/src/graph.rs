//! A graph: nodes, the edges between them, and where it begins and ends.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::builder::GraphBuilder;
use crate::node::Node;
use crate::state::State;

/// The name of the place where a branch ends. A run is finished when all its branches are.
pub const END: &str = "end";

/// The most supersteps a run may take where the graph does not say otherwise.
pub const DEFAULT_STEP_LIMIT: u32 = 100;

/// Where a conditional edge leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// To this node. Several edges that lead to one node in the same superstep run it once.
    Node(String),
    /// To this node, as a task of its own with its own input.
    Send {
        /// The node.
        node: String,
        /// What [`NodeContext::input`](crate::NodeContext::input) holds for it.
        input: Value,
    },
    /// Nowhere: the branch ends.
    End,
}

impl Next {
    /// To this node, or to [`END`].
    pub fn node(name: impl Into<String>) -> Self {
        match name.into() {
            name if name == END => Self::End,
            name => Self::Node(name),
        }
    }

    /// To this node with an input of its own.
    pub fn send(node: impl Into<String>, input: impl Into<Value>) -> Self {
        Self::Send { node: node.into(), input: input.into() }
    }

    /// The name of the place, as edges declare it.
    pub fn target(&self) -> &str {
        match self {
            Self::Node(node) | Self::Send { node, .. } => node,
            Self::End => END,
        }
    }
}

impl From<&str> for Next {
    fn from(name: &str) -> Self {
        Self::node(name)
    }
}

pub(crate) type Router<S> = Arc<dyn Fn(&S) -> Vec<Next> + Send + Sync>;

/// A choice that is made on the state after the superstep.
pub(crate) struct Conditional<S> {
    pub(crate) router: Router<S>,
    pub(crate) targets: Vec<String>,
}

/// A node with the edges that leave it.
pub(crate) struct Vertex<S> {
    pub(crate) name: String,
    pub(crate) node: Arc<dyn Node<S>>,
    pub(crate) edges: Vec<String>,
    pub(crate) conditionals: Vec<Conditional<S>>,
}

/// An edge that waits until every one of its sources has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Join {
    pub(crate) sources: Vec<String>,
    pub(crate) target: String,
}

impl Join {
    /// The name under which a checkpoint keeps the sources that have run.
    pub(crate) fn key(&self) -> String {
        format!("{} -> {}", self.sources.join(" + "), self.target)
    }
}

/// A validated graph.
pub struct Graph<S> {
    pub(crate) name: String,
    /// In the order of their definition, which is also the order in which a superstep plans them.
    pub(crate) vertices: Vec<Vertex<S>>,
    pub(crate) joins: Vec<Join>,
    pub(crate) entry: String,
    pub(crate) step_limit: u32,
}

impl<S: State> Graph<S> {
    /// Begins the definition of a graph. The name is stored in its checkpoints.
    pub fn builder(name: impl Into<String>) -> GraphBuilder<S> {
        GraphBuilder::new(name.into())
    }
}

impl<S> Graph<S> {
    /// The graph's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The most supersteps a run may take.
    pub fn step_limit(&self) -> u32 {
        self.step_limit
    }

    /// The names of its nodes, in the order of their definition.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.vertices.iter().map(|vertex| vertex.name.as_str())
    }

    pub(crate) fn vertex(&self, name: &str) -> Option<&Vertex<S>> {
        self.vertices.iter().find(|vertex| vertex.name == name)
    }
}

impl<S> fmt::Debug for Graph<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("name", &self.name)
            .field("nodes", &self.nodes().collect::<Vec<_>>())
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

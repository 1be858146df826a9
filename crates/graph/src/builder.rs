//! The definition of a graph, before it is checked.

use std::fmt;
use std::sync::Arc;

use crate::graph::{Conditional, DEFAULT_STEP_LIMIT, Graph, Join, Next, Vertex};
use crate::node::Node;
use crate::state::State;
use crate::validate::{self, GraphError};

/// An edge that leaves a node, as defined.
pub(crate) enum Edge<S> {
    Static { from: String, to: String },
    Conditional { from: String, conditional: Conditional<S> },
    Join(Join),
}

/// Collects a graph's definition; [`build`](Self::build) checks it.
pub struct GraphBuilder<S> {
    pub(crate) name: String,
    pub(crate) nodes: Vec<(String, Arc<dyn Node<S>>)>,
    pub(crate) edges: Vec<Edge<S>>,
    pub(crate) entry: Option<String>,
    pub(crate) step_limit: u32,
}

impl<S: State> GraphBuilder<S> {
    pub(crate) fn new(name: String) -> Self {
        Self { name, nodes: Vec::new(), edges: Vec::new(), entry: None, step_limit: DEFAULT_STEP_LIMIT }
    }

    /// Adds a node.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>, node: impl Node<S> + 'static) -> Self {
        self.nodes.push((name.into(), Arc::new(node)));
        self
    }

    /// Adds an edge that is always taken. It may lead to [`END`](crate::END).
    #[must_use]
    pub fn edge(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.edges.push(Edge::Static { from: from.into(), to: to.into() });
        self
    }

    /// Adds a choice: the router is asked on the state after each superstep in which `from` ran, and
    /// answers with one or more of the targets. It must depend on nothing but the state.
    #[must_use]
    pub fn conditional<T: Into<String>>(
        mut self,
        from: impl Into<String>,
        router: impl Fn(&S) -> Vec<Next> + Send + Sync + 'static,
        targets: impl IntoIterator<Item = T>,
    ) -> Self {
        let targets = targets.into_iter().map(Into::into).collect();
        let conditional = Conditional { router: Arc::new(router), targets };
        self.edges.push(Edge::Conditional { from: from.into(), conditional });
        self
    }

    /// Adds an edge that is taken once every one of the sources has run since it was last taken.
    #[must_use]
    pub fn join<T: Into<String>>(mut self, from: impl IntoIterator<Item = T>, to: impl Into<String>) -> Self {
        let sources = from.into_iter().map(Into::into).collect();
        self.edges.push(Edge::Join(Join { sources, target: to.into() }));
        self
    }

    /// Names the node that runs first.
    #[must_use]
    pub fn entry(mut self, name: impl Into<String>) -> Self {
        self.entry = Some(name.into());
        self
    }

    /// Bounds the supersteps a run may take; [`DEFAULT_STEP_LIMIT`] where it is not called.
    #[must_use]
    pub fn step_limit(mut self, limit: u32) -> Self {
        self.step_limit = limit;
        self
    }

    /// Checks the definition. The error lists everything that is wrong with it.
    pub fn build(self) -> Result<Graph<S>, GraphError> {
        let problems = validate::problems(&self);
        let (Some(entry), true) = (self.entry, problems.is_empty()) else {
            return Err(GraphError { graph: self.name, problems });
        };
        let mut vertices: Vec<Vertex<S>> = self
            .nodes
            .into_iter()
            .map(|(name, node)| Vertex { name, node, edges: Vec::new(), conditionals: Vec::new() })
            .collect();
        let mut joins = Vec::new();
        for edge in self.edges {
            let mut leave = |from: &str, add: &mut dyn FnMut(&mut Vertex<S>)| {
                vertices.iter_mut().filter(|vertex| vertex.name == from).for_each(add);
            };
            match edge {
                Edge::Static { from, to } => leave(&from, &mut |vertex| vertex.edges.push(to.clone())),
                Edge::Conditional { from, conditional } => {
                    let mut conditional = Some(conditional);
                    leave(&from, &mut |vertex| vertex.conditionals.extend(conditional.take()));
                }
                Edge::Join(join) => joins.push(join),
            }
        }
        Ok(Graph { name: self.name, vertices, joins, entry, step_limit: self.step_limit })
    }
}

impl<S> fmt::Debug for GraphBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

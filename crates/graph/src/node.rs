//! Nodes: the work of a graph.

use std::fmt;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syndarix_core::id::RunId;

use crate::state::State;

/// One kind of work in a graph. A node reads the state and returns an update; it changes nothing itself, and
/// what it does to the world it must be able to meet again: a node whose process died runs once more.
///
/// Functions of the same shape are nodes too, for work that waits for nothing.
#[async_trait]
pub trait Node<S: State>: Send + Sync {
    /// Does the work.
    async fn run(&self, ctx: &NodeContext, state: &S) -> Result<NodeOutcome<S::Update>, NodeError>;
}

#[async_trait]
impl<S, F> Node<S> for F
where
    S: State,
    F: Fn(&NodeContext, &S) -> Result<NodeOutcome<S::Update>, NodeError> + Send + Sync,
{
    async fn run(&self, ctx: &NodeContext, state: &S) -> Result<NodeOutcome<S::Update>, NodeError> {
        self(ctx, state)
    }
}

/// Where in a run a node is running.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeContext {
    /// The run.
    pub run: RunId,
    /// The superstep, from 1. It is the same when the superstep is tried again.
    pub superstep: u32,
    /// The node's name.
    pub node: String,
    /// Which of the superstep's tasks this is, from 0. It is the same when the superstep is tried again.
    pub task_index: u32,
    /// The input of its own that [`Next::Send`](crate::Next::Send) gave this task.
    pub input: Option<Value>,
    /// The answer to the interrupt this task raised last, if it raised any.
    pub resume: Option<Value>,
    /// The answers to every interrupt this task raised, the oldest first.
    pub answers: Vec<Answer>,
}

impl NodeContext {
    /// The answer to the interrupt with this id, once there is one.
    pub fn answer(&self, id: &str) -> Option<&Value> {
        self.answers.iter().find(|answer| answer.id == id).map(|answer| &answer.value)
    }

    /// Reads the input of its own that this task was sent.
    pub fn read_input<T: DeserializeOwned>(&self) -> Result<T, NodeError> {
        let Some(input) = &self.input else {
            return Err(NodeError::permanent("the node was reached by an edge and has no input of its own"));
        };
        T::deserialize(input)
            .map_err(|error| NodeError::permanent("the node's input is malformed").caused_by(error))
    }
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeOutcome<U> {
    /// With a change to the state.
    Update(U),
    /// With a question. The node runs again, in the same superstep, once it is answered.
    Interrupt(Interrupt),
}

impl<U> NodeOutcome<U> {
    /// An interrupt with this id and content.
    pub fn interrupt(id: impl Into<String>, value: Value) -> Self {
        Self::Interrupt(Interrupt { id: id.into(), value })
    }
}

/// A question to whoever started the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// What the answer names it by. An id is answered once in a run: asking something again needs a new id.
    /// Tasks of one superstep that ask with the same id share the answer.
    pub id: String,
    /// What is asked.
    pub value: Value,
}

/// The answer to an [`Interrupt`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The interrupt's id.
    pub id: String,
    /// What was answered.
    pub value: Value,
}

/// Why a node failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NodeError {
    /// What happened, for people.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// What lies beneath it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl NodeError {
    /// An error that another attempt cannot mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: false, source: None }
    }

    /// An error that another attempt may mend.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: true, source: None }
    }

    /// The same error with what lies beneath it.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

//! error: the run ends with an error, and the agent shows it.

use std::sync::Arc;

use async_trait::async_trait;
use syndarix_core::agent::AgentTransition;
use syndarix_graph::{Node, NodeContext, NodeError, NodeOutcome};

use super::context::RunContext;
use super::state::{Action, RunState, RunUpdate};

pub(super) struct Fail(pub(super) Arc<RunContext>);

#[async_trait]
impl Node<RunState> for Fail {
    async fn run(&self, _: &NodeContext, _: &RunState) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        self.0.announce(AgentTransition::Fail).await?;
        Ok(NodeOutcome::Update(RunUpdate::next(Action::End)))
    }
}

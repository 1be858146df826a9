//! handoff: the task goes to another agent, with a message that tells it what it needs to know.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use syndarix_core::id::MessageId;
use syndarix_core::message::MessageKind;
use syndarix_graph::{Node, NodeContext, NodeError, NodeOutcome};
use syndarix_store::NewMessage;

use super::context::{RunContext, stored};
use super::state::{Action, Ending, RunState, RunUpdate};

pub(super) struct HandOff(pub(super) Arc<RunContext>);

#[async_trait]
impl Node<RunState> for HandOff {
    async fn run(&self, _: &NodeContext, state: &RunState) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        let run = &self.0;
        let Some(Ending::HandOff { to, summary, reason }) = &state.ending else {
            return Err(NodeError::permanent("there is nothing to hand off"));
        };
        let mut body = format!("{summary}\n\nWhy you: {reason}\n");
        for artifact in &state.artifacts {
            let _ = writeln!(body, "Written on the way: {artifact}");
        }
        let id = MessageId::new(format!("{}/handoff", run.request.run))
            .map_err(|error| NodeError::permanent(error.to_string()))?;
        let message = NewMessage {
            id,
            project: run.request.project.clone(),
            kind: MessageKind::TaskHandoff,
            sender: Some(run.request.agent.clone()),
            target: Some(to.clone()),
            task: Some(run.request.task.clone()),
            correlation_id: None,
            summary: crate::context::head(summary, 120),
            body: body.into_bytes(),
        };
        run.store().send_message(message).await.map_err(stored)?;
        Ok(NodeOutcome::Update(RunUpdate::next(Action::End)))
    }
}

//! The supervisor graph: assess → {assign, monitor, handle_completion, coordinate_handoff, escalate, complete},
//! each of the first, third, fourth and fifth → assess, until everything that was decided is done.
//!
//! It decides once, from the view it begins with, and then carries the directives out one by one: the store learns
//! who does what, and the team is told in the Project Manager's name. Every directive is a superstep of its own and
//! repeating it changes nothing, so a supervisor that crashes goes on where it was.

use std::sync::Arc;

use async_trait::async_trait;
use syndarix_core::agent::Agent;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, MessageId, RunId};
use syndarix_core::message::MessageKind;
use syndarix_core::ports::Journal;
use syndarix_core::role::Role;
use syndarix_core::task::{Task, TaskState};
use syndarix_graph::reducer::{Append, LastValue};
use syndarix_graph::{
    END, Graph, GraphError, Input, Next, Node, NodeContext, NodeError, NodeOutcome, Outcome, Runner,
};
use syndarix_store::{NewMessage, Store};

use super::decide::{Directive, SprintView, decide};
use crate::error::Error;
use crate::run::context::{port, stored};

const ASSESS: &str = "assess";
const ASSIGN: &str = "assign";
const MONITOR: &str = "monitor";
const HANDLE_COMPLETION: &str = "handle_completion";
const COORDINATE_HANDOFF: &str = "coordinate_handoff";
const ESCALATE: &str = "escalate";
const COMPLETE: &str = "complete";

syndarix_graph::state! {
    /// What the supervisor knows while it carries out what it decided.
    #[derive(Debug)]
    struct Assessment, update AssessmentUpdate {
        view: LastValue<SprintView>,
        /// What was decided; `None` before the first look.
        directives: LastValue<Option<Vec<Directive>>>,
        done: Append<Directive>,
    }
}

impl Assessment {
    fn next(&self) -> Option<&Directive> {
        self.directives.as_ref()?.get(self.done.len())
    }

    fn task(&self, directive: &Directive) -> Option<&Task> {
        let (Directive::Assign { task, .. }
        | Directive::Review { task, .. }
        | Directive::Escalate { task, .. }) = directive
        else {
            return None;
        };
        self.view.tasks.iter().find(|found| found.id == *task)
    }

    fn route(&self) -> &'static str {
        let Some(directive) = self.next() else { return END };
        match directive {
            Directive::Assign { agent, .. } => {
                // Whoever a task was handed to has it already, and has not begun.
                let handed = self.task(directive).is_some_and(|task| {
                    task.assignee.as_ref() == Some(agent) && task.state == TaskState::Planned
                });
                if handed { COORDINATE_HANDOFF } else { ASSIGN }
            }
            Directive::Review { .. } => HANDLE_COMPLETION,
            Directive::Escalate { .. } => ESCALATE,
            Directive::Complete => COMPLETE,
            Directive::Wait => MONITOR,
        }
    }
}

/// The Project Manager's part that needs no model: deciding who does what, and telling them.
#[derive(Debug, Clone)]
pub struct Supervisor {
    store: Store,
}

impl Supervisor {
    /// A supervisor over this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Decides and carries out: tasks are assigned in the store, and assignees and reviewers get their messages.
    /// What remains for the caller is to start the work and to ask the human. The same run, asked for again, goes
    /// on with the view it began with and returns the same directives.
    pub async fn supervise(&self, run: &RunId, view: SprintView) -> Result<Vec<Directive>, Error> {
        let graph = Arc::new(self.graph(view.tasks.len())?);
        let runner = Runner::new(graph, Arc::new(self.store.clone()));
        let start = Assessment { view, directives: None, done: Vec::new() };
        match runner.run(run, Input::Start(start), &()).await? {
            Outcome::Finished(state) | Outcome::Interrupted { state, .. } => Ok(state.done),
        }
    }

    fn graph(&self, tasks: usize) -> Result<Graph<Assessment>, GraphError> {
        let carry_out = || CarryOut { store: self.store.clone() };
        Graph::<Assessment>::builder("supervisor")
            .node(ASSESS, assess)
            .node(ASSIGN, carry_out())
            .node(MONITOR, carry_out())
            .node(HANDLE_COMPLETION, carry_out())
            .node(COORDINATE_HANDOFF, carry_out())
            .node(ESCALATE, carry_out())
            .node(COMPLETE, carry_out())
            .entry(ASSESS)
            .conditional(
                ASSESS,
                |state| vec![Next::node(state.route())],
                [ASSIGN, MONITOR, HANDLE_COMPLETION, COORDINATE_HANDOFF, ESCALATE, COMPLETE, END],
            )
            .edge(ASSIGN, ASSESS)
            .edge(HANDLE_COMPLETION, ASSESS)
            .edge(COORDINATE_HANDOFF, ASSESS)
            .edge(ESCALATE, ASSESS)
            .edge(MONITOR, END)
            .edge(COMPLETE, END)
            // One directive per task at the most, each with a look before it.
            .step_limit(2 * tasks as u32 + 4)
            .build()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a node")]
fn assess(_: &NodeContext, state: &Assessment) -> Result<NodeOutcome<AssessmentUpdate>, NodeError> {
    let directives = state.directives.is_none().then(|| Some(decide(&state.view)));
    Ok(NodeOutcome::Update(AssessmentUpdate { directives, ..AssessmentUpdate::default() }))
}

/// Carries out the next directive.
struct CarryOut {
    store: Store,
}

#[async_trait]
impl Node<Assessment> for CarryOut {
    async fn run(
        &self,
        ctx: &NodeContext,
        state: &Assessment,
    ) -> Result<NodeOutcome<AssessmentUpdate>, NodeError> {
        let Some(directive) = state.next() else {
            return Err(NodeError::permanent("there is no directive to carry out"));
        };
        if let Some(task) = state.task(directive) {
            self.carry_out(ctx, state, directive, task).await?;
        }
        let done = Some(vec![directive.clone()]);
        Ok(NodeOutcome::Update(AssessmentUpdate { done, ..AssessmentUpdate::default() }))
    }
}

impl CarryOut {
    async fn carry_out(
        &self,
        ctx: &NodeContext,
        state: &Assessment,
        directive: &Directive,
        task: &Task,
    ) -> Result<(), NodeError> {
        match directive {
            Directive::Assign { agent, reason, .. } => {
                if task.assignee.as_ref() != Some(agent) {
                    self.store.assign_task(&task.id, agent, reason).await.map_err(stored)?;
                }
                let summary = format!("{} is yours: {}", task.id.key(), task.title);
                self.tell(ctx, state, task, MessageKind::TaskAssignment, agent, summary, reason).await
            }
            Directive::Review { reviewer, .. } => {
                let summary = format!("Please review {}: {}", task.id.key(), task.title);
                self.tell(ctx, state, task, MessageKind::ReviewRequest, reviewer, summary, &task.description)
                    .await
            }
            Directive::Escalate { reason, .. } => {
                let event = NewEvent {
                    project: task.project.clone(),
                    agent: manager(&state.view.agents).cloned(),
                    task: Some(task.id.clone()),
                    kind: EventKind::Note { text: format!("{} needs a human: {reason}", task.id.key()) },
                };
                self.store.append(vec![event]).await.map_err(port)
            }
            Directive::Complete | Directive::Wait => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one envelope, spelled out once")]
    async fn tell(
        &self,
        ctx: &NodeContext,
        state: &Assessment,
        task: &Task,
        kind: MessageKind,
        target: &AgentId,
        summary: String,
        body: &str,
    ) -> Result<(), NodeError> {
        let id = MessageId::new(format!("{}/directive-{}", ctx.run, ctx.superstep))
            .map_err(|error| NodeError::permanent(error.to_string()))?;
        let message = NewMessage {
            id,
            project: task.project.clone(),
            kind,
            sender: manager(&state.view.agents).filter(|sender| *sender != target).cloned(),
            target: Some(target.clone()),
            task: Some(task.id.clone()),
            correlation_id: None,
            summary,
            body: body.as_bytes().to_vec(),
        };
        self.store.send_message(message).await.map_err(stored)?;
        Ok(())
    }
}

fn manager(agents: &[Agent]) -> Option<&AgentId> {
    agents.iter().find(|agent| agent.role == Role::ProjectManager).map(|agent| &agent.id)
}

//! The agent graph: think → {execute, handoff, review, end}, execute → {think, review, error}, review → think,
//! handoff → end, error → end. Beside it, think goes to itself while no model can be reached, and to error where
//! a guard says so.

use std::sync::Arc;

use syndarix_graph::{END, Graph, GraphError, Next};

use super::context::RunContext;
use super::execute::Execute;
use super::fail::Fail;
use super::handoff::HandOff;
use super::review::Review;
use super::state::{Action, RunState};
use super::think::Think;

pub(super) const THINK: &str = "think";
pub(super) const EXECUTE: &str = "execute";
pub(super) const REVIEW: &str = "review";
pub(super) const HANDOFF: &str = "handoff";
pub(super) const ERROR: &str = "error";

/// Builds the graph of one run.
pub(super) fn build(context: &Arc<RunContext>) -> Result<Graph<RunState>, GraphError> {
    Graph::<RunState>::builder("agent")
        .node(THINK, Think(Arc::clone(context)))
        .node(EXECUTE, Execute(Arc::clone(context)))
        .node(REVIEW, Review(Arc::clone(context)))
        .node(HANDOFF, HandOff(Arc::clone(context)))
        .node(ERROR, Fail(Arc::clone(context)))
        .entry(THINK)
        .conditional(THINK, after_thought, [THINK, EXECUTE, HANDOFF, REVIEW, ERROR, END])
        .conditional(EXECUTE, after_execution, [THINK, REVIEW, ERROR])
        .edge(REVIEW, THINK)
        .edge(HANDOFF, END)
        .edge(ERROR, END)
        // Each model call is followed by at most one execution, one review and one empty thought, and outages
        // are bounded; beyond this the graph itself would be wrong.
        .step_limit(context.member.limits.steps.saturating_mul(4).saturating_add(64))
        .build()
}

fn after_thought(state: &RunState) -> Vec<Next> {
    let next = match &state.action {
        Action::Think => THINK,
        Action::Execute => EXECUTE,
        Action::ReviewEnding | Action::ReviewProblem { .. } => REVIEW,
        Action::HandOff => HANDOFF,
        Action::Fail => ERROR,
        Action::End => END,
    };
    vec![Next::node(next)]
}

fn after_execution(state: &RunState) -> Vec<Next> {
    let next = match &state.action {
        Action::ReviewEnding | Action::ReviewProblem { .. } => REVIEW,
        Action::Fail => ERROR,
        _ => THINK,
    };
    vec![Next::node(next)]
}

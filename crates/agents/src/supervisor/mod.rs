//! The supervisor: who does what next.
//!
//! [`decide`] is the decision, a pure function. [`Supervisor`] is the graph around it: assess → {assign, monitor,
//! handle completion, coordinate hand-off, escalate, complete}, which tells the team what was decided.

mod decide;
mod graph;

pub use decide::{Directive, Running, SprintView, SupervisorLimits, decide};
pub use graph::Supervisor;

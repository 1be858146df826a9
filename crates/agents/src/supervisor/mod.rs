//! The supervisor of a team: pure decisions about who does what next.

mod decide;
mod view;

pub use decide::decide;
pub use view::{AgentView, Directive, Limits, SprintView, TaskView};

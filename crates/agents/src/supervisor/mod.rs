//! The supervisor: who does what next.

mod decide;

pub use decide::{Directive, Running, SprintView, SupervisorLimits, decide};

//! Schedules: what starts workflows by the clock. Pure: `spec` says when, `decide` what follows from that;
//! the executor's `schedules` does it.

mod decide;
mod overlap;
mod policies;
mod record;
mod spec;
#[cfg(test)]
mod tests;

pub(crate) use decide::{Closed, Start, patch};
pub(crate) use overlap::{Plan, plan};
pub(crate) use policies::completed;
pub(crate) use record::{Running, ScheduleRecord};
pub(crate) use spec::Spec;

/// Starts that may wait at a time; further ones are dropped and counted.
pub(crate) const LARGEST_BUFFER: usize = 1_000;
/// Actions that a description remembers.
pub(crate) const RECENT_ACTIONS: usize = 10;
/// Times that a description foretells.
pub(crate) const FUTURE_ACTIONS: usize = 10;

//! The tests of this crate's outside.

mod instructions;
mod map;
mod results;
mod verdicts;

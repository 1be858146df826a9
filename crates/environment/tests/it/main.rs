//! The tests of this crate's outside.

mod find;
mod key;
mod machine;
mod repository;
mod instructions;
mod map;
mod results;
mod verdicts;

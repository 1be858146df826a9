//! The tests of this crate's outside.

mod find;
mod instructions;
mod key;
mod machine;
mod map;
mod repository;
mod results;
mod verdicts;

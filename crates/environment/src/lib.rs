//! What a repository needs to be worked on.
//!
//! An [`Environment`] is found from the files of a commit ([`Repository`]) and the facts of a machine ([`Machine`]),
//! by pure functions; the rest of this crate looks those up.

mod describe;
pub mod environment;
pub mod find;
pub mod instructions;
pub mod key;
pub mod machine;
pub mod make;
pub mod map;
mod project;
pub mod repository;
pub mod results;
mod testing;

pub use environment::{Check, CheckKind, Ecosystem, Environment, Missing, Part, Step, Tool, Witness};
pub use machine::Machine;
pub use project::ProjectEnvironment;
pub use repository::Repository;
pub use results::{Outcome, TestResults};

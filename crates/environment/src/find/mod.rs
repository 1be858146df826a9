//! Finding the environment of a repository: pure functions from its files and the facts of a machine.

use crate::environment::{Environment, VERSION};
use crate::machine::Machine;
use crate::repository::Repository;

/// What is needed to work on these files on this machine.
pub fn find(_repository: &Repository, _machine: &Machine) -> Environment {
    Environment { version: VERSION, ..Environment::default() }
}

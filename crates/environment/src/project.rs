//! What a project keeps of the environment it began in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::environment::{Check, CheckKind, Environment, Part, VERSION, Witness};
use crate::find::{Configured, find_within};
use crate::machine::Machine;
use crate::make::CheckRun;
use crate::repository::Repository;
use crate::results::Baseline;

/// The environment of a project, as it is stored when it begins and never changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectEnvironment {
    /// The version of this form.
    pub version: u32,
    /// The name of the folder in which worktrees are seen.
    pub name: String,
    /// What the user said of it.
    pub configured: Configured,
    /// What was found at the commit the project began with.
    pub environment: Environment,
    /// How the checks went there.
    pub baseline: Vec<CheckRun>,
    /// The tests that ended differently when the checks ran twice there.
    pub flaky: BTreeSet<String>,
    /// Whether the user let set-up use the network without being asked again.
    pub set_up_allowed: bool,
    /// Whether the user wants no check at all.
    pub unchecked: bool,
    /// The folder that the work is about; empty for the whole repository.
    #[serde(default)]
    pub within: String,
}

impl ProjectEnvironment {
    /// The environment of a later commit. Its toolchains and set-up follow from its own files; the checks stay those the
    /// project began with, so that no change can make its own proof easier, unless there were none.
    pub fn at(&self, files: &Repository, machine: &Machine) -> Environment {
        let mut environment = find_within(files, machine, &self.configured, &self.within);
        if self.unchecked {
            environment.parts.iter_mut().for_each(|part| part.checks.clear());
        }
        for began in self.environment.parts.iter().filter(|part| !part.checks.is_empty()) {
            match environment.parts.iter_mut().find(|part| part.folder == began.folder) {
                Some(part) => part.checks.clone_from(&began.checks),
                None => environment.parts.push(began.clone()),
            }
        }
        environment
    }

    /// What a check is compared with: how it went before anything was changed.
    pub fn baseline(&self, folder: &str, command: &[String]) -> Baseline {
        let before = self.baseline.iter().find(|run| run.folder == folder && run.command == command);
        before.map_or_else(Baseline::default, |run| Baseline {
            exit_code: run.exit_code,
            results: run.results.clone(),
            flaky: self.flaky.clone(),
        })
    }
}

impl Environment {
    /// Every check, with its part's folder, in order.
    pub fn checks(&self) -> impl Iterator<Item = (&str, &Check)> {
        self.parts.iter().flat_map(|part| part.checks.iter().map(|check| (part.folder.as_str(), check)))
    }

    /// Adds a check at the root, unless it is there already.
    pub fn add_check(&mut self, command: &[String], from: &str) {
        if self.checks().any(|(folder, check)| folder.is_empty() && check.command == command) {
            return;
        }
        let witness = Witness { file: from.to_owned(), line: None };
        let check = Check { kind: CheckKind::Tests, command: command.to_vec(), witness };
        match self.parts.iter_mut().find(|part| part.folder.is_empty()) {
            Some(part) => part.checks.push(check),
            None => self.parts.insert(0, Part { checks: vec![check], ..Part::default() }),
        }
    }

    /// An environment of nothing but one check.
    pub fn of_check(command: &[String], from: &str) -> Self {
        let mut environment = Self { version: VERSION, ..Self::default() };
        environment.add_check(command, from);
        environment
    }
}

//! One folder of a repository, as an ecosystem sees it.

use super::ci::{Ci, Line};
use crate::environment::{Check, CheckKind, Missing, Step, Tool, Witness};
use crate::machine::Machine;
use crate::repository::Repository;

/// A folder, with what is known beside its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder<'a> {
    pub(super) repository: &'a Repository,
    pub(super) machine: &'a Machine,
    pub(super) ci: &'a Ci,
    /// Relative to the repository's root; empty for the root itself.
    pub(super) path: &'a str,
}

impl<'a> Folder<'a> {
    /// The path of a file of this folder, relative to the repository's root.
    pub(super) fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.repository.has(&self.full(name))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.repository.text(&self.full(name))
    }

    /// The first of these files that is there.
    pub(super) fn first_of<'name>(&self, names: &[&'name str]) -> Option<&'name str> {
        names.iter().find(|name| self.has(name)).copied()
    }

    pub(super) fn witness(&self, name: &str) -> Witness {
        Witness { file: self.full(name), line: None }
    }

    /// The witness of what is in a file, with the line where it first stands.
    pub(super) fn witness_of(&self, name: &str, what: &str) -> Witness {
        let line = self
            .text(name)
            .and_then(|text| text.lines().position(|line| line.contains(what)))
            .map(|position| position as u32 + 1);
        Witness { file: self.full(name), line }
    }

    /// The paths below this folder, relative to it.
    pub(super) fn files(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = if self.path.is_empty() { String::new() } else { format!("{}/", self.path) };
        let length = prefix.len();
        self.repository
            .paths
            .range(prefix.clone()..)
            .take_while(move |path| path.starts_with(&prefix))
            .map(move |path| &path[length..])
    }

    /// The names of the files that lie in this folder itself.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.files().filter(|path| !path.contains('/'))
    }

    /// Whether there is anything below a folder of this name.
    pub(super) fn has_folder(&self, name: &str) -> bool {
        let prefix = format!("{}/", self.full(name));
        self.repository.paths.range(prefix.clone()..).next().is_some_and(|path| path.starts_with(&prefix))
    }

    /// What continuous integration runs in this folder.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a Line> + use<'a> {
        let path = self.path.to_owned();
        self.ci.lines.iter().filter(move |line| line.folder == path)
    }
}

/// What one ecosystem's files say of one folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tools: Vec<Tool>,
    pub(super) set_up: Vec<Step>,
    pub(super) checks: Vec<Check>,
    pub(super) inputs: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) path: Vec<String>,
    pub(super) missing: Vec<Missing>,
    pub(super) notes: Vec<String>,
    /// Whether it speaks for the folders of the same ecosystem below.
    pub(super) workspace: bool,
}

impl Found {
    pub(super) fn step(&mut self, command: &[&str], witness: Witness) {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        self.set_up.push(Step { command, witness });
    }

    pub(super) fn check(&mut self, kind: CheckKind, command: &[&str], witness: Witness) {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        self.checks.push(Check { kind, command, witness });
    }

    pub(super) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Those of these files that are there decide whether set-up runs again.
    pub(super) fn inputs_of(&mut self, folder: &Folder<'_>, names: &[&str]) {
        self.inputs.extend(names.iter().filter(|name| folder.has(name)).map(|name| folder.full(name)));
    }

    /// Notes that a file cannot be read.
    pub(super) fn unreadable(&mut self, folder: &Folder<'_>, name: &str, why: &str) {
        let why = why.lines().next().unwrap_or_default();
        self.notes.push(format!("{} cannot be read and is left out: {why}", folder.full(name)));
    }

    pub(super) fn has_tests(&self) -> bool {
        self.checks.iter().any(|check| check.kind == CheckKind::Tests)
    }
}

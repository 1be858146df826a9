//! What a repository's continuous integration and its prepared workspaces run, as witnesses: a line of theirs is
//! believed only by an ecosystem that recognises it, for much of what they run makes sense on their machines alone.

mod devcontainer;
mod github;
mod others;

use super::command::{is_assignment, simple};
use crate::environment::Witness;
use crate::repository::Repository;

/// A command of a continuous-integration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The folder that it runs in, relative to the repository's root.
    pub(super) folder: String,
    /// Its words, without what only its machine needs before them, such as `sudo`.
    pub(super) words: Vec<String>,
    pub(super) witness: Witness,
}

/// What was found in all of these files.
#[derive(Debug, Default)]
pub(super) struct Ci {
    /// In the order of trust.
    pub(super) lines: Vec<Line>,
    /// The versions that tests run with: a language, what is asked (alternatives with `||`), and where.
    pub(super) versions: Vec<(String, String, Witness)>,
    pub(super) notes: Vec<String>,
}

impl Ci {
    /// Reads all files of a repository that tell.
    pub(super) fn of(repository: &Repository) -> Self {
        let mut ci = Self::default();
        devcontainer::read(repository, &mut ci);
        github::read(repository, &mut ci);
        others::read(repository, &mut ci);
        ci
    }

    /// The version of a language that tests run with.
    pub(super) fn version(&self, language: &str) -> Option<(&str, Witness)> {
        let found = self.versions.iter().find(|(name, ..)| name == language)?;
        Some((&found.1, found.2.clone()))
    }

    /// Takes the commands of a script that begins in a folder, and returns the folder that it ends in; `None` where that
    /// is not known.
    fn script(&mut self, script: &Script<'_>) -> Option<String> {
        let mut folder = script.folder.to_owned();
        for logical in script.text.replace("\\\n", " ").lines() {
            let logical = logical.trim();
            if logical.starts_with('#') {
                continue;
            }
            for command in simple(logical) {
                let Some(words) = shlex::split(&command) else { continue };
                let words = without_prefixes(words);
                match words.first().map(String::as_str) {
                    None => {}
                    Some("cd" | "pushd") => match words.get(1).and_then(|to| join(&folder, to)) {
                        Some(to) => folder = to,
                        // Somewhere outside: what follows says nothing of the repository.
                        None => return None,
                    },
                    Some(_) if words.iter().any(|word| word.contains("${{")) => {}
                    Some(_) => {
                        let witness = Witness { file: script.file.to_owned(), line: script.line(&command) };
                        self.lines.push(Line { folder: folder.clone(), words, witness });
                    }
                }
            }
        }
        Some(folder)
    }
}

/// A script in a file.
struct Script<'a> {
    file: &'a str,
    /// The whole file's text, to find a command's line in it.
    whole: &'a str,
    /// The line that the script begins at.
    begins: Option<u32>,
    folder: &'a str,
    text: &'a str,
}

impl Script<'_> {
    fn line(&self, command: &str) -> Option<u32> {
        let skipped = self.begins.unwrap_or(1).saturating_sub(1) as usize;
        let position = self.whole.lines().skip(skipped).position(|line| line.contains(command));
        position.map_or(self.begins, |position| Some((skipped + position) as u32 + 1))
    }
}

fn without_prefixes(words: Vec<String>) -> Vec<String> {
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.peek() {
        let is_prefix = is_assignment(word)
            || matches!(
                word.as_str(),
                "sudo" | "time" | "env" | "xvfb-run" | "command" | "exec" | "-a" | "-E"
            );
        if !is_prefix {
            break;
        }
        words.next();
    }
    words.collect()
}

/// A folder from another; `None` outside of the repository or where only the machine knows.
fn join(folder: &str, to: &str) -> Option<String> {
    if to.starts_with(['/', '~']) || to.contains('$') {
        return None;
    }
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in to.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

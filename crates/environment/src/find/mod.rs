//! Finding the environment of a repository: pure functions from its files and the facts of a machine.
//!
//! In the order of trust: what the user says ([`Configured`]), and the repository's own `syndarix.toml`; what prepared workspaces and continuous integration run
//! ([`ci`]), as far as an ecosystem recognises it; manifests and lock files; version files. Each ecosystem is one file.

mod c;
mod ci;
mod command;
mod configured;
mod dot_net;
mod elixir;
mod folder;
mod folders;
mod go;
mod java;
mod javascript;
mod json;
mod make;
mod php;
mod programs;
mod python;
mod ruby;
mod rust;
mod toolchain;
mod version;
mod within;
mod yaml;

use ci::Ci;
pub(crate) use command::line;
pub use command::words;
pub use configured::{Command, Configured, ConfiguredPart};
use folder::{Folder, Found};
pub(crate) use python::{is_requirements, is_test};

use crate::environment::{Check, CheckKind, Ecosystem, Environment, Part, Step, VERSION, Witness};
use crate::machine::Machine;
use crate::repository::Repository;

/// What reads one ecosystem's files of a folder.
type Finder = fn(&Folder<'_>) -> Option<Found>;

/// The ecosystems; where a folder's files show several, the first that has tests is the main one.
const ECOSYSTEMS: &[(Ecosystem, Finder)] = &[
    (Ecosystem::Rust, rust::find),
    (Ecosystem::Go, go::find),
    (Ecosystem::Java, java::find),
    (Ecosystem::DotNet, dot_net::find),
    (Ecosystem::Elixir, elixir::find),
    (Ecosystem::Python, python::find),
    (Ecosystem::JavaScript, javascript::find),
    (Ecosystem::Php, php::find),
    (Ecosystem::Ruby, ruby::find),
];

/// The name of the file in which a repository says itself what its environment is.
pub const SETTINGS: &str = "syndarix.toml";
/// Where the user says it.
const USER: &str = "your configuration";

/// What is needed to work on these files on this machine.
pub fn find(repository: &Repository, machine: &Machine, configured: &Configured) -> Environment {
    find_within(repository, machine, configured, "")
}

/// What is needed to work on one folder of these files, which is empty for all of them.
pub fn find_within(
    repository: &Repository,
    machine: &Machine,
    configured: &Configured,
    within: &str,
) -> Environment {
    let ci = Ci::of(repository);
    let mut environment = Environment { version: VERSION, ..Environment::default() };
    environment.notes.extend(ci.notes.iter().cloned());
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for path in folders::candidates(repository) {
        let folder = Folder { repository, machine, ci: &ci, path: &path };
        if environment.parts.len() == folders::PARTS {
            environment.notes.push(format!(
                "more than {} folders have manifests of their own: {path} and those after it are left out",
                folders::PARTS
            ));
            break;
        }
        let above = |ecosystem| folders::speaks_for(&environment.parts, &path, ecosystem);
        let (part, found) = part(&folder, &above);
        for found in found {
            told.push((path.clone(), found.notes));
            environment.missing.extend(found.missing);
        }
        environment.parts.extend(part);
    }
    configured_in(repository, &mut environment);
    configure(&mut environment, configured, &Witness { file: USER.to_owned(), line: None });
    if !within.is_empty() {
        let folder = Folder { repository, machine, ci: &ci, path: within };
        within::restrict(&mut environment, within, part(&folder, &|_| false).0);
        told.retain(|(path, _)| environment.parts.iter().any(|part| part.folder == *path));
    }
    environment.notes.extend(told.into_iter().flat_map(|(_, notes)| notes));
    environment.notes.extend(repository.submodules.keys().map(|path| {
        format!("{path} is a submodule: its files can be read and run, but belong to another repository")
    }));
    for part in &environment.parts {
        for missing in programs::missing_of(part, machine) {
            if environment.missing.iter().all(|known| known.what != missing.what) {
                environment.missing.push(missing);
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    environment.missing.retain(|missing| seen.insert(missing.what.clone()));
    let mut said = std::collections::BTreeSet::new();
    environment.notes.retain(|note| said.insert(note.clone()));
    environment
}

/// The part that a folder is, and what was found for it.
fn part(folder: &Folder<'_>, above: &dyn Fn(Ecosystem) -> bool) -> (Option<Part>, Vec<Found>) {
    let mut all: Vec<(Ecosystem, Found)> = Vec::new();
    for (ecosystem, finder) in ECOSYSTEMS {
        if !above(*ecosystem) {
            all.extend(finder(folder).map(|found| (*ecosystem, found)));
        }
    }
    // A build system for C beside another manifest is that one's own step.
    if all.iter().all(|(_, found)| !found.has_tests()) && !above(Ecosystem::C) {
        all.extend(c::find(folder, all.is_empty()).map(|found| (Ecosystem::C, found)));
    }
    // What has neither set-up nor checks is no reason to work here, once there is another.
    let does = |found: &Found| !found.set_up.is_empty() || !found.checks.is_empty();
    if all.iter().any(|(_, found)| found.has_tests()) {
        all.retain(|(ecosystem, found)| found.has_tests() || needed_beside(*ecosystem, found, folder));
    } else if all.iter().any(|(_, found)| does(found)) {
        all.retain(|(_, found)| does(found));
    }
    all.sort_by_key(|(_, found)| !found.has_tests());
    if all.iter().all(|(_, found)| !does(found)) {
        return (None, all.into_iter().map(|(_, found)| found).collect());
    }
    let mut part = Part {
        folder: folder.path.to_owned(),
        ecosystems: all.iter().map(|(ecosystem, _)| *ecosystem).collect(),
        tools: Vec::new(),
        set_up: Vec::new(),
        checks: Vec::new(),
        inputs: Vec::new(),
        variables: Vec::new(),
        path: Vec::new(),
    };
    for (_, found) in &mut all {
        part.tools.append(&mut found.tools);
        part.set_up.append(&mut found.set_up);
        part.checks.append(&mut found.checks);
        part.inputs.append(&mut found.inputs);
        part.path.append(&mut found.path);
        for (name, value) in std::mem::take(&mut found.variables) {
            if part.variables.iter().all(|(known, _)| *known != name) {
                part.variables.push((name, value));
            }
        }
    }
    make::take_over(folder, &mut part);
    part.checks.sort_by_key(|check| check.kind);
    part.inputs.sort();
    part.inputs.dedup();
    let found = all.into_iter().map(|(_, found)| found).collect();
    (Some(part), found)
}

/// Whether an ecosystem without tests of its own still has to be set up for another's: a package with a front end that
/// continuous integration installs as well.
fn needed_beside(ecosystem: Ecosystem, found: &Found, folder: &Folder<'_>) -> bool {
    let programs: &[&str] = match ecosystem {
        Ecosystem::JavaScript => &["npm", "pnpm", "yarn", "bun"],
        Ecosystem::Python => &["pip", "pip3", "uv", "poetry"],
        Ecosystem::Ruby => &["bundle"],
        Ecosystem::Php => &["composer"],
        _ => return false,
    };
    let installs = |words: &[String]| {
        words.first().is_some_and(|word| programs.contains(&word.as_str()))
            && words.get(1).is_some_and(|word| ["install", "ci", "sync", "i"].contains(&word.as_str()))
            && !words.iter().any(|word| word == "-g" || word == "--global")
    };
    !found.set_up.is_empty() && folder.lines().any(|line| installs(&line.words))
}

/// Puts what the repository's own file says in the place of what was found.
fn configured_in(repository: &Repository, environment: &mut Environment) {
    let Some(text) = repository.text(SETTINGS) else { return };
    match Configured::in_repository(text) {
        Ok((said, ignored)) => {
            let line = text.lines().position(|line| line.trim_start().starts_with("[environment"));
            let line = line.map(|position| position as u32 + 1);
            configure(environment, &said, &Witness { file: SETTINGS.to_owned(), line });
            environment.notes.extend(ignored.into_iter().map(|key| {
                format!("`{key}` in the repository's own {SETTINGS} is not followed: it belongs into your configuration")
            }));
        }
        Err(error) => environment.notes.push(format!(
            "the repository's own {SETTINGS} is not followed, because it cannot be read: {}",
            error.message()
        )),
    }
}

/// Puts what is said in the place of what was found.
fn configure(environment: &mut Environment, configured: &Configured, witness: &Witness) {
    for (folder, said) in configured.folders() {
        let position = environment.parts.iter().position(|part| part.folder == folder).unwrap_or_else(|| {
            let at = usize::from(environment.parts.first().is_some_and(|part| part.folder.is_empty()));
            let at = if folder.is_empty() { 0 } else { at };
            let part = Part {
                folder: folder.clone(),
                ecosystems: vec![Ecosystem::Other],
                tools: Vec::new(),
                set_up: Vec::new(),
                checks: Vec::new(),
                inputs: Vec::new(),
                variables: Vec::new(),
                path: Vec::new(),
            };
            environment.parts.insert(at, part);
            at
        });
        let part = &mut environment.parts[position];
        if let Some(commands) = &said.set_up {
            part.set_up = commands
                .iter()
                .map(|command| Step { command: command.words(), witness: witness.clone() })
                .collect();
        }
        if let Some(commands) = &said.checks {
            part.checks = commands
                .iter()
                .map(|command| Check {
                    kind: CheckKind::Tests,
                    command: command.words(),
                    witness: witness.clone(),
                })
                .collect();
        }
        for (name, value) in &said.variables {
            part.variables.retain(|(known, _)| known != name);
            part.variables.push((name.clone(), value.clone()));
        }
        if said.set_up.is_some() || said.checks.is_some() {
            // What the found commands lacked may not be missed by these: only programs are looked for again.
            let needs_tools = !part.set_up.is_empty() || !part.checks.is_empty();
            environment.missing.retain(|missing| needs_tools && missing.witness.file != witness.file);
            let replaced = said.set_up.is_some() && said.checks.is_some();
            let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            environment.missing.retain(|missing| !(replaced && missing.witness.file.starts_with(&prefix)));
        }
    }
}

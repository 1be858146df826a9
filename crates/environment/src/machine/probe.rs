//! Looking at this machine.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::installed::{self, Place};
use super::{Installed, Machine, Variable};

/// Folders of a search path, and programs of one of them, that are looked at.
const FOLDERS: usize = 200;
const PROGRAMS: usize = 20_000;
/// How long a program may take to say its version. Those that take longer, such as a shim that wants to install
/// something, are not known.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether it has said so.
const INTERVAL: Duration = Duration::from_millis(5);
/// What a program may say before its version.
const VERSION_BYTES: u64 = 4096;

/// A language, the programs by which it is reached, and how they are asked for their version.
const LANGUAGES: &[(&str, &[&str], &str)] = &[
    ("python", &["python3", "python"], "--version"),
    ("node", &["node"], "--version"),
    ("go", &["go"], "version"),
    ("java", &["javac", "java"], "-version"),
    ("ruby", &["ruby"], "--version"),
    ("php", &["php"], "--version"),
    ("rust", &["rustc"], "--version"),
    ("dotnet", &["dotnet"], "--version"),
    ("elixir", &["elixir"], "--version"),
];

/// The facts of this machine: what a search path reaches, and what version managers have installed. Environment variables
/// are asked for by name.
pub fn probe(path: &OsStr, variable: Variable<'_>) -> Machine {
    let programs = programs(path);
    let mut installed: BTreeMap<String, Vec<Installed>> = BTreeMap::new();
    for place in installed::places(variable) {
        let version = match &place.version {
            Some(version) => Some(version.clone()),
            None => ask(&place.bin.join(place.program), place.asks),
        };
        let Some(version) = version else { continue };
        let Place { language, bin, by, .. } = place;
        let known = installed.entry(language.to_owned()).or_default();
        if known.iter().all(|one| one.bin != bin || one.version != version) {
            known.push(Installed { version, bin, by: by.to_owned() });
        }
    }
    for (language, names, asks) in LANGUAGES {
        let known = installed.entry((*language).to_owned()).or_default();
        known.sort_by_key(|one| std::cmp::Reverse(installed::numbers(&one.version)));
        let Some(program) = names.iter().find_map(|name| programs.get(*name)) else { continue };
        let default = default(program, language, asks, known, variable);
        if let Some(default) = default {
            known.retain(|one| one.bin != default.bin || one.version != default.version);
            known.insert(0, default);
        }
    }
    installed.retain(|_, versions| !versions.is_empty());
    Machine { programs, installed }
}

/// The version that the search path reaches: behind a version manager's shim, the real one.
fn default(
    program: &Path,
    language: &str,
    asks: &str,
    known: &[Installed],
    variable: Variable<'_>,
) -> Option<Installed> {
    if let Some(manager) = installed::shim(program, variable) {
        let named = installed::selected(manager, language, variable);
        let by_manager = || known.iter().filter(|one| one.by == manager);
        let selected = named.and_then(|named| by_manager().find(|one| one.version.starts_with(named.trim())));
        return selected.or_else(|| by_manager().next()).cloned();
    }
    // What the path reaches through links is where its libraries are.
    let real = program.canonicalize().ok()?;
    let folders = [program.parent()?, real.parent()?];
    let version = || ask(program, asks);
    let here: Vec<&Installed> = known.iter().filter(|one| folders.contains(&one.bin.as_path())).collect();
    match here.as_slice() {
        [] => {
            let bin = program.parent()?.to_owned();
            Some(Installed { version: version()?, bin, by: "search path".to_owned() })
        }
        [one] => Some((*one).clone()),
        // A folder with several versions: the one that answers to the plain name.
        several => {
            let version = version()?;
            let same = several.iter().find(|one| version.starts_with(&one.version) || one.version == version);
            Some(Installed { version, ..(*same.copied().unwrap_or(several[0])).clone() })
        }
    }
}

/// The programs on a search path, the first of each name.
fn programs(path: &OsStr) -> BTreeMap<String, PathBuf> {
    let mut programs = BTreeMap::new();
    for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()).take(FOLDERS) {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().take(PROGRAMS) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !programs.contains_key(&name) && is_program(&entry.path()) {
                programs.insert(name, entry.path());
            }
        }
    }
    programs
}

pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The version that a program says it has.
fn ask(program: &Path, how: &str) -> Option<String> {
    let mut child = Command::new(program)
        .arg(how)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let asked = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(_)) => break true,
            Ok(None) if asked.elapsed() < PATIENCE => std::thread::sleep(INTERVAL),
            _ => break false,
        }
    };
    if !ended {
        // Both may fail where it ended just now.
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    let mut text = String::new();
    child.stdout.take()?.take(VERSION_BYTES).read_to_string(&mut text).ok()?;
    // Java says it on the other one.
    child.stderr.take()?.take(VERSION_BYTES).read_to_string(&mut text).ok()?;
    installed::version_in(&text)
}

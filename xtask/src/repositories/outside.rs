//! A package's own tests, run as its documents say, where nothing is confined.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use syndarix_environment::results::{self, TestResults};

use super::Outcome;
use super::command::{self, Kept};
use super::list::Package;

/// How long one command of a recipe may take. The slowest takes two minutes on two busy cores.
const PATIENCE: Duration = Duration::from_mins(15);

/// The most bytes of one report that are read; the largest on the list has a few hundred kilobytes.
const REPORT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What the run outside came to.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) results: TestResults,
    pub(crate) set_up_took: Duration,
    pub(crate) tests_took: Duration,
}

/// Clones the repository, at a branch or at what is checked out, follows the recipe in the clone, and returns how its tests
/// ended. A recipe that does not pass is an error: then there is nothing to compare with.
pub(crate) fn run(
    package: &Package,
    repository: &Path,
    branch: Option<&str>,
    folder: &Path,
) -> Outcome<Reference> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let clone = folder.join("clone");
    let log = folder.join("outside.log");
    let run = |command: &mut Command| {
        // Where this workspace builds is no place for what others build.
        let finished = command::run(command.env_remove("CARGO_TARGET_DIR"), Kept::Together(&log), PATIENCE)?;
        if finished.succeeded() {
            Ok(finished)
        } else {
            Err(format!("outside, {command:?} {}", finished.describe()))
        }
    };
    let at = branch.map(|branch| ["--branch", branch]);
    run(Command::new("git")
        .args(["clone", "--quiet"])
        .args(at.into_iter().flatten())
        .arg(repository)
        .arg(&clone))?;
    let mut set_up_took = Duration::ZERO;
    for line in &package.set_up {
        set_up_took += run(Command::new("sh").current_dir(&clone).args(["-c", line]))?.took;
    }
    let tests = run(Command::new("sh").current_dir(&clone).args(["-c", &package.test]))?;
    let mut reports = Vec::new();
    for pattern in &package.reports {
        for path in matching(&clone, pattern)? {
            let read = fs::metadata(&path).and_then(|found| {
                if found.len() > REPORT_BYTES_MAX { Ok(Vec::new()) } else { fs::read(&path) }
            });
            reports.push(read.map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    let (results, unreadable) = results::gather(&tests.output, &reports);
    if let Some(error) = unreadable.first() {
        return Err(format!("outside, a report cannot be read: {error}"));
    }
    Ok(Reference { results: results.unwrap_or_default(), set_up_took, tests_took: tests.took })
}

/// The files that a pattern names, in order.
fn matching(root: &Path, pattern: &str) -> Outcome<Vec<PathBuf>> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let Some((start, end)) = name.split_once('*') else { return Ok(vec![root.join(pattern)]) };
    let folder = root.join(folder);
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        })
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    Ok(paths)
}

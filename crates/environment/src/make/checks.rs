//! Running an environment's checks in a worktree.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use syndarix_core::task::Check as Command;
use syndarix_tools::check;
use syndarix_tools::workspace_server::Prepared;

use super::workshop::Workshop;
use crate::environment::{Check, CheckKind, Environment};
use crate::results::{self, TestResults};

/// The folder of reports, in the home of a check.
pub(super) const REPORTS: &str = "reports";
/// The most report files of one check that are read: a module of a large build each.
const REPORT_FILES: usize = 2_000;
/// The largest report file that is read.
const REPORT_BYTES: u64 = 64 * 1024 * 1024;
/// How much of a check's output is read for the results of single tests: some hundred thousand lines.
const READ_BYTES: usize = 16 * 1024 * 1024;
/// How much of it is kept.
const KEPT_BYTES: usize = 64 * 1024;
/// How deep report files are looked for, in folders below the part's own.
const REPORT_DEPTH: usize = 8;

/// A shell's exit code for what it could not find, and for what it could not run.
const CANNOT_START: [i32; 2] = [127, 126];

/// What is checked.
#[derive(Debug, Clone, Copy)]
pub struct Checking<'a> {
    /// Whose checks.
    pub environment: &'a Environment,
    /// What was prepared for its commands.
    pub prepared: &'a Prepared,
    /// The worktree.
    pub root: &'a Path,
    /// For home and temporary files; a fresh one, so that nothing reaches this check from what ran before.
    pub scratch: &'a Path,
    /// The folders the worktree borrows from.
    pub read_only: &'a [PathBuf],
}

/// How a check ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    /// The part's folder.
    pub folder: String,
    /// What it looks at.
    pub kind: CheckKind,
    /// The command.
    pub command: Vec<String>,
    /// Its exit code, as a shell tells it.
    pub exit_code: i32,
    /// Whether nothing was checked, because the command or what it needs is not there.
    pub cannot_start: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// What it printed, as people read it.
    pub output: String,
    /// How single tests ended, where the runner tells.
    pub results: Option<TestResults>,
}

impl CheckRun {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.exit_code == 0
    }
}

/// Runs the checks in order, for as long as `goes_on` says so of each.
pub(super) async fn run(
    workshop: &Workshop,
    checking: Checking<'_>,
    goes_on: &mut (dyn FnMut(&CheckRun) -> bool + Send),
) -> Result<Vec<CheckRun>, syndarix_tools::Error> {
    let mut runs = Vec::new();
    for part in &checking.environment.parts {
        for check in &part.checks {
            let run = one(workshop, &checking, &part.folder, check).await?;
            let last = !goes_on(&run);
            runs.push(run);
            if last {
                return Ok(runs);
            }
        }
    }
    Ok(runs)
}

async fn one(
    workshop: &Workshop,
    checking: &Checking<'_>,
    folder: &str,
    check: &Check,
) -> Result<CheckRun, syndarix_tools::Error> {
    let Checking { prepared, root, scratch, read_only, .. } = checking;
    let inside = prepared.home(scratch).join(REPORTS);
    let outside = prepared.home_outside(scratch).join(REPORTS);
    // What cannot be made is missed by the runner, which then says so.
    let _ = std::fs::create_dir_all(&outside);
    let asked = results::reporting(&check.command, &inside.to_string_lossy());
    let mut prepared = (*prepared).clone();
    prepared.variables.extend(asked.variables);
    let mut options = workshop.command_options(root, scratch, prepared, read_only.to_vec());
    folder.clone_into(&mut options.folder);
    options.limits.output_bytes = READ_BYTES;
    let report = check::run(&Command { command: asked.command.clone() }, options).await?;
    let place = root.join(folder);
    let read = tokio::task::spawn_blocking(move || {
        let mut reports = matching(&place, &asked.files);
        reports.extend(matching(&outside, &asked.reports));
        reports
    });
    let reports = read.await.unwrap_or_default();
    let output = String::from_utf8_lossy(&report.output).into_owned();
    let (found, _unreadable) = results::gather(&output, &reports);
    let came_to_tests = found.as_ref().is_some_and(|results| !results.is_empty());
    Ok(CheckRun {
        folder: folder.to_owned(),
        kind: check.kind,
        command: check.command.clone(),
        exit_code: report.exit_code,
        cannot_start: cannot_start(report.exit_code, &output, came_to_tests),
        duration_ms: report.duration_ms,
        output: shortened(results::readable(&asked.command, &output)),
        results: found,
    })
}

/// A text with its middle left out where it is too long to be kept: errors stand at its beginning or its end.
fn shortened(text: String) -> String {
    if text.len() <= KEPT_BYTES {
        return text;
    }
    let first = text.floor_char_boundary(KEPT_BYTES / 2);
    let last = text.ceil_char_boundary(text.len() - KEPT_BYTES / 2);
    format!("{}\n… {} bytes left out …\n{}", &text[..first], last - first, &text[last..])
}

/// Whether a command came to nothing because something it needs is not there, and not because of what it checked.
fn cannot_start(exit_code: i32, output: &str, came_to_tests: bool) -> bool {
    if exit_code == 0 || came_to_tests {
        return false;
    }
    let lacks_its_runner = output.lines().rev().take(20).any(|line| {
        line.contains(": No module named pytest")
            || line.contains(": No module named tox")
            || line.contains(": No module named nox")
            || (line.starts_with("sh: ") && line.trim_end().ends_with("not found"))
    });
    CANNOT_START.contains(&exit_code) || lacks_its_runner
}

/// The contents of the report files below a folder. Links are not followed: an agent may have made them.
fn matching(folder: &Path, globs: &[String]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    if globs.is_empty() {
        return contents;
    }
    let mut overrides = ignore::overrides::OverrideBuilder::new(folder);
    for glob in globs {
        if overrides.add(glob).is_err() {
            return contents;
        }
    }
    let Ok(overrides) = overrides.build() else { return contents };
    let mut walker = ignore::WalkBuilder::new(folder);
    walker.standard_filters(false).follow_links(false).max_depth(Some(REPORT_DEPTH)).overrides(overrides);
    let files = walker
        .build()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    for entry in files.take(REPORT_FILES) {
        let mut content = Vec::new();
        let read =
            File::open(entry.path()).and_then(|file| file.take(REPORT_BYTES).read_to_end(&mut content));
        if read.is_ok() {
            contents.push(content);
        }
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_start_is_told_from_what_fails() {
        for (exit_code, output, tests, expected) in [
            (127, "", false, true),
            (1, "/workspace/a/.venv/bin/python: No module named pytest\n", false, true),
            (127, "sh: 1: mocha: not found\n", false, true),
            (1, "sh: 1: mocha: not found\n", false, true),
            (1, "FAILED tests/test_a.py::test_b\n", true, false),
            (1, "E   ModuleNotFoundError: No module named 'requests'\n", false, false),
            (127, "1 passed, then sh: 1: x: not found", true, false),
            (0, "", false, false),
        ] {
            assert_eq!(cannot_start(exit_code, output, tests), expected, "{exit_code} {output}");
        }
    }
}

//! jest: files by default, single tests with `--verbose` and where they fail.

use super::super::lines::{count_before, indent, without_duration};
use super::super::{Outcome, TestResults};
use super::nest::INSIDE;

/// Names are `src/a.test.js › shapes › has a square`; a file whose tests are not listed stands for them.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.starts_with("Test Suites: ") && line.ends_with(" total")) {
        return None;
    }
    let mut results = TestResults::default();
    let mut file: Option<File<'_>> = None;
    let mut suites: Vec<(usize, &str)> = Vec::new();
    for line in lines {
        let text = line.trim();
        let depth = indent(line);
        if let Some(next) = File::read(line) {
            close(&mut results, file.replace(next));
            suites.clear();
        } else if let Some(rest) = line.strip_prefix("Tests: ") {
            let failed = count_before(rest, "failed").unwrap_or(0);
            results.failed = Some(results.failed.unwrap_or(0) + failed);
        } else if let Some(open) = &mut file {
            if let Some(title) = line.strip_prefix("  ● ") {
                open.listing = false;
                if open.outcome == Outcome::Failed && title != "Console" {
                    open.told = true;
                    let name = if title == "Test suite failed to run" {
                        open.path.to_owned()
                    } else {
                        format!("{}{INSIDE}{title}", open.path)
                    };
                    results.add(&name, Outcome::Failed);
                }
            } else if text.is_empty() || depth < 2 {
                open.listing = false;
            } else if open.listing {
                suites.retain(|(at, _)| *at < depth);
                match test(text) {
                    Some((title, outcome)) => {
                        open.told = true;
                        open.complete = true;
                        let mut name = format!("{}{INSIDE}", open.path);
                        name.extend(suites.iter().flat_map(|(_, suite)| [*suite, INSIDE]));
                        name.push_str(without_duration(title));
                        results.add(&name, outcome);
                    }
                    None => suites.push((depth, text)),
                }
            }
        }
    }
    close(&mut results, file);
    Some(results)
}

/// The part of an output that is about one file.
#[derive(Debug)]
struct File<'a> {
    path: &'a str,
    outcome: Outcome,
    /// Whether its list of tests may still go on.
    listing: bool,
    /// Whether a test of it was named.
    told: bool,
    /// Whether all of them were.
    complete: bool,
}

impl<'a> File<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (outcome, rest) = match line.strip_prefix("PASS ") {
            Some(rest) => (Outcome::Passed, rest),
            None => (Outcome::Failed, line.strip_prefix("FAIL ")?),
        };
        // A project's name may stand before the path.
        let path = without_duration(rest).split_whitespace().last()?;
        path.contains('.').then_some(Self { path, outcome, listing: true, told: false, complete: false })
    }
}

fn close(results: &mut TestResults, file: Option<File<'_>>) {
    let Some(file) = file else { return };
    if !file.told {
        results.add(file.path, file.outcome);
    }
    results.partial |= !file.complete;
}

fn test(text: &str) -> Option<(&str, Outcome)> {
    let marks = [
        ("✓ ", Outcome::Passed),
        ("√ ", Outcome::Passed),
        ("✕ ", Outcome::Failed),
        ("× ", Outcome::Failed),
        ("○ skipped ", Outcome::Skipped),
        ("✎ todo ", Outcome::Skipped),
    ];
    marks.iter().find_map(|(mark, outcome)| Some((text.strip_prefix(mark)?, *outcome)))
}

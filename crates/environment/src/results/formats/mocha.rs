//! mocha's `spec` reporter; of its others, such as `dot`, only the count of what failed.

use super::super::lines::{count_before, indent, without_duration};
use super::super::{Outcome, TestResults};
use super::nest::INSIDE;

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let passing = |line: &str| {
        line.starts_with("  ") && line.trim().contains(" passing") && count_before(line, "passing").is_some()
    };
    if !lines.iter().any(|line| passing(line)) {
        return None;
    }
    let mut results = TestResults::default();
    // The suites that are open, with their indentation.
    let mut suites: Vec<(usize, &str)> = Vec::new();
    let mut told = false;
    let mut passed = 0;
    let mut failed = None;
    for line in lines {
        if passing(line) {
            told = true;
            passed += count_before(line, "passing").unwrap_or(0);
            continue;
        }
        let text = line.trim();
        let depth = indent(line);
        if told {
            // Details follow, up to the end or the next package's script.
            if depth == 2 && text.ends_with(" failing") {
                failed = Some(failed.unwrap_or(0) + count_before(text, "failing").unwrap_or(0));
            }
            told = !line.starts_with("> ");
            continue;
        }
        if depth < 2 || text.is_empty() {
            continue;
        }
        suites.retain(|(at, _)| *at < depth);
        match test(text) {
            Some((title, outcome)) => {
                let mut name: String = suites.iter().flat_map(|(_, suite)| [*suite, INSIDE]).collect();
                name.push_str(without_duration(title));
                results.add(&name, outcome);
            }
            None => suites.push((depth, text)),
        }
    }
    let named = results.with(Outcome::Passed).count() as u64;
    results.partial = named < passed;
    results.failed = failed.or(Some(0));
    Some(results)
}

/// A line of a test: marked as passed, numbered as failed, or with the dash of one that is pending.
fn test(text: &str) -> Option<(&str, Outcome)> {
    if let Some(title) = ["✔ ", "✓ ", "√ "].iter().find_map(|mark| text.strip_prefix(mark)) {
        return Some((title, Outcome::Passed));
    }
    if let Some(title) = text.strip_prefix("- ") {
        return Some((title, Outcome::Skipped));
    }
    let (number, title) = text.split_once(") ")?;
    number.chars().all(|c| c.is_ascii_digit()).then_some((title, Outcome::Failed))
}

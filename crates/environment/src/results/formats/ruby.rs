//! RSpec: its documentation format, and the list of what failed without it.

use super::super::lines::{count_before, indent};
use super::super::{Outcome, TestResults};
use super::nest::INSIDE;

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let is_end = |line: &&str| {
        let failures = count_before(line, "failures").or_else(|| count_before(line, "failure"));
        failures.is_some() && (line.contains(" examples, ") || line.contains(" example, "))
    };
    let end = lines.iter().find(|line| is_end(line))?;
    let mut results = TestResults::default();
    let mut groups: Vec<(usize, &str)> = Vec::new();
    let until = lines
        .iter()
        .position(|line| {
            line.starts_with("Failures:") || line.starts_with("Pending:") || line.starts_with("Finished in")
        })
        .unwrap_or(lines.len());
    for (at, line) in lines[..until].iter().enumerate() {
        let depth = indent(line);
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        groups.retain(|(open, _)| *open < depth);
        // A group is what something deeper follows.
        let is_group =
            lines[at + 1..until].first().is_some_and(|next| indent(next) > depth && !next.trim().is_empty());
        if is_group {
            groups.push((depth, text));
        } else if !groups.is_empty() {
            let (title, outcome) = example(text);
            let mut name: String = groups.iter().flat_map(|(_, group)| [*group, INSIDE]).collect();
            name.push_str(title);
            results.add(&name, outcome);
        }
    }
    let ran = count_before(end, "examples").or_else(|| count_before(end, "example")).unwrap_or(0);
    results.failed = count_before(end, "failures").or_else(|| count_before(end, "failure"));
    if (results.tests.len() as u64) < ran {
        // It was another format: what looked like examples was output. The failures are listed behind their place.
        results.tests.clear();
        results.partial = true;
        for failed in lines.iter().filter_map(|line| line.strip_prefix("rspec ")) {
            if let Some((_, title)) = failed.split_once(" # ") {
                results.add(title, Outcome::Failed);
            }
        }
    }
    Some(results)
}

fn example(text: &str) -> (&str, Outcome) {
    if let Some((title, _)) = text.rsplit_once(" (FAILED - ") {
        return (title, Outcome::Failed);
    }
    match text.rsplit_once(" (PENDING: ") {
        Some((title, _)) => (title, Outcome::Skipped),
        None => (text, Outcome::Passed),
    }
}

//! The `spec` reporter of `node --test`, and ava's.

use super::super::lines::{count_before, indent, without_duration};
use super::super::{Outcome, TestResults};
use super::nest::Nest;

/// node's reporter: a suite's own line follows its tests.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.starts_with("ℹ tests ")) {
        return None;
    }
    let mut results = TestResults::default();
    let mut nest = Nest::default();
    // Whether what failed is being told again, up to the end or the next package's script.
    let mut told = false;
    for line in lines {
        if told {
            told = !line.starts_with("> ");
            continue;
        }
        if line.starts_with("ℹ ") {
            results = results.merged(std::mem::take(&mut nest).finish());
            continue;
        }
        let text = line.trim();
        let Some((mark, title)) = text.split_once(' ') else { continue };
        let timed = without_duration(title) != title.trim_end();
        let outcome = match mark {
            "✔" => Outcome::Passed,
            "✖" if text == "✖ failing tests:" => {
                told = true;
                continue;
            }
            "✖" => Outcome::Failed,
            "﹣" => Outcome::Skipped,
            // node 18 closes a suite with the mark that opens it, and the time it took.
            "▶" if timed => Outcome::Passed,
            _ => continue,
        };
        let (title, directive) = match title.rsplit_once(") # ") {
            Some((timed, directive)) => (&title[..=timed.len()], directive),
            None => (title, ""),
        };
        let outcome = match outcome {
            Outcome::Failed if directive.starts_with("TODO") => Outcome::Skipped,
            Outcome::Passed if directive.starts_with("SKIP") => Outcome::Skipped,
            outcome => outcome,
        };
        nest.result(indent(line), without_duration(title), outcome);
    }
    Some(results.merged(nest.finish()))
}

/// ava's reporter: `✔ file › adds`, `✘ [fail]: file › is wrong`.
pub(super) fn read_ava(lines: &[&str]) -> Option<TestResults> {
    let is_end = |line: &&str| {
        let text = line.trim();
        ["tests passed", "test passed", "tests failed", "test failed"].iter().any(|end| {
            text.strip_suffix(end).is_some_and(|count| count.trim_end().chars().all(|c| c.is_ascii_digit()))
        })
    };
    let end = lines.iter().position(is_end)?;
    let mut results = TestResults::default();
    for line in &lines[..end] {
        let text = line.trim();
        let marks = [
            ("✔ ", Outcome::Passed),
            ("✘ [fail]: ", Outcome::Failed),
            ("✖ [fail]: ", Outcome::Failed),
            ("- [skip] ", Outcome::Skipped),
            ("- [todo] ", Outcome::Skipped),
        ];
        let found = marks.iter().find_map(|(mark, outcome)| Some((text.strip_prefix(mark)?, *outcome)));
        if let Some((title, outcome)) = found {
            results.add(without_duration(title), outcome);
        }
    }
    results.failed = lines.iter().find_map(|line| count_before(line, "failed"));
    Some(results)
}

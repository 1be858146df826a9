//! ExUnit with `--trace`, and the numbered list of what failed without it.

use super::super::lines::{count_before, without_duration};
use super::super::{Outcome, TestResults};

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let is_end = |line: &&str| {
        (line.contains(" tests, ") || line.contains(" test, ") || line.contains(" doctests, "))
            && count_before(line, "failures").or_else(|| count_before(line, "failure")).is_some()
            && line.starts_with(|c: char| c.is_ascii_digit())
    };
    let end = lines.iter().find(|line| is_end(line))?;
    let mut results = TestResults::default();
    let mut module = "";
    let mut failed: Vec<String> = Vec::new();
    for line in lines {
        let text = line.trim();
        if let Some(test) = text.strip_prefix("* ") {
            // A line is written when a test begins and again when it ended, with its time and place.
            let Some((title, _)) = test.rsplit_once(" [L#") else { continue };
            let (title, outcome) = match title.rsplit_once(" (skipped)") {
                Some((title, _)) => (title, Outcome::Skipped),
                None if without_duration(title) == title => continue,
                None => (without_duration(title), Outcome::Passed),
            };
            results.add(&format!("{module} {title}"), outcome);
        } else if let Some((name, _)) = text.split_once(" [").filter(|(_, file)| file.ends_with(".exs]")) {
            module = name;
        } else if let Some((number, test)) = text.split_once(") ")
            && number.chars().all(|c| c.is_ascii_digit())
            && let Some((title, module)) = test.strip_suffix(')').and_then(|test| test.rsplit_once(" ("))
        {
            failed.push(format!("{module} {title}"));
        }
    }
    results.partial = results.tests.is_empty();
    for name in failed {
        results.add(&name, Outcome::Failed);
    }
    results.failed = count_before(end, "failures").or_else(|| count_before(end, "failure"));
    Some(results)
}

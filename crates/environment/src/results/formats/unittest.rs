//! Python's unittest: single tests with `-v`, else what failed.

use super::super::lines::count_before;
use super::super::{Outcome, TestResults};

/// Names are dotted: `tests.test_b.Case.test_good`.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let mut results = TestResults::default();
    let mut ran = None;
    // The test whose outcome follows on a later line: behind its description, or behind what it printed.
    let mut waiting: Option<String> = None;
    let mut heading = false;
    for line in lines {
        if let Some(count) = line
            .strip_prefix("Ran ")
            .and_then(|rest| count_before(rest, "tests").or_else(|| count_before(rest, "test")))
        {
            ran = Some(ran.unwrap_or(0) + count);
        } else if let Some(counts) = line.strip_prefix("FAILED (") {
            results.failed = Some(results.failed.unwrap_or(0) + failures(counts));
        } else if heading && let Some(name) = heading_name(line) {
            results.add(&name, Outcome::Failed);
        } else if let Some((name, rest)) = test_name(line) {
            match rest.rsplit_once(" ... ").or_else(|| rest.strip_suffix(" ...").map(|start| (start, ""))) {
                Some((_, end)) => match outcome(end) {
                    Some(outcome) => results.add(&name, outcome),
                    None => waiting = Some(name),
                },
                None => waiting = Some(name),
            }
        } else if let Some(name) = &waiting
            && let Some(outcome) = outcome(line.rsplit(" ... ").next().unwrap_or(line))
        {
            results.add(name, outcome);
            waiting = None;
        }
        heading = line.starts_with("======");
    }
    let ran = ran?;
    results.partial = (results.tests.len() as u64) < ran;
    results.failed = results.failed.or(Some(0));
    Some(results)
}

/// The name of `test_good (tests.test_b.Case.test_good) ... ok` and what follows it; before Python 3.11 the method was
/// not repeated in the parentheses.
fn test_name(line: &str) -> Option<(String, &str)> {
    let (method, rest) = line.split_once(" (")?;
    let (class, rest) = rest.split_once(')')?;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_dotted = !class.is_empty() && class.split('.').all(|part| is_word(part.trim_matches(['<', '>'])));
    if !is_word(method) || !is_dotted {
        return None;
    }
    // A module that cannot be imported is a test of the loader.
    if let Some(module) = class.strip_prefix("unittest.loader._FailedTest") {
        let module = module.trim_start_matches('.');
        return Some((if module.is_empty() { method } else { module }.to_owned(), rest));
    }
    let qualified = class.ends_with(&format!(".{method}"));
    Some((if qualified { class.to_owned() } else { format!("{class}.{method}") }, rest))
}

/// The test that a report of a failure is about: `FAIL: test_bad (tests.test_b.Case.test_bad)`.
fn heading_name(line: &str) -> Option<String> {
    let test =
        ["FAIL: ", "ERROR: ", "UNEXPECTED SUCCESS: "].iter().find_map(|word| line.strip_prefix(word))?;
    test_name(test).map(|(name, _)| name)
}

fn outcome(end: &str) -> Option<Outcome> {
    let end = end.trim();
    if end.starts_with("skipped") {
        return Some(Outcome::Skipped);
    }
    Some(match end {
        "expected failure" => Outcome::Skipped,
        "unexpected success" | "FAIL" | "ERROR" => Outcome::Failed,
        // What a test prints may stand right before it.
        end if end.ends_with("ok") => Outcome::Passed,
        end if end.ends_with("FAIL") || end.ends_with("ERROR") => Outcome::Failed,
        _ => return None,
    })
}

/// The sum of what failed in `failures=3, errors=1, skipped=1, unexpected successes=1)`.
fn failures(counts: &str) -> u64 {
    counts
        .trim_end_matches(')')
        .split(", ")
        .filter_map(|part| part.split_once('='))
        .filter(|(what, _)| matches!(*what, "failures" | "errors" | "unexpected successes"))
        .filter_map(|(_, count)| count.parse::<u64>().ok())
        .sum()
}

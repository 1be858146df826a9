//! pytest: single tests with `-v` and `-rA`, else what failed.

use super::super::lines::count_before;
use super::super::{Outcome, TestResults};

/// Names are pytest's own: `tests/test_a.py::TestC::test_in[a b]`; a file that could not be collected is one, too.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let mut results = TestResults::default();
    let mut passed = None;
    for line in lines {
        if let Some((name, outcome)) = verbose(line).or_else(|| summary(line)) {
            results.add(name, outcome);
        } else if is_end(line) {
            let count = |word| count_before(line, word).unwrap_or(0);
            passed = Some(passed.unwrap_or(0) + count("passed"));
            let failed = count("failed") + count("error") + count("errors");
            results.failed = Some(results.failed.unwrap_or(0) + failed);
        }
    }
    let named = results.with(Outcome::Passed).count() as u64;
    results.partial = named < passed?;
    Some(results)
}

/// The last line: `== 7 failed, 8 passed in 0.14s ==`, without the signs where `-q` is given.
fn is_end(line: &str) -> bool {
    let text = line.trim_matches(['=', ' ']);
    let Some((counts, time)) = text.rsplit_once(" in ") else { return false };
    time.starts_with(|c: char| c.is_ascii_digit())
        && (time.ends_with('s') || time.ends_with(')'))
        && counts.split(", ").all(|part| {
            part.split_once(' ').is_some_and(|(count, _)| count.chars().all(|c| c.is_ascii_digit()))
        })
}

/// `tests/test_a.py::test_good PASSED [  5%]`, or with pytest-xdist `[gw0] [  5%] PASSED tests/test_a.py::test_good`.
fn verbose(line: &str) -> Option<(&str, Outcome)> {
    if let Some(worker) = line.strip_prefix("[gw") {
        let (_, rest) = worker.split_once("%] ")?;
        let (word, name) = rest.split_once(' ')?;
        return Some((name.trim(), outcome(word)?));
    }
    let (name, rest) = line.split_once(".py::").map(|(file, _)| line.split_at(file.len() + ".py::".len()))?;
    if name.contains(' ') {
        return None;
    }
    // A parameter may hold any text: the last word of capitals that is an outcome is the outcome.
    let (at, found) = rest
        .rmatch_indices(' ')
        .find_map(|(at, _)| Some((at, outcome(rest[at + 1..].split(' ').next().unwrap_or_default())?)))?;
    Some((&line[..name.len() + at], found))
}

/// A line of the summary at the end: `FAILED tests/test_a.py::test_bad - assert 1 == 2`.
fn summary(line: &str) -> Option<(&str, Outcome)> {
    let (word, rest) = match line.strip_prefix("SUBFAILED") {
        Some(sub) => ("FAILED", sub.split_once(' ').filter(|(_, name)| name.contains("::"))?.1),
        None => line.split_once(' ')?,
    };
    let outcome = outcome(word)?;
    if !rest.split(' ').next()?.contains(".py") {
        return None;
    }
    // Square brackets of parameters may hold the dash that ends the name.
    let end = rest
        .match_indices(" - ")
        .map(|(at, _)| at)
        .find(|at| rest[..*at].matches('[').count() == rest[..*at].matches(']').count());
    Some((rest[..end.unwrap_or(rest.len())].trim(), outcome))
}

fn outcome(word: &str) -> Option<Outcome> {
    Some(match word {
        "PASSED" | "XPASS" => Outcome::Passed,
        "FAILED" | "ERROR" => Outcome::Failed,
        "SKIPPED" | "XFAIL" => Outcome::Skipped,
        _ => return None,
    })
}

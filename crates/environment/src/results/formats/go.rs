//! `go test`, with and without `-v`.

use super::super::{Outcome, TestResults};

/// Tests are named as Go names symbols: `example.org/shapes.TestArea/of_a_square`.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let mut results = TestResults::default();
    let mut seen = false;
    // Tests come before the line of their package.
    let mut tests: Vec<(String, Outcome)> = Vec::new();
    let mut verbose = false;
    for line in lines {
        if line.starts_with("=== RUN ") {
            verbose = true;
        } else if let Some(test) = test_line(line) {
            tests.push(test);
        } else if let Some((outcome, package)) = package_line(line) {
            seen = true;
            // A failing package is named where none of its tests says why: it was not built, or the process died.
            let named = tests.iter().any(|(_, outcome)| *outcome == Outcome::Failed);
            if (outcome == Outcome::Failed && !named) || (outcome == Outcome::Passed && tests.is_empty()) {
                results.add(package, outcome);
            }
            results.partial |= !verbose && !line.ends_with(" failed]");
            for (name, outcome) in without_parents(std::mem::take(&mut tests)) {
                results.add(&format!("{package}.{name}"), outcome);
            }
            verbose = false;
        }
    }
    seen.then_some(results)
}

/// `--- PASS: TestArea/of_a_square (0.00s)`, possibly behind what the test printed without a line end.
fn test_line(line: &str) -> Option<(String, Outcome)> {
    let (_, result) = line.split_once("--- ")?;
    let (outcome, rest) =
        [("PASS: ", Outcome::Passed), ("FAIL: ", Outcome::Failed), ("SKIP: ", Outcome::Skipped)]
            .into_iter()
            .find_map(|(word, outcome)| result.strip_prefix(word).map(|rest| (outcome, rest)))?;
    let (name, duration) = rest.split_once(" (")?;
    duration.trim_end().ends_with("s)").then(|| (name.to_owned(), outcome))
}

/// `ok`, the package and a time, or `FAIL`, the package and perhaps `[build failed]`, with tabs between.
fn package_line(line: &str) -> Option<(Outcome, &str)> {
    let (outcome, rest) = match line.strip_prefix("ok  \t") {
        Some(rest) => (Outcome::Passed, rest),
        None => (Outcome::Failed, line.strip_prefix("FAIL\t")?),
    };
    let package = rest.split(['\t', ' ']).next()?;
    (!package.is_empty()).then_some((outcome, package))
}

/// Without the tests that only hold others; one that failed although none of those did is kept.
pub(in crate::results) fn without_parents(tests: Vec<(String, Outcome)>) -> Vec<(String, Outcome)> {
    use std::collections::BTreeMap;

    // For each test with others inside: whether one of those failed.
    let mut parents: BTreeMap<String, bool> = BTreeMap::new();
    for (name, outcome) in &tests {
        for (at, _) in name.match_indices('/') {
            *parents.entry(name[..at].to_owned()).or_default() |= *outcome == Outcome::Failed;
        }
    }
    tests
        .into_iter()
        .filter(|(name, outcome)| match parents.get(name) {
            None => true,
            Some(inner_failed) => *outcome == Outcome::Failed && !inner_failed,
        })
        .collect()
}

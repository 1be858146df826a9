//! `go test -json`: its events, and the text that a person would have seen without it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::formats::without_parents;
use super::lines::plain;
use super::{Outcome, TestResults};

/// One event, as `go doc test2json` describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    test: Option<String>,
    output: Option<String>,
}

fn event(line: &str) -> Option<Event> {
    (line.starts_with('{') && line.contains("\"Action\":")).then(|| serde_json::from_str(line).ok())?
}

/// The results that the events tell.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let mut seen = false;
    let mut packages: BTreeMap<String, Vec<(String, Outcome)>> = BTreeMap::new();
    let mut failed_packages = Vec::new();
    for event in lines.iter().filter_map(|line| event(line)) {
        let outcome = match event.action.as_str() {
            "pass" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            _ => continue,
        };
        seen = true;
        match event.test {
            Some(test) => packages.entry(event.package).or_default().push((test, outcome)),
            None if outcome == Outcome::Failed => failed_packages.push(event.package),
            None => {}
        }
    }
    let mut results = TestResults::default();
    for package in failed_packages {
        let named = packages
            .get(&package)
            .is_some_and(|tests| tests.iter().any(|(_, outcome)| *outcome == Outcome::Failed));
        if !named {
            results.add(&package, Outcome::Failed);
        }
    }
    for (package, tests) in packages {
        for (name, outcome) in without_parents(tests) {
            results.add(&format!("{package}.{name}"), outcome);
        }
    }
    seen.then_some(results)
}

/// The output as people and models read it: where it is Go's events, the text that `go test` prints without `-json`,
/// or with `-v` where the command asks for it. Any other output is returned without the sequences that colour it.
pub fn readable(command: &[String], output: &str) -> String {
    let verbose = command.iter().any(|word| matches!(word.as_str(), "-v" | "-test.v" | "-v=true"));
    let failed: BTreeSet<(String, String)> = output
        .lines()
        .filter_map(event)
        .filter(|event| event.action == "fail")
        .filter_map(|event| event.test.map(|test| (event.package, test)))
        .collect();
    let mut readable = String::with_capacity(output.len());
    for line in output.split_inclusive('\n') {
        let Some(event) = event(line.trim_end()) else {
            readable.push_str(line);
            continue;
        };
        let Some(printed) = event.output else { continue };
        let shown = verbose
            || match event.test {
                Some(test) => failed.contains(&(event.package, test)) && !printed.starts_with("=== "),
                None => printed != "PASS\n",
            };
        if shown {
            readable.push_str(&printed);
        }
    }
    plain(&readable)
}

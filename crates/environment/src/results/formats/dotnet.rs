//! `dotnet test`: single tests with `-v n` or a console logger that is told to, else what failed.

use super::super::lines::is_duration;
use super::super::{Outcome, TestResults};

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let is_end = |line: &&str| {
        line.starts_with("Total tests: ")
            || line.starts_with("Passed!  - ")
            || line.starts_with("Failed!  - ")
    };
    if !lines.iter().any(is_end) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines.iter().filter(|line| line.starts_with("  ")) {
        let Some((word, rest)) = line.trim().split_once(' ') else { continue };
        let outcome = match word {
            "Passed" => Outcome::Passed,
            "Failed" => Outcome::Failed,
            "Skipped" => Outcome::Skipped,
            _ => continue,
        };
        let Some((name, duration)) = rest.trim_end_matches(']').rsplit_once(" [") else { continue };
        if is_duration(duration.trim_start_matches("< ")) {
            results.add(name, outcome);
        }
    }
    let named = results.with(Outcome::Passed).next().is_some();
    results.partial = !named;
    Some(results)
}

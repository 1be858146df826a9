//! Runners of C and C++: `ctest`, GoogleTest, `meson test`.

use super::super::lines::count_before;
use super::super::{Outcome, TestResults};
use super::outcome_of;

/// `1/3 Test #1: name .....   Passed    0.01 sec`.
pub(super) fn ctest(lines: &[&str]) -> Option<TestResults> {
    let is_end = |line: &&str| line.contains("% tests passed, ") && line.contains(" out of ");
    if !lines.iter().any(is_end) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines {
        let Some((count, test)) = line.split_once(" Test ") else { continue };
        if !count.trim().split('/').all(|number| number.trim().parse::<u32>().is_ok()) {
            continue;
        }
        let Some((_, test)) = test.split_once(": ") else { continue };
        let Some((name, status)) = test.rsplit_once("..").or_else(|| test.split_once("***")) else {
            continue;
        };
        let status = status.trim_matches(['.', '*', ' ']);
        let outcome = if status.starts_with("Passed") {
            Outcome::Passed
        } else if status.starts_with("Skipped") || status.starts_with("Not Run (Disabled)") {
            Outcome::Skipped
        } else {
            Outcome::Failed
        };
        results.add(name.trim_end_matches(['.', ' ', '*']), outcome);
    }
    Some(results)
}

/// `[       OK ] Suite.Name (0 ms)`.
pub(super) fn gtest(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.starts_with("[==========] ")) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines {
        let Some((status, test)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
            continue;
        };
        let Some(outcome) = outcome_of(status.trim()) else { continue };
        // The name ends where the duration or the parameter of a test begins; the end tells counts in this form, too.
        let name = test.split([',', ' ']).next().unwrap_or_default();
        if name.contains('.') {
            results.add(name, outcome);
        }
    }
    Some(results)
}

/// ` 1/3 suite / name        OK              0.01s`.
pub(super) fn meson(lines: &[&str]) -> Option<TestResults> {
    let counts = |word: &str| lines.iter().any(|line| line.starts_with(word));
    if !(counts("Ok:") && counts("Fail:")) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((count, words)) = words.split_first() else { continue };
        if !count
            .split_once('/')
            .is_some_and(|(at, of)| at.parse::<u32>().is_ok() && of.parse::<u32>().is_ok())
        {
            continue;
        }
        let Some(at) = words
            .iter()
            .rposition(|word| outcome_of(word).is_some() && word.chars().all(|c| c.is_ascii_uppercase()))
        else {
            continue;
        };
        if let Some(outcome) = outcome_of(words[at]) {
            results.add(&words[..at].join(" "), outcome);
        }
    }
    results.failed =
        lines.iter().find_map(|line| line.starts_with("Fail:").then(|| count_after_colon(line)).flatten());
    Some(results)
}

fn count_after_colon(line: &str) -> Option<u64> {
    let (_, count) = line.split_once(':')?;
    count_before(&format!("{} end", count.trim()), "end")
}

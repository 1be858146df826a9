//! Gradle's test task, which names what failed and, where the build asks for it, everything. Its reports tell more.

use super::super::TestResults;
use super::super::lines::count_before;
use super::outcome_of;

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let ended = |line: &&str| line.starts_with("BUILD SUCCESSFUL in") || line.starts_with("BUILD FAILED in");
    if !lines.iter().any(ended) {
        return None;
    }
    let mut results = TestResults { partial: true, ..TestResults::default() };
    for line in lines {
        if line.contains(" tests completed, ") || line.contains(" test completed, ") {
            results.failed = count_before(line, "failed");
        } else if let Some((test, word)) = line.trim_end().rsplit_once(' ')
            && let Some((class, method)) = test.split_once(" > ")
            && !class.is_empty()
            && !class.contains([' ', ':'])
            && let Some(outcome) = outcome_of(word).filter(|_| word.chars().all(|c| c.is_ascii_uppercase()))
        {
            results.add(&format!("{class}::{method}"), outcome);
        }
    }
    (!results.is_empty()).then_some(results)
}

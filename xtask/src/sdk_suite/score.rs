//! What a run of the suite came to, read from what its test harness prints.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Ignored,
}

#[derive(Debug, Default)]
pub(super) struct Score(BTreeMap<String, Verdict>);

impl Score {
    /// Reads lines like `test a::b ... ok`. With a test that prints while it runs, the verdict may stand on a line of
    /// its own; the list of failures at the end then says what failed.
    pub(super) fn read(output: &str) -> Self {
        let mut score = BTreeMap::new();
        // Where one test runs at a time, its verdict comes after all that it prints.
        let mut running = None;
        for line in output.lines() {
            let begins = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "));
            let (name, verdict) = match (begins, &running) {
                (Some((name, verdict)), _) => (name.trim_end_matches(" - should panic").to_owned(), verdict),
                (None, Some(name)) if ["ok", "FAILED"].contains(&line) => (String::clone(name), line),
                (None, _) => continue,
            };
            running = Some(name.clone());
            if verdict.ends_with("ok") {
                score.insert(name, Verdict::Passed);
            } else if verdict.contains("FAILED") {
                score.insert(name, Verdict::Failed);
            } else if verdict.contains("ignored") {
                score.insert(name, Verdict::Ignored);
            }
        }
        Self(score)
    }

    pub(super) fn passed(&self) -> usize {
        self.0.values().filter(|verdict| **verdict == Verdict::Passed).count()
    }

    /// The tests that were asked for and did not pass: they failed, or never ended.
    pub(super) fn missed(&self, asked: &BTreeSet<String>) -> Vec<String> {
        let verdict = |name: &String| match self.0.get(name) {
            Some(Verdict::Passed) => None,
            Some(Verdict::Failed) => Some(format!("{name}: failed")),
            Some(Verdict::Ignored) => Some(format!("{name}: ignored")),
            None => Some(format!("{name}: did not end")),
        };
        asked.iter().filter_map(verdict).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Score;

    #[test]
    fn a_score_is_read_from_the_harness() {
        let output = "running 4 tests\ntest a::one ... ok\ntest a::two ... FAILED\ntest a::three ... ignored\n\
                      test a::five - should panic ... ok\n\nfailures:\n\n    a::two\n";
        let score = Score::read(output);
        let asked = ["a::one", "a::two", "a::three", "a::four", "a::five"].map(str::to_owned).into();
        assert_eq!(score.passed(), 2);
        assert_eq!(score.missed(&asked), ["a::four: did not end", "a::three: ignored", "a::two: failed"]);
    }

    #[test]
    fn one_test_at_a_time() {
        let output =
            "test one ... INFO it begins\nok\ntest two ... INFO it begins\nFAILED\ntest three ... INFO\n";
        let score = Score::read(output);
        let asked = ["one", "two", "three"].map(str::to_owned).into();
        assert_eq!(score.passed(), 1);
        assert_eq!(score.missed(&asked), ["three: did not end", "two: failed"]);
    }
}

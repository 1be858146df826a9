//! What the tests came to, read from the line that pytest ends with.

use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    passed: u32,
    failed: u32,
}

impl Score {
    /// Reads a line like `2 failed, 120 passed, 1 error in 61.02s (0:01:01)`. A test that was skipped has shown nothing, so
    /// it counts as failed, as do errors before and after a test.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (counts, _) = line.trim_matches('=').trim().rsplit_once(" in ")?;
        let mut score = Self::default();
        for count in counts.split(", ") {
            let (number, word) = count.split_once(' ')?;
            let number: u32 = number.parse().ok()?;
            match word {
                "passed" => score.passed += number,
                "failed" | "error" | "errors" | "skipped" => score.failed += number,
                "deselected" | "warning" | "warnings" => {}
                _ => return None,
            }
        }
        Some(score)
    }

    pub(super) fn is_good(self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Score;

    #[test]
    fn the_last_line_says_it() {
        let cases = [
            ("152 passed in 60.43s (0:01:00)", Some("152 passed, 0 failed")),
            ("===== 2 failed, 150 passed, 3 warnings in 9.1s =====", Some("150 passed, 2 failed")),
            ("1 failed, 2 passed, 9 deselected, 1 error in 2.00s", Some("2 passed, 2 failed")),
            ("5 passed, 2 skipped in 1.00s", Some("5 passed, 2 failed")),
            ("FAILED sdk/test_signals.py::test_order - it came in 2 parts", None),
            (".......                     [ 56%]", None),
        ];
        for (line, expected) in cases {
            let score = Score::read(line).map(|score| score.to_string());
            assert_eq!(score.as_deref(), expected, "{line}");
        }
    }
}

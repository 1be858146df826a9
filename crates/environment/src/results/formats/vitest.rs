//! vitest: files and what failed by default, every test with the verbose reporter.

use super::super::lines::{count_before, without_duration};
use super::super::{Outcome, TestResults};

/// Names are as vitest writes them: `src/a.test.ts > shapes > has a square`; a file whose tests are not listed stands
/// for them.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.trim_start().starts_with("Test Files ")) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines {
        let text = line.trim();
        if let Some(rest) = text.strip_prefix("Tests ") {
            results.failed = Some(results.failed.unwrap_or(0) + count_before(rest, "failed").unwrap_or(0));
        } else if let Some(failed) = text.strip_prefix("FAIL ") {
            // A file that could not be read is told as `a.test.ts [ a.test.ts ]`.
            results.add(failed.split(" [ ").next().unwrap_or(failed), Outcome::Failed);
        } else if let Some((mark, rest)) = text.split_once(' ') {
            let outcome = match mark {
                "✓" | "√" => Outcome::Passed,
                "×" | "✗" => Outcome::Failed,
                "↓" | "□" => Outcome::Skipped,
                "❯" if rest.contains(" tests | ") || rest.contains(" test | ") => {
                    results.partial = true;
                    continue;
                }
                _ => continue,
            };
            let rest = without_duration(rest);
            if let Some((file, _)) = rest.split_once(" (").filter(|(_, count)| is_count(count)) {
                results.partial = true;
                results.add(file, outcome);
            } else if rest.split(" > ").next().is_some_and(|file| file.contains('.')) && rest.contains(" > ")
            {
                results.add(without_retries(rest), outcome);
            }
        }
    }
    Some(results)
}

/// The `7 tests | 2 failed)` behind a file.
fn is_count(text: &str) -> bool {
    count_before(text, "tests").or_else(|| count_before(text, "test")).is_some() && text.ends_with(')')
}

fn without_retries(title: &str) -> &str {
    title.split(" (retry x").next().unwrap_or(title)
}

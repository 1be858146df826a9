//! PHPUnit with `--testdox`, and the numbered list of what failed without it.

use super::super::lines::is_duration;
use super::super::{Outcome, TestResults};

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.starts_with("PHPUnit ")) {
        return None;
    }
    let mut results = TestResults { partial: true, ..TestResults::default() };
    let mut class = String::new();
    for line in lines {
        let text = line.trim();
        if let Some((mark, title)) = text.split_once(' ').filter(|_| line.starts_with(' ')) {
            let outcome = match mark {
                "✔" => Outcome::Passed,
                "✘" => Outcome::Failed,
                "↩" | "∅" | "☢" => Outcome::Skipped,
                _ => continue,
            };
            results.partial = false;
            let title = match title.rsplit_once(" [") {
                Some((bare, duration)) if is_duration(duration.trim_end_matches(']')) => bare,
                _ => title,
            };
            results.add(&format!("{class}::{title}"), outcome);
        } else if let Some((_, qualified)) = text.split_once(" (").filter(|(_, rest)| rest.ends_with(')')) {
            // `Shapes (Example\Tests\Shapes)` stands above the tests of a class.
            let qualified = qualified.trim_end_matches(')');
            if !qualified.is_empty()
                && qualified.chars().all(|c| c.is_alphanumeric() || c == '\\' || c == '_')
            {
                qualified.clone_into(&mut class);
            }
        } else if let Some((number, name)) = text.split_once(") ").filter(|(_, name)| name.contains("::")) {
            // With `--testdox` the same test has a title already.
            if results.partial && number.chars().all(|c| c.is_ascii_digit()) {
                results.add(name, Outcome::Failed);
            }
        } else if let Some(counts) = text.strip_prefix("Tests: ") {
            let sum = |word: &str| {
                counts
                    .split_once(word)
                    .and_then(|(_, rest)| {
                        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
                    })
                    .unwrap_or(0)
            };
            results.failed = Some(sum("Failures: ") + sum("Errors: "));
        }
    }
    Some(results)
}

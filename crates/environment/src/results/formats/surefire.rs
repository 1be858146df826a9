//! Maven's surefire and failsafe, by class; single tests where they fail. Their reports tell more.

use super::super::{Outcome, TestResults};

pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let mut results = TestResults { partial: true, ..TestResults::default() };
    let mut seen = false;
    for line in lines {
        let text = line
            .trim_start_matches("[INFO]")
            .trim_start_matches("[ERROR]")
            .trim_start_matches("[WARNING]")
            .trim();
        if let Some(counts) = text.strip_prefix("Tests run: ") {
            let Some((counts, class)) = counts.rsplit_once(" in ") else { continue };
            seen = true;
            let bad = count(counts, "Failures: ") + count(counts, "Errors: ") > 0;
            let none = counts.starts_with("0,");
            // A class of nested ones runs nothing itself. A failing one is named by its tests.
            if !none && !bad {
                results.add(class, Outcome::Passed);
            }
        } else if text.contains("<<< FAILURE!") || text.contains("<<< ERROR!") {
            let Some((name, _)) = text.split_once(" -- Time").or_else(|| text.split_once("  Time")) else {
                continue;
            };
            results.add(&qualified(name.trim()), Outcome::Failed);
        }
    }
    seen.then_some(results)
}

fn count(counts: &str, word: &str) -> u64 {
    counts
        .split_once(word)
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .unwrap_or(0)
}

/// The name as reports have it, `org.example.ATest::bad`: from `org.example.ATest.bad`, and from the
/// `bad(org.example.ATest)` of older versions.
fn qualified(name: &str) -> String {
    if let Some((method, class)) = name.strip_suffix(')').and_then(|name| name.split_once('('))
        && !method.contains('.')
        && !class.is_empty()
    {
        return format!("{class}::{method}");
    }
    let end = name.find(['(', '[', ' ']).unwrap_or(name.len());
    match name[..end].rfind('.') {
        Some(at) => format!("{}::{}", &name[..at], &name[at + 1..]),
        None => name.to_owned(),
    }
}

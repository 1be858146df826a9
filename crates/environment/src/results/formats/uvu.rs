//! uvu: what failed, and how many there were.

use super::super::{Outcome, TestResults};
use super::nest::INSIDE;

/// Names are a file, a suite where it has a name, and the test's own: `a.js › shapes › a circle`.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let count = |word: &str| {
        let counts = lines.iter().filter_map(|line| line.strip_prefix("  ")?.strip_prefix(word));
        let mut counts = counts.filter_map(|count| count.trim().parse::<u64>().ok()).peekable();
        // One command may run it several times.
        counts.peek().is_some().then(|| counts.sum::<u64>())
    };
    // What is skipped is not counted among all.
    let (total, passed) = (count("Total:")?, count("Passed:")?);
    count("Skipped:")?;
    let mut results = TestResults { partial: passed > 0, ..TestResults::default() };
    let mut file = "";
    for (position, line) in lines.iter().enumerate() {
        if let Some(failure) = line.strip_prefix("   FAIL ") {
            // A suite stands between the word and the title in its quotes.
            let Some((suite, title)) = failure.trim_end().trim_end_matches('"').split_once('"') else {
                continue;
            };
            let parts = [file, suite.trim(), title].into_iter().filter(|part| !part.is_empty());
            results.add(&parts.collect::<Vec<_>>().join(INSIDE), Outcome::Failed);
        } else if line.starts_with(|first: char| !first.is_whitespace())
            && lines.get(position + 1).is_some_and(|next| is_progress(next))
        {
            file = line.trim_end();
        }
    }
    results.failed = Some(total.saturating_sub(passed));
    Some(results)
}

/// A line of dots and crosses, one for each test, with the counts behind them.
fn is_progress(line: &str) -> bool {
    let text = line.trim_end();
    text.contains(['•', '✘'])
        && text.strip_suffix(')').and_then(|text| text.rsplit_once('(')).is_some_and(|(_, counts)| {
            counts.split_once(" / ").is_some_and(|(passed, all)| {
                [passed, all].iter().all(|count| count.chars().all(|digit| digit.is_ascii_digit()))
            })
        })
}

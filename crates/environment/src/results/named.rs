//! The tests that a task names: they must pass before it is done.

use super::judge::{Observed, listed};
use super::names::matches;
use super::{Outcome, TestResults};

/// What is wrong with the tests that a task names, after the checks ran like this; `None` where nothing is.
///
/// A name is a pattern: words that follow one another in a test's name, with `*` for the rest of a word. Every test that it
/// names must pass, in whichever check it ran; one that was passed over did not. A name that no test has is not met where
/// the runners name every test that ran. Those that name only what failed are believed: what they leave out passed.
pub fn unmet(must_pass: &[String], runs: &[Observed]) -> Option<String> {
    let told: Vec<&TestResults> = runs.iter().filter_map(|run| run.results.as_ref()).collect();
    let green = runs.iter().all(|run| run.exit_code == 0);
    let (mut failing, mut absent, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for pattern in must_pass {
        let mut named = told
            .iter()
            .flat_map(|results| &results.tests)
            .filter(|(name, _)| matches(pattern, name))
            .peekable();
        let nothing = named.peek().is_none();
        failing.extend(
            named.filter(|(_, outcome)| **outcome != Outcome::Passed).map(|(name, _)| name.to_owned()),
        );
        if nothing && !told.is_empty() && told.iter().all(|results| !results.partial) {
            absent.push(pattern.to_owned());
        } else if nothing && !green && told.iter().all(|results| results.tests.is_empty()) {
            unseen.push(pattern.to_owned());
        }
    }
    failing.sort();
    failing.dedup();
    let said: Vec<String> = [
        (failing, "does not pass"),
        (absent, "is the name of no test that ran"),
        (unseen, "is not told by the check's runner, and the check fails"),
    ]
    .into_iter()
    .filter(|(names, _)| !names.is_empty())
    .map(|(names, what)| format!("{}: {what}.", listed(&names)))
    .collect();
    (!said.is_empty()).then(|| format!("The task names tests that must pass. {}", said.join(" ")))
}

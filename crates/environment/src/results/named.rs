//! The tests that a task names: they must pass before it is done.

use super::judge::{Observed, listed};
use super::names::matches;
use super::{Outcome, TestResults};

/// What is wrong with the tests that a task names, after the checks ran like this; `None` where nothing is.
///
/// A name is a pattern: words that follow one another in a test's name, with `*` for the rest of a word. Of the tests that it
/// names none may fail and one must pass, in whichever check they ran: a file may have some that are skipped, but what is
/// skipped as a whole did not pass. A name that no test has is not met where the runners name every test that ran. Those
/// that name only what failed are believed: what they leave out passed.
pub fn unmet(must_pass: &[String], runs: &[Observed]) -> Option<String> {
    let told: Vec<&TestResults> = runs.iter().filter_map(|run| run.results.as_ref()).collect();
    let green = runs.iter().all(|run| run.exit_code == 0);
    let (mut failing, mut absent, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for pattern in must_pass {
        let tests = told.iter().flat_map(|results| &results.tests);
        let named: Vec<(&String, &Outcome)> = tests.filter(|(name, _)| matches(pattern, name)).collect();
        let nothing = named.is_empty();
        let passes = named.iter().any(|(_, outcome)| **outcome == Outcome::Passed);
        let counts = |outcome: Outcome| outcome == Outcome::Failed || !passes;
        failing
            .extend(named.iter().filter(|(_, outcome)| counts(**outcome)).map(|(name, _)| (*name).clone()));
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

//! Whether a check that ran after a change is accepted, given how it ran on the untouched commit.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::names::{container, matches};
use super::{Outcome, TestResults};

/// How many names a sentence lists before it only counts.
const NAMES_MAX: usize = 5;

/// The check on the untouched commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its exit code.
    pub exit_code: i32,
    /// The results of single tests, where its runner told them.
    pub results: Option<TestResults>,
    /// The tests that ended differently when it ran twice, see [`super::flaky`].
    pub flaky: BTreeSet<String>,
}

/// The check after a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its exit code.
    pub exit_code: i32,
    /// The results of single tests, where its runner told them.
    pub results: Option<TestResults>,
}

/// What a check says of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the change is accepted.
    pub accepted: bool,
    /// The tests that fail and did not before.
    pub broken: Vec<String>,
    /// The tests that failed before and still do.
    pub still_red: Vec<String>,
    /// The tests that failed before and pass now.
    pub mended: Vec<String>,
    /// The tests that passed before and are not there now.
    pub missing: Vec<String>,
    /// The tests that fail and are known to end now this way, now that way. They do not count.
    pub flaky: Vec<String>,
    /// All of it in words.
    pub sentence: String,
}

/// Judges a check after a change.
///
/// - On a green baseline the exit code decides. Only where everything that fails is known as flaky is red accepted.
/// - On a red one, which a person has accepted, nothing that passed may fail, and what was red may stay red. A test that is
///   new and fails counts as broken. What a task names is [`super::unmet`]'s to see to.
/// - A test that is gone is named. It is no failure while the check is green, while others of its file or class are
///   still there (it was renamed or removed on purpose), or where its file was removed; a whole file or class that is
///   gone from a red check did not run, and is. `removed` are the files that the change removed.
/// - Where single results are missing on either side, a red check is accepted if it fails exactly as before: with the
///   same exit code, and not more tests by the runner's own count. The sentence then says how little that proves.
pub fn judge(baseline: &Baseline, now: &Observed, removed: &[String]) -> Verdict {
    let green = now.exit_code == 0;
    let mut verdict = match (&baseline.results, &now.results) {
        (Some(before), Some(after)) => compared(before, after, &baseline.flaky, green, removed),
        _ => Verdict::default(),
    };
    verdict.flaky = now
        .results
        .iter()
        .flat_map(TestResults::failing)
        .filter(|name| baseline.flaky.contains(*name))
        .map(str::to_owned)
        .collect();
    let only_flaky = !verdict.flaky.is_empty()
        && verdict.broken.is_empty()
        && verdict.still_red.is_empty()
        && now.results.as_ref().is_some_and(|after| after.failed_count() <= verdict.flaky.len() as u64);
    if baseline.exit_code == 0 {
        verdict.accepted = green || only_flaky;
        verdict.sentence = if green {
            "The check passes.".to_owned()
        } else if only_flaky {
            format!(
                "The check fails (exit code {}), but only by tests that are known to be flaky.",
                now.exit_code
            )
        } else {
            format!("The check fails (exit code {}) and passed before the change.", now.exit_code)
        };
    } else {
        on_red(&mut verdict, baseline, now);
    }
    // What is gone and counts as broken is told once.
    let gone: Vec<String> =
        verdict.missing.iter().filter(|name| !verdict.broken.contains(name)).cloned().collect();
    for (names, what) in [
        (&verdict.broken, if verdict.missing.is_empty() { "broken" } else { "broken or not there" }),
        (&gone, "not there"),
        (&verdict.mended, "mended"),
        (&verdict.still_red, "as red as before"),
        (&verdict.flaky, "flaky, not counted"),
    ] {
        if !names.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(verdict.sentence, " {} {what}: {}.", counted(names.len()), listed(names));
        }
    }
    verdict
}

/// Decides where the untouched commit was red.
fn on_red(verdict: &mut Verdict, baseline: &Baseline, now: &Observed) {
    let green = now.exit_code == 0;
    let named =
        |results: &Option<TestResults>| results.as_ref().is_some_and(|results| !results.tests.is_empty());
    let unmet = !verdict.broken.is_empty() || !verdict.missing.is_empty();
    if green {
        verdict.accepted = true;
        "The check passes; before the change it failed.".clone_into(&mut verdict.sentence);
    } else if named(&baseline.results) && named(&now.results) {
        verdict.accepted = verdict.broken.is_empty() && !hides_more(baseline, now);
        verdict.sentence = if verdict.accepted {
            "The check fails as it did before the change, and nothing that passed fails.".to_owned()
        } else if unmet {
            "The check fails, and not only as it did before the change.".to_owned()
        } else {
            "The check fails with more tests than before the change, by its runner's count.".to_owned()
        };
    } else {
        let same = now.exit_code == baseline.exit_code;
        verdict.accepted =
            same && verdict.broken.is_empty() && !hides_more(baseline, now) && !named(&baseline.results);
        verdict.sentence = if named(&baseline.results) {
            format!(
                "The check fails (exit code {}) and tells no single tests any more: most likely it does not get as far as running them.",
                now.exit_code
            )
        } else if verdict.accepted {
            format!(
                "The check fails with exit code {}, as it did before the change. Its runner tells no single tests, so that this does not prove that nothing else broke.",
                now.exit_code
            )
        } else if same {
            "The check fails with more tests than before the change, by its runner's count.".to_owned()
        } else {
            format!(
                "The check fails otherwise than before the change: exit code {}, before {}, without names to compare.",
                now.exit_code, baseline.exit_code
            )
        };
    }
}

/// Whether more tests fail than before by count, although no name tells which. A mended one makes room for no other.
fn hides_more(baseline: &Baseline, now: &Observed) -> bool {
    let (Some(before), Some(after)) = (&baseline.results, &now.results) else { return false };
    let flaky = after.failing().filter(|name| baseline.flaky.contains(*name)).count() as u64;
    let unnamed = |results: &TestResults| results.failed_count() - results.failing().count() as u64;
    unnamed(after).saturating_sub(unnamed(before)) > 0 && after.failed_count() - flaky > before.failed_count()
}

/// Compares the results test by test.
fn compared(
    before: &TestResults,
    after: &TestResults,
    flaky: &BTreeSet<String>,
    green: bool,
    removed: &[String],
) -> Verdict {
    let mut verdict = Verdict::default();
    let red: BTreeSet<&str> = before.failing().collect();
    // Containers that failed as a whole, such as a file that could not be loaded: what fails in one was red.
    let holding: BTreeSet<&str> = red.iter().flat_map(|name| containers(name)).collect();
    let whole: BTreeSet<&str> = red.difference(&holding).copied().collect();
    for name in after.failing().filter(|name| !flaky.contains(*name)) {
        let was_red = red.contains(name) || containers(name).any(|container| whole.contains(container));
        let list = if was_red { &mut verdict.still_red } else { &mut verdict.broken };
        list.push(name.to_owned());
    }
    verdict.mended = red
        .iter()
        .filter(|name| match after.tests.get(**name) {
            Some(outcome) => *outcome == Outcome::Passed,
            None => after.partial && green,
        })
        .map(|name| (*name).to_owned())
        .collect();
    if !before.partial && !after.partial {
        let there: BTreeSet<&str> = after.tests.keys().filter_map(|name| container(name)).collect();
        for name in before.with(Outcome::Passed).filter(|name| !after.tests.contains_key(*name)) {
            verdict.missing.push(name.to_owned());
            let held = container(name);
            let explained = green
                || held.is_some_and(|held| there.contains(held))
                || removed.iter().any(|file| matches(file, name));
            if !explained {
                verdict.broken.push(name.to_owned());
            }
        }
    }
    verdict
}

/// Everything that holds this test by its name, from the outermost on: the file, the class, the suite.
fn containers(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(['/', '.', ':', ' '])
        .map(|(at, _)| &name[..at])
        .filter(|container| !container.is_empty())
}

fn counted(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

/// Some names, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let mut listed = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_MAX {
        let _ = write!(listed, " and {} more", names.len() - NAMES_MAX);
    }
    listed
}

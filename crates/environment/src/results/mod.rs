//! The results of single tests, read from what test runners print and write.
//!
//! [`from_output`] recognises a runner by its text, [`from_junit`] reads the reports that many write, and
//! [`reporting()`] says how a runner is asked for them. [`judge()`] compares a check with the one on the untouched commit, and
//! [`unmet()`] looks for what a task names.

mod compare;
mod formats;
mod go_json;
mod judge;
mod junit;
mod lines;
mod named;
mod names;
mod output;
mod reporting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::{Agreement, compare, flaky};
pub use go_json::readable;
pub use judge::{Baseline, Observed, Verdict, judge};
pub use junit::{JunitError, from_junit};
pub use named::unmet;
pub use output::{from_output, gather};
pub use reporting::{Reporting, reporting};

/// The version of the stored form.
pub const VERSION: u32 = 1;

/// The most tests whose results are kept: several times the largest suites of published packages, and a few tens of
/// megabytes. A run of more is told as one that names only a part of its tests.
const TESTS_MAX: usize = 200_000;

/// The longest name that is kept, in bytes. Names of parametrised tests may hold whole inputs.
const NAME_BYTES_MAX: usize = 400;

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did not run, or its failure is expected by whoever wrote it.
    Skipped,
    /// It ran and was satisfied.
    Passed,
    /// It ran and was not, or it could not run.
    Failed,
}

/// The results of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResults {
    /// The version of this form.
    pub version: u32,
    /// How each test ended, by its name: qualified by file, package or class as its runner does it.
    pub tests: BTreeMap<String, Outcome>,
    /// Whether tests ran that are not named here, as most runners name only what failed. A test that is absent then
    /// did not fail.
    pub partial: bool,
    /// How many tests failed by the runner's own count, where it gives one.
    pub failed: Option<u64>,
}

impl Default for TestResults {
    fn default() -> Self {
        Self { version: VERSION, tests: BTreeMap::new(), partial: false, failed: None }
    }
}

impl TestResults {
    /// Whether nothing is known: neither a name nor a count.
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.failed.is_none()
    }

    /// The names of those that failed, in order.
    pub fn failing(&self) -> impl Iterator<Item = &str> {
        self.with(Outcome::Failed)
    }

    /// The names of those that ended this way, in order.
    pub fn with(&self, outcome: Outcome) -> impl Iterator<Item = &str> {
        self.tests.iter().filter(move |(_, found)| **found == outcome).map(|(name, _)| name.as_str())
    }

    /// How many failed: by name, or by the runner's own count where that is higher.
    pub fn failed_count(&self) -> u64 {
        (self.failing().count() as u64).max(self.failed.unwrap_or(0))
    }

    /// The results of both, as of one run.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.partial |= other.partial;
        self.failed = match (self.failed, other.failed) {
            (Some(ours), Some(theirs)) => Some(ours.saturating_add(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        for (name, outcome) in other.tests {
            self.keep(name, outcome);
        }
        self
    }

    /// Keeps a result. Of two with one name the worse counts: a failure must not hide behind a namesake.
    pub(crate) fn add(&mut self, name: &str, outcome: Outcome) {
        let name = bounded(name);
        if !name.is_empty() {
            self.keep(name, outcome);
        }
    }

    fn keep(&mut self, name: String, outcome: Outcome) {
        if self.tests.len() >= TESTS_MAX && !self.tests.contains_key(&name) {
            self.partial = true;
            return;
        }
        let kept = self.tests.entry(name).or_insert(outcome);
        *kept = (*kept).max(outcome);
    }
}

/// A name on one line and of a bounded length.
fn bounded(name: &str) -> String {
    let mut name: String = name.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.len() > NAME_BYTES_MAX {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        name.push('…');
    }
    name
}

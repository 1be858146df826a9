//! Two runs, test by test.

use std::collections::BTreeSet;

use super::{Outcome, TestResults};

/// The tests that ended differently in two runs of the same commit, one of them in failure.
pub fn flaky(first: &TestResults, second: &TestResults) -> BTreeSet<String> {
    let failed = |results: &TestResults, name: &str| results.tests.get(name) == Some(&Outcome::Failed);
    // A run that names only failures says of every other test that it did not fail; in a complete one, a test that
    // is absent did not run, and nothing is known of it.
    let known = |results: &TestResults, name: &str| results.partial || results.tests.contains_key(name);
    first
        .failing()
        .filter(|name| known(second, name) && !failed(second, name))
        .chain(second.failing().filter(|name| known(first, name) && !failed(first, name)))
        .map(str::to_owned)
        .collect()
}

/// How far two runs agree, such as one inside and one outside of the confinement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// How many tests ended alike.
    pub alike: usize,
    /// Those that ended differently: the name, how it ended in the first and in the second.
    pub different: Vec<(String, Outcome, Outcome)>,
    /// Those that only the first names.
    pub only_first: Vec<String>,
    /// Those that only the second names.
    pub only_second: Vec<String>,
}

impl Agreement {
    /// Whether both say the same of every test.
    pub fn is_complete(&self) -> bool {
        self.different.is_empty() && self.only_first.is_empty() && self.only_second.is_empty()
    }
}

/// Compares two runs test by test.
pub fn compare(first: &TestResults, second: &TestResults) -> Agreement {
    let mut agreement = Agreement::default();
    for (name, outcome) in &first.tests {
        match second.tests.get(name) {
            None => agreement.only_first.push(name.clone()),
            Some(other) if other == outcome => agreement.alike += 1,
            Some(other) => agreement.different.push((name.clone(), *outcome, *other)),
        }
    }
    agreement.only_second =
        second.tests.keys().filter(|name| !first.tests.contains_key(*name)).cloned().collect();
    agreement
}

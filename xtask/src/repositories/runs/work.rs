//! The work on one package: a brief, and what the developer and the reviewer do about it.

use serde::Deserialize;

use super::super::Outcome;

/// Each work by its package's name.
const TEXTS: [(&str, &str); 3] = [
    ("itsdangerous", include_str!("../../../repositories/runs/itsdangerous.toml")),
    ("optimism", include_str!("../../../repositories/runs/optimism.toml")),
    ("uuid", include_str!("../../../repositories/runs/uuid.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Work {
    /// The package's name in the list.
    #[serde(skip)]
    pub(crate) package: String,
    /// What the task is called.
    pub(crate) title: String,
    /// What is reached when it is done; the documents of the stages say it.
    pub(crate) goal: String,
    /// What the user writes.
    pub(crate) brief: String,
    /// The files that are read before anything is changed.
    pub(crate) read: Vec<String>,
    /// What the agents run to see the new tests pass.
    pub(crate) command: String,
    /// The new tests, as the end of the names that the results have.
    pub(crate) tests: Vec<String>,
    /// The work as it is first done and sent back, and as it is mended and accepted.
    pub(crate) round: [Round; 2],
}

/// What the developer does in one go, and what the reviewer says of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Round {
    pub(crate) change: Vec<Change>,
    /// The package manager's command by which the developer adds a dependency, where it is not written into the manifest by
    /// hand; what it wrote is then installed once it is committed.
    #[serde(default)]
    pub(crate) add: Vec<String>,
    /// The commit's message.
    pub(crate) commit: String,
    /// What the developer ends with.
    pub(crate) summary: String,
    pub(crate) review: String,
}

/// A piece of text that another takes the place of, or a new file where there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) old: Option<String>,
    pub(crate) new: String,
}

impl Work {
    /// Whether the developer has dependencies installed, instead of leaving that to the proof.
    pub(crate) fn installs(&self) -> bool {
        self.round.iter().any(|round| !round.add.is_empty())
    }

    /// Every work, in the order of their packages' names.
    pub(crate) fn all() -> Outcome<Vec<Self>> {
        let read = |(package, text): (&str, &str)| {
            let work =
                toml::from_str::<Self>(text).map_err(|error| format!("runs/{package}.toml: {error}"))?;
            Ok(Self { package: package.to_owned(), ..work })
        };
        TEXTS.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::list::{self, Ecosystem, List};
    use super::*;

    #[test]
    fn the_works_are_on_packages_of_the_list_and_each_of_another_ecosystem() {
        let list = List::parse(list::TEXT).unwrap();
        let works = Work::all().unwrap();
        let names: Vec<String> = works.iter().map(|work| work.package.clone()).collect();
        let mut ecosystems: Vec<Ecosystem> =
            list.chosen(&names, false).unwrap().iter().map(|package| package.ecosystem).collect();
        ecosystems.sort();
        assert_eq!(ecosystems, [Ecosystem::PyPi, Ecosystem::Npm, Ecosystem::Go]);
        for work in works {
            assert!(!work.tests.is_empty(), "{}", work.package);
            let added = |change: &&Change| work.tests.iter().any(|test| change.new.contains(last_word(test)));
            assert!(work.round[1].change.iter().any(|change| added(&change)), "{}", work.package);
        }
    }

    /// A test's own name, without the suites it is in.
    fn last_word(test: &str) -> &str {
        test.rsplit(['>', ':', '.', '/']).next().unwrap_or_default().trim()
    }
}

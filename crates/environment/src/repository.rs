//! The files of a commit, as far as they tell what the repository needs.

use std::collections::{BTreeMap, BTreeSet};

/// A commit's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Every path, relative to the root, with `/` between folders.
    pub paths: BTreeSet<String>,
    /// The texts of those that [`crate::find`] reads.
    pub texts: BTreeMap<String, String>,
}

impl Repository {
    /// A repository of these files.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<String, String> =
            files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        Self { paths: texts.keys().cloned().collect(), texts }
    }

    /// Whether there is a file at this path.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// The text of a file that is read.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }
}

//! The files of a commit, as far as they tell what the repository needs.

mod folder;
mod listing;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

pub use listing::Entry;

/// Whether a path is a folder or below it; everything is below the root, which is empty.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A commit's files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Every path, relative to the root, with `/` between folders.
    pub paths: BTreeSet<String>,
    /// The texts of those that [`crate::find`] reads.
    pub texts: BTreeMap<String, String>,
    /// The commits of submodules, by their paths.
    pub submodules: BTreeMap<String, String>,
}

impl Repository {
    /// A repository of these files.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<String, String> =
            files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        Self { paths: texts.keys().cloned().collect(), texts, ..Self::default() }
    }

    /// Whether there is a file at this path.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// The text of a file that is read.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The repository of a commit, from what `git ls-tree -r -z --long REVISION` prints and a function that gives the
    /// content of a path there. It is asked for the files of [`Repository::wanted`] alone.
    ///
    /// # Errors
    ///
    /// The function's own.
    pub fn read<Error>(
        listing: &[u8],
        mut contents: impl FnMut(&str) -> Result<Option<Vec<u8>>, Error>,
    ) -> Result<Self, Error> {
        let entries = listing::parse(listing);
        let mut texts = BTreeMap::new();
        for path in Self::wanted(&entries) {
            if let Some(content) = contents(&path)? {
                texts.insert(path, String::from_utf8_lossy(&content).into_owned());
            }
        }
        let submodules = listing::submodules(listing);
        Ok(Self { paths: entries.into_iter().map(|entry| entry.path).collect(), texts, submodules })
    }

    /// The entries that `git ls-tree -r -z --long REVISION` lists, for [`Repository::wanted`].
    pub fn entries(listing: &[u8]) -> Vec<Entry> {
        listing::parse(listing)
    }

    /// The paths whose contents tell, those nearest to the root first: bounded in number and in size.
    pub fn wanted(entries: &[Entry]) -> Vec<String> {
        wanted::choose(entries)
    }

    /// The repository that lies in a folder. What cannot be read is left out.
    pub fn from_folder(folder: &std::path::Path) -> Self {
        folder::read(folder)
    }
}

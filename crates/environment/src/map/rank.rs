//! Which files matter.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::language::is_source;
use super::symbols::Symbol;

/// The most files that are read: several times what a map of some thousand tokens has room for.
const FILES_MAX: usize = 400;

/// The largest file that is read. Larger ones are generated or data, with few exceptions.
const FILE_BYTES_MAX: u64 = 200_000;

/// The most that is read in all, which tree-sitter parses in about a second.
const READ_BYTES_MAX: u64 = 4_000_000;

/// The shortest name that counts as mentioned: shorter ones are words of any text.
const NAME_BYTES_MIN: usize = 4;

/// Folders of what is not the repository's own source, or not what it is about.
const FOLDERS_LEFT_OUT: &[&str] = &[
    "tests",
    "test",
    "__tests__",
    "testing",
    "spec",
    "specs",
    "e2e",
    "fixtures",
    "testdata",
    "test-data",
    "__mocks__",
    "vendor",
    "third_party",
    "third-party",
    "node_modules",
    "external",
    "deps",
    "dist",
    "build",
    "out",
    "target",
    "generated",
    "gen",
    "__generated__",
    "migrations",
    "benchmarks",
    "benches",
    ".venv",
    "venv",
    "site-packages",
];

/// Names that programs and packages begin with.
const ENTRY_POINTS: &[&str] =
    &["main", "lib", "index", "app", "server", "cli", "mod", "__init__", "__main__"];

/// A source file with what it defines.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) size: u64,
    pub(super) text: &'a str,
    pub(super) symbols: Vec<Symbol>,
}

/// The source files that are worth reading, of all paths with their sizes in bytes: the repository's own, entry points
/// and those nearest the root first, as many as are read in about a second.
pub fn wanted<'a>(files: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<String> {
    let mut files: Vec<(&str, u64)> = files
        .into_iter()
        .filter(|(path, size)| is_source(path) && (1..=FILE_BYTES_MAX).contains(size) && !is_left_out(path))
        .collect();
    files.sort_by_key(|(path, _)| (!is_entry_point(path), depth(path), *path));
    let mut read = 0;
    files
        .into_iter()
        .take(FILES_MAX)
        .take_while(|(_, size)| {
            read += size;
            read <= READ_BYTES_MAX
        })
        .map(|(path, _)| path.to_owned())
        .collect()
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

fn is_entry_point(path: &str) -> bool {
    ENTRY_POINTS.contains(&stem(path))
}

/// Whether this is a test, or was generated, minified, or written by someone else.
fn is_left_out(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    folder.split('/').any(|part| FOLDERS_LEFT_OUT.contains(&part))
        || matches!(stem(path), "test" | "tests")
        || name.starts_with("test_")
        || name.starts_with('.')
        || [
            ".min.",
            ".test.",
            ".spec.",
            "_test.",
            "_spec.",
            ".pb.",
            "_pb2",
            ".generated.",
            "_generated.",
            ".d.ts",
            ".bundle.",
        ]
        .iter()
        .any(|mark| name.contains(mark))
        || matches!(name, "conftest.py" | "setup.py")
        || name.ends_with("Test.java")
}

/// The files, the most important first: by how many others mention what they define, then entry points, then those
/// nearest the root.
pub(super) fn ordered(mut sources: Vec<Source<'_>>) -> Vec<Source<'_>> {
    let mentions = mentions(&sources);
    sources.sort_by_cached_key(|source| {
        let mentioned = mentions.get(source.path).copied().unwrap_or(0);
        // Twice as many mentions are one step; an entry point counts as two steps, each folder as one less.
        let steps = mentioned.checked_ilog2().map_or(0, |log| i64::from(log) + 1);
        let entry = if is_entry_point(source.path) && !source.symbols.is_empty() { 2 } else { 0 };
        (Reverse(steps + entry - depth(source.path) as i64), source.path.to_owned())
    });
    sources
}

/// By path, how many other files mention a name that only this one defines.
fn mentions<'a>(sources: &[Source<'a>]) -> BTreeMap<&'a str, usize> {
    let mut homes: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate() {
        for symbol in source.symbols.iter().filter(|symbol| symbol.name.len() >= NAME_BYTES_MIN) {
            homes
                .entry(&symbol.name)
                .and_modify(|home| *home = home.filter(|home| *home == at))
                .or_insert(Some(at));
        }
    }
    let mut mentions: BTreeMap<&'a str, usize> = BTreeMap::new();
    for (at, source) in sources.iter().enumerate() {
        let others: BTreeSet<usize> = source
            .text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| word.len() >= NAME_BYTES_MIN)
            .filter_map(|word| homes.get(word).copied().flatten())
            .filter(|home| *home != at)
            .collect();
        for other in others {
            *mentions.entry(sources[other].path).or_default() += 1;
        }
    }
    mentions
}

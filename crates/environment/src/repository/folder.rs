//! A repository read from a folder of a file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Entry, Repository};

/// Files of one folder: more than the largest repositories have, and few enough to be listed in a moment.
const FILES: usize = 300_000;
/// Deeper than any source tree, so that nothing turns in circles.
const DEPTH: usize = 40;
/// What tools put beside sources.
const SKIPPED: &[&str] = &[
    ".git",
    "node_modules",
    ".venv",
    "venv",
    "target",
    "__pycache__",
    ".tox",
    ".nox",
    ".gradle",
    ".mypy_cache",
];

pub(super) fn read(root: &Path) -> Repository {
    let mut entries = Vec::new();
    walk(root, "", 0, &mut entries);
    let mut texts = BTreeMap::new();
    for path in Repository::wanted(&entries) {
        if let Ok(content) = fs::read(root.join(&path)) {
            texts.insert(path, String::from_utf8_lossy(&content).into_owned());
        }
    }
    Repository {
        paths: entries.into_iter().map(|entry| entry.path).collect(),
        texts,
        ..Repository::default()
    }
}

fn walk(folder: &Path, prefix: &str, depth: usize, entries: &mut Vec<Entry>) {
    let Ok(children) = fs::read_dir(folder) else { return };
    for child in children.flatten() {
        let Ok(name) = child.file_name().into_string() else { continue };
        // Symbolic links are not followed: what they point at is elsewhere, or listed there.
        let Ok(metadata) = child.metadata() else { continue };
        if entries.len() == FILES {
            return;
        }
        let path = format!("{prefix}{name}");
        if metadata.is_dir() {
            if depth < DEPTH && !SKIPPED.contains(&name.as_str()) {
                walk(&child.path(), &format!("{path}/"), depth + 1, entries);
            }
        } else if metadata.is_file() {
            entries.push(Entry { path, size: metadata.len() });
        }
    }
}

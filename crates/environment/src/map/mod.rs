//! A map of a repository: its folders, languages and main files with what they define, within a budget of tokens.
//!
//! [`wanted`] chooses the source files whose texts are worth reading, and [`write()`] writes the map of all files.

mod language;
mod rank;
mod symbols;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use language::Language;

pub use rank::wanted;

/// How many bytes a token has, about: enough to stay within a budget that is itself an estimate.
const TOKEN_BYTES: usize = 4;

/// The part of the map that folders may take; the files say more.
const FOLDERS_SHARE: usize = 4;

/// The longest line of one file: beyond some fifteen names a reader opens the file.
const LINE_BYTES_MAX: usize = 280;

/// How many folders deep the list of folders goes.
const FOLDER_DEPTH_MAX: usize = 3;

/// A file of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path, relative to the root.
    pub path: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it, for those that [`wanted`] chose.
    pub text: Option<&'a str>,
}

/// The map of these files. Its length is at most the budget at four bytes a token, and it depends on nothing else.
pub fn write(files: &[File<'_>], budget_tokens: usize) -> String {
    let budget = budget_tokens.saturating_mul(TOKEN_BYTES);
    let mut files = files.to_vec();
    files.sort_by_key(|file| file.path);
    let mut map = String::new();
    add(&mut map, &overview(&files), budget);
    add_folders(&mut map, &files, budget);
    add_files(&mut map, &files, budget);
    map
}

/// Adds a line where it fits; says whether it did.
fn add(map: &mut String, line: &str, budget: usize) -> bool {
    let fits = map.len() + line.len() < budget;
    if fits {
        map.push_str(line);
        map.push('\n');
    }
    fits
}

/// `40 files, 210 kB: Rust 30, Markdown 4`.
fn overview(files: &[File<'_>]) -> String {
    let size: u64 = files.iter().map(|file| file.size).sum();
    let languages = counted_languages(files.iter().map(|file| file.path));
    let languages: Vec<String> =
        languages.into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    let mut overview = format!("{}, {}", counted(files.len()), kilobytes(size));
    if !languages.is_empty() {
        let _ = write!(overview, ": {}", languages.join(", "));
    }
    overview
}

/// The languages of these files, the most frequent first.
fn counted_languages<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<(&'static str, usize)> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for name in paths.filter_map(language::name) {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // Eight tell what kind of repository it is; the rest is configuration.
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    counts.truncate(8);
    counts
}

/// The folders as deep as they fit.
fn add_folders(map: &mut String, files: &[File<'_>], budget: usize) {
    let room = budget / FOLDERS_SHARE;
    for depth in (1..=FOLDER_DEPTH_MAX).rev() {
        let lines = folders(files, depth);
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        // The shallowest list is shown as far as it fits.
        if bytes > room && depth > 1 {
            continue;
        }
        if lines.is_empty() {
            return;
        }
        let end = map.len() + room;
        add(map, "\nFolders:", budget);
        for (at, line) in lines.iter().enumerate() {
            if !add(map, line, budget.min(end)) {
                add(map, &format!("… and {} more", lines.len() - at), budget);
                break;
            }
        }
        return;
    }
}

/// A line for each folder down to this depth, in the order of paths.
fn folders(files: &[File<'_>], depth: usize) -> Vec<String> {
    let mut folders: BTreeMap<&str, Vec<&File<'_>>> = BTreeMap::new();
    for file in files {
        for (at, _) in file.path.match_indices('/').take(depth) {
            folders.entry(&file.path[..=at]).or_default().push(file);
        }
    }
    folders
        .into_iter()
        .map(|(folder, files)| {
            let size = files.iter().map(|file| file.size).sum();
            let main = counted_languages(files.iter().map(|file| file.path)).first().map(|(name, _)| *name);
            let language = main.map(|name| format!(", {name}")).unwrap_or_default();
            let indent = "  ".repeat(folder.matches('/').count() - 1);
            format!("{indent}{folder} {}, {}{language}", counted(files.len()), kilobytes(size))
        })
        .collect()
}

/// The files that were read, those that matter most first.
fn add_files(map: &mut String, files: &[File<'_>], budget: usize) {
    let read: Vec<rank::Source<'_>> = files
        .iter()
        .filter_map(|file| {
            let text = file.text?;
            let symbols =
                Language::of(file.path).map(|language| symbols::of(language, text)).unwrap_or_default();
            Some(rank::Source { path: file.path, size: file.size, text, symbols })
        })
        .collect();
    if read.is_empty() {
        return;
    }
    add(map, "\nMain files, with what they define:", budget);
    let count = read.len();
    // There is always room to say how many are left out.
    let room = budget.saturating_sub("\n… and 400 more".len());
    for (at, source) in rank::ordered(read).iter().enumerate() {
        let head = format!("{} ({})", source.path, kilobytes(source.size));
        let line = described(&head, &source.symbols);
        // Where names do not fit any more, the file itself may.
        if !add(map, &line, room) && !add(map, &head, room) {
            add(map, &format!("… and {} more", count - at), budget);
            break;
        }
    }
}

/// A file's line: its head, and as many of its symbols as fit in it.
fn described(head: &str, symbols: &[symbols::Symbol]) -> String {
    let mut line = head.to_owned();
    for (at, symbol) in symbols.iter().enumerate() {
        let separator = if at == 0 { " " } else { ", " };
        let text = symbol.to_string();
        if line.len() + separator.len() + text.len() > LINE_BYTES_MAX {
            line.push_str(" …");
            break;
        }
        line.push_str(separator);
        line.push_str(&text);
    }
    line
}

fn counted(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

/// A size as people read it, rounded up: no file has nothing in it unless it is empty.
fn kilobytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

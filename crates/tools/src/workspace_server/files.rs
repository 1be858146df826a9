//! Listing, reading and writing files.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Cursor, Read as _};
use std::path::Path;

use super::arguments::{ListFiles, ReadFile, WriteFile};
use super::changes::{self, FILE_BYTES, Plan};
use super::numbers;
use super::options::Limits;
use super::place::Place;
use super::record::Change;
use super::text::Text;

/// How many levels a listing shows when the call does not say.
const DEFAULT_DEPTH: usize = 3;

/// The longest line that is shown whole, in characters: longer ones are no text for people.
const LINE_CHARS: usize = 2_000;

pub(super) fn list(place: &Place, limits: &Limits, call: &ListFiles) -> Result<String, String> {
    let start = place.real(call.path.as_deref().unwrap_or("."))?;
    let mut walker = walk(&place.path().join(&start));
    walker.max_depth(Some(call.depth.unwrap_or(DEFAULT_DEPTH).max(1)));
    let mut text = String::new();
    let mut count = 0;
    for entry in walker.build().filter_map(Result::ok).filter(|entry| entry.depth() > 0) {
        count += 1;
        if count > limits.entries {
            let _ = writeln!(text, "… and more; list a folder of it, or a smaller depth");
            break;
        }
        let path = entry.path().strip_prefix(place.path()).unwrap_or(entry.path());
        let suffix = match entry.file_type() {
            Some(kind) if kind.is_dir() => "/",
            Some(kind) if kind.is_symlink() => "@",
            _ => "",
        };
        let _ = writeln!(text, "{}{suffix}", path.display());
    }
    if count == 0 {
        return Ok(if place.path().join(&start).is_dir() {
            "(nothing here)".into()
        } else {
            format!("{} is a file", start.display())
        });
    }
    Ok(text)
}

/// A walk over what git would know, in a stable order; links are not followed.
pub(super) fn walk(start: &Path) -> ignore::WalkBuilder {
    let mut walker = ignore::WalkBuilder::new(start);
    walker
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| entry.file_name() != ".git");
    walker
}

pub(super) fn read(place: &Place, limits: &Limits, call: &ReadFile) -> Result<String, String> {
    let mut file = place.read(&call.path)?;
    let unreadable = |error: std::io::Error| format!("`{}` cannot be read: {error}", call.path);
    let found = file.metadata().map_err(unreadable)?;
    if found.is_dir() {
        return Err(format!("`{}` is a folder; use list_files", call.path));
    }
    if !found.is_file() {
        return Err(format!("`{}` is not a plain file", call.path));
    }
    let first = call.start_line.unwrap_or(1).max(1);
    let last = call.end_line.unwrap_or(usize::MAX);
    if last < first {
        return Err(format!("end_line {last} is before start_line {first}"));
    }
    let binary = || format!("`{}` is binary ({} bytes)", call.path, found.len());
    let lines = Lines { first, last, numbered: call.numbers.unwrap_or(true), limit: limits.read_bytes };
    if found.len() > FILE_BYTES {
        // Too large to be held in memory, and so to be looked through for its encoding.
        let mut reader = BufReader::new(file);
        if reader.fill_buf().is_ok_and(|head| head.contains(&0)) {
            return Err(binary());
        }
        return lines.of(&call.path, reader);
    }
    let mut bytes = Vec::new();
    file.by_ref().take(FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = Text::decode(&bytes).ok_or_else(binary)?;
    let shown = lines.of(&call.path, Cursor::new(text.shown()))?;
    Ok(match text.form() {
        Some(form) => format!("({}: {form}; changes keep it)\n{shown}", call.path),
        None => shown,
    })
}

/// Which lines of a file are shown, and how.
struct Lines {
    first: usize,
    last: usize,
    numbered: bool,
    /// How many bytes are shown at most.
    limit: usize,
}

impl Lines {
    fn of(&self, path: &str, mut reader: impl BufRead) -> Result<String, String> {
        let mut text = String::new();
        let mut number = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            // Characters of up to four bytes each, and one more to know that there are more.
            let read = read_line(&mut reader, &mut line, (LINE_CHARS + 1) * 4)
                .map_err(|error| format!("`{path}` cannot be read: {error}"))?;
            if !read {
                break;
            }
            number += 1;
            if number < self.first {
                continue;
            }
            if number > self.last {
                break;
            }
            let mut shown = String::new();
            if self.numbered {
                numbers::write(&mut shown, number);
            }
            push_line(&mut shown, &line);
            if text.len() + shown.len() > self.limit && !text.is_empty() {
                let _ = write!(text, "\n… the file goes on; read again with start_line {number}");
                return Ok(text);
            }
            text.push_str(&shown);
        }
        if number < self.first && !(number == 0 && self.first == 1) {
            return Err(format!("`{path}` has only {number} lines"));
        }
        Ok(if number == 0 { "(the file is empty)".into() } else { text })
    }
}

/// Writes a line with its end, cut where it is too long.
fn push_line(text: &mut String, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    match line.char_indices().nth(LINE_CHARS) {
        Some((at, _)) if !line[at..].trim_end_matches(['\r', '\n']).is_empty() => {
            let _ = writeln!(text, "{}… (the line goes on)", &line[..at]);
        }
        _ => text.push_str(&line),
    }
}

/// Reads one line with its end, keeping at most `limit` bytes of it; false at the end of the file.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> std::io::Result<bool> {
    let mut any = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let take = end.unwrap_or(available.len());
        let room = limit.saturating_sub(line.len()).min(take);
        line.extend_from_slice(&available[..room]);
        reader.consume(take);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// A whole file's new content, in the form that the file has.
pub(super) fn write(place: &Place, call: &WriteFile) -> Result<Plan, String> {
    let path = &call.path;
    let mut kept = String::new();
    let text = match changes::content(place, path)?.as_deref().map(Text::decode) {
        Some(Some(mut text)) => {
            text.replace_all(&call.content);
            kept = text.form().map(|form| format!(" (kept: {form})")).unwrap_or_default();
            text
        }
        // A new file, or one that was no text.
        Some(None) | None => Text::new(&call.content),
    };
    let content = text.encode().map_err(|problem| format!("`{path}`: {problem}"))?;
    let answer =
        format!("wrote {path} ({} lines, {} bytes){kept}", call.content.lines().count(), content.len());
    Ok(Plan {
        answer,
        changes: vec![Change { path: path.clone(), content: Some(content), executable: None }],
    })
}

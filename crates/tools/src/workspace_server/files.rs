//! Listing, reading, writing and editing files.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::catalog::{EditFile, ListFiles, ReadFile, WriteFile};
use super::options::Limits;
use super::place::Place;

/// How many levels a listing shows when the call does not say.
const DEFAULT_DEPTH: usize = 3;

/// The largest file that is edited in memory.
const EDIT_BYTES: u64 = 16 * 1024 * 1024;

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
    let file = place.read(&call.path)?;
    let found = file.metadata().map_err(|error| format!("`{}` cannot be read: {error}", call.path))?;
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
    let mut reader = BufReader::new(file);
    if reader.fill_buf().is_ok_and(|head| head.contains(&0)) {
        return Err(format!("`{}` is binary ({} bytes)", call.path, found.len()));
    }
    let mut text: Vec<u8> = Vec::new();
    let mut number = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = read_line(&mut reader, &mut line, limits.read_bytes)
            .map_err(|error| format!("`{}` cannot be read: {error}", call.path))?;
        if !read {
            break;
        }
        number += 1;
        if number < first {
            continue;
        }
        if number > last {
            break;
        }
        if text.len() + line.len() > limits.read_bytes && !text.is_empty() {
            let mut text = String::from_utf8_lossy(&text).into_owned();
            let _ = write!(text, "\n… the file goes on; read again with start_line {number}");
            return Ok(text);
        }
        text.extend_from_slice(&line);
    }
    if number < first {
        return Err(format!("`{}` has only {number} lines", call.path));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Reads one line with its end, keeping at most `limit` bytes of it; false at the end of the file.
fn read_line(reader: &mut impl std::io::BufRead, line: &mut Vec<u8>, limit: usize) -> std::io::Result<bool> {
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

pub(super) fn write(place: &Place, call: &WriteFile) -> Result<String, String> {
    place.write(&call.path, call.content.as_bytes())?;
    Ok(format!("wrote {} ({} lines, {} bytes)", call.path, call.content.lines().count(), call.content.len()))
}

pub(super) fn edit(place: &Place, call: &EditFile, repeated: bool) -> Result<String, String> {
    if call.old.is_empty() {
        return Err("`old` is empty; use write_file to make a new file".into());
    }
    if call.old == call.new {
        return Err("`old` and `new` are the same; nothing would change".into());
    }
    let mut bytes = Vec::new();
    let file = place.read(&call.path)?;
    file.take(EDIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("`{}` cannot be read: {error}", call.path))?;
    if bytes.len() as u64 > EDIT_BYTES {
        return Err(format!("`{}` is too large to edit", call.path));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| format!("`{}` is not a text file in UTF-8", call.path))?;
    let matches = text.matches(&call.old).count();
    // An edit whose result was lost: the new text stands there, and the old does not, save inside the new.
    let done = text.contains(&call.new)
        && text.matches(&call.new).count() * call.new.matches(&call.old).count() == matches;
    if repeated && done {
        return Ok(format!("edited {}", call.path));
    }
    match matches {
        0 => Err(format!(
            "`old` does not occur in {}; read the file again and copy the text exactly, with its white space",
            call.path
        )),
        1 => {
            place.write(&call.path, text.replacen(&call.old, &call.new, 1).as_bytes())?;
            Ok(format!("edited {}", call.path))
        }
        many if call.replace_all => {
            place.write(&call.path, text.replace(&call.old, &call.new).as_bytes())?;
            Ok(format!("edited {} in {many} places", call.path))
        }
        many => Err(format!(
            "`old` occurs {many} times in {}; give more of the text around it, or set replace_all",
            call.path
        )),
    }
}

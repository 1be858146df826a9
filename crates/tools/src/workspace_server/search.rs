//! Searching the worktree.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};

use super::catalog::Search;
use super::files::walk;
use super::options::Limits;
use super::place::Place;

/// Larger files are passed over.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The longest line shown whole.
const LINE_CHARS: usize = 300;

/// The largest compiled expression, in bytes, so that a pattern cannot take the memory of the server.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn search(place: &Place, limits: &Limits, call: &Search) -> Result<String, String> {
    let pattern = regex::bytes::RegexBuilder::new(&call.pattern)
        .size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| format!("`pattern` is not a regular expression: {error}"))?;
    let start = place.real(call.path.as_deref().unwrap_or("."))?;
    let mut walker = walk(&place.path().join(&start));
    if let Some(glob) = &call.glob {
        let mut only = ignore::overrides::OverrideBuilder::new(place.path());
        let only = only.add(glob).and_then(|only| only.build());
        walker.overrides(only.map_err(|error| format!("`glob` cannot be used: {error}"))?);
    }
    let mut text = String::new();
    let mut count = 0;
    for entry in walker.build().filter_map(Result::ok) {
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path().strip_prefix(place.path()).unwrap_or(entry.path());
        let Some(file) = path.to_str().and_then(|path| place.read(path).ok()) else { continue };
        let mut reader = BufReader::new(file.take(FILE_BYTES));
        if reader.fill_buf().is_ok_and(|head| head.contains(&0)) {
            continue;
        }
        for (index, line) in reader.split(b'\n').enumerate() {
            let Ok(line) = line else { break };
            if !pattern.is_match(&line) {
                continue;
            }
            count += 1;
            if count > limits.entries || text.len() > limits.read_bytes {
                text.push_str("… and more; make the pattern narrower\n");
                return Ok(text);
            }
            let line = String::from_utf8_lossy(&line);
            let shown: String = line.trim_end().chars().take(LINE_CHARS).collect();
            let _ = writeln!(text, "{}:{}:{shown}", path.display(), index + 1);
        }
    }
    Ok(if count == 0 { "nothing matches".into() } else { text })
}

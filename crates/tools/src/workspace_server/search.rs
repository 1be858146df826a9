//! Searching the worktree.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use regex::Regex;

use super::arguments::{Search, Show};
use super::changes::FILE_BYTES;
use super::files::walk;
use super::options::Limits;
use super::place::Place;
use super::text::Text;

/// The longest line shown whole, in characters.
const LINE_CHARS: usize = 300;

/// The most lines shown before and after a match.
const CONTEXT: usize = 20;

/// The largest compiled expression, in bytes, so that a pattern cannot take the memory of the server.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn search(place: &Place, limits: &Limits, call: &Search) -> Result<String, String> {
    let pattern = regex::RegexBuilder::new(&call.pattern)
        .case_insensitive(call.ignore_case)
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
    let mut found = Found { text: String::new(), matches: 0, limits };
    let mut too_large = 0;
    for entry in walker.build().filter_map(Result::ok) {
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path().strip_prefix(place.path()).unwrap_or(entry.path());
        let Some(file) = path.to_str().and_then(|path| place.read(path).ok()) else { continue };
        if file.metadata().is_ok_and(|metadata| metadata.len() > FILE_BYTES) {
            too_large += 1;
            continue;
        }
        let mut bytes = Vec::new();
        if file.take(FILE_BYTES).read_to_end(&mut bytes).is_err() {
            continue;
        }
        let Some(text) = Text::decode(&bytes) else { continue };
        if !found.look(path, text.shown(), &pattern, call) {
            found.text.push_str("… and more; make the pattern narrower\n");
            return Ok(found.text);
        }
    }
    let mut text = found.text;
    if found.matches == 0 {
        text.push_str("nothing matches");
    }
    if too_large > 0 {
        let _ = write!(text, "\n({too_large} files of more than {} MB were not searched)", FILE_BYTES >> 20);
    }
    Ok(text)
}

/// What was found so far.
struct Found<'a> {
    text: String,
    matches: usize,
    limits: &'a Limits,
}

impl Found<'_> {
    /// Looks through one file; false when there is no room for more.
    fn look(&mut self, path: &Path, text: &str, pattern: &Regex, call: &Search) -> bool {
        match call.show {
            Show::Lines => self.lines(path, text, pattern, call.context.min(CONTEXT)),
            Show::Files => {
                !text.lines().any(|line| pattern.is_match(line))
                    || self.room(|text| writeln!(text, "{}", path.display()))
            }
            Show::Counts => match text.lines().filter(|line| pattern.is_match(line)).count() {
                0 => true,
                count => self.room(|text| writeln!(text, "{}:{count}", path.display())),
            },
        }
    }

    /// Shows matching lines with those around them, each line once; parts that do not touch are set apart.
    fn lines(&mut self, path: &Path, text: &str, pattern: &Regex, context: usize) -> bool {
        let path = path.display();
        let mut before: VecDeque<(usize, &str)> = VecDeque::new();
        let mut after = 0;
        let mut last_shown = None;
        for (number, line) in (1..).zip(text.lines()) {
            if pattern.is_match(line) {
                let first = before.front().map_or(number, |(number, _)| *number);
                let apart = last_shown.map_or(self.matches > 0, |last| first > last + 1);
                if context > 0 && apart {
                    self.text.push_str("--\n");
                }
                for (number, line) in before.drain(..) {
                    let _ = writeln!(self.text, "{path}-{number}-{}", cut(line));
                }
                if !self.room(|text| writeln!(text, "{path}:{number}:{}", cut(line))) {
                    return false;
                }
                last_shown = Some(number);
                after = context;
            } else if after > 0 {
                let _ = writeln!(self.text, "{path}-{number}-{}", cut(line));
                last_shown = Some(number);
                after -= 1;
            } else if context > 0 {
                before.push_back((number, line));
                if before.len() > context {
                    before.pop_front();
                }
            }
        }
        true
    }

    /// Writes one thing that was found, if there is room.
    fn room(&mut self, write: impl FnOnce(&mut String) -> std::fmt::Result) -> bool {
        if self.matches >= self.limits.entries || self.text.len() > self.limits.read_bytes {
            return false;
        }
        self.matches += 1;
        write(&mut self.text).is_ok()
    }
}

fn cut(line: &str) -> &str {
    let line = line.trim_end();
    line.char_indices().nth(LINE_CHARS).map_or(line, |(at, _)| &line[..at])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    fn check(arguments: Value, expected: &Expect) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| std::fs::write(folder.path().join(path), bytes).unwrap();
        write("a.txt", b"one\r\ntwo\r\nthree\r\nfour\r\nfive\r\nsix\r\nTwo\r\n");
        write("b.txt", b"caf\xe9 two\n");
        write("c.bin", b"two\0\n");
        let place = Place::open(folder.path()).unwrap();
        let call = serde_json::from_value(arguments).unwrap();
        let limits = Limits { entries: 3, ..Limits::default() };
        expected.assert_eq(&search(&place, &limits, &call).unwrap_or_else(|refusal| refusal));
    }

    #[test]
    fn it_finds_what_grep_finds() {
        check(
            json!({"pattern": "two$"}),
            &expect![[r"
                a.txt:2:two
                b.txt:1:café two
            "]],
        );
        check(
            json!({"pattern": "TWO", "ignore_case": true, "context": 1}),
            &expect![[r"
                a.txt-1-one
                a.txt:2:two
                a.txt-3-three
                --
                a.txt-6-six
                a.txt:7:Two
                --
                b.txt:1:café two
            "]],
        );
        check(
            json!({"pattern": "t(wo|hree)", "context": 1, "glob": "a.*"}),
            &expect![[r"
                a.txt-1-one
                a.txt:2:two
                a.txt:3:three
                a.txt-4-four
            "]],
        );
        check(
            json!({"pattern": "two", "show": "files"}),
            &expect![[r"
                a.txt
                b.txt
            "]],
        );
        check(
            json!({"pattern": "(?i)two", "show": "counts"}),
            &expect![[r"
                a.txt:2
                b.txt:1
            "]],
        );
        check(
            json!({"pattern": ".", "path": "a.txt"}),
            &expect![[r"
                a.txt:1:one
                a.txt:2:two
                a.txt:3:three
                … and more; make the pattern narrower
            "]],
        );
        check(json!({"pattern": "seven"}), &expect!["nothing matches"]);
    }
}

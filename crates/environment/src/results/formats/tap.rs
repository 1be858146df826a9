//! The Test Anything Protocol, versions 12 to 14, with subtests as TAP 14, node, Perl and node-tap indent them.

use super::super::lines::indent;
use super::super::{Outcome, TestResults};
use super::nest::{INSIDE, Nest};

/// Names are a test's description behind those of the subtests that hold it.
pub(super) fn read(lines: &[&str]) -> Option<TestResults> {
    let is_tap = lines.iter().any(|line| line.trim_start().starts_with("TAP version ") || is_plan(line));
    if !is_tap {
        return None;
    }
    let mut nest = Nest::default();
    let mut seen = false;
    // The indentation of a diagnostic block that is open.
    let mut block: Option<usize> = None;
    // tape groups assertions under a comment.
    let mut group = "";
    for line in lines {
        let depth = indent(line);
        let text = line.trim();
        if let Some(at) = block {
            // A block whose end is missing ends where the indentation does.
            if (text == "..." && depth == at) || (depth < at && !text.is_empty()) {
                block = None;
            }
            if depth >= at || text.is_empty() {
                continue;
            }
        }
        if text == "---" && depth > 0 && seen {
            block = Some(depth);
        } else if let Some(comment) = text.strip_prefix("# ") {
            if depth == 0 {
                group = comment;
            }
        } else if let Some(point) = Point::read(text) {
            seen = true;
            match point.name {
                Some(name) if !point.dash && !group.is_empty() => {
                    nest.result(depth, &format!("{group}{INSIDE}{name}"), point.outcome);
                }
                Some(name) => nest.result(depth, &name, point.outcome),
                None => nest.result(depth, &format!("test {}", point.number), point.outcome),
            }
        }
    }
    seen.then(|| nest.finish())
}

/// `1..3`, possibly with a comment behind it.
fn is_plan(line: &str) -> bool {
    line.trim_start().strip_prefix("1..").is_some_and(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        end > 0 && (rest[end..].is_empty() || rest[end..].trim_start().starts_with('#'))
    })
}

/// One test point.
#[derive(Debug)]
struct Point {
    outcome: Outcome,
    number: String,
    /// Whether a dash stands between number and name, as it does in all but tape's and mocha's output.
    dash: bool,
    name: Option<String>,
}

impl Point {
    fn read(text: &str) -> Option<Self> {
        let (ok, rest) = match text.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, text.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        let rest = rest.trim();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, rest) = rest.split_at(digits);
        let rest = rest.trim_start();
        let (dash, rest) = match rest.strip_prefix('-') {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => (true, rest.trim_start()),
            _ => (false, rest),
        };
        // TAP 12 needs no numbers; a sentence that begins with "ok" is no test point.
        if number.is_empty() && !dash {
            return None;
        }
        let (name, directive) = directive(rest);
        let outcome = match directive.as_deref() {
            Some("skip") => Outcome::Skipped,
            // What is still to do may fail.
            Some("todo") if !ok => Outcome::Skipped,
            _ if ok => Outcome::Passed,
            _ => Outcome::Failed,
        };
        // TAP 14 opens a subtest with a brace in some producers.
        let name = portable(name.trim_end_matches('{').trim()).replace("\\#", "#");
        Some(Self { outcome, number: number.to_owned(), dash, name: (!name.is_empty()).then_some(name) })
    }
}

/// Of an absolute path, as which node 18 names a file's tests, the last two parts: every clone has another folder.
fn portable(name: &str) -> &str {
    if !name.starts_with('/') || name.contains(' ') {
        return name;
    }
    name.rmatch_indices('/').nth(1).map_or(name, |(at, _)| &name[at + 1..])
}

/// A description and the first word of the directive behind it: `later # SKIP not yet`.
fn directive(text: &str) -> (&str, Option<String>) {
    for (at, _) in text.match_indices('#') {
        if text[..at].ends_with('\\') {
            continue;
        }
        let word: String = text[at + 1..]
            .trim_start()
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_lowercase();
        match word.as_str() {
            word if word.starts_with("skip") => return (text[..at].trim_end(), Some("skip".into())),
            "todo" => return (text[..at].trim_end(), Some(word)),
            "time" => return (text[..at].trim_end(), None),
            _ => {}
        }
    }
    (text, None)
}

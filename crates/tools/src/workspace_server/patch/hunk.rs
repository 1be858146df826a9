//! Finding the place of a hunk in a text, and changing it there.
//!
//! The lines decide, as in `patch(1)`: where they occur once, the hunk's number does not matter; where they occur more
//! than once, only the very place that the number names is taken. Nothing is guessed.

use std::ops::Range;

use super::super::nearest;
use super::super::text::Text;
use super::parse::{Hunk, Line, sides};

/// How many lines of context may be missed at either end, as `patch(1)` does by default.
const FUZZ: usize = 2;

/// How many places are named where there are too many.
const NAMED: usize = 5;

/// The content of a file that the hunks make.
pub(super) fn new_content(path: &str, hunks: &[Hunk]) -> Result<String, String> {
    let mut content = String::new();
    for (index, hunk) in hunks.iter().enumerate() {
        for line in &hunk.lines {
            match line {
                Line::Added(text) => {
                    content.push_str(text);
                    content.push('\n');
                }
                Line::Context(_) | Line::Removed(_) => {
                    return Err(format!(
                        "{path}, hunk {}: the patch makes this file, so every line must begin with `+`",
                        index + 1
                    ));
                }
            }
        }
    }
    if hunks.last().is_some_and(|hunk| hunk.open_after) {
        content.pop();
    }
    Ok(content)
}

/// Changes the text where the hunk's lines are, and says by how many lines it is longer. `drift` is how much longer
/// the hunks before have made it.
pub(super) fn apply(text: &mut Text, hunk: &Hunk, drift: isize) -> Result<isize, String> {
    let shown = text.shown();
    let lines: Vec<&str> = shown.lines().collect();
    let start = hunk.start.map(|start| start.saturating_add_signed(drift));
    let found = find(&lines, hunk, start)?;
    let used = &hunk.lines[found.used.clone()];

    // Runs of removed and added lines become replacements; what is context stays, with every byte.
    let offsets = offsets(shown);
    let mut replacements: Vec<(Range<usize>, String)> = Vec::new();
    let mut at = found.line;
    let mut run: Option<(usize, String)> = None;
    for line in used {
        match line {
            Line::Context(_) => {
                if let Some((start, new)) = run.take() {
                    replacements.push((offsets[start]..offsets[at], new));
                }
                at += 1;
            }
            Line::Removed(_) => {
                run.get_or_insert_with(|| (at, String::new()));
                at += 1;
            }
            Line::Added(new) => {
                let (_, text) = run.get_or_insert_with(|| (at, String::new()));
                text.push_str(new);
                text.push('\n');
            }
        }
    }
    if let Some((start, new)) = run.take() {
        replacements.push((offsets[start]..offsets[at], new));
    }

    let open = !shown.is_empty() && !shown.ends_with('\n');
    if at == lines.len() {
        mend_end(shown, &mut replacements, hunk, open);
    }
    let count = lines.len();
    text.replace(&replacements);
    Ok(text.shown().lines().count().cast_signed() - count.cast_signed())
}

/// Sees that the last line ends as the patch says, or as it did where the patch does not say.
fn mend_end(shown: &str, replacements: &mut Vec<(Range<usize>, String)>, hunk: &Hunk, open: bool) {
    let stays_open = hunk.open_after || (open && !hunk.open_before);
    match replacements.last_mut().filter(|(range, _)| range.end == shown.len()) {
        Some((range, new)) => {
            if stays_open && new.ends_with('\n') {
                new.pop();
            }
            // New lines behind a last line that had no end.
            if open && range.start == shown.len() && !new.is_empty() {
                new.insert(0, '\n');
            }
        }
        None if open && !stays_open => replacements.push((shown.len()..shown.len(), "\n".into())),
        None if !open && stays_open && shown.ends_with('\n') => {
            replacements.push((shown.len() - 1..shown.len(), String::new()));
        }
        None => {}
    }
}

/// Where each line begins, and the end.
fn offsets(text: &str) -> Vec<usize> {
    let mut offsets = vec![0];
    for line in text.split_inclusive('\n') {
        offsets.push(offsets.last().copied().unwrap_or(0) + line.len());
    }
    offsets
}

/// Where a hunk goes.
struct Found {
    /// The index of the line with which it begins.
    line: usize,
    /// Which of its lines are used; without those that were missed.
    used: Range<usize>,
}

fn find(lines: &[&str], hunk: &Hunk, start: Option<usize>) -> Result<Found, String> {
    let before: Vec<&str> = hunk
        .lines
        .iter()
        .filter(|line| sides(line).0)
        .map(|line| match line {
            Line::Context(text) | Line::Removed(text) | Line::Added(text) => text.as_str(),
        })
        .collect();
    if before.is_empty() {
        // Nothing but new lines: they go behind the line that the number names.
        return match start {
            Some(line) if line <= lines.len() => Ok(Found { line, used: 0..hunk.lines.len() }),
            None if lines.is_empty() => Ok(Found { line: 0, used: 0..hunk.lines.len() }),
            _ => Err("it has only new lines; give lines of context around them".into()),
        };
    }
    let context = |line: &&Line| matches!(line, Line::Context(_));
    let head = hunk.lines.iter().take_while(context).count();
    let tail = hunk.lines.iter().rev().take_while(context).count();
    for fuzz in 0..=FUZZ {
        let (skipped, cut) = (fuzz.min(head), fuzz.min(tail));
        if fuzz > 0 && fuzz > head && fuzz > tail {
            break;
        }
        let wanted = &before[skipped..before.len() - cut];
        if wanted.is_empty() {
            break;
        }
        for same in [exact as fn(&str, &str) -> bool, but_for_the_end] {
            let places: Vec<usize> = (0..(lines.len() + 1).saturating_sub(wanted.len()))
                .filter(|at| lines[*at..].iter().zip(wanted).all(|(line, wanted)| same(line, wanted)))
                .collect();
            let named = start.map(|start| start.saturating_sub(1) + skipped);
            let line = match places.as_slice() {
                [] => continue,
                [only] => *only,
                _ => match places.iter().find(|place| Some(**place) == named) {
                    Some(place) => *place,
                    None => return Err(ambiguous(&places)),
                },
            };
            return Ok(Found { line, used: skipped..hunk.lines.len() - cut });
        }
    }
    Err(format!(
        "its lines are not in the file:\n{}\n{}",
        before.join("\n"),
        nearest::describe(&lines.join("\n"), &before.join("\n"))
    ))
}

fn ambiguous(places: &[usize]) -> String {
    let named: Vec<String> = places.iter().take(NAMED).map(|place| (place + 1).to_string()).collect();
    let more = if places.len() > NAMED { ", …" } else { "" };
    format!(
        "its lines occur at lines {}{more}; give more lines of context, or the right line number",
        named.join(", ")
    )
}

fn exact(line: &str, wanted: &str) -> bool {
    line == wanted
}

/// White space at the end of a line is often lost on the way through a model.
fn but_for_the_end(line: &str, wanted: &str) -> bool {
    line.trim_end() == wanted.trim_end()
}

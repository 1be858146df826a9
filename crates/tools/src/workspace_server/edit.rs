//! Replacing text in a file.

use std::ops::Range;

use super::arguments::{EditFile, Replacement};
use super::changes::{self, Plan};
use super::nearest;
use super::numbers;
use super::place::Place;
use super::record::Change;
use super::text::Text;

/// The most replacements in one call; more are a whole file's worth.
const REPLACEMENTS: usize = 200;

pub(super) fn plan(place: &Place, call: &EditFile) -> Result<Plan, String> {
    let replacements = replacements(call)?;
    let path = &call.path;
    let bytes = changes::content(place, path)?.ok_or_else(|| format!("there is no `{path}`"))?;
    let mut text =
        Text::decode(&bytes).ok_or_else(|| format!("`{path}` is not a text file; it cannot be edited"))?;
    let mut places = 0;
    for (index, replacement) in replacements.iter().enumerate() {
        places += replace(&mut text, path, replacement).map_err(|problem| match replacements.len() {
            1 => problem,
            all => format!("edit {} of {all}: {problem}; none of the edits was made", index + 1),
        })?;
    }
    let content = text.encode().map_err(|problem| format!("`{path}`: {problem}"))?;
    let kept = text.form().map(|form| format!(" (kept: {form})")).unwrap_or_default();
    let answer = match places {
        1 => format!("edited {path}{kept}"),
        many => format!("edited {path} in {many} places{kept}"),
    };
    let change = Change { path: path.clone(), content: Some(content), executable: None };
    Ok(Plan { answer, changes: vec![change] })
}

/// The replacements of a call, which are given in one of two ways.
fn replacements(call: &EditFile) -> Result<Vec<Replacement>, String> {
    let replacements = match (&call.edits, &call.old, &call.new) {
        (Some(edits), None, None) if !call.replace_all => edits.clone(),
        (None, Some(old), Some(new)) => {
            vec![Replacement { old: old.clone(), new: new.clone(), replace_all: call.replace_all }]
        }
        (Some(_), _, _) => {
            return Err("give either `edits` or `old`, `new` and `replace_all`, not both".into());
        }
        (None, None, _) => return Err("the argument `old` is missing (or a list of `edits`)".into()),
        (None, Some(_), None) => return Err("the argument `new` is missing".into()),
    };
    match replacements.len() {
        0 => Err("`edits` is empty; it takes at least one {old, new}".into()),
        1..=REPLACEMENTS => Ok(replacements),
        many => Err(format!("{many} edits are too many for one call; the most is {REPLACEMENTS}")),
    }
}

/// Makes one replacement and says in how many places.
fn replace(text: &mut Text, path: &str, replacement: &Replacement) -> Result<usize, String> {
    let old = replacement.old.replace("\r\n", "\n");
    let new = replacement.new.replace("\r\n", "\n");
    if old.is_empty() {
        return Err("`old` is empty; use write_file to make a new file".into());
    }
    if old == new {
        return Err("`old` and `new` are the same; nothing would change".into());
    }
    if numbers::all_lines(&new) {
        return Err("`new` begins its lines with the numbers that read_file shows; leave them out".into());
    }
    let found: Vec<Range<usize>> =
        text.shown().match_indices(&old).map(|(at, _)| at..at + old.len()).collect();
    match found.len() {
        0 if numbers::all_lines(&old) => Err(
            "`old` begins its lines with the numbers that read_file shows, which are not in the file; leave \
                 them out, with the tab behind each"
                .into(),
        ),
        0 => Err(format!("`old` does not occur in {path}; {}", nearest::describe(text.shown(), &old))),
        many if many > 1 && !replacement.replace_all => {
            let lines: Vec<String> =
                found.iter().take(5).map(|range| line_at(text.shown(), range.start).to_string()).collect();
            let more = if many > 5 { ", …" } else { "" };
            Err(format!(
                "`old` occurs {many} times in {path} (lines {}{more}); give more of the text around it, or set \
                 replace_all",
                lines.join(", ")
            ))
        }
        many => {
            let replaced: Vec<_> = found.into_iter().map(|range| (range, new.clone())).collect();
            text.replace(&replaced);
            Ok(many)
        }
    }
}

/// The number of the line that holds this byte.
fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    fn check(file: &str, arguments: Value, expected: &Expect) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), file).unwrap();
        let place = Place::open(folder.path()).unwrap();
        let mut arguments = arguments;
        arguments["path"] = "f".into();
        let shown = match plan(&place, &serde_json::from_value(arguments).unwrap()) {
            Ok(plan) => {
                let content = plan.changes[0].content.clone().unwrap();
                format!("{}: {}", plan.answer, content.escape_ascii())
            }
            Err(refusal) => refusal,
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn several_replacements_are_made_in_order_or_not_at_all() {
        check(
            "a\r\nb\r\na\r\n",
            json!({"edits": [{"old": "b\na", "new": "c\nd"}, {"old": "c", "new": "e"}]}),
            &expect![[r"edited f in 2 places (kept: CRLF line ends): a\r\ne\r\nd\r\n"]],
        );
        check(
            "a\nb\na\n",
            json!({"edits": [{"old": "a", "new": "x", "replace_all": true}, {"old": "b", "new": "y"}]}),
            &expect![[r"edited f in 3 places: x\ny\nx\n"]],
        );
        check(
            "a\nb\na\n",
            json!({"edits": [{"old": "b", "new": "x"}, {"old": "a", "new": "y"}]}),
            &expect![
                "edit 2 of 2: `old` occurs 2 times in f (lines 1, 3); give more of the text around it, or set replace_all; none of the edits was made"
            ],
        );
    }

    #[test]
    fn calls_that_cannot_be_meant_are_refused() {
        check("a", json!({"edits": []}), &expect!["`edits` is empty; it takes at least one {old, new}"]);
        check("a", json!({"new": "b"}), &expect!["the argument `old` is missing (or a list of `edits`)"]);
        check("a", json!({"old": "a"}), &expect!["the argument `new` is missing"]);
        check(
            "a",
            json!({"old": "a", "new": "b", "edits": [{"old": "a", "new": "b"}]}),
            &expect!["give either `edits` or `old`, `new` and `replace_all`, not both"],
        );
        check(
            "one\ntwo\n",
            json!({"old": "     1\tone\n     2\ttwo", "new": "x"}),
            &expect![
                "`old` begins its lines with the numbers that read_file shows, which are not in the file; leave them out, with the tab behind each"
            ],
        );
        check(
            "one\ntwo\n",
            json!({"old": "one", "new": "     1\tone"}),
            &expect!["`new` begins its lines with the numbers that read_file shows; leave them out"],
        );
    }
}

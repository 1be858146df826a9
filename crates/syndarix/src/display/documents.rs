//! The documents that a team writes: which there are, how each is named on the command line, and how one begins.

use std::fmt::Write as _;

use syndarix_core::task::Task;
use syndarix_core::time::Timestamp;
use syndarix_store::ArtifactRecord;

use super::table::{Align, Table};
use super::text::{many_lines, one_line, truncate};

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Which version it is, from 1.
    pub(crate) version: u32,
    /// Who wrote it.
    pub(crate) by: Option<String>,
    /// When.
    pub(crate) at: Timestamp,
}

/// The document that tells what was delivered.
pub(crate) const DELIVERY: &str = "delivery.md";

/// How much of a document a summary begins to tell.
const EXCERPT_LINES: usize = 12;

/// How long a line of an excerpt may be: a paragraph may be one line.
const EXCERPT_COLUMNS: usize = 200;

/// A document's name as it is typed: without the ending that nearly all have.
pub(crate) fn short(name: &str) -> &str {
    name.strip_suffix(".md").unwrap_or(name)
}

/// The document that a word names, with its ending or without.
pub(crate) fn find<'a>(artifacts: &'a [ArtifactRecord], word: &str) -> Option<&'a ArtifactRecord> {
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    let exact = artifacts.iter().find(|artifact| is(&artifact.name));
    exact.or_else(|| artifacts.iter().find(|artifact| is(short(&artifact.name))))
}

/// What there is to show of a project; `command` is what shows it, up to the last word.
pub(crate) fn list(documents: &[Entry], tasks: &[Task], command: &str) -> String {
    if documents.is_empty() && tasks.is_empty() {
        return "Nothing is written yet.\n".to_owned();
    }
    let mut text = String::new();
    if !documents.is_empty() {
        let mut table = Table::new(&[
            ("document", Align::Left),
            ("version", Align::Right),
            ("by", Align::Left),
            ("written", Align::Left),
        ]);
        for document in documents {
            table.row([
                document.name.clone(),
                document.version.to_string(),
                document.by.clone().unwrap_or_else(|| "–".to_owned()),
                document.at.to_string(),
            ]);
        }
        text.push_str(&table.render(0));
    }
    if !tasks.is_empty() {
        let mut table = Table::new(&[("task", Align::Left), ("title", Align::Left), ("state", Align::Left)]);
        for task in tasks {
            let state = task.state.as_str().replace('_', " ");
            table.row([task.id.key().to_owned(), one_line(&task.title, 60), state]);
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{gap}{}", table.render(0));
    }
    let example = documents.first().map(|document| short(&document.name));
    let example = example.or_else(|| tasks.first().map(|task| task.id.key())).unwrap_or_default();
    let _ = writeln!(text, "\nRead one with `{command} {example}`.");
    text
}

/// The first lines of a document, without empty ones before them; whether there is more.
pub(crate) fn excerpt(text: &str) -> (Vec<String>, bool) {
    let text = many_lines(text);
    let mut lines = text.trim().lines();
    let shown = lines.by_ref().take(EXCERPT_LINES);
    let shown = shown.map(|line| truncate(line.trim_end(), EXCERPT_COLUMNS)).collect();
    (shown, lines.next().is_some())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn entry(name: &str, by: Option<&str>) -> Entry {
        Entry { name: name.to_owned(), version: 2, by: by.map(str::to_owned), at: Timestamp(0) }
    }

    #[test]
    fn a_list_says_how_to_read_on() {
        expect![[r#"
            document     version  by    written
            delivery.md        2  Omar  1970-01-01T00:00:00Z
            notes.txt          2  –     1970-01-01T00:00:00Z

            Read one with `syndarix show p-1 delivery`.
        "#]]
        .assert_eq(&list(
            &[entry("delivery.md", Some("Omar")), entry("notes.txt", None)],
            &[],
            "syndarix show p-1",
        ));
        assert_eq!(list(&[], &[], "syndarix show p-1"), "Nothing is written yet.\n");
    }

    #[test]
    fn an_excerpt_is_bounded_and_harmless() {
        assert_eq!(excerpt("\n\n# Delivered\u{1b}[2J\n"), (vec!["# Delivered\\x1b[2J".to_owned()], false));
        let (lines, more) = excerpt(&"x\n".repeat(40));
        assert_eq!((lines.len(), more), (EXCERPT_LINES, true));
        assert_eq!(excerpt(&"y".repeat(5_000)).0[0].chars().count(), EXCERPT_COLUMNS);
        assert_eq!(excerpt(""), (Vec::new(), false));
    }
}

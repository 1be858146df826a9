//! The table at the end.

use std::fmt::Write as _;
use std::time::Duration;

/// The headings of the columns.
const HEADINGS: [&str; 7] =
    ["package", "ecosystem", "set-up and check that were found", "set-up", "outside", "inside", "verdict"];

/// The widest a column of commands becomes; the rest of a longer one says little.
const COMMANDS_WIDTH_MAX: usize = 60;

/// A package's line.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ecosystem: &'static str,
    /// The commands of the set-up and of the checks.
    pub(crate) commands: String,
    pub(crate) set_up_took: Duration,
    /// How many tests passed, failed and were skipped.
    pub(crate) outside: String,
    pub(crate) inside: String,
    pub(crate) verdict: &'static str,
    /// Why it does not count; empty where it does.
    pub(crate) problems: Vec<String>,
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let mut commands: String = self.commands.chars().take(COMMANDS_WIDTH_MAX).collect();
        if commands.len() < self.commands.len() {
            commands.push('…');
        }
        [
            self.name.clone(),
            self.ecosystem.to_owned(),
            commands,
            format!("{:.1} s", self.set_up_took.as_secs_f64()),
            self.outside.clone(),
            self.inside.clone(),
            if self.problems.is_empty() {
                self.verdict.to_owned()
            } else {
                format!("{}, see below", self.verdict)
            },
        ]
    }
}

/// The table, what is wrong with which package, and how many of them count.
pub(crate) fn render(rows: &[Row]) -> String {
    let lines: Vec<[String; 7]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
            let _ = write!(text, "{cell:width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for row in rows.iter().filter(|row| !row.problems.is_empty()) {
        let _ = writeln!(text, "\n{}", row.name);
        for problem in &row.problems {
            let _ = writeln!(text, "  {problem}");
        }
    }
    let good = rows.iter().filter(|row| row.problems.is_empty()).count();
    let _ = write!(text, "\n{good} of {}", rows.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, verdict: &'static str, problems: &[&str]) -> Row {
        Row {
            name: name.to_owned(),
            ecosystem: "Go",
            commands: "go test ./...".to_owned(),
            set_up_took: Duration::from_millis(1234),
            outside: "3/0/0".to_owned(),
            inside: "3/0/0".to_owned(),
            verdict,
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        }
    }

    #[test]
    fn a_table_ends_with_how_many_count() {
        let text = render(&[
            row("uuid", "green", &[]),
            row("xxhash", "red", &["`a` passed outside and failed inside"]),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..],
            [
                "uuid     Go         go test ./...                     1.2 s   3/0/0    3/0/0   green",
                "xxhash   Go         go test ./...                     1.2 s   3/0/0    3/0/0   red, see below",
                "",
                "xxhash",
                "  `a` passed outside and failed inside",
                "",
                "1 of 2",
            ]
        );
    }
}

//! Why a command ends without doing what was asked, as a person reads it: what happened, which file or
//! value, and a `hint:` line that says what to do.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};

use crate::exit::Exit;

/// A failed command. Made where the reason is known, printed once, in `main`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    snippet: Option<Box<Snippet>>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The place in a user's file that is wrong.
#[derive(Debug)]
struct Snippet {
    source: NamedSource<String>,
    labels: Vec<(Range<usize>, String)>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, snippet: None, source: None }
    }

    /// What was given cannot be used.
    pub(crate) fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// Something failed that the user did not cause.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// Nobody listens any more: ends the command without a word, and not as a failure.
    pub(crate) fn silent() -> Self {
        Self::new(Exit::Done, "")
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_silent(&self) -> bool {
        self.message.is_empty()
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the error beneath it, whose message is printed after `because:`.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Points at the bytes of a file that are wrong.
    #[must_use]
    pub(crate) fn at(
        self,
        file: impl AsRef<str>,
        text: &str,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        self.at_each(file, text, [(span, label.into())])
    }

    /// Points at several places of a file that are wrong.
    #[must_use]
    pub(crate) fn at_each(
        mut self,
        file: impl AsRef<str>,
        text: &str,
        labels: impl IntoIterator<Item = (Range<usize>, String)>,
    ) -> Self {
        // A span at the very end of a file that ends in a newline would point at a line that is not there.
        let end = text.trim_end().len();
        let within = |span: Range<usize>| span.start.min(end)..span.end.min(end).max(span.start.min(end));
        let labels = labels.into_iter().map(|(span, label)| (within(span), label)).collect();
        self.snippet = Some(Box::new(Snippet { source: NamedSource::new(file, text.to_owned()), labels }));
        self
    }

    /// How the process should end.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it, if that is known.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The report for a terminal or a log, ending in a newline.
    pub(crate) fn render(&self, color: bool) -> String {
        let (red, bold, reset) = if color { ("\u{1b}[31m", "\u{1b}[1m", "\u{1b}[0m") } else { ("", "", "") };
        let mut text = if self.snippet.is_some() {
            let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let handler = GraphicalReportHandler::new_themed(theme)
                .with_links(false)
                .with_width(100)
                .without_cause_chain();
            let mut report = String::new();
            match handler.render_report(&mut report, self) {
                Ok(()) => format!("{red}error:{reset}\n{}\n", report.trim_end()),
                Err(fmt::Error) => format!("{red}error:{reset} {}\n", self.message),
            }
        } else {
            format!("{red}error:{reset} {}\n", self.message)
        };
        for cause in self.causes() {
            text.push_str(&format!("because: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{bold}hint:{reset} {hint}\n"));
        }
        text
    }

    /// The report for a program, as `--json` prints it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": { "message": self.chain(), "hint": self.hint, "exit_code": self.exit.code() } })
    }

    /// The message and everything beneath it on one line.
    pub(crate) fn chain(&self) -> String {
        let causes = self.causes();
        std::iter::once(self.message.clone()).chain(causes).collect::<Vec<_>>().join(": ")
    }

    /// What is beneath it, from the nearest down. What says the same as the one above, as SQLite's errors do with a
    /// number before them, is left out.
    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if causes.last().is_none_or(|above| !text.contains(above)) {
                causes.push(text);
            }
            cause = error.source();
        }
        causes
    }
}

impl Diagnostic for Failure {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet.as_ref().map(|snippet| &snippet.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let snippet = self.snippet.as_ref()?;
        let label = |(span, text): &(Range<usize>, String)| {
            LabeledSpan::new_with_span(Some(text.clone()), span.clone())
        };
        Some(Box::new(snippet.labels.iter().map(label)))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_failure_reads_from_what_to_why_to_what_to_do() {
        let failure = Failure::bad_input("the brief `b.md` cannot be read")
            .because(std::io::Error::other("it is on fire"))
            .hint("put it out");
        expect![[r"
            error: the brief `b.md` cannot be read
            because: it is on fire
            hint: put it out
        "]]
        .assert_eq(&failure.render(false));
    }

    #[test]
    fn a_cause_that_repeats_the_one_above_is_left_out() {
        #[derive(Debug, thiserror::Error)]
        #[error("file is not a database")]
        struct Outer(#[source] std::io::Error);
        let inner = std::io::Error::other("Error code 26: file is not a database");
        let failure = Failure::bad_input("it cannot be opened").because(Outer(inner));
        assert_eq!(failure.chain(), "it cannot be opened: file is not a database");
        assert_eq!(failure.render(false), "error: it cannot be opened\nbecause: file is not a database\n");
    }

    #[test]
    fn a_failure_in_a_file_shows_the_line() {
        let text = "[defaults]\nbudgett = 5\n";
        let failure = Failure::bad_input("there is no key `budgett` in `defaults`")
            .at("syndarix.toml", text, 11..18, "did you mean `budget`?")
            .hint("the keys are autonomy, budget, team");
        expect![[r"
            error:
              × there is no key `budgett` in `defaults`
               ╭─[syndarix.toml:2:1]
             1 │ [defaults]
             2 │ budgett = 5
               · ───┬───
               ·    ╰── did you mean `budget`?
               ╰────
            hint: the keys are autonomy, budget, team
        "]]
        .assert_eq(&failure.render(false));
    }
}

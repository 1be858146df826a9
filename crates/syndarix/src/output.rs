//! Standard output. Every command writes through [`Output`], so that a closed pipe ends it quietly and
//! colours and `--json` are decided in one place.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::display::text;
use crate::failure::Failure;

/// Where a command writes what it was asked for.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    color: bool,
}

impl Output {
    /// For standard output as it is now, with JSON where asked for.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, color: color_wanted(&io::stdout()) }
    }

    /// Whether the user asked for JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether to colour what is written.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Writes text for a person, whoever wrote it.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text::for_terminal(text).as_bytes())
    }

    /// Writes what is read by a program and need not be text, as it is.
    #[expect(clippy::unused_self, reason = "only whoever was given an output may write")]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Writes one line.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Writes one JSON document, indented.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::internal("the listing cannot be written as JSON").because(error))?;
        self.line(&text::json(&text))
    }

    /// Writes one JSON document on one line, for streams.
    pub(crate) fn document_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::internal("the event cannot be written as JSON").because(error))?;
        self.line(&text::json(&text))
    }
}

/// Whether a stream should be coloured: on a terminal, unless `NO_COLOR` is set to anything.
pub(crate) fn color_wanted(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_color
}

/// Asks something at the terminal, on standard error, so that what a command prints stays what it was asked for.
pub(crate) fn prompt(question: &str) {
    // A question that cannot be written is answered by nobody, which is a no.
    let _ = io::stderr().lock().write_all(text::for_terminal(question).as_bytes());
}

/// How many columns standard output has; `None` where it is no terminal.
pub(crate) fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout())
        .map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
}

/// Whether what was written counts as said. A terminal that was closed hears nothing more, and that is no reason to
/// stop: the signal that comes with it says so, unless it is ignored on purpose. A reader that has seen enough
/// (`syndarix events | head`) closed the pipe; that ends the command, without a word.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::silent()),
        Err(error) => Err(Failure::internal("standard output cannot be written to").because(error)),
    }
}

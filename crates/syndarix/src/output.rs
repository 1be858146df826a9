//! Standard output. Every command writes through [`Output`], so that a closed pipe ends it quietly and
//! colours and `--json` are decided in one place.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

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

    /// Writes text as it is.
    #[expect(clippy::unused_self, reason = "only whoever was given an output may write")]
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(cannot_write)
    }

    /// Writes one line.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// Writes one JSON document, indented.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::internal("the listing cannot be written as JSON").because(error))?;
        self.line(&text)
    }

    /// Writes one JSON document on one line, for streams.
    pub(crate) fn document_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::internal("the event cannot be written as JSON").because(error))?;
        self.line(&text)
    }
}

/// Whether a stream should be coloured: on a terminal, unless `NO_COLOR` is set to anything.
pub(crate) fn color_wanted(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_color
}

/// Why standard output cannot be written to. A reader that has seen enough (`syndarix events | head`) closed
/// the pipe; that ends the command, without a word.
pub(crate) fn cannot_write(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent();
    }
    Failure::internal("standard output cannot be written to").because(error)
}

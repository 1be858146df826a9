//! The team file.

use std::path::Path;

use syndarix_agents::team::{Models, Team, TeamError};

use crate::failure::Failure;

/// The largest team file: a thousand members with prompts of their own.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a team file; without one it is the default team.
pub(crate) fn read(path: Option<&Path>, models: &Models) -> Result<Team, Failure> {
    let Some(path) = path else { return Ok(Team::default_team()) };
    let name = path.display().to_string();
    let cannot = |error: std::io::Error| {
        Failure::bad_input(format!("the team file {name} cannot be read"))
            .because(error)
            .hint("leave --team away to work with the default team")
    };
    if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
        return Err(Failure::bad_input(format!(
            "the team file {name} is larger than {} KiB",
            MAX_BYTES / 1024
        ))
        .hint("name a team file in TOML"));
    }
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    parse(&name, &text, models)
}

/// Reads a team file's text; `name` is the file's, for messages.
pub(crate) fn parse(name: &str, text: &str, models: &Models) -> Result<Team, Failure> {
    Team::parse(name, text, models).map_err(|error| explain(&error, text))
}

/// Every problem, each in its line.
fn explain(error: &TeamError, text: &str) -> Failure {
    let message = match error.problems.as_slice() {
        [only] => only.message.clone(),
        several => format!("{} things are wrong with the team file", several.len()),
    };
    let labels = error.problems.iter().map(|problem| {
        let label = match (&problem.hint, error.problems.len()) {
            (Some(hint), 1) => hint.clone(),
            (None, 1) => "here".to_owned(),
            _ => problem.message.clone(),
        };
        (line_span(text, problem.line), label)
    });
    let mut hints: Vec<&str> = error.problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    hints.dedup();
    let hint = if hints.is_empty() {
        "mend the team file, or leave --team away to work with the default team".to_owned()
    } else {
        hints.join("; ")
    };
    Failure::bad_input(message).at_each(&error.file, text, labels).hint(hint)
}

/// The bytes of a line, from 1, without the space around it.
fn line_span(text: &str, line: usize) -> std::ops::Range<usize> {
    let mut start = 0;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let begin = start + (content.len() - content.trim_start().len());
            return begin..begin + content.trim().len();
        }
        start += content.len();
    }
    text.len()..text.len()
}

//! `devcontainer.json`: the commands that make a prepared workspace.

use serde_json::Value;

use super::super::json;
use super::{Ci, Script};
use crate::repository::Repository;

pub(super) const FILES: &[&str] = &[".devcontainer/devcontainer.json", ".devcontainer.json"];

/// In the order in which they run.
const COMMANDS: &[&str] = &["onCreateCommand", "updateContentCommand", "postCreateCommand"];

pub(super) fn read(repository: &Repository, ci: &mut Ci) {
    for &file in FILES {
        let Some(text) = repository.text(file) else { continue };
        let value = match json::parse_with_comments(text) {
            Ok(value) => value,
            Err(why) => {
                ci.notes.push(format!("{file} cannot be read and is left out: {why}"));
                continue;
            }
        };
        for name in COMMANDS {
            for command in commands(value.get(name)) {
                ci.script(&Script { file, whole: text, begins: None, folder: "", text: &command });
            }
        }
    }
}

/// A line, a list of words, or a table of either.
fn commands(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(line)) => vec![line.clone()],
        Some(Value::Array(words)) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            shlex::try_join(words).into_iter().collect()
        }
        Some(Value::Object(table)) => table.values().flat_map(|value| commands(Some(value))).collect(),
        _ => Vec::new(),
    }
}

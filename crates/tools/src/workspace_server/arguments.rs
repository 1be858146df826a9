//! The arguments of the workspace tools, as the server reads them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFiles {
    pub(super) path: Option<String>,
    pub(super) depth: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadFile {
    pub(super) path: String,
    pub(super) start_line: Option<usize>,
    pub(super) end_line: Option<usize>,
    pub(super) numbers: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    pub(super) pattern: String,
    pub(super) path: Option<String>,
    pub(super) glob: Option<String>,
    #[serde(default)]
    pub(super) ignore_case: bool,
    #[serde(default)]
    pub(super) context: usize,
    #[serde(default)]
    pub(super) show: Show,
}

/// What a search shows of what it finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Show {
    #[default]
    Lines,
    Files,
    Counts,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteFile {
    pub(super) path: String,
    pub(super) content: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditFile {
    pub(super) path: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    #[serde(default)]
    pub(super) replace_all: bool,
    pub(super) edits: Option<Vec<Replacement>>,
}

/// One replacement of several in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replacement {
    pub(super) old: String,
    pub(super) new: String,
    #[serde(default)]
    pub(super) replace_all: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyPatch {
    pub(super) patch: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunCommand {
    #[serde(deserialize_with = "words")]
    pub(super) command: Vec<String>,
    pub(super) folder: Option<String>,
    pub(super) timeout_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunTest {
    pub(super) path: String,
    pub(super) name: Option<String>,
    pub(super) timeout_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartProcess {
    #[serde(deserialize_with = "words")]
    pub(super) command: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) folder: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadOutput {
    pub(super) id: String,
    pub(super) since: Option<u64>,
    pub(super) wait_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopProcess {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitDiff {
    pub(super) base: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitLog {
    pub(super) limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitCommit {
    pub(super) message: String,
    pub(super) paths: Option<Vec<String>>,
}

/// A command as a program with its arguments, or as a line for a shell.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let wrong = || serde::de::Error::custom("`command` must be a list of texts, or one text for a shell");
    match Value::deserialize(deserializer)? {
        Value::String(line) if line.trim().is_empty() => Ok(Vec::new()),
        Value::String(line) => Ok(vec!["sh".into(), "-c".into(), line]),
        Value::Array(words) => words
            .into_iter()
            .map(|word| match word {
                Value::String(word) => Ok(word),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_a_list_or_a_line() {
        let words = |command: Value| {
            serde_json::from_value::<RunCommand>(json!({"command": command})).map(|call| call.command)
        };
        assert_eq!(words(json!(["ls", "-l"])).unwrap(), ["ls", "-l"]);
        assert_eq!(words(json!("cd x && ls | head")).unwrap(), ["sh", "-c", "cd x && ls | head"]);
        assert!(words(json!(" ")).unwrap().is_empty());
        for wrong in [json!(1), json!(["ls", 1]), json!({"program": "ls"})] {
            assert!(words(wrong).unwrap_err().to_string().contains("list of texts"));
        }
    }
}

//! The workspace tools as models see them, and their arguments as the server reads them.

use serde::Deserialize;
use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::{Risk, ToolSpec};

/// Which workspace tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceTool {
    /// Lists a folder.
    ListFiles,
    /// Reads lines of a text file.
    ReadFile,
    /// Finds lines that match a regular expression.
    Search,
    /// Writes a whole file.
    WriteFile,
    /// Replaces text in a file.
    EditFile,
    /// Runs a program.
    RunCommand,
    /// What changed since the last commit, by file.
    GitStatus,
    /// What changed, as a patch.
    GitDiff,
    /// The latest commits.
    GitLog,
    /// Commits every change.
    GitCommit,
}

impl WorkspaceTool {
    /// Every tool, in the order models see them.
    pub const ALL: [Self; 10] = [
        Self::ListFiles,
        Self::ReadFile,
        Self::Search,
        Self::WriteFile,
        Self::EditFile,
        Self::RunCommand,
        Self::GitStatus,
        Self::GitDiff,
        Self::GitLog,
        Self::GitCommit,
    ];

    /// Its name for models.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListFiles => "list_files",
            Self::ReadFile => "read_file",
            Self::Search => "search",
            Self::WriteFile => "write_file",
            Self::EditFile => "edit_file",
            Self::RunCommand => "run_command",
            Self::GitStatus => "git_status",
            Self::GitDiff => "git_diff",
            Self::GitLog => "git_log",
            Self::GitCommit => "git_commit",
        }
    }

    /// The tool with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// What it is, for a model and for policy. `run_command` is listed at its worst; policy looks at the
    /// program. An edit that finds its work done says so, and a commit carries its effect's key, which is why
    /// both may be repeated.
    pub fn spec(self) -> ToolSpec {
        let (description, input_schema, repeatability, risk) = match self {
            Self::ListFiles => (
                "Lists files and folders, without what .gitignore names. Folders end with `/`. \
                 Example: {\"path\": \"src\", \"depth\": 2}",
                object(
                    &json!({
                        "path": text("A folder relative to the worktree; the worktree itself when missing."),
                        "depth": integer("How many levels to list, 3 when missing.", 1, 32),
                    }),
                    &[],
                ),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::ReadFile => (
                "Reads a text file, or a range of its lines; the first line is 1. Long files come in parts. \
                 Example: {\"path\": \"src/lib.rs\", \"start_line\": 1, \"end_line\": 80}",
                object(
                    &json!({
                        "path": text("A file relative to the worktree."),
                        "start_line": integer("The first line to read, 1 when missing.", 1, u32::MAX),
                        "end_line": integer("The last line to read, the file's last when missing.", 1, u32::MAX),
                    }),
                    &["path"],
                ),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::Search => (
                "Finds lines that match a regular expression, as PATH:LINE:TEXT. \
                 Example: {\"pattern\": \"fn \\\\w+_flag\", \"glob\": \"*.rs\"}",
                object(
                    &json!({
                        "pattern": text("A regular expression in Rust's syntax."),
                        "path": text("A file or folder relative to the worktree; everywhere when missing."),
                        "glob": text("Only files whose path matches, such as `*.rs` or `tests/**`."),
                    }),
                    &["pattern"],
                ),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::WriteFile => (
                "Writes a whole file, making folders as needed. For a change to a part of a file use edit_file. \
                 Example: {\"path\": \"src/flag.rs\", \"content\": \"…\"}",
                object(
                    &json!({
                        "path": text("A file relative to the worktree."),
                        "content": text("Everything the file is to hold."),
                    }),
                    &["path", "content"],
                ),
                Repeatability::Idempotent,
                Risk::Low,
            ),
            Self::EditFile => (
                "Replaces text in a file. `old` must be exactly what the file holds, with its white space, and \
                 occur once, unless replace_all is true. \
                 Example: {\"path\": \"src/lib.rs\", \"old\": \"let a = 1;\", \"new\": \"let a = 2;\"}",
                object(
                    &json!({
                        "path": text("A file relative to the worktree."),
                        "old": text("The text to replace; give enough around it to make it unique."),
                        "new": text("What to put in its place."),
                        "replace_all": {"type": "boolean", "description": "Whether to replace every occurrence."},
                    }),
                    &["path", "old", "new"],
                ),
                Repeatability::Idempotent,
                Risk::Low,
            ),
            Self::RunCommand => (
                "Runs a program in the worktree, without a shell: no pipes, no `&&`, no wildcards. It is stopped \
                 when its time is up, and so is everything it started when it ends. \
                 Example: {\"command\": [\"cargo\", \"test\"], \"timeout_s\": 300}",
                object(
                    &json!({
                        "command": {
                            "type": "array",
                            "items": {"type": "string"},
                            "minItems": 1,
                            "description": "The program and its arguments, one item each.",
                        },
                        "timeout_s": integer("How many seconds it may run, 300 when missing.", 1, 86_400),
                    }),
                    &["command"],
                ),
                Repeatability::Once,
                Risk::High,
            ),
            Self::GitStatus => (
                "Lists the files that changed since the last commit. Example: {}",
                object(&json!({}), &[]),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::GitDiff => (
                "Shows what is not committed yet, or everything since a commit or branch. \
                 Example: {\"base\": \"HEAD~1\"}",
                object(
                    &json!({
                        "base": text("A commit or branch to compare the worktree with; HEAD when missing."),
                    }),
                    &[],
                ),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::GitLog => (
                "Lists the latest commits, the newest first. Example: {\"limit\": 10}",
                object(&json!({"limit": integer("How many, 20 when missing.", 1, 200)}), &[]),
                Repeatability::ReadOnly,
                Risk::Low,
            ),
            Self::GitCommit => (
                "Commits every change in the worktree on its branch. \
                 Example: {\"message\": \"Parse the --json flag\"}",
                object(
                    &json!({
                        "message": text("A line that says what the change does, and more below it if needed."),
                    }),
                    &["message"],
                ),
                Repeatability::Idempotent,
                Risk::Low,
            ),
        };
        ToolSpec {
            name: self.name().to_owned(),
            description: description.to_owned(),
            input_schema,
            repeatability,
            risk,
        }
    }
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn integer(description: &str, minimum: u32, maximum: u32) -> Value {
    json!({"type": "integer", "description": description, "minimum": minimum, "maximum": maximum})
}

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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    pub(super) pattern: String,
    pub(super) path: Option<String>,
    pub(super) glob: Option<String>,
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
    pub(super) old: String,
    pub(super) new: String,
    #[serde(default)]
    pub(super) replace_all: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunCommand {
    pub(super) command: Vec<String>,
    pub(super) timeout_s: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitStatus {}

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
}

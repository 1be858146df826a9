//! The workspace tools as models see them.

use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::{Risk, ToolSpec};

use super::options::WorkspaceOptions;

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
    /// Applies a unified diff.
    ApplyPatch,
    /// Runs a program.
    RunCommand,
    /// Runs the tests of one file, or one test.
    RunTest,
    /// Starts a program that goes on running.
    StartProcess,
    /// What such a program has printed.
    ReadOutput,
    /// Ends such a program.
    StopProcess,
    /// The programs that were started.
    ListProcesses,
    /// What changed since the last commit, by file.
    GitStatus,
    /// What changed, as a patch.
    GitDiff,
    /// The latest commits.
    GitLog,
    /// Commits changes.
    GitCommit,
}

impl WorkspaceTool {
    /// Every tool, in the order models see them.
    pub const ALL: [Self; 16] = [
        Self::ListFiles,
        Self::ReadFile,
        Self::Search,
        Self::WriteFile,
        Self::EditFile,
        Self::ApplyPatch,
        Self::RunCommand,
        Self::RunTest,
        Self::StartProcess,
        Self::ReadOutput,
        Self::StopProcess,
        Self::ListProcesses,
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
            Self::ApplyPatch => "apply_patch",
            Self::RunCommand => "run_command",
            Self::RunTest => "run_test",
            Self::StartProcess => "start_process",
            Self::ReadOutput => "read_output",
            Self::StopProcess => "stop_process",
            Self::ListProcesses => "list_processes",
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

    /// Whether a workspace with these options has it.
    pub fn is_offered(self, options: &WorkspaceOptions) -> bool {
        self != Self::RunTest || !options.prepared.test_commands.is_empty()
    }

    /// Whether it starts programs, which happens only where they are confined.
    pub(super) fn starts_programs(self) -> bool {
        match self {
            Self::RunCommand
            | Self::RunTest
            | Self::StartProcess
            | Self::GitStatus
            | Self::GitDiff
            | Self::GitLog
            | Self::GitCommit => true,
            Self::ListFiles
            | Self::ReadFile
            | Self::Search
            | Self::WriteFile
            | Self::EditFile
            | Self::ApplyPatch
            | Self::ReadOutput
            | Self::StopProcess
            | Self::ListProcesses => false,
        }
    }

    /// Whether it runs what the model or the repository names.
    pub(super) fn runs_anything(self) -> bool {
        matches!(self, Self::RunCommand | Self::RunTest | Self::StartProcess)
    }

    /// What it is, for a model and for policy.
    pub fn spec(self) -> ToolSpec {
        let (repeatability, risk) = self.nature();
        ToolSpec {
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            input_schema: self.input_schema(),
            repeatability,
            risk,
        }
    }

    /// Whether it may be repeated, and how risky it is. `run_command` is listed at its worst; policy looks at the
    /// program. A change of files is noted before it is made and a commit carries its effect's key, so that either
    /// finds its work done when it is repeated.
    fn nature(self) -> (Repeatability, Risk) {
        match self {
            Self::ListFiles
            | Self::ReadFile
            | Self::Search
            | Self::ReadOutput
            | Self::ListProcesses
            | Self::GitStatus
            | Self::GitDiff
            | Self::GitLog => (Repeatability::ReadOnly, Risk::Low),
            Self::WriteFile
            | Self::EditFile
            | Self::ApplyPatch
            | Self::RunTest
            | Self::StopProcess
            | Self::GitCommit => (Repeatability::Idempotent, Risk::Low),
            Self::StartProcess => (Repeatability::Once, Risk::Low),
            Self::RunCommand => (Repeatability::Once, Risk::High),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::ListFiles => {
                "Lists files and folders, without what .gitignore names. Folders end with `/`. \
                 Example: {\"path\": \"src\", \"depth\": 2}"
            }
            Self::ReadFile => {
                "Reads a text file, or a range of its lines; the first line is 1. Each line is shown behind its \
                 number and a tab, which are not part of the file. Long files come in parts. \
                 Example: {\"path\": \"src/main.py\", \"start_line\": 1, \"end_line\": 80}"
            }
            Self::Search => {
                "Finds lines that match a regular expression, shown as PATH:LINE:TEXT, lines of context as \
                 PATH-LINE-TEXT. Each line is matched by itself. \
                 Example: {\"pattern\": \"def \\\\w+_flag\", \"glob\": \"*.py\", \"context\": 2}"
            }
            Self::WriteFile => {
                "Writes a whole file, making folders as needed. A file that exists keeps its encoding and line \
                 ends. For a change to a part of a file use edit_file. \
                 Example: {\"path\": \"docs/usage.md\", \"content\": \"…\"}"
            }
            Self::EditFile => {
                "Replaces text in a file. `old` must be exactly what the file holds, with its white space and \
                 without line numbers, and occur once, unless replace_all is true. Several replacements at once \
                 go into `edits`: they are made in order, all or none. \
                 Examples: {\"path\": \"app.js\", \"old\": \"let a = 1;\", \"new\": \"let a = 2;\"}, \
                 {\"path\": \"app.js\", \"edits\": [{\"old\": \"a\", \"new\": \"b\"}, {\"old\": \"c\", \"new\": \"d\"}]}"
            }
            Self::ApplyPatch => {
                "Applies a unified diff, as `git diff` prints it, to one or more files: all of it or nothing. \
                 Files may be made (from /dev/null), removed (to /dev/null) and renamed (`rename from`, \
                 `rename to`). Lines are found by their content, so line numbers may be off. \
                 Example: {\"patch\": \"--- a/app.js\\n+++ b/app.js\\n@@ -1,2 +1,2 @@\\n let a = 1;\\n-let b = 2;\\n\
                 +let b = 3;\\n\"}"
            }
            Self::RunCommand => {
                "Runs a command in the worktree: a program with its arguments, or one text for `sh -c`. It is \
                 stopped when its time is up, and so is everything it started when it ends; for what is to go on \
                 running use start_process. \
                 Examples: {\"command\": [\"ls\", \"-l\"], \"timeout_s\": 60}, \
                 {\"command\": \"grep -c TODO *.md | sort\", \"folder\": \"docs\"}"
            }
            Self::RunTest => {
                "Runs the tests of one file, or one test of it by name. \
                 Example: {\"path\": \"tests/test_flags.py\", \"name\": \"test_json\"}"
            }
            Self::StartProcess => {
                "Starts a program that goes on running while other tools are called, such as a development \
                 server or a watcher, and answers with its id. It is ended by stop_process, and with the session. \
                 Example: {\"command\": [\"npm\", \"run\", \"dev\"], \"name\": \"server\"}"
            }
            Self::ReadOutput => {
                "Shows what a started program has printed, and whether it still runs. With `since`, the number \
                 that the last answer gave, only what is new. \
                 Example: {\"id\": \"p1\", \"since\": 0, \"wait_s\": 5}"
            }
            Self::StopProcess => "Ends a started program and all it started. Example: {\"id\": \"p1\"}",
            Self::ListProcesses => "Lists the programs that start_process started. Example: {}",
            Self::GitStatus => {
                "Lists the files that changed since the last commit, and apart from them those that commands left \
                 and git_commit leaves out. Example: {}"
            }
            Self::GitDiff => {
                "Shows what is not committed yet, or everything since a commit or branch. \
                 Example: {\"base\": \"HEAD~1\"}"
            }
            Self::GitLog => "Lists the latest commits, the newest first. Example: {\"limit\": 10}",
            Self::GitCommit => {
                "Commits on the worktree's branch. Without `paths`: every change to files that git knows, and new \
                 files written with write_file, edit_file or apply_patch. New files that a command made are \
                 committed only when `paths` names them or their folder. \
                 Examples: {\"message\": \"Parse the --json flag\"}, \
                 {\"message\": \"Lock the versions\", \"paths\": [\"package-lock.json\"]}"
            }
        }
    }

    fn input_schema(self) -> Value {
        match self {
            Self::ListFiles => object(
                &json!({
                    "path": text("A folder relative to the worktree; the worktree itself when missing."),
                    "depth": integer("How many levels to list, 3 when missing.", 1, 32),
                }),
                &[],
            ),
            Self::ReadFile => object(
                &json!({
                    "path": text("A file relative to the worktree."),
                    "start_line": integer("The first line to read, 1 when missing.", 1, u32::MAX),
                    "end_line": integer("The last line to read, the file's last when missing.", 1, u32::MAX),
                    "numbers": flag("Whether to show line numbers, true when missing."),
                }),
                &["path"],
            ),
            Self::Search => object(
                &json!({
                    "pattern": text("A regular expression in Rust's syntax."),
                    "path": text("A file or folder relative to the worktree; everywhere when missing."),
                    "glob": text("Only files whose path matches, such as `*.ts` or `tests/**`."),
                    "ignore_case": flag("Whether upper and lower case are the same."),
                    "context": integer("How many lines to show before and after each match.", 0, 20),
                    "show": {
                        "type": "string",
                        "enum": ["lines", "files", "counts"],
                        "description": "Matching lines, only the files that have any, or how many each has.",
                    },
                }),
                &["pattern"],
            ),
            Self::WriteFile => object(
                &json!({
                    "path": text("A file relative to the worktree."),
                    "content": text("Everything the file is to hold."),
                }),
                &["path", "content"],
            ),
            Self::EditFile => object(
                &json!({
                    "path": text("A file relative to the worktree."),
                    "old": text("The text to replace; give enough around it to make it unique."),
                    "new": text("What to put in its place."),
                    "replace_all": flag("Whether to replace every occurrence."),
                    "edits": {
                        "type": "array",
                        "description": "Several replacements instead of one; each sees what those before it made.",
                        "items": object(
                            &json!({
                                "old": text("The text to replace."),
                                "new": text("What to put in its place."),
                                "replace_all": flag("Whether to replace every occurrence."),
                            }),
                            &["old", "new"],
                        ),
                    },
                }),
                &["path"],
            ),
            Self::ApplyPatch => object(&json!({"patch": text("The unified diff.")}), &["patch"]),
            Self::RunCommand => object(
                &json!({
                    "command": command(),
                    "folder": text("Where to run it, relative to the worktree; the worktree itself when missing."),
                    "timeout_s": integer("How many seconds it may run, 300 when missing.", 1, 86_400),
                }),
                &["command"],
            ),
            Self::RunTest => object(
                &json!({
                    "path": text("The file with the tests, relative to the worktree."),
                    "name": text("The test's name, as the test runner takes it; all of the file when missing."),
                    "timeout_s": integer("How many seconds it may run, 300 when missing.", 1, 86_400),
                }),
                &["path"],
            ),
            Self::StartProcess => object(
                &json!({
                    "command": command(),
                    "name": text("What it is called in lists."),
                    "folder": text("Where to run it, relative to the worktree; the worktree itself when missing."),
                }),
                &["command"],
            ),
            Self::ReadOutput => object(
                &json!({
                    "id": text("The id that start_process gave."),
                    "since": integer("Only what was printed after this many bytes.", 0, u32::MAX),
                    "wait_s": integer("How many seconds to wait for something new; none when missing.", 0, 60),
                }),
                &["id"],
            ),
            Self::StopProcess => object(&json!({"id": text("The id that start_process gave.")}), &["id"]),
            Self::ListProcesses | Self::GitStatus => object(&json!({}), &[]),
            Self::GitDiff => object(
                &json!({
                    "base": text("A commit or branch to compare the worktree with; HEAD when missing."),
                }),
                &[],
            ),
            Self::GitLog => object(&json!({"limit": integer("How many, 20 when missing.", 1, 200)}), &[]),
            Self::GitCommit => object(
                &json!({
                    "message": text("A line that says what the change does, and more below it if needed."),
                    "paths": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                        "description": "Only these files and folders, whoever made them.",
                    },
                }),
                &["message"],
            ),
        }
    }
}

pub(crate) fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

pub(crate) fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn integer(description: &str, minimum: u32, maximum: u32) -> Value {
    json!({"type": "integer", "description": description, "minimum": minimum, "maximum": maximum})
}

pub(crate) fn command() -> Value {
    json!({
        "description": "The program and its arguments, one item each; or one text for `sh -c`.",
        "anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "string"}],
    })
}

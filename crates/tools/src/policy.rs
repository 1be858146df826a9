//! Policy: pure decisions about tool calls. No I/O; the session acts on what is decided here.
//!
//! Risk is what reaches out: what stays in the agent's own clone is none, whatever it is. Whether a call may be repeated
//! when its result was lost is another question, with an answer of its own.
//!
//! - [`reach`](Reach): how far what a session runs can reach.
//! - `repeatable`, `words`: which commands may be repeated, whoever runs them.
//! - `scope`: which calls are alike enough to be allowed at once.

mod reach;
mod repeatable;
mod scope;
mod words;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syndarix_core::effect::Repeatability;
use syndarix_core::permission::CallScope;
use syndarix_core::tool::Risk;

pub use reach::Reach;

use crate::workspace_server::{Limits, SandboxRequirement};

/// What the workspace server's tools begin with.
const WORKSPACE: &str = "workspace.";

/// The workspace tool that has the network although commands have none: it brings in what a project depends on.
const SET_UP: &str = crate::set_up::QUALIFIED_NAME;

/// What is allowed, and how risky it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Tools no role may call, as patterns; wins over every scope.
    pub denied: Vec<String>,
    /// Commands that are not risky where commands can reach out, as prefixes of a command: `["cargo", "test"]`. Where they
    /// cannot, none is.
    pub low_risk_commands: Vec<Vec<String>>,
    /// Commands that may be repeated when their result was lost, as prefixes, beside those that custom says are so.
    pub repeatable_commands: Vec<Vec<String>>,
    /// How much confinement is demanded.
    pub sandbox: SandboxRequirement,
    /// What bounds the workspace tools.
    pub limits: Limits,
    /// Folders beside the system's own that commands may read, such as toolchains installed elsewhere.
    pub read_only: Vec<PathBuf>,
}

/// A pattern over tool names: `workspace.read_file`, `workspace.*`, `mcp.git.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Checks a pattern: dot-separated words, of which any may hold `*`.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let valid = !text.is_empty()
            && text.split('.').all(|word| {
                !word.is_empty()
                    && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*' | '/'))
            });
        let known = ["workspace", "mcp", "*"].contains(&text.split('.').next().unwrap_or_default());
        if valid && known { Ok(Self(text.to_owned())) } else { Err(InvalidPattern(text.to_owned())) }
    }

    /// Whether it covers a tool; `*` stands for any text, dots included.
    pub fn matches(&self, tool: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| tool.strip_prefix(first)) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

/// A pattern that covers no tool there could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tool pattern; write `workspace.TOOL`, `mcp.SERVER.TOOL`, or `*` for any part of it")]
pub struct InvalidPattern(pub String);

/// Why policy refuses a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No role may call it.
    #[error("policy denies `{0}` to everyone")]
    Everyone(String),
    /// The role's scopes do not cover it.
    #[error("this role may not call `{0}`")]
    Role(String),
}

/// What policy knows of a tool beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nature {
    /// How risky it is.
    pub risk: Risk,
    /// Whether it may be repeated when its result was lost.
    pub repeatability: Repeatability,
}

impl Policy {
    /// Whether a role with these scopes may call a tool.
    pub fn permit(&self, scopes: &[Pattern], tool: &str) -> Result<(), Denied> {
        let denies = |text: &String| Pattern::parse(text).is_ok_and(|pattern| pattern.matches(tool));
        if self.denied.iter().any(denies) {
            Err(Denied::Everyone(tool.to_owned()))
        } else if scopes.iter().any(|scope| scope.matches(tool)) {
            Ok(())
        } else {
            Err(Denied::Role(tool.to_owned()))
        }
    }

    /// What this very call is. A tool of the workspace is as risky as the session's reach makes it; a command may be repeated
    /// where its words say so; any other tool is what its nature says.
    pub fn classify(
        &self,
        tool: &str,
        nature: Nature,
        arguments: &Map<String, Value>,
        repeatable_commands: &[Vec<String>],
        reach: Reach,
    ) -> Nature {
        let command = command(tool, arguments);
        let begins = |words: &[&str], prefix: &Vec<String>| begins_with(words, prefix);
        let low = command
            .as_ref()
            .is_some_and(|words| self.low_risk_commands.iter().any(|prefix| begins(words, prefix)));
        let risk = match reach {
            _ if tool == SET_UP => Risk::High,
            Reach::OwnClone if tool.starts_with(WORKSPACE) => Risk::Low,
            Reach::Outside if low => Risk::Low,
            Reach::OwnClone | Reach::Outside => nature.risk,
        };
        let repeatable = command.as_ref().is_some_and(|given| {
            let meant = words::meant(given).unwrap_or_default();
            let meant: Vec<&str> = meant.iter().map(String::as_str).collect();
            let mut configured = self.repeatable_commands.iter().chain(repeatable_commands);
            configured.any(|prefix| begins(given, prefix) || begins(&meant, prefix))
                || repeatable::is_repeatable(given)
        });
        let repeatability = if repeatable { Repeatability::Idempotent } else { nature.repeatability };
        Nature { risk, repeatability }
    }

    /// The calls that a human may allow together with this one, if they can be told in words.
    pub fn scope(&self, tool: &str, arguments: &Map<String, Value>) -> Option<CallScope> {
        scope::of(tool, command(tool, arguments).as_deref())
    }
}

/// The command that a tool of the workspace is to run. A line of text is what a shell would be given.
fn command<'a>(tool: &str, arguments: &'a Map<String, Value>) -> Option<Vec<&'a str>> {
    if !tool.starts_with(WORKSPACE) {
        return None;
    }
    match arguments.get("command")? {
        Value::Array(words) => words.iter().map(Value::as_str).collect(),
        Value::String(line) => Some(vec!["sh", "-c", line]),
        _ => None,
    }
}

/// Whether a command starts with these words. An empty prefix would cover everything and covers nothing.
fn begins_with(command: &[&str], prefix: &[String]) -> bool {
    !prefix.is_empty()
        && command.len() >= prefix.len()
        && prefix.iter().zip(command).all(|(expected, word)| expected == word)
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            denied: Vec::new(),
            low_risk_commands: prefixes(LOW_RISK),
            repeatable_commands: Vec::new(),
            sandbox: SandboxRequirement::Full,
            limits: Limits::default(),
            read_only: Vec::new(),
        }
    }
}

/// Building, testing and looking: not asked about even where commands have the network.
const LOW_RISK: &[&str] = &[
    "cargo build",
    "cargo check",
    "cargo clippy",
    "cargo doc",
    "cargo fmt",
    "cargo metadata",
    "cargo run",
    "cargo test",
    "cargo tree",
    "rustc",
    "rustfmt",
    "cat",
    "diff",
    "echo",
    "find",
    "grep",
    "head",
    "ls",
    "pwd",
    "sort",
    "tail",
    "tree",
    "true",
    "wc",
    "go build",
    "go test",
    "go vet",
    "make",
    "npm test",
    "npm run",
    "node",
    "pytest",
    "python -m pytest",
    "python3 -m pytest",
];

fn prefixes(commands: &[&str]) -> Vec<Vec<String>> {
    commands.iter().map(|command| command.split(' ').map(str::to_owned).collect()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_cover_what_they_say() {
        let cases = [
            ("*", "workspace.read_file", true),
            ("workspace.*", "workspace.read_file", true),
            ("workspace.*", "mcp.workspace.read_file", false),
            ("workspace.git_*", "workspace.git_log", true),
            ("workspace.git_*", "workspace.read_file", false),
            ("workspace.read_file", "workspace.read_file", true),
            ("workspace.read_file", "workspace.read_files", false),
            ("mcp.git.*", "mcp.git.log", true),
            ("mcp.git.*", "mcp.github.log", false),
            ("mcp.*.search", "mcp.web.search", true),
            ("mcp.*.search", "mcp.web.research_it", false),
        ];
        for (pattern, tool, expected) in cases {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(tool), expected, "{pattern} on {tool}");
        }
        for bad in ["", "workspace.", "read_file", "workspace..x", "work space.*", "tools.*"] {
            assert!(Pattern::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn what_is_denied_to_everyone_wins() {
        let policy = Policy { denied: vec!["workspace.run_*".into()], ..Policy::default() };
        let scopes = [Pattern::parse("workspace.*").unwrap()];
        assert_eq!(policy.permit(&scopes, "workspace.read_file"), Ok(()));
        assert_eq!(
            policy.permit(&scopes, "workspace.run_command"),
            Err(Denied::Everyone("workspace.run_command".into()))
        );
        assert_eq!(policy.permit(&scopes, "mcp.a.b"), Err(Denied::Role("mcp.a.b".into())));
    }

    /// Every call of a table as (tool, arguments, reach) with what it is.
    #[test]
    fn what_stays_in_the_clone_is_no_risk_and_what_reaches_out_is() {
        use Reach::{Outside, OwnClone};
        use Repeatability::{Idempotent, Once};
        use Risk::{High, Low};
        const RUN: &str = "workspace.run_command";
        let policy = Policy::default();
        let worst = Nature { risk: High, repeatability: Once };
        let extra = [vec!["scripts/verify".to_owned()]];
        let run = |words: &[&str]| json!({"command": words});
        let cases = [
            (RUN, run(&["python3", "-m", "unittest"]), OwnClone, Low, Idempotent),
            (RUN, run(&["mvn", "test"]), OwnClone, Low, Idempotent),
            (RUN, run(&["tox"]), OwnClone, Low, Idempotent),
            (RUN, run(&["uv", "run", "pytest"]), OwnClone, Low, Idempotent),
            (RUN, run(&["sed", "-n", "1,5p", "a"]), OwnClone, Low, Idempotent),
            (RUN, run(&["mkdir", "a"]), OwnClone, Low, Once),
            (RUN, run(&["rm", "-r", "."]), OwnClone, Low, Once),
            (RUN, run(&["sh", "-c", "echo x >> log"]), OwnClone, Low, Once),
            (RUN, run(&["cargo", "publish"]), OwnClone, Low, Once),
            (RUN, json!({"command": "cargo test --lib"}), OwnClone, Low, Idempotent),
            (RUN, json!({"command": "cargo test; echo x >> log"}), OwnClone, Low, Once),
            (RUN, json!({"command": 7}), OwnClone, Low, Once),
            ("workspace.any_other", json!({}), OwnClone, Low, Once),
            ("workspace.set_up_environment", json!({}), OwnClone, High, Once),
            ("mcp.git.push", run(&["cargo", "test"]), OwnClone, High, Once),
            (RUN, run(&["cargo", "test", "--lib"]), Outside, Low, Idempotent),
            (RUN, run(&["cargo", "run"]), Outside, Low, Once),
            (RUN, run(&["cargo", "publish"]), Outside, High, Once),
            (RUN, run(&["cargo"]), Outside, High, Once),
            (RUN, run(&["mvn", "test"]), Outside, High, Idempotent),
            (RUN, run(&["/tmp/cargo", "test"]), Outside, High, Idempotent),
            (RUN, run(&["scripts/verify", "all"]), Outside, High, Idempotent),
            (RUN, run(&["sh", "-c", "scripts/verify all"]), Outside, High, Idempotent),
            (RUN, json!({"command": "cargo test"}), Outside, High, Idempotent),
            ("workspace.any_other", json!({}), Outside, High, Once),
            ("workspace.set_up_environment", json!({}), Outside, High, Once),
            ("mcp.git.push", json!({}), Outside, High, Once),
        ];
        for (tool, arguments, reach, risk, repeatability) in cases {
            let Value::Object(arguments) = arguments else { unreachable!() };
            let found = policy.classify(tool, worst, &arguments, &extra, reach);
            assert_eq!(found, Nature { risk, repeatability }, "{tool} {arguments:?} {reach:?}");
        }
    }

    #[test]
    fn what_may_be_allowed_for_always_follows_from_the_call() {
        let policy = Policy::default();
        let scope = |tool: &str, arguments: Value| {
            let Value::Object(arguments) = arguments else { unreachable!() };
            policy.scope(tool, &arguments).map(|scope| scope.to_string())
        };
        assert_eq!(
            scope("workspace.run_command", json!({"command": ["npm", "install", "x"], "timeout_s": 5}))
                .as_deref(),
            Some("every command that begins with `npm install`")
        );
        assert_eq!(
            scope("workspace.run_command", json!({"command": "npm install x"})).as_deref(),
            Some("the command `sh -c 'npm install x'`, with exactly these arguments")
        );
        assert_eq!(
            scope("mcp.shell.run", json!({"command": ["npm", "install"]})).as_deref(),
            Some("every call of `mcp.shell.run`, with whatever arguments")
        );
    }
}

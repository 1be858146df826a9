//! Policy: pure decisions about tool calls. No I/O; the session acts on what is decided here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;

use crate::workspace_server::{Limits, SandboxRequirement};

/// The only tool whose risk depends on what it is asked to run.
const RUN_COMMAND: &str = "workspace.run_command";

/// What is allowed, and how risky it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Tools no role may call, as patterns; wins over every scope.
    pub denied: Vec<String>,
    /// Commands that are not risky, as prefixes of a command: `["cargo", "test"]`.
    pub low_risk_commands: Vec<Vec<String>>,
    /// Commands that may be repeated when their result was lost, as prefixes.
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

    /// What this very call is: a command by its program, another tool by its nature.
    pub fn classify(
        &self,
        tool: &str,
        nature: Nature,
        arguments: &Map<String, Value>,
        repeatable_commands: &[Vec<String>],
    ) -> Nature {
        if tool != RUN_COMMAND {
            return nature;
        }
        let command =
            arguments.get("command").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let begins = |prefix: &Vec<String>| begins_with(command, prefix);
        let low = self.low_risk_commands.iter().any(begins);
        let repeatable = self.repeatable_commands.iter().chain(repeatable_commands).any(begins);
        Nature {
            risk: if low { Risk::Low } else { nature.risk },
            repeatability: if repeatable { Repeatability::Idempotent } else { nature.repeatability },
        }
    }
}

/// Whether a command starts with these words. An empty prefix would cover everything and covers nothing.
fn begins_with(command: &[Value], prefix: &[String]) -> bool {
    !prefix.is_empty()
        && command.len() >= prefix.len()
        && prefix.iter().zip(command).all(|(expected, word)| word.as_str() == Some(expected))
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            denied: Vec::new(),
            low_risk_commands: prefixes(LOW_RISK),
            repeatable_commands: prefixes(REPEATABLE),
            sandbox: SandboxRequirement::Full,
            limits: Limits::default(),
            read_only: Vec::new(),
        }
    }
}

/// Building, testing and looking; all of it under confinement.
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

/// Of those, the ones for which twice is as good as once.
const REPEATABLE: &[&str] = &[
    "cargo build",
    "cargo check",
    "cargo clippy",
    "cargo doc",
    "cargo fmt",
    "cargo metadata",
    "cargo test",
    "cargo tree",
    "rustfmt",
    "cat",
    "diff",
    "echo",
    "grep",
    "head",
    "ls",
    "pwd",
    "tail",
    "true",
    "wc",
    "go build",
    "go test",
    "go vet",
    "npm test",
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

    #[test]
    fn a_command_is_as_risky_as_its_program() {
        use Repeatability::{Idempotent, Once};
        let policy = Policy::default();
        let worst = Nature { risk: Risk::High, repeatability: Once };
        let extra = [vec!["make".to_owned(), "check".to_owned()]];
        let cases = [
            (json!(["cargo", "test", "--lib"]), Risk::Low, Idempotent),
            (json!(["cargo", "run"]), Risk::Low, Once),
            (json!(["cargo", "publish"]), Risk::High, Once),
            (json!(["cargo"]), Risk::High, Once),
            (json!(["rm", "-rf", "."]), Risk::High, Once),
            (json!(["/tmp/cargo", "test"]), Risk::High, Once),
            (json!(["make", "check"]), Risk::Low, Idempotent),
            (json!("cargo test"), Risk::High, Once),
        ];
        for (command, risk, repeatability) in cases {
            let Value::Object(arguments) = json!({"command": command}) else { unreachable!() };
            let found = policy.classify(RUN_COMMAND, worst, &arguments, &extra);
            assert_eq!(found, Nature { risk, repeatability }, "{command}");
        }
    }
}

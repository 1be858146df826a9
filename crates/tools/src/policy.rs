//! Policy: pure decisions about tool calls. No I/O; the session acts on what is decided here.

use serde::{Deserialize, Serialize};

use crate::workspace_server::{Limits, SandboxRequirement};

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
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            denied: Vec::new(),
            low_risk_commands: prefixes(LOW_RISK),
            repeatable_commands: prefixes(REPEATABLE),
            sandbox: SandboxRequirement::Full,
            limits: Limits::default(),
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

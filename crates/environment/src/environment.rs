//! The environment of a repository, as it is found and as it is stored with a project.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The version of the stored form.
pub const VERSION: u32 = 1;

/// What a repository needs to be worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of this form.
    pub version: u32,
    /// Its parts: one for most repositories, several for a monorepo, the root first. Empty where nothing was recognised.
    pub parts: Vec<Part>,
    /// What is needed and not on this machine.
    pub missing: Vec<Missing>,
    /// What a person should know of how this was found, a sentence each.
    pub notes: Vec<String>,
}

/// One folder of a repository with a toolchain of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The folder, relative to the repository's root; empty for the root itself.
    pub folder: String,
    /// The ecosystems whose files it has, the main one first.
    pub ecosystems: Vec<Ecosystem>,
    /// The toolchains it needs, as found on this machine.
    pub tools: Vec<Tool>,
    /// The commands that install its dependencies, in order. Empty where nothing needs to be installed.
    pub set_up: Vec<Step>,
    /// The commands that decide whether its state is good, in order. Empty where it has none.
    pub checks: Vec<Check>,
    /// Files whose content decides whether set-up has to run again, relative to the repository's root.
    pub inputs: Vec<String>,
    /// Variables that its commands need. `${HOME}` and `${PART}` in a value stand for the home folder that a command is
    /// given and for this part's folder: see [`Part::variables_at`].
    pub variables: Vec<(String, String)>,
    /// Folders, relative to the part, whose programs come first on the search path, such as `.venv/bin`.
    #[serde(default)]
    pub path: Vec<String>,
}

impl Part {
    /// The variables for commands that run with this home folder, where the part's folder is here.
    pub fn variables_at(&self, home: &Path, part: &Path) -> Vec<(String, String)> {
        let fill = |value: &str| {
            value.replace("${HOME}", &home.to_string_lossy()).replace("${PART}", &part.to_string_lossy())
        };
        self.variables.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
    }

    /// The folders that come first on the search path, where the part's folder is here: its own programs before its
    /// toolchains'.
    pub fn search_path_at(&self, part: &Path) -> Vec<PathBuf> {
        let own = self.path.iter().map(|folder| part.join(folder));
        own.chain(self.tools.iter().filter_map(|tool| tool.bin.clone())).collect()
    }
}

/// A world of packages and tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// Cargo.
    Rust,
    /// pip, uv, poetry, pdm.
    Python,
    /// npm, pnpm, yarn, bun.
    JavaScript,
    /// Go modules.
    Go,
    /// Maven and Gradle.
    Java,
    /// CMake, Meson, Make.
    C,
    /// Bundler.
    Ruby,
    /// Composer.
    Php,
    /// dotnet.
    DotNet,
    /// Mix.
    Elixir,
    /// Something else, known only by its commands.
    Other,
}

/// Where something was found, and why it is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The file that says so, relative to the repository's root; or where else it comes from, such as `--check`.
    pub file: String,
    /// The line of it, from 1, where that is known.
    pub line: Option<u32>,
}

impl fmt::Display for Witness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
}

/// A toolchain that a part needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name, such as `python` or `node`.
    pub name: String,
    /// The version that is asked for, as it is written; `None` where any will do.
    pub wanted: Option<String>,
    /// The version that was found, where it is known.
    pub found: Option<String>,
    /// The folder of its programs, to come first on the search path; `None` where it is on the path already.
    pub bin: Option<PathBuf>,
    /// Where it is asked for.
    pub witness: Witness,
}

/// A command that prepares a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The program and its arguments; a shell's line is `["sh", "-c", LINE]`.
    pub command: Vec<String>,
    /// Where it was found.
    pub witness: Witness,
}

impl Step {
    /// Whether it fetches something. All do but the making of an empty virtual environment.
    pub fn needs_network(&self) -> bool {
        !self.command.windows(2).any(|words| words[0] == "-m" && words[1] == "venv")
    }
}

impl Environment {
    /// Whether any of its set-up fetches something.
    pub fn needs_network(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.set_up).any(Step::needs_network)
    }
}

/// A command that decides whether a part's state is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it looks at.
    pub kind: CheckKind,
    /// The program and its arguments; a shell's line is `["sh", "-c", LINE]`.
    pub command: Vec<String>,
    /// Where it was found.
    pub witness: Witness,
}

/// What a check looks at; in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Whether it builds.
    Build,
    /// Whether it is formatted and free of warnings.
    Lint,
    /// Whether its types agree.
    Types,
    /// Whether its tests pass.
    Tests,
}

/// Something that is needed and not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What, such as `pnpm` or `python 3.13`.
    pub what: String,
    /// Who asks for it.
    pub witness: Witness,
    /// Where it was looked for, a place each.
    pub looked: Vec<String>,
    /// What to do about it.
    pub hint: String,
}

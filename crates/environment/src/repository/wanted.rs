//! Which files of a repository are read.

use super::Entry;
use crate::find::{is_requirements, is_test};

/// Files read of one repository, and how large each may be: lock files are the largest that tell.
const FILES: usize = 600;
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The most that all of them are together.
const ALL_BYTES: u64 = 48 * 1024 * 1024;
/// Test files looked at, to see what they are written with; and how large each may be.
const TESTS: usize = 80;
const TEST_BYTES: u64 = 128 * 1024;

const NAMES: &[&str] = &[
    // Rust.
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "rust-toolchain",
    // Python.
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "noxfile.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    "Pipfile",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    ".python-version",
    "conftest.py",
    // JavaScript.
    "package.json",
    "pnpm-workspace.yaml",
    "yarn.lock",
    "pnpm-lock.yaml",
    ".nvmrc",
    ".node-version",
    ".yarnrc.yml",
    // Go.
    "go.mod",
    "go.work",
    ".go-version",
    // Java.
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    ".java-version",
    // C.
    "CMakeLists.txt",
    "meson.build",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "Makefile.in",
    // Ruby, PHP, .NET, Elixir.
    "Gemfile",
    "gems.rb",
    "Rakefile",
    "rakefile",
    ".ruby-version",
    "composer.json",
    ".php-version",
    "global.json",
    "mix.exs",
    ".elixir-version",
    // Version managers.
    ".tool-versions",
    "mise.toml",
    ".mise.toml",
];
/// Names that tell only at the root.
const AT_ROOT: &[&str] = &[
    "PKG-INFO",
    "syndarix.toml",
    ".devcontainer.json",
    ".devcontainer/devcontainer.json",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".travis.yml",
];
const ENDINGS: &[&str] = &[".csproj", ".fsproj", ".vbproj"];
/// Folders whose files are not the repository's own.
const FOREIGN: &[&str] = &["node_modules", "vendor", "third_party", ".venv", "venv", "site-packages"];

pub(super) fn choose(entries: &[Entry]) -> Vec<String> {
    let mut files: Vec<&Entry> =
        entries.iter().filter(|entry| tells(&entry.path) && entry.size <= FILE_BYTES).collect();
    files.sort_by_key(|entry| (entry.path.matches('/').count(), &entry.path));
    files.truncate(FILES);
    let tests = entries.iter().filter(|entry| is_test(&entry.path) && entry.size <= TEST_BYTES);
    let mut tests: Vec<&Entry> = tests.filter(|entry| !is_foreign(&entry.path)).collect();
    tests.sort_by_key(|entry| (entry.path.matches('/').count(), &entry.path));
    files.extend(spread(&tests));
    let mut bytes = 0;
    files.retain(|entry| {
        bytes += entry.size;
        bytes <= ALL_BYTES
    });
    files.iter().map(|entry| entry.path.clone()).collect()
}

/// Some of all tests, from the whole of them and not from their beginning alone.
fn spread<'a>(tests: &[&'a Entry]) -> Vec<&'a Entry> {
    let stride = tests.len().div_ceil(TESTS).max(1);
    tests.iter().step_by(stride).copied().collect()
}

fn tells(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let workflow = path.starts_with(".github/workflows/")
        && [".yml", ".yaml"].iter().any(|ending| name.ends_with(ending));
    let named = NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending));
    let at_root = AT_ROOT.contains(&path);
    (workflow || named || at_root || is_requirements(path)) && !is_foreign(path)
}

fn is_foreign(path: &str) -> bool {
    path.split('/').any(|name| FOREIGN.contains(&name))
}

//! Which folders of a repository may be parts of it.

use crate::environment::{CheckKind, Ecosystem, Part};
use crate::repository::Repository;

/// Parts of one repository: enough for a product's services, and few enough that each can be set up.
pub(super) const PARTS: usize = 16;
/// Folders deeper than this belong to what is above them.
const DEPTH: usize = 3;
/// Folders looked at, of repositories that have a manifest everywhere.
const CANDIDATES: usize = 400;

/// The files that make a folder one of an ecosystem.
const MANIFESTS: &[&str] = &[
    "Cargo.toml",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "Pipfile",
    "package.json",
    "go.mod",
    "go.work",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "CMakeLists.txt",
    "meson.build",
    "Gemfile",
    "composer.json",
    "mix.exs",
];
/// Folders that hold others' work, or what is only shown or tested.
const NOT_PARTS: &[&str] = &[
    "examples",
    "example",
    "fixtures",
    "fixture",
    "__fixtures__",
    "tests",
    "test",
    "__tests__",
    "testdata",
    "test-data",
    "spec",
    "vendor",
    "third_party",
    "third-party",
    "thirdparty",
    "external",
    "extern",
    "deps",
    "node_modules",
    "docs",
    "doc",
    "website",
    "site",
    "samples",
    "sample",
    "demo",
    "demos",
    "templates",
    "template",
    "benchmarks",
    "benchmark",
    "bench",
    "benches",
    "fuzz",
    "dist",
    "build",
    "target",
    "out",
    "e2e",
    "playground",
    "playgrounds",
    "scripts",
    "contrib",
];

/// The root, then the folders with a manifest, those above before those below.
pub(super) fn candidates(repository: &Repository) -> Vec<String> {
    let mut folders: Vec<&str> = repository
        .paths
        .iter()
        .filter_map(|path| {
            let (folder, name) = path.rsplit_once('/')?;
            let is_manifest =
                MANIFESTS.contains(&name) || [".sln", ".slnx"].iter().any(|ending| name.ends_with(ending));
            (is_manifest && may_be_part(folder)).then_some(folder)
        })
        .take(CANDIDATES)
        .collect();
    folders.sort_by_key(|folder| (folder.matches('/').count(), *folder));
    folders.dedup();
    std::iter::once(String::new()).chain(folders.into_iter().map(str::to_owned)).collect()
}

fn may_be_part(folder: &str) -> bool {
    let mut names = folder.split('/');
    folder.matches('/').count() < DEPTH
        && names.all(|name| !name.starts_with('.') && !NOT_PARTS.contains(&name))
}

/// Whether a part above a folder speaks for an ecosystem there: its own tests or its build reach below.
pub(super) fn speaks_for(parts: &[Part], folder: &str, ecosystem: Ecosystem) -> bool {
    parts.iter().any(|part| {
        let above = part.folder.is_empty() || folder.starts_with(&format!("{}/", part.folder));
        let does = part.checks.iter().any(|check| matches!(check.kind, CheckKind::Tests | CheckKind::Build));
        part.folder != folder && above && does && part.ecosystems.contains(&ecosystem)
    })
}

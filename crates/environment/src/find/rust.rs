//! Rust: Cargo.

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

const DEPENDENCIES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let text = folder.text("Cargo.toml")?;
    let mut found = Found::default();
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            found.unreadable(folder, "Cargo.toml", &error.to_string());
            return Some(found);
        }
    };
    let workspace = manifest.contains_key("workspace");
    let is_virtual = workspace && !manifest.contains_key("package");
    found.workspace = true;
    let in_ci = folder.lines().find(|line| {
        line.words.starts_with(&["cargo".to_owned(), "test".to_owned()])
            && line.words.iter().any(|word| word == "--workspace" || word == "--all")
    });
    let tests: &[&str] = if is_virtual || (workspace && in_ci.is_some()) {
        &["cargo", "test", "--workspace"]
    } else {
        &["cargo", "test"]
    };
    let witness = in_ci.filter(|_| workspace).map(|line| line.witness.clone());
    found.check(CheckKind::Tests, tests, witness.unwrap_or_else(|| folder.witness("Cargo.toml")));
    found.inputs_of(
        folder,
        &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain", ".cargo/config.toml"],
    );
    // A workspace's other manifests decide about its dependencies as well; a bound, for some have a thousand.
    found.inputs.extend(members(folder, workspace).take(200));
    match folder.text("Cargo.lock") {
        Some(lock) if lock.contains("\nsource = ") => {
            found.step(&["cargo", "fetch", "--locked"], folder.witness("Cargo.lock"));
        }
        None if folder.has("Cargo.lock") => {
            found.step(&["cargo", "fetch", "--locked"], folder.witness("Cargo.lock"));
        }
        None if needs_packages(&manifest) || (workspace && any_member_needs(folder)) => {
            found.step(&["cargo", "fetch"], folder.witness("Cargo.toml"));
        }
        // A lock file without packages of others, or no dependencies: there is nothing to fetch.
        _ => {}
    }
    let mut wanted = Vec::new();
    for name in ["rust-toolchain.toml", "rust-toolchain"] {
        let Some(text) = folder.text(name) else { continue };
        let channel = text
            .parse::<toml::Table>()
            .ok()
            .and_then(|table| table.get("toolchain")?.get("channel")?.as_str().map(str::to_owned));
        let channel = channel.or_else(|| (name == "rust-toolchain").then(|| text.trim().to_owned()));
        wanted.extend(channel.map(|channel| Wanted::wish(&channel, folder.witness(name))));
    }
    wanted.extend(pinned(folder, &["rust"], &[]));
    let minimum = manifest.get("package").and_then(|package| package.get("rust-version")?.as_str());
    let minimum = minimum.map(|version| Wanted::wish(&format!(">={version}"), folder.witness("Cargo.toml")));
    wanted.extend(minimum);
    toolchain::choose(folder, &mut found, "rust", &["cargo"], &wanted, folder.witness("Cargo.toml"));
    // Cargo's own proxy reads `rust-toolchain` itself; a toolchain's folder before it would take that away.
    for tool in &mut found.tools {
        if folder.machine.has("cargo") {
            tool.bin = None;
        }
    }
    Some(found)
}

fn members<'a>(folder: &Folder<'a>, workspace: bool) -> impl Iterator<Item = String> + use<'a> {
    let here = *folder;
    folder
        .files()
        .filter(move |path| workspace && path.ends_with("/Cargo.toml"))
        .map(move |path| here.full(path))
}

/// Whether a manifest names a package that is fetched.
fn needs_packages(manifest: &toml::Table) -> bool {
    let fetched = |table: &toml::Table| {
        DEPENDENCIES
            .iter()
            .filter_map(|name| table.get(*name)?.as_table())
            .flatten()
            .any(|(_, dependency)| !dependency.as_table().is_some_and(|table| table.contains_key("path")))
    };
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
    fetched(manifest)
        || targets.is_some_and(|targets| targets.values().filter_map(toml::Value::as_table).any(fetched))
        || workspace.is_some_and(fetched)
}

fn any_member_needs(folder: &Folder<'_>) -> bool {
    let manifests = folder.files().filter(|path| path.ends_with("/Cargo.toml")).take(200);
    manifests
        .filter_map(|path| folder.text(path)?.parse().ok())
        .any(|manifest: toml::Table| needs_packages(&manifest))
}

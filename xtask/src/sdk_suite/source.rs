//! The sources of the suite and of the examples: the published crates, copied and edited so that they build outside the
//! workspace they come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Outcome;
use crate::whole_run::succeed;

/// A published crate.
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
}

/// It carries the suite.
pub(super) const CORE: Package = Package { name: "temporalio-sdk-core", version: "0.10.1" };

/// It carries the examples.
pub(super) const SDK: Package = Package { name: "temporalio-sdk", version: "1.1.1" };

/// What the published manifest lacks: a development dependency that a published crate cannot have, since it would
/// be a circle, and the word that this copy is the one that everything else depends on.
const MANIFEST_ADDITION: &str = r#"
[dev-dependencies.temporalio-sdk]
version = "~1.1.1"
features = ["experimental", "opentelemetry", "testing"]

[workspace]

[patch.crates-io]
temporalio-sdk-core = { path = "." }
"#;

/// One argument that the published dependencies want as a string.
const EDITED: &str = "tests/integ_tests/standalone_activity_tests.rs";

/// Copies the suite's sources to `folder`, unless they are there, and edits them.
pub(super) fn prepare_suite(root: &Path, folder: &Path) -> Outcome<()> {
    CORE.copy_once(root, folder, |copy| {
        edit(&copy.join("Cargo.toml"), |text| Some(text + MANIFEST_ADDITION))?;
        edit(&copy.join(EDITED), |text| {
            let edited =
                text.replacen("        Uuid::new_v4(),\n", "        Uuid::new_v4().to_string(),\n", 1);
            (edited != text).then_some(edited)
        })
    })
}

/// Copies the examples' sources to `folder`, unless they are there.
pub(super) fn prepare_examples(root: &Path, folder: &Path) -> Outcome<()> {
    SDK.copy_once(root, folder, |copy| edit(&copy.join("Cargo.toml"), |text| Some(text + "\n[workspace]\n")))
}

impl Package {
    fn copy_once(&self, root: &Path, folder: &Path, edit: impl FnOnce(&Path) -> Outcome<()>) -> Outcome<()> {
        if folder.join("Cargo.toml").exists() {
            return Ok(());
        }
        let published = self.published(root)?;
        let unfinished = folder.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        copy(&published, &unfinished)?;
        edit(&unfinished)?;
        fs::rename(&unfinished, folder).map_err(|error| format!("{}: {error}", folder.display()))
    }

    /// Where the registry's copy lies: the engine's tests depend on it already.
    fn published(&self, root: &Path) -> Outcome<PathBuf> {
        let Self { name, version } = *self;
        let arguments = ["metadata", "--format-version", "1", "--locked"];
        let metadata = succeed(Command::new("cargo").current_dir(root).args(arguments))?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let package =
            packages.iter().find(|package| package["name"] == name && package["version"] == version);
        let manifest = package.and_then(|package| package["manifest_path"].as_str());
        let manifest = manifest.ok_or_else(|| format!("{name} {version} is not among the dependencies"))?;
        Ok(Path::new(manifest).parent().unwrap_or(Path::new("/")).to_owned())
    }
}

fn edit(file: &Path, change: impl FnOnce(String) -> Option<String>) -> Outcome<()> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = change(text).ok_or_else(|| format!("{} is not as it was published", file.display()))?;
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}

//! The suite's sources: the published crate, copied and edited so that it builds outside the workspace it comes from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Outcome;
use crate::real_input::succeed;

const PACKAGE: &str = "temporalio-sdk-core";
pub(super) const VERSION: &str = "0.10.1";

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

/// Copies the sources to `folder`, unless they are there, and edits them.
pub(super) fn prepare(root: &Path, folder: &Path) -> Outcome<()> {
    if folder.join("Cargo.toml").exists() {
        return Ok(());
    }
    let published = published(root)?;
    let unfinished = folder.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    copy(&published, &unfinished)?;
    let manifest = unfinished.join("Cargo.toml");
    edit(&manifest, |text| Some(text + MANIFEST_ADDITION))?;
    edit(&unfinished.join(EDITED), |text| {
        let edited = text.replacen("        Uuid::new_v4(),\n", "        Uuid::new_v4().to_string(),\n", 1);
        (edited != text).then_some(edited)
    })?;
    fs::rename(&unfinished, folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Where the registry's copy lies: the engine's tests depend on it already.
fn published(root: &Path) -> Outcome<PathBuf> {
    let arguments = ["metadata", "--format-version", "1", "--locked"];
    let metadata = succeed(Command::new("cargo").current_dir(root).args(arguments))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == PACKAGE && package["version"] == VERSION);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| format!("{PACKAGE} {VERSION} is not among the dependencies"))?;
    Ok(Path::new(manifest).parent().unwrap_or(Path::new("/")).to_owned())
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

//! Building what the workspace holds, with the features that its tests are built with.
//!
//! Cargo builds a library once for each set of features that is asked of it, and a package alone asks for fewer than the
//! whole workspace with its tests. So everything is built as part of the whole, and what the tests have built serves.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::whole_run::succeed;

/// An example, which is as much as makes cargo take in what tests need.
const EXAMPLE: [&str; 3] = ["--workspace", "--example", "protocol_reference"];

/// The program, built, and where it is.
pub(crate) fn program(root: &Path) -> Result<PathBuf, String> {
    build(root, "dev", &["--bin", "syndarix"])?;
    Ok(folder(root, "debug").join("syndarix"))
}

/// An example of the engine, built, and where it is.
pub(crate) fn example(root: &Path, profile: &str, name: &str) -> Result<PathBuf, String> {
    build(root, profile, &["--features", "syndarix-engine/port", "--example", name])?;
    let folder = folder(root, if profile == "dev" { "debug" } else { profile });
    Ok(folder.join("examples").join(name))
}

fn build(root: &Path, profile: &str, targets: &[&str]) -> Result<(), String> {
    let cargo = ["build", "--quiet", "--profile", profile];
    succeed(Command::new("cargo").current_dir(root).args(cargo).args(EXAMPLE).args(targets)).map(drop)
}

/// Where cargo puts what it builds.
fn folder(root: &Path, profile: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root.join("target"), |folder| root.join(folder)).join(profile)
}

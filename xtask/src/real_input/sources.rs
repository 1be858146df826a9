//! The published crate, put under git as a user would have it.

use std::fs;
use std::process::Command;

use crate::whole_run::repository::git;
use crate::whole_run::{Bench, succeed};

use super::Outcome;

/// A small crate without dependencies, with tests of its own.
const CRATE: &str = "strsim";
const VERSION: &str = "0.11.1";

/// Fetches the crate's sources from the registry and commits them.
pub(crate) fn prepare(bench: &Bench) -> Outcome<()> {
    let vendoring = bench.path("vendoring");
    fs::create_dir_all(vendoring.join("src")).map_err(|error| error.to_string())?;
    let manifest = format!(
        "[package]\nname = \"vendoring\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n{CRATE} = \"={VERSION}\"\n\n[workspace]\n"
    );
    fs::write(vendoring.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
    fs::write(vendoring.join("src/lib.rs"), "").map_err(|error| error.to_string())?;
    succeed(Command::new("cargo").current_dir(&vendoring).args(["vendor", "--quiet", "../vendor"]))?;
    let repository = bench.path("repository");
    fs::rename(bench.path("vendor").join(CRATE), &repository).map_err(|error| error.to_string())?;
    fs::remove_file(repository.join(".cargo-checksum.json")).map_err(|error| error.to_string())?;
    fs::write(repository.join(".gitignore"), "/target\n/Cargo.lock\n").map_err(|error| error.to_string())?;
    git(bench, &["init", "--quiet", "--initial-branch", "main"])?;
    git(bench, &["add", "--all"])?;
    let user = ["-c", "user.name=A User", "-c", "user.email=user@example.org"];
    git(bench, &[&user[..], &["commit", "--quiet", "--message", "strsim as published"]].concat()).map(drop)
}

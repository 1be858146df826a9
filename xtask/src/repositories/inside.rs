//! What `syndarix check` makes of a repository, without any configuration but a `syndarix.toml` in the folder it is called in.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Outcome;
use super::command::{self, Finished, Kept};
use super::document::Document;

/// How long a check may take with its set-up: as long as the two of the recipe outside, and the confinement's share.
const PATIENCE: Duration = Duration::from_mins(40);

/// What the command said and how it ended.
#[derive(Debug)]
pub(crate) struct Checked {
    /// `None` where it said nothing that is such a document.
    pub(crate) document: Option<Document>,
    pub(crate) finished: Finished,
}

/// Runs the check of a repository, with a data directory in `folder` that nothing else uses.
pub(crate) fn check(
    program: &Path,
    repository: &Path,
    folder: &Path,
    variables: &[(String, String)],
) -> Outcome<Checked> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (output, complaints) = (folder.join("check.json"), folder.join("check.log"));
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        // Where environments are made: what is left of them is seen, and goes with the folder.
        .env("XDG_STATE_HOME", folder.join("state"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["check", "--json", "--allow-set-up", "--repo"])
        .arg(repository);
    let finished = command::run(&mut command, Kept::Apart(&output, &complaints), PATIENCE)?;
    Ok(Checked { document: Document::parse(&finished.output).ok(), finished })
}

//! `cargo xtask real-input`: the main job on work that nobody here wrote. A published crate is put under git, a brief
//! asks for a real change to it, and the models are reached over HTTP, in OpenAI's and in Anthropic's format, at a mock
//! server that others wrote. What Syndarix prints is then compared with git, with exit codes and with that
//! server's own log.

mod sources;
mod verdict;

use std::fs;
use std::path::Path;

use crate::whole_run::repository::look;
use crate::whole_run::{Bench, MockServer};
use crate::workspace;

type Outcome<T> = Result<T, String>;

/// What is asked for.
const BRIEF: &str = include_str!("../../real-input/brief.md");

/// What decides about the result. The crate's lock file is ignored, so nothing may be resolved anew.
const CHECK: [&str; 3] = ["cargo", "test", "--offline"];

/// Runs the job and says what agreed with what.
pub(crate) fn run(root: &Path) -> Outcome<String> {
    let bench = Bench {
        syndarix: workspace::program(root)?,
        folder: std::env::temp_dir().join("syndarix-real-input"),
    };
    let _ = fs::remove_dir_all(&bench.folder);
    fs::create_dir_all(&bench.folder).map_err(|error| error.to_string())?;

    sources::prepare(&bench)?;
    let before = look(&bench)?;
    let server = MockServer::start(root, &root.join("xtask/real-input/fixtures.json"))?;
    let ended = bench.work(&server, BRIEF, &["--check", &CHECK.join(" ")])?;
    verdict::judge(&bench, &server, &before, &ended)
}

//! One set-up: a clone, the commands in it, and what they leave.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use syndarix_core::task::Check;
use syndarix_tools::check;

use syndarix_tools::workspace_server::Prepared;

use super::checks::{self, Checking};
use super::layers;
use super::workshop::{self, Made, Request, Workshop};
use crate::environment::{Environment, Step};

/// The branch that set-up's clone is on.
const BRANCH: &str = "set-up";

/// How one command of set-up went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUpRun {
    /// The part's folder.
    pub folder: String,
    /// The command.
    pub command: Vec<String>,
    /// Its exit code, as a shell tells it.
    pub exit_code: i32,
    /// How long it took.
    pub duration_ms: u64,
    /// What it printed, shortened in the middle.
    pub output: String,
}

impl fmt::Display for SetUpRun {
    /// The command, and where it ran.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", Check { command: self.command.clone() })?;
        if self.folder.is_empty() { Ok(()) } else { write!(f, " in {}", self.folder) }
    }
}

/// What a set-up tells while it runs.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A command begins.
    Begins {
        /// The part's folder.
        folder: &'a str,
        /// The command.
        step: &'a Step,
    },
    /// A command ended.
    Ended(&'a SetUpRun),
    /// The checks are run on the untouched commit.
    Checks,
}

/// Why an environment could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// A command of set-up failed.
    #[error("set-up failed: {}", describe(.0.last()))]
    Failed(Vec<SetUpRun>),
    /// A folder could not be used.
    #[error("cannot use {}", path.display())]
    Path {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The commit could not be cloned.
    #[error(transparent)]
    Git(#[from] syndarix_tools::git::Error),
    /// The command could not be confined or started.
    #[error(transparent)]
    Tools(#[from] syndarix_tools::Error),
}

impl SetUpError {
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Path { path: path.to_owned(), source }
    }
}

fn describe(run: Option<&SetUpRun>) -> String {
    let Some(run) = run else { return "no command was run".to_owned() };
    format!("{run} ended with exit code {}", run.exit_code)
}

/// Runs the commands in a clone of the commit, and takes what they leave apart into layers.
pub(super) async fn run(
    workshop: &Workshop,
    request: Request<'_>,
    building: &Path,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Made, SetUpError> {
    let (root_layer, home_layer) = workshop::layers(building);
    let scratch = building.join("scratch");
    let clone = request.repository.clone_for_task(&root_layer, BRANCH, request.commit).await?;
    let prepared = workshop.prepared(request.environment, None, request.name, (&clone.path, &scratch));
    let place = (clone.path.as_path(), scratch.as_path());
    let runs = steps(workshop, request.environment, &prepared, place, &clone.read_only, progress).await?;
    let mut checks = Vec::new();
    if request.warm && !prepared.isolated {
        // Nothing can lie beneath another clone, so the one that was set up is checked.
        progress(Progress::Checks);
        let (environment, read_only) = (request.environment, clone.read_only.as_slice());
        let (root, scratch) = place;
        let checking = Checking { environment, prepared: &prepared, root, scratch, read_only };
        checks = workshop.check(checking).await?;
    }
    let stripped = root_layer.clone();
    let left = tokio::task::spawn_blocking(move || layers::strip(&stripped)).await;
    let left = left.map_err(std::io::Error::other).and_then(|left| left);
    let left = left.map_err(SetUpError::at(&root_layer))?;
    if request.warm && prepared.isolated {
        progress(Progress::Checks);
        let untouched = building.join("untouched");
        let clone = request.repository.clone_for_task(&untouched, BRANCH, request.commit).await?;
        let prepared = Prepared { root_layer: Some(root_layer), ..prepared.clone() };
        let (environment, read_only) = (request.environment, clone.read_only.as_slice());
        let checking =
            Checking { environment, prepared: &prepared, root: &clone.path, scratch: &scratch, read_only };
        checks = workshop.check(checking).await?;
        workshop::remove(&untouched).await.map_err(SetUpError::at(&untouched))?;
    }
    let home = prepared.home_outside(&scratch);
    let _ = std::fs::remove_dir_all(home.join(checks::REPORTS));
    std::fs::create_dir_all(&home)
        .and_then(|()| std::fs::rename(home, home_layer))
        .map_err(SetUpError::at(building))?;
    workshop::remove(&scratch).await.map_err(SetUpError::at(&scratch))?;
    Ok(workshop::made(runs, left, checks, &request))
}

/// Runs the commands in a worktree, with the network, up to the first that fails.
pub(super) async fn steps(
    workshop: &Workshop,
    environment: &Environment,
    prepared: &Prepared,
    place: (&Path, &Path),
    read_only: &[PathBuf],
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Vec<SetUpRun>, SetUpError> {
    let mut runs = Vec::new();
    for part in &environment.parts {
        for step in &part.set_up {
            progress(Progress::Begins { folder: &part.folder, step });
            let (folder, network) = (part.folder.as_str(), step.needs_network());
            let run =
                self::step(workshop, (folder, &step.command), network, prepared, place, read_only).await?;
            progress(Progress::Ended(&run));
            let failed = run.exit_code != 0;
            runs.push(run);
            if failed {
                return Err(SetUpError::Failed(runs));
            }
        }
    }
    Ok(runs)
}

/// Runs one command in a folder of a worktree, whatever its end, with what set-up has beside what commands have.
pub(super) async fn step(
    workshop: &Workshop,
    (folder, command): (&str, &[String]),
    needs_network: bool,
    prepared: &Prepared,
    (root, scratch): (&Path, &Path),
    read_only: &[PathBuf],
) -> Result<SetUpRun, SetUpError> {
    let network = &workshop.options().network;
    let mut prepared = prepared.clone();
    prepared.variables.extend(network.variables.iter().cloned());
    prepared.readable.extend(network.readable.iter().cloned());
    network.write(&prepared.home_outside(scratch)).map_err(SetUpError::at(scratch))?;
    let mut options = workshop.command_options(root, scratch, prepared, read_only.to_vec());
    folder.clone_into(&mut options.folder);
    options.network = needs_network;
    options.limits = workshop.options().set_up_limits.clone();
    let report = check::run(&Check { command: command.to_vec() }, options).await?;
    Ok(SetUpRun {
        folder: folder.to_owned(),
        command: command.to_vec(),
        exit_code: report.exit_code,
        duration_ms: report.duration_ms,
        output: String::from_utf8_lossy(&report.output).into_owned(),
    })
}

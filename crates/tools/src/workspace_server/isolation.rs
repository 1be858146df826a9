//! Whether this machine lets commands have a root and a network of their own. Found out by doing it, in a process that
//! ends with the answer: what a kernel, a distribution or a container forbids cannot be told from outside.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::first;
use super::namespace::{self, Contents};
use crate::error::Error;
use crate::toolbox::Launcher;

/// How long the attempt may take; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether commands can have a root and a network of their own, and processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// Why not, where they cannot.
    pub missing: Option<String>,
    /// Why they see the processes of others, where they do.
    pub processes_missing: Option<String>,
}

impl Isolation {
    /// Whether they can have a root and a network.
    pub fn is_there(&self) -> bool {
        self.missing.is_none()
    }

    /// Whether they can have processes, too.
    pub fn has_processes(&self) -> bool {
        self.is_there() && self.processes_missing.is_none()
    }
}

/// Tries it, with layers in a folder, which is left empty. Must be called while the process has one thread, and ends
/// what the process could do before. As in [`super::serve`], a second process tries what only such a one can.
pub fn try_isolation(folder: &Path, own_processes: bool, inside: Option<&str>) -> Result<(), Error> {
    if inside.is_some() {
        return first::settle().map_err(|error| super::not_isolated(&error));
    }
    let part = |name: &str| -> Result<PathBuf, Error> {
        let path = folder.join(name);
        let made = std::fs::create_dir_all(&path).and_then(|()| path.canonicalize());
        made.map_err(|source| Error::Path { path, source })
    };
    let (root, scratch) = (part("tree")?, part("scratch")?);
    let (below, home) = (part("root-layer")?, part("home-layer")?);
    let contents = Contents {
        root: &root,
        name: "project",
        root_layer: Some(&below),
        home_layers: vec![&home],
        scratch: &scratch,
        readable: &[],
        network: false,
        own_processes,
    };
    namespace::enter(&contents).map_err(|error| super::not_isolated(&error))?;
    if own_processes {
        let ended = first::start_inside("").map_err(|error| super::not_isolated(&error))?;
        std::process::exit(first::exit_code(ended));
    }
    Ok(())
}

impl Launcher {
    /// Whether commands can have a root and a network of their own here, with worktrees and their layers on the file
    /// system of `folder`.
    pub async fn isolation(&self, folder: &Path) -> Isolation {
        let tried = folder.join(format!("isolation-{}", std::process::id()));
        let processes_missing = self.attempt(&tried, true).await.err();
        let missing = match processes_missing {
            Some(_) => self.attempt(&tried, false).await.err(),
            None => None,
        };
        // What is left over is empty, and made anew by the next attempt.
        let _ = std::fs::remove_dir_all(&tried);
        Isolation { missing, processes_missing }
    }

    async fn attempt(&self, folder: &Path, own_processes: bool) -> Result<(), String> {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).arg("--try-isolation").arg(folder).kill_on_drop(true);
        command.args(own_processes.then_some("--own-processes"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let ended = ended.map_err(|_| "the attempt did not end".to_owned())?;
        let ended = ended.map_err(|error| format!("it could not be tried: {error}"))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let said = said.lines().next().unwrap_or("the attempt failed").trim();
        Err(said.trim_start_matches("error: ").to_owned())
    }
}

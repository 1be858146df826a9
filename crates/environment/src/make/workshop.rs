//! Where environments are made and kept.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use syndarix_tools::git;
use syndarix_tools::workspace_server::{Isolation, Limits, Prepared, SandboxRequirement};
use syndarix_tools::{Launcher, check};

use super::checks::{self, CheckRun, Checking};
use super::network::NetworkSettings;
use super::set_up::{self, Progress, SetUpError, SetUpRun};
use super::sweep;
use crate::environment::Environment;
use crate::key::set_up_key;
use crate::repository::Repository;

/// The version of what is kept in a folder per key; another one is made anew.
const VERSION: u32 = 1;
/// How much of a hash a key is: 128 bits, and short enough for a folder's name.
const KEY_BYTES: usize = 16;
/// The file that says that a folder is complete. It is written last.
pub(super) const READY: &str = "ready.json";
/// The file whose time says when somebody last worked in it.
pub(super) const USED: &str = "used";
/// The file in a clone's git folder that names what was installed into it.
const STAMP: &str = "syndarix-set-up";
/// What lies beneath every worktree.
const ROOT_LAYER: &str = "root";
/// What lies beneath every home.
const HOME_LAYER: &str = "home";

/// What a workshop works with.
#[derive(Debug, Clone)]
pub struct WorkshopOptions {
    /// How the confined process is started.
    pub launcher: Launcher,
    /// Where environments are kept, on the file system of the worktrees.
    pub folder: PathBuf,
    /// Whether commands can have a root of their own.
    pub isolation: Isolation,
    /// How much confinement is demanded.
    pub sandbox: SandboxRequirement,
    /// What bounds a command of set-up.
    pub set_up_limits: Limits,
    /// What bounds a check.
    pub check_limits: Limits,
    /// Folders of the user's toolchains, which may be read.
    pub readable: Vec<PathBuf>,
    /// Variables that the user's toolchains need.
    pub variables: Vec<(String, String)>,
    /// What set-up needs beside, to reach what it installs.
    pub network: NetworkSettings,
    /// Whether checks may use the network.
    pub check_network: bool,
}

/// What tells one made environment from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// Its text, which is a folder's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is asked to be made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where the commit is.
    pub repository: &'a git::Repository,
    /// The commit.
    pub commit: &'a str,
    /// The name of the folder in which worktrees are seen.
    pub name: &'a str,
    /// What was found for the commit.
    pub environment: &'a Environment,
    /// What it is kept under.
    pub key: &'a Key,
    /// Whether the checks are run once as well, so that what they build is there for all that follow. Not for what an
    /// agent committed: what its code leaves must not be seen by a later check.
    pub warm: bool,
}

/// An environment that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The version of this form.
    pub version: u32,
    /// How set-up went.
    pub set_up: Vec<SetUpRun>,
    /// What it left at the top of a worktree, as patterns for git to pass over.
    pub left: Vec<String>,
    /// How the checks went that were run once, of whatever commit it was made for; see [`Made::checks_of`].
    checks: Vec<CheckRun>,
    /// Which checks those were, and of which commit.
    #[serde(default)]
    checked: String,
}

impl Made {
    /// How the checks of an environment went at a commit, where it was made for just these. Other commits and other checks have
    /// the same environment, and another baseline.
    pub fn checks_of(&self, environment: &Environment, commit: &str) -> Option<&[CheckRun]> {
        (self.checked == checked(environment, commit)).then_some(self.checks.as_slice())
    }
}

fn checked(environment: &Environment, commit: &str) -> String {
    let mut text = commit.to_owned();
    for (folder, check) in environment.checks() {
        let _ = write!(text, "\n{folder}\0{}", check.command.join("\0"));
    }
    text
}

/// Makes environments, and runs checks in them.
#[derive(Debug, Clone)]
pub struct Workshop {
    options: WorkshopOptions,
}

impl Workshop {
    /// A workshop of these.
    pub fn new(options: WorkshopOptions) -> Self {
        Self { options }
    }

    /// What it works with.
    pub fn options(&self) -> &WorkshopOptions {
        &self.options
    }

    /// What an environment is kept under: its name, its commands and tools, and the contents that decide about them, for which
    /// those of submodules may be needed as well.
    pub fn key(&self, environment: &Environment, files: &Repository, name: &str) -> Key {
        let mut hash = Sha256::new();
        hash.update(format!("{VERSION}\0{name}\0{}\0", environment.parts.len()));
        for part in &environment.parts {
            hash.update(set_up_key(part, |path| files.text(path).map(|text| text.as_bytes().to_vec())));
        }
        for (path, commit) in &files.submodules {
            hash.update(format!("{path}\0{commit}\0"));
        }
        let mut key = String::new();
        for byte in hash.finalize().iter().take(KEY_BYTES) {
            let _ = write!(key, "{byte:02x}");
        }
        Key(key)
    }

    /// Whether anything has to be set up before this environment can be worked in.
    pub fn needs_set_up(&self, environment: &Environment) -> bool {
        environment.parts.iter().any(|part| !part.set_up.is_empty())
    }

    /// Removes environments in which nobody has worked for long, and what crashes left. Returns how many there were.
    ///
    /// # Errors
    ///
    /// The folder cannot be looked through.
    pub fn sweep(&self, now: SystemTime) -> io::Result<usize> {
        sweep::sweep(&self.options.folder, now)
    }

    /// What was made under a key, if it was.
    pub fn made(&self, key: &Key) -> Option<Made> {
        let text = std::fs::read(self.folder(key).join(READY)).ok()?;
        serde_json::from_slice(&text).ok().filter(|made: &Made| made.version == VERSION)
    }

    /// Makes an environment, once: whoever asks meanwhile waits, and what is there already is returned. Nothing is kept
    /// of a set-up that fails.
    pub async fn make(
        &self,
        request: Request<'_>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Made, SetUpError> {
        let folder = self.folder(request.key);
        let _lock = self.lock(request.key).await.map_err(SetUpError::at(&folder))?;
        if let Some(made) = self.made(request.key) {
            return Ok(made);
        }
        let building = folder.with_extension("building");
        for left in [&folder, &building] {
            remove(left).await.map_err(SetUpError::at(left))?;
        }
        let made = set_up::run(self, request, &building, progress).await;
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                // The next attempt removes what is left, should this fail.
                let _ = remove(&building).await;
                return Err(error);
            }
        };
        let ready = serde_json::to_vec(&made).expect("what was made is plain data with string keys");
        let done = write_synced(&building.join(READY), &ready);
        done.and_then(|()| std::fs::rename(&building, &folder)).map_err(SetUpError::at(&folder))?;
        Ok(made)
    }

    /// What the commands of an environment are given: in this worktree, seen under a name, above what was made under a
    /// key.
    pub fn prepared(
        &self,
        environment: &Environment,
        key: Option<&Key>,
        name: &str,
        (root, scratch): (&Path, &Path),
    ) -> Prepared {
        let isolated = self.options.isolation.is_there();
        if let Some(folder) = key.map(|key| self.folder(key)).filter(|folder| folder.is_dir()) {
            // Without the mark it only goes earlier than it should.
            let _ = std::fs::write(folder.join(USED), "used");
        }
        let layer = |name: &str| {
            let folder = self.folder(key.filter(|_| isolated)?).join(name);
            folder.is_dir().then_some(folder)
        };
        let mut prepared = Prepared {
            isolated,
            own_processes: self.options.isolation.has_processes(),
            name: name.to_owned(),
            root_layer: layer(ROOT_LAYER),
            home_layer: layer(HOME_LAYER),
            home_below: None,
            path: Vec::new(),
            variables: self.options.variables.clone(),
            readable: self.options.readable.clone(),
            test_commands: environment.test_commands(),
        };
        let home = prepared.home(scratch);
        for part in &environment.parts {
            let folder = prepared.root(root).join(&part.folder);
            prepared.path.extend(part.search_path_at(&folder));
            prepared.variables.extend(part.variables_at(&home, &folder));
            prepared.readable.extend(part.tools.iter().filter_map(|tool| tool.bin.clone()));
        }
        prepared
    }

    /// The same above the home that was made under an earlier key: what it holds of caches need not be built anew.
    pub fn above(&self, mut prepared: Prepared, earlier: &Key) -> Prepared {
        let home = self.folder(earlier).join(HOME_LAYER);
        if prepared.home_layer.is_some() && prepared.home_layer.as_ref() != Some(&home) && home.is_dir() {
            prepared.home_below = Some(home);
        }
        prepared
    }

    /// Installs what an environment needs into a clone itself, where commands have no root of their own and so nothing can
    /// lie beneath it. Does it once for a clone and a key.
    pub async fn fit(
        &self,
        (environment, key, name): (&Environment, &Key, &str),
        (root, scratch): (&Path, &Path),
        read_only: &[PathBuf],
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<(), SetUpError> {
        if self.options.isolation.is_there() || !self.needs_set_up(environment) {
            return Ok(());
        }
        let stamp = root.join(".git").join(STAMP);
        if std::fs::read_to_string(&stamp).is_ok_and(|done| done == key.as_str()) {
            return Ok(());
        }
        let prepared = self.prepared(environment, None, name, (root, scratch));
        set_up::steps(self, environment, &prepared, (root, scratch), read_only, progress).await?;
        std::fs::write(&stamp, key.as_str()).map_err(SetUpError::at(&stamp))
    }

    /// Runs one command in a worktree, with the network, as set-up's are run.
    pub async fn run_with_network(
        &self,
        (folder, command): (&str, &[String]),
        prepared: &Prepared,
        place: (&Path, &Path),
        read_only: &[PathBuf],
    ) -> Result<SetUpRun, SetUpError> {
        set_up::step(self, (folder, command), true, prepared, place, read_only).await
    }

    /// Runs all checks of an environment in a worktree, in order, whichever fail: a red one says nothing of the others.
    pub async fn check(&self, checking: Checking<'_>) -> Result<Vec<CheckRun>, syndarix_tools::Error> {
        self.check_while(checking, &mut |_| true).await
    }

    /// The same up to the first after which `goes_on` says no.
    pub async fn check_while(
        &self,
        checking: Checking<'_>,
        goes_on: &mut (dyn FnMut(&CheckRun) -> bool + Send),
    ) -> Result<Vec<CheckRun>, syndarix_tools::Error> {
        checks::run(self, checking, goes_on).await
    }

    /// How a command is run in a worktree.
    pub(super) fn command_options(
        &self,
        root: &Path,
        scratch: &Path,
        prepared: Prepared,
        read_only: Vec<PathBuf>,
    ) -> check::CheckOptions {
        check::CheckOptions {
            launcher: self.options.launcher.clone(),
            root: root.to_owned(),
            folder: String::new(),
            scratch: scratch.to_owned(),
            read_only,
            prepared,
            network: self.options.check_network,
            sandbox: self.options.sandbox,
            limits: self.options.check_limits.clone(),
        }
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.options.folder.join(key.as_str())
    }

    /// Keeps others from making the same, in whichever process, for as long as the answer lives.
    async fn lock(&self, key: &Key) -> io::Result<File> {
        std::fs::create_dir_all(&self.options.folder)?;
        let path = self.folder(key).with_extension("lock");
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock().map(|()| file)
        });
        locked.await.map_err(io::Error::other)?
    }
}

/// The layers of a made environment, while it is built.
pub(super) fn layers(building: &Path) -> (PathBuf, PathBuf) {
    (building.join(ROOT_LAYER), building.join(HOME_LAYER))
}

pub(super) fn made(
    set_up: Vec<SetUpRun>,
    left: Vec<String>,
    checks: Vec<CheckRun>,
    request: &Request<'_>,
) -> Made {
    let checked = if request.warm { checked(request.environment, request.commit) } else { String::new() };
    Made { version: VERSION, set_up, left, checks, checked }
}

/// Removes a folder, if it is there.
pub(super) async fn remove(folder: &Path) -> io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

//! A project's own repository: where its branches come together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syndarix_core::time::{Clock as _, SystemClock, Timestamp};

use super::carrier::{self, Taking};
use super::command::{Git, branch_name, path_error};
use super::durable;
use super::elsewhere::{self, Lacking, Theirs};
use super::error::Error;
use super::identity::Signature;
use super::source::{Source, changed_files};
use super::{leftovers, trailers};

/// How old a lock file must be to be nobody's. A git that outlived its program holds one for milliseconds; whoever
/// meets a younger one tries again later.
const LEFT_BEHIND: Duration = Duration::from_secs(2);

/// A project's own repository, with a work tree that follows its branch.
#[derive(Debug, Clone)]
pub struct Repository {
    pub(super) git: Git,
}

/// A clone an agent works in. It borrows the repository's objects instead of copying them, so whoever works in
/// it must be able to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskClone {
    /// Its work tree.
    pub path: PathBuf,
    /// The folders it borrows from, for [`crate::SessionRequest::read_only`].
    pub read_only: Vec<PathBuf>,
}

/// A commit in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Its author's name.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The task it is for, `PROJECT/T-3`, where its message says so.
    pub task: Option<String>,
    /// When it was committed.
    pub at: Timestamp,
}

impl Repository {
    /// Makes a repository with one empty commit on `branch`. One that is there already is opened.
    pub async fn init(path: &Path, branch: &str) -> Result<Self, Error> {
        branch_name(branch)?;
        Self::create(path, async |git| {
            git.must(["init", "--quiet", "--template=", "--initial-branch", branch, "."]).await?;
            git.must(["commit", "--quiet", "--allow-empty", "--no-verify", "--message", "Begin"]).await?;
            Ok(())
        })
        .await
    }

    /// Makes a repository from a user's, with `branch` at the commit `base`, the tags before it, and what it has of
    /// submodules and Git LFS. One that is there already is opened. The user's repository is only read, file by file;
    /// its work tree plays no part.
    pub async fn clone_from(path: &Path, source: &Source, base: &str, branch: &str) -> Result<Self, Error> {
        branch_name(branch)?;
        let base = source.commit(base).await?;
        Self::create(path, async |git| {
            let format = if base.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
            git.must(["init", "--quiet", "--template=", format, "--initial-branch", branch, "."]).await?;
            let fetched = carrier::fetch_users(&git, &source.git_dir, &base, branch).await;
            if fetched.is_err() && source.is_partial().await? {
                return Err(Error::Partial(source.root.clone()));
            }
            fetched?;
            carrier::fetch_tags(&git, &Git::at(&source.git_dir), &base).await?;
            git.must(["reset", "--quiet", "--hard", &base]).await?;
            let theirs = Theirs { git_dir: source.git_dir.clone(), root: source.root.clone() };
            elsewhere::bring(&git.path.join(".git"), &theirs, &base).await?;
            Ok(())
        })
        .await
    }

    /// Opens a repository this program made.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        if !path.join(".git").is_dir() {
            return Err(Error::NotARepository(path.to_owned()));
        }
        let path = path.canonicalize().map_err(path_error(path))?;
        let repository = Self { git: Git::durable(path) };
        match repository.git.commit("HEAD").await {
            Err(Error::UnknownRevision { .. }) => Err(Error::NoCommits(repository.git.path.clone())),
            Err(error) => Err(error),
            Ok(_) => Ok(repository),
        }
    }

    /// Builds a repository beside its place and moves it there whole, so that what is there is complete.
    async fn create(path: &Path, fill: impl AsyncFnOnce(Git) -> Result<(), Error>) -> Result<Self, Error> {
        if !path.exists() {
            let building = prepare_building(path)?;
            fill(Git::durable(&building)).await?;
            durable::sync(&building.join(".git")).await?;
            put_in_place(&building, path)?;
        }
        durable::sync_names(&path.join(".git"))?;
        Self::open(path).await
    }

    /// The same repository, whose merges and other commits are signed like this.
    #[must_use]
    pub fn signed_by(mut self, signature: Signature) -> Self {
        self.git.signature = signature;
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.git.path
    }

    /// Where its objects are; clones must be able to read them.
    pub fn objects(&self) -> PathBuf {
        self.git.path.join(".git/objects")
    }

    /// The commit that is checked out.
    pub async fn head(&self) -> Result<String, Error> {
        self.git.commit("HEAD").await
    }

    /// The commit a revision names.
    pub async fn commit(&self, revision: &str) -> Result<String, Error> {
        self.git.commit(revision).await
    }

    /// The tip of a branch, if there is such a branch.
    pub async fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        self.git.tip(branch_name(branch)?).await
    }

    /// The hash of a revision's tree: equal hashes, equal files.
    pub async fn tree_hash(&self, revision: &str) -> Result<String, Error> {
        let commit = self.git.commit(revision).await?;
        Ok(self.git.must(["rev-parse", "--verify", &format!("{commit}^{{tree}}")]).await?.text())
    }

    /// Whether the work tree equals the commit that is checked out, as far as git tracks it.
    pub async fn is_clean(&self) -> Result<bool, Error> {
        Ok(changed_files(&self.git).await?.is_empty())
    }

    /// `git diff --stat` of what `tip` did since it left `base`.
    pub async fn diff_stat(&self, base: &str, tip: &str) -> Result<String, Error> {
        Ok(self.diff_with(base, tip, &["--stat=100"]).await?.1)
    }

    /// What `tip` did since it left `base`, as a patch.
    pub async fn diff(&self, base: &str, tip: &str) -> Result<Vec<u8>, Error> {
        Ok(self.diff_with(base, tip, &["--patch"]).await?.0)
    }

    /// The files `tip` changed since it left `base`.
    pub async fn changed_files(&self, base: &str, tip: &str) -> Result<Vec<String>, Error> {
        let (_, text) = self.diff_with(base, tip, &["--name-only", "-z"]).await?;
        Ok(text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Every file of a revision, as `git ls-tree -r -z --long` lists them.
    pub async fn listing(&self, revision: &str) -> Result<Vec<u8>, Error> {
        let commit = self.git.commit(revision).await?;
        Ok(self.git.must(["ls-tree", "-r", "-z", "--long", "--full-tree", &commit]).await?.stdout)
    }

    /// What files hold at a revision, by their paths; one that is not there is left out.
    pub async fn contents(
        &self,
        revision: &str,
        paths: &[String],
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        contents(&self.git, &self.git.commit(revision).await?, paths).await
    }

    /// What a commit names and this repository does not hold: clones of it would be without.
    pub async fn lacking(&self, revision: &str) -> Result<Vec<Lacking>, Error> {
        elsewhere::lacking(&self.git.path.join(".git"), &self.git.commit(revision).await?).await
    }

    /// The files `tip` removed since it left `base`.
    pub async fn removed_files(&self, base: &str, tip: &str) -> Result<Vec<String>, Error> {
        let (_, text) = self.diff_with(base, tip, &["--name-only", "-z", "--diff-filter=D"]).await?;
        Ok(text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    async fn diff_with(&self, base: &str, tip: &str, how: &[&str]) -> Result<(Vec<u8>, String), Error> {
        let range = format!("{}...{}", self.git.commit(base).await?, self.git.commit(tip).await?);
        let mut args = vec!["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames"];
        args.extend(how);
        args.extend([range.as_str(), "--"]);
        let ended = self.git.must(args).await?;
        let text = String::from_utf8_lossy(&ended.stdout).trim_end_matches('\n').to_owned();
        Ok((ended.stdout, text))
    }

    /// The commits of `tip` that `base` has not, the oldest first, merges included.
    pub async fn commits(&self, base: &str, tip: &str) -> Result<Vec<Commit>, Error> {
        let range = format!("{}..{}", self.git.commit(base).await?, self.git.commit(tip).await?);
        let format = format!(
            "--format=%H%x1f%ct%x1f%an%x1f%(trailers:key={},valueonly,separator=%x20)%x1f%s",
            trailers::TASK
        );
        let ended = self.git.must(["log", "--reverse", "-z", &format, &range, "--"]).await?;
        let commits = ended.entries().into_iter().filter_map(|entry| {
            let mut fields = entry.splitn(5, '\u{1f}').map(str::to_owned);
            let id = fields.next()?;
            let at = Timestamp(fields.next()?.parse::<i64>().ok()?.saturating_mul(1_000));
            let author = fields.next()?;
            let task = fields.next().filter(|task| !task.is_empty());
            Some(Commit { id, author, subject: fields.next()?, task, at })
        });
        Ok(commits.collect())
    }

    /// Makes a clone for a task with `branch` checked out at `base`, and beside the commit's files those of submodules and
    /// Git LFS. A clone that is there already is kept with all that was done in it; one whose git folder is gone is none any
    /// more, and is put aside.
    pub async fn clone_for_task(&self, dest: &Path, branch: &str, base: &str) -> Result<TaskClone, Error> {
        branch_name(branch)?;
        let base = self.git.commit(base).await?;
        if dest.exists() && !is_clone(dest) {
            set_aside(dest)?;
        }
        if !dest.exists() {
            let building = prepare_building(dest)?;
            let git = Git::at(&building);
            let from = self.git.path.display().to_string();
            git.must(["clone", "--quiet", "--shared", "--no-checkout", "--template=", &from, "."]).await?;
            git.must(["remote", "remove", "origin"]).await?;
            git.must(["checkout", "--quiet", "--force", "-B", branch, &base]).await?;
            elsewhere::fill(&self.git.path.join(".git"), &base, &building).await?;
            put_in_place(&building, dest)?;
        }
        let path = dest.canonicalize().map_err(path_error(dest))?;
        Ok(TaskClone { path, read_only: vec![self.objects()] })
    }

    /// Takes over a branch from an agent's clone, whatever it was here before, and returns its tip. Nothing
    /// that the clone configures is run, and nothing that it leads to is read.
    pub async fn fetch_branch(&self, from: &Path, branch: &str) -> Result<String, Error> {
        let taking = Taking::of(from, branch_name(branch)?)?;
        let tip = taking.tip.clone();
        if self.git.tip(branch).await?.as_deref() != Some(&tip) {
            let _lock = self.lock().await?;
            carrier::fetch_clones(&self.git, taking, branch).await?;
        }
        // An earlier attempt may have taken it over and not come this far.
        self.sync().await?;
        Ok(tip)
    }

    /// What an agent has committed on its branch, taken over beside the branches of the work, where nothing looks for it but
    /// who is given the commit. It is read as by [`Self::fetch_branch`].
    pub async fn look_at_branch(&self, from: &Path, branch: &str) -> Result<String, Error> {
        let taking = Taking::of(from, branch_name(branch)?)?;
        let tip = taking.tip.clone();
        if self.git.commit(&tip).await.is_err() {
            let _lock = self.lock().await?;
            let beside = format!("looked-at/{branch}");
            carrier::fetch_clones(&self.git, taking, &beside).await?;
        }
        Ok(tip)
    }

    /// Has a branch of another repository of ours, of which this is a clone that borrows its objects.
    pub async fn borrow_branch(&self, lender: &Self, branch: &str) -> Result<(), Error> {
        let tip = lender.git.commit(&format!("refs/heads/{}", branch_name(branch)?)).await?;
        let name = format!("refs/heads/{branch}");
        self.git.must(["update-ref", "--end-of-options", &name, &tip]).await.map(drop)
    }

    /// Gives a user's repository the branch `branch`, at the tip of our `from`. Its work tree, index and what is
    /// checked out stay as they are; a branch that holds anything else is left alone.
    pub async fn push_branch_to(&self, target: &Source, from: &str, branch: &str) -> Result<String, Error> {
        branch_name(branch)?;
        let theirs = Git::durable(&target.git_dir);
        let foreign = || Error::ForeignBranch { branch: branch.to_owned(), path: target.root.clone() };
        let tip = self.git.tip(branch_name(from)?).await?.ok_or_else(|| Error::UnknownRevision {
            revision: from.to_owned(),
            path: self.git.path.clone(),
        })?;
        if let Some(existing) = theirs.tip(branch).await? {
            if existing == tip {
                // By an attempt that may not have come this far.
                durable::sync(&target.git_dir).await?;
                return Ok(tip);
            }
            let known = self.git.commit(&existing).await.is_ok();
            if !known || !self.git.is_ancestor(&existing, &tip).await? {
                return Err(foreign());
            }
        }
        let address = self.git.path.display().to_string();
        let refspec = format!("refs/heads/{from}:refs/heads/{branch}");
        let ended = theirs
            .run([
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--end-of-options",
                &address,
                &refspec,
            ])
            .await?;
        if ended.code != Some(0) && ended.stderr.contains("checked out") {
            return Err(foreign());
        }
        theirs.expect_success("fetch", ended)?;
        durable::sync(&target.git_dir).await?;
        Ok(tip)
    }

    /// Sees to it that what it holds outlives a power cut.
    pub(super) async fn sync(&self) -> Result<(), Error> {
        durable::sync(&self.git.path.join(".git")).await
    }

    /// Waits for other merges and fetches of this repository, in whichever process, and clears away what killed
    /// ones left locked.
    pub(super) async fn lock(&self) -> Result<fs::File, Error> {
        let git_dir = self.git.path.join(".git");
        let locked = tokio::task::spawn_blocking(move || {
            let path = git_dir.join(leftovers::OWN_LOCK);
            let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let file = file.and_then(|file| file.lock().map(|()| file)).map_err(path_error(&path))?;
            leftovers::remove_locks(&git_dir, LEFT_BEHIND, SystemClock.now());
            Ok(file)
        });
        locked.await.map_err(|error| Error::Path {
            path: self.git.path.clone(),
            source: io::Error::other(error.to_string()),
        })?
    }
}

/// What files hold in a commit, by their paths; one that is not there is left out.
pub(super) async fn contents(
    git: &Git,
    commit: &str,
    paths: &[String],
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    // A path with a line's end in it cannot be asked for in lines.
    let asked: Vec<&String> = paths.iter().filter(|path| !path.contains('\n')).collect();
    let mut lines = String::new();
    for path in &asked {
        let _ = writeln!(lines, "{commit}:{path}");
    }
    let ended = git.run_with(lines.into_bytes(), ["cat-file", "--batch"]).await?;
    let mut answer = git.expect_success("cat-file", ended)?.stdout.into_iter();
    let mut contents = BTreeMap::new();
    for path in asked {
        let header: Vec<u8> = answer.by_ref().take_while(|byte| *byte != b'\n').collect();
        let header = String::from_utf8_lossy(&header).into_owned();
        let mut words = header.rsplit(' ');
        let (Some(Ok(size)), Some("blob")) = (words.next().map(str::parse::<usize>), words.next()) else {
            // It is missing, or a folder: a folder's content follows and is passed over.
            if let Some(Ok(size)) = header.rsplit(' ').next().map(str::parse::<usize>) {
                answer.by_ref().take(size + 1).for_each(drop);
            }
            continue;
        };
        contents.insert(path.clone(), answer.by_ref().take(size).collect());
        answer.next();
    }
    Ok(contents)
}

/// Whether a folder has a git folder of its own, and not a link to another's.
fn is_clone(path: &Path) -> bool {
    fs::symlink_metadata(path.join(".git")).is_ok_and(|found| found.is_dir())
}

/// Renames a folder, in the place of what was put aside before it.
fn set_aside(path: &Path) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".aside");
    let aside = path.with_file_name(name);
    let _ = fs::remove_dir_all(&aside);
    fs::rename(path, &aside).map_err(path_error(path))
}

/// The folder `path` is built in, empty. What a crash left there is removed.
fn prepare_building(path: &Path) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".building");
    let building = path.with_file_name(name);
    match fs::remove_dir_all(&building) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(path_error(&building)(error)),
        _ => {}
    }
    fs::create_dir_all(&building).map_err(path_error(&building))?;
    Ok(building)
}

fn put_in_place(building: &Path, path: &Path) -> Result<(), Error> {
    fs::rename(building, path).map_err(path_error(path))
}

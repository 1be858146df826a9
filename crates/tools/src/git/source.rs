//! A user's repository: looked at, read from, given a result branch, and otherwise left alone.

use std::path::{Path, PathBuf};

use super::command::Git;
use super::error::Error;

/// A user's repository with at least one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The root of its work tree, or itself where it is bare.
    pub root: PathBuf,
    /// Where its objects and branches are.
    pub git_dir: PathBuf,
    /// The folder of it that was looked at, relative to the root and with `/` between folders; empty for the root.
    pub within: String,
    /// The commit that is checked out.
    pub head: String,
    /// The branch that is checked out, if any.
    pub branch: Option<String>,
}

impl Source {
    /// Looks at a repository; a folder inside one will do.
    pub async fn inspect(path: &Path) -> Result<Self, Error> {
        let not_a_repository = || Error::NotARepository(path.to_owned());
        let path = path.canonicalize().map_err(|_| not_a_repository())?;
        let git = Git::at(&path);
        let ended = git.run(["rev-parse", "--path-format=absolute", "--git-common-dir"]).await?;
        if ended.code != Some(0) {
            return Err(not_a_repository());
        }
        let git_dir = PathBuf::from(ended.text());
        let root = git.run(["rev-parse", "--show-toplevel"]).await?;
        let root = if root.code == Some(0) { PathBuf::from(root.text()) } else { git_dir.clone() };
        let prefix = git.run(["rev-parse", "--show-prefix"]).await?.text();
        let within = prefix.trim_end_matches('/').to_owned();
        let head = match git.commit("HEAD").await {
            Err(Error::UnknownRevision { .. }) => return Err(Error::NoCommits(root)),
            other => other?,
        };
        let branch = git.run(["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        let branch = (branch.code == Some(0)).then(|| branch.text());
        Ok(Self { root, git_dir, within, head, branch })
    }

    /// Refuses a work tree whose tracked files differ from the commit that is checked out. Files git does not
    /// know are no hindrance: the brief itself may be one.
    pub async fn ensure_clean(&self) -> Result<(), Error> {
        let files = changed_files(&Git::at(&self.root)).await?;
        if files.is_empty() { Ok(()) } else { Err(Error::Uncommitted { path: self.root.clone(), files }) }
    }

    /// Whether it was cloned with a filter, so that objects may be missing that git fetches when they are needed.
    pub(super) async fn is_partial(&self) -> Result<bool, Error> {
        let filtered =
            ["config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.partialclonefilter)$"];
        Ok(Git::at(&self.git_dir).run(filtered).await?.code == Some(0))
    }

    /// The commit a revision names.
    pub async fn commit(&self, revision: &str) -> Result<String, Error> {
        Git::at(&self.root).commit(revision).await
    }
}

/// The tracked files that differ from the index or from the commit that is checked out.
pub(super) async fn changed_files(git: &Git) -> Result<Vec<String>, Error> {
    let bare = git.must(["rev-parse", "--is-bare-repository"]).await?;
    if bare.text() == "true" {
        return Ok(Vec::new());
    }
    let ended = git.must(["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames"]).await?;
    Ok(ended.entries().into_iter().map(|entry| entry.get(3..).unwrap_or(&entry).to_owned()).collect())
}

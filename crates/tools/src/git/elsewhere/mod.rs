//! What a commit names and its repository does not hold: submodules, and files in Git LFS.
//!
//! A project's repository keeps both beside its own objects, taken from where git has put them in the user's, and every
//! clone has them as files. There they can be read, built and run. They cannot be committed: a submodule's files belong to
//! another repository, and what LFS holds is put there by a program that commands have not.

mod lfs;
mod submodules;

use std::fmt;
use std::path::{Path, PathBuf};

use super::command::Git;
use super::error::Error;

/// Something that a commit names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lacking {
    /// A submodule, by its path.
    Submodule(String),
    /// The content of a file in Git LFS, by its path.
    Lfs(String),
}

impl Lacking {
    /// What it is called in settings.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Submodule(_) => "submodules",
            Self::Lfs(_) => "lfs",
        }
    }

    /// What brings it into the repository it is missing from.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Submodule(_) => "git submodule update --init --recursive",
            Self::Lfs(_) => "git lfs pull",
        }
    }

    fn within(self, folder: &str) -> Self {
        match self {
            Self::Submodule(path) => Self::Submodule(format!("{folder}/{path}")),
            Self::Lfs(path) => Self::Lfs(format!("{folder}/{path}")),
        }
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submodule(path) => write!(f, "the submodule {path}"),
            Self::Lfs(path) => write!(f, "{path}, which is in Git LFS"),
        }
    }
}

/// A repository of the user's, as far as it is read here.
#[derive(Debug, Clone)]
pub(super) struct Theirs {
    /// Its git folder.
    pub(super) git_dir: PathBuf,
    /// Its work tree.
    pub(super) root: PathBuf,
}

/// Brings what a commit names from a user's repository into the git folder of one of ours, which has the commit. What they
/// lack as well is left out, and found by [`lacking`].
pub(super) async fn bring(ours: &Path, theirs: &Theirs, commit: &str) -> Result<(), Error> {
    let git = Git::at(ours);
    lfs::bring(&git, &theirs.git_dir, commit).await?;
    for submodule in submodules::of(&git, commit).await? {
        let Some(found) = submodules::of_theirs(theirs, &submodule).await else { continue };
        let kept = submodules::bring(&git, &found, &submodule).await?;
        Box::pin(bring(&kept, &found, &submodule.commit)).await?;
    }
    Ok(())
}

/// What a commit names and the git folder does not hold, submodules of submodules included.
pub(super) async fn lacking(ours: &Path, commit: &str) -> Result<Vec<Lacking>, Error> {
    let git = Git::at(ours);
    let mut lacking: Vec<Lacking> = lfs::pointers(&git, commit)
        .await?
        .into_iter()
        .filter(|pointer| !lfs::kept(ours, pointer).is_file())
        .map(|pointer| Lacking::Lfs(pointer.path))
        .collect();
    for submodule in submodules::of(&git, commit).await? {
        match submodules::kept(ours, &submodule).await {
            None => lacking.push(Lacking::Submodule(submodule.path)),
            Some(kept) => {
                let inner = Box::pin(self::lacking(&kept, &submodule.commit)).await?;
                lacking.extend(inner.into_iter().map(|one| one.within(&submodule.path)));
            }
        }
    }
    Ok(lacking)
}

/// Puts what a commit names and the git folder holds into a work tree in which the commit is checked out.
pub(super) async fn fill(ours: &Path, commit: &str, root: &Path) -> Result<(), Error> {
    let git = Git::at(ours);
    if ours.join(lfs::FOLDER).is_dir() {
        lfs::fill(&git, commit, root).await?;
    }
    if !ours.join(submodules::FOLDER).is_dir() {
        return Ok(());
    }
    for submodule in submodules::of(&git, commit).await? {
        let Some(kept) = submodules::kept(ours, &submodule).await else { continue };
        let Some(folder) = plain_within(root, &submodule.path) else { continue };
        submodules::check_out(&kept, &submodule.commit, &folder).await?;
        Box::pin(fill(&kept, &submodule.commit, &folder)).await?;
    }
    Ok(())
}

/// A path of a work tree, unless links lead to it: they could lead out of it.
fn plain_within(root: &Path, path: &str) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let path = root.join(path);
    (path.canonicalize().ok()? == path && path.starts_with(&root)).then_some(path)
}

//! What can go wrong with a repository.

use std::path::PathBuf;

/// Why git could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no `git` to run.
    #[error("the program `git` could not be started")]
    GitMissing(#[source] std::io::Error),
    /// The `git` there is cannot merge without a work tree.
    #[error("git {found} is too old; 2.38 or newer is needed")]
    GitTooOld {
        /// Its version.
        found: String,
    },
    /// A folder is not a git repository.
    #[error("{} is not a git repository", .0.display())]
    NotARepository(PathBuf),
    /// A repository has no commit to work from.
    #[error("the repository {} has no commits", .0.display())]
    NoCommits(PathBuf),
    /// A repository has changes that are not committed.
    #[error("the repository {} has uncommitted changes: {}", path.display(), shorten(files))]
    Uncommitted {
        /// Which repository.
        path: PathBuf,
        /// The changed files.
        files: Vec<String>,
    },
    /// A commit or branch does not exist.
    #[error("there is no commit or branch `{revision}` in {}", path.display())]
    UnknownRevision {
        /// What was asked for.
        revision: String,
        /// Where.
        path: PathBuf,
    },
    /// A name that git does not accept for a branch.
    #[error("`{0}` cannot be the name of a branch")]
    BranchName(String),
    /// A path that a repository cannot hold a file at.
    #[error("`{0}` cannot be the path of a file in a repository")]
    FileName(String),
    /// The user has not told git who they are.
    #[error("git does not know your `{key}` in {}", path.display())]
    NoUser {
        /// What is missing.
        key: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A branch exists already and holds work that is not ours.
    #[error("the branch `{branch}` in {} holds other work and was left as it is", path.display())]
    ForeignBranch {
        /// Which branch.
        branch: String,
        /// Where.
        path: PathBuf,
    },
    /// A repository was cloned with a filter, and lacks what clones of it need.
    #[error("the repository {} is a partial clone and lacks objects", .0.display())]
    Partial(PathBuf),
    /// What an agent committed cannot be taken over, however often it is tried.
    #[error("what is committed on `{branch}` cannot be taken over: {reason}")]
    Untakeable {
        /// The branch of its clone.
        branch: String,
        /// Why, in git's words where it was git that refused.
        reason: String,
    },
    /// Git refused, in its own words.
    #[error("`git {command}` failed in {}: {stderr}", path.display())]
    Failed {
        /// The git command.
        command: String,
        /// Where it ran.
        path: PathBuf,
        /// What it printed to standard error.
        stderr: String,
    },
    /// A file of a repository could not be used.
    #[error("cannot use {}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether trying the same again may help.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Path { .. })
    }

    /// What a person can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::GitMissing(_) => Some("install git 2.38 or newer".into()),
            Self::GitTooOld { .. } => Some("install a newer git".into()),
            Self::NotARepository(path) if !path.is_dir() => {
                Some("name the folder that a git repository is in".into())
            }
            Self::NotARepository(path) => {
                Some(format!("run `git init` and commit in {}, or name another folder", path.display()))
            }
            Self::NoCommits(_) => Some("commit something first".into()),
            Self::Uncommitted { .. } => {
                Some("commit or stash them, so that the team works on what you see".into())
            }
            Self::Partial(_) => {
                Some("fetch all of them with `git fetch --refetch --no-filter`, or name a full clone".into())
            }
            Self::FileName(_) => Some("name a folder of the repository, without `..` and `.git`".into()),
            Self::NoUser { key, .. } => Some(format!(
                "run `git config --global {key} …`, or say in [git] who commits are by: author = \"as the agent\""
            )),
            Self::ForeignBranch { branch, .. } => {
                Some(format!("rename or delete it: `git branch -m {branch} {branch}-old`"))
            }
            _ => None,
        }
    }
}

/// The first few files and how many more there are.
fn shorten(files: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = files.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if files.len() > SHOWN {
        use std::fmt::Write as _;
        let _ = write!(text, " and {} more", files.len() - SHOWN);
    }
    text
}

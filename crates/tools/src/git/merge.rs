//! Merging, computed in the object store: the work tree only follows, so a crash at any point leaves either the
//! old branch or the new one.

use super::command::{Ended, branch_name};
use super::error::Error;
use super::repository::Repository;

/// How often a merge, or another commit, starts over because something else moved the branch meanwhile.
pub(super) const ATTEMPTS: u32 = 5;

/// How a merge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The branch was merged.
    Merged {
        /// The merge commit.
        commit: String,
    },
    /// The branch had been merged before, or has nothing new.
    AlreadyMerged {
        /// The commit that merged it.
        commit: String,
    },
    /// The two changed the same places; nothing was changed here.
    Conflict {
        /// The files in conflict.
        files: Vec<String>,
    },
}

impl Repository {
    /// Merges `branch` into the branch `into` with a merge commit whose message ends with the trailer
    /// `name: value`. Doing it again changes nothing. What is merged is on the disk.
    pub async fn merge(
        &self,
        branch: &str,
        into: &str,
        message: &str,
        trailer: (&str, &str),
    ) -> Result<Merge, Error> {
        let _lock = self.lock().await?;
        let tip = self.existing(branch_name(branch)?).await?;
        let mut message = format!("{}\n\n{}: {}\n", message.trim_end(), trailer.0, trailer.1);
        if let Some(sign_off) = self.git.signature.sign_off_trailer() {
            message.extend([sign_off.as_str(), "\n"]);
        }
        for _ in 0..ATTEMPTS {
            let onto = self.existing(branch_name(into)?).await?;
            if self.git.is_ancestor(&tip, &onto).await? {
                self.follow(into).await?;
                self.sync().await?;
                return Ok(Merge::AlreadyMerged { commit: self.merge_of(&tip, &onto).await? });
            }
            let tree = match self.merge_trees(&onto, &tip).await? {
                Ok(tree) => tree,
                Err(files) => {
                    self.follow(into).await?;
                    return Ok(Merge::Conflict { files });
                }
            };
            let commit =
                self.git.must(["commit-tree", &tree, "-p", &onto, "-p", &tip, "-m", &message]).await?.text();
            let moved = self
                .git
                .run(["update-ref", "-m", "merge", &format!("refs/heads/{into}"), &commit, &onto])
                .await?;
            if moved.code == Some(0) {
                self.follow(into).await?;
                self.sync().await?;
                return Ok(Merge::Merged { commit });
            }
            if self.existing(into).await? == onto {
                return Err(self.git.failed("update-ref", &moved));
            }
        }
        let path = self.git.path.clone();
        let stderr = format!("the branch `{into}` kept moving");
        Err(Error::Failed { command: "update-ref".into(), path, stderr })
    }

    pub(super) async fn existing(&self, branch: &str) -> Result<String, Error> {
        self.git.tip(branch).await?.ok_or_else(|| Error::UnknownRevision {
            revision: branch.to_owned(),
            path: self.git.path.clone(),
        })
    }

    /// The tree of a merge, or the files in conflict.
    async fn merge_trees(&self, ours: &str, theirs: &str) -> Result<Result<String, Vec<String>>, Error> {
        let ended = self
            .git
            .run(["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", ours, theirs])
            .await?;
        let mut entries = ended.entries().into_iter();
        match (ended.code, entries.next()) {
            (Some(0), Some(tree)) => Ok(Ok(tree)),
            (Some(1), Some(_)) => {
                let mut files: Vec<String> = entries.collect();
                files.sort();
                files.dedup();
                Ok(Err(files))
            }
            _ => Err(self.too_old(&ended).await?),
        }
    }

    async fn too_old(&self, ended: &Ended) -> Result<Error, Error> {
        let usage = ended.stderr.contains("usage:") || ended.stderr.contains("unknown option");
        if !usage {
            return Ok(self.git.failed("merge-tree", ended));
        }
        let version = self.git.must(["version"]).await?.text();
        let found = version.trim_start_matches("git version ").to_owned();
        Ok(Error::GitTooOld { found })
    }

    /// The commit on `onto`'s first-parent line that merged `tip`; `onto` itself where `tip` came in otherwise.
    async fn merge_of(&self, tip: &str, onto: &str) -> Result<String, Error> {
        let range = format!("{tip}..{onto}");
        let ended = self
            .git
            .must(["rev-list", "--first-parent", "--ancestry-path", "--merges", "--parents", &range])
            .await?;
        let text = ended.text();
        let merge = text.lines().find_map(|line| {
            let mut ids = line.split(' ');
            let commit = ids.next()?;
            ids.skip(1).any(|parent| parent == tip).then(|| commit.to_owned())
        });
        Ok(merge.unwrap_or_else(|| onto.to_owned()))
    }

    /// Brings the work tree to its branch, if that is the branch it shows.
    pub(super) async fn follow(&self, branch: &str) -> Result<(), Error> {
        let shown = self.git.run(["symbolic-ref", "--quiet", "HEAD"]).await?;
        if shown.text() == format!("refs/heads/{branch}") {
            self.git.must(["reset", "--quiet", "--hard"]).await?;
        }
        Ok(())
    }
}

//! The project's own repository, and whose names are on what is committed there.

use std::path::Path;

use syndarix_core::id::AgentId;
use syndarix_core::project::Project;
use syndarix_tools::git::{Identity, Repository, Signature};
use temporalio_sdk::activities::ActivityError;

use super::services::{Answer, Services, passing, permanent};

impl Services {
    /// The project's own repository, whose merges carry the names that are configured.
    pub(super) async fn repository(&self, project: &Project) -> Answer<Repository> {
        let repository = Repository::open(project.repository.as_ref()).await.map_err(in_git)?;
        let user = self.user(project).await?;
        let signature = self.options.authorship.shell(user.as_ref()).ok_or_else(nobody)?;
        Ok(repository.signed_by(signature))
    }

    /// What an agent's commits carry.
    pub(super) async fn signature(&self, project: &Project, agent: &AgentId) -> Answer<Signature> {
        let user = self.user(project).await?;
        let name = agent.as_str().rsplit('/').next().unwrap_or_default();
        self.options.authorship.signature(name, user.as_ref()).ok_or_else(nobody)
    }

    /// The user, where commits are by them: as git knows them in their repository.
    async fn user(&self, project: &Project) -> Answer<Option<Identity>> {
        if !self.options.authorship.needs_user() {
            return Ok(None);
        }
        let folder = project.source_repository.as_ref().unwrap_or(&project.repository);
        Identity::of_user(Path::new(folder)).await.map(Some).map_err(in_git)
    }
}

fn nobody() -> ActivityError {
    permanent("commits are by the user, and nobody knows who that is".to_owned())
}

/// Git fails for reasons that pass (a full disk, a lock left by a crash) and for reasons that do not; telling
/// them apart by their texts would be guessing, so all are tried again.
pub(super) fn in_git(error: syndarix_tools::git::Error) -> ActivityError {
    passing(error)
}

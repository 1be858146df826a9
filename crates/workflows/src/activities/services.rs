//! What the activities are made of, and how their errors become Temporal's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use syndarix_agents::AgentRunner;
use syndarix_core::agent::Agent;
use syndarix_core::id::ProjectId;
use syndarix_core::role::Role;
use syndarix_core::time::Clock;
use syndarix_core::validity::Validity;
use syndarix_store::Store;
use syndarix_tools::git::Authorship;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

use crate::environments::Environments;
use crate::layout::Layout;

/// The result of an activity.
pub(super) type Answer<T> = Result<T, ActivityError>;

/// The bounds of a project's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most pieces of work under way at once in one sprint.
    pub max_parallel_work: u32,
    /// How often a task may go back to its developer before a human is asked.
    pub max_rounds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_parallel_work: 64, max_rounds: 5 }
    }
}

/// What the activities are made of.
#[derive(Clone)]
pub struct ActivitiesOptions {
    /// The store.
    pub store: Store,
    /// Runs agents.
    pub runner: Arc<AgentRunner>,
    /// Where things lie.
    pub layout: Layout,
    /// What the environments of projects are made with.
    pub environments: Environments,
    /// Who commits are by.
    pub authorship: Authorship,
    /// The folder of the result in which the team's documents are committed, if anywhere.
    pub documents: Option<PathBuf>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The bounds of a project's work.
    pub limits: Limits,
    /// How long what a human is asked can be decided.
    pub approvals: Validity,
}

impl std::fmt::Debug for ActivitiesOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActivitiesOptions")
            .field("layout", &self.layout)
            .field("environments", &self.environments)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The services behind the activities.
#[derive(Debug)]
pub(crate) struct Services {
    pub(super) options: ActivitiesOptions,
    /// One merge at a time in each project's repository.
    merging: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Services {
    pub(super) fn new(options: ActivitiesOptions) -> Self {
        Self { options, merging: Mutex::default() }
    }

    pub(super) fn store(&self) -> &Store {
        &self.options.store
    }

    pub(super) fn merge_lock(&self, project: &ProjectId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.merging.lock().entry(project.clone()).or_default())
    }

    /// The first member of the team with this role. A team file that leaves a role empty is refused, so there is one.
    pub(super) async fn member(&self, project: &ProjectId, role: Role) -> Answer<Agent> {
        let agents = self.store().agents(project).await.map_err(stored)?;
        let member = agents.into_iter().find(|agent| agent.role == role);
        member.ok_or_else(|| permanent(format!("the team of {project} has no {}", role.title())))
    }
}

/// An error of the store. A full disk or a busy file is tried again; a rule that was broken is not.
pub(super) fn stored(error: syndarix_store::Error) -> ActivityError {
    if error.retryable() {
        ApplicationFailure::new(error).into()
    } else {
        ApplicationFailure::non_retryable(error).into()
    }
}

/// An error that another attempt cannot mend.
pub(super) fn permanent(message: String) -> ActivityError {
    ApplicationFailure::non_retryable(message).into()
}

/// An error that another attempt may mend.
pub(super) fn passing(error: impl std::error::Error + Send + Sync + 'static) -> ActivityError {
    ApplicationFailure::new(error).into()
}

//! Beginning a project: everything about it is known and checked before the first thing is written.

use syndarix_agents::team::Team;
use syndarix_core::autonomy::Autonomy;
use syndarix_core::id::ProjectId;
use syndarix_core::money::NanoUsd;
use syndarix_core::project::Project;
use syndarix_core::task::Check;
use syndarix_environment::ProjectEnvironment;
use syndarix_store::{NewAgent, NewProject};
use syndarix_tools::git::{Repository, Source};

use super::host::Service;
use crate::demo::Demo;
use crate::failure::Failure;
use crate::input::{Brief, repository_refused};

/// The branch of a project that begins with nothing.
const FIRST_BRANCH: &str = "main";

/// A project that can begin.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// What is wanted.
    pub(crate) brief: Brief,
    /// Who does it.
    pub(crate) team: Team,
    /// How much they may do without asking.
    pub(crate) autonomy: Autonomy,
    /// The most they may spend.
    pub(crate) budget: NanoUsd,
    /// What the result must pass.
    pub(crate) check: Option<Check>,
    /// What the repository needs, as it was found.
    pub(crate) environment: Option<ProjectEnvironment>,
    /// What they begin with.
    pub(crate) origin: Origin,
}

/// What a project begins with.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A clone of the user's repository.
    Repository(Source),
    /// The demo's files.
    Demo(&'static Demo),
    /// Nothing.
    Nothing,
}

/// Makes the project's own repository, records the project and starts its workflow.
pub(crate) async fn begin(service: &Service, beginning: Beginning, random: u32) -> Result<Project, Failure> {
    let Beginning { brief, team, autonomy, budget, check, environment, origin } = beginning;
    let id = ProjectId::from_title(&brief.title, random);
    let path = service.repository(&id);
    let (repository, branch, source) = match origin {
        Origin::Repository(source) => {
            let branch = source.branch.clone().unwrap_or_else(|| FIRST_BRANCH.to_owned());
            let repository = Repository::clone_from(&path, &source, &source.head, &branch).await;
            (repository.map_err(repository_refused)?, branch, Some(source.root.display().to_string()))
        }
        Origin::Demo(demo) => {
            let repository = Repository::init(&path, demo.branch).await.map_err(repository_refused)?;
            demo.seed(repository.path()).map_err(|error| {
                Failure::internal("the demo's repository cannot be written").because(error)
            })?;
            (repository, demo.branch.to_owned(), None)
        }
        Origin::Nothing => {
            let repository = Repository::init(&path, FIRST_BRANCH).await.map_err(repository_refused)?;
            (repository, FIRST_BRANCH.to_owned(), None)
        }
    };
    let base = repository.head().await.map_err(repository_refused)?;
    let staff = team.staff().iter().map(|agent| NewAgent {
        name: agent.name.clone(),
        role: agent.role,
        agent_type: agent.agent_type.clone(),
        reports_to: agent.reports_to.clone(),
        capabilities: agent.capabilities.clone(),
        budget: agent.budget,
        call_budget: agent.call_budget,
    });
    let new = NewProject {
        id,
        title: brief.title,
        brief: brief.text.into_bytes(),
        team_toml: team.to_toml().into_bytes(),
        autonomy,
        budget,
        check,
        environment: environment
            .map(|environment| serde_json::to_vec(&environment).expect("an environment is plain data")),
        source_repository: source,
        base_commit: Some(base),
        repository: repository.path().display().to_string(),
        branch,
    };
    service.begin(new, staff.collect()).await
}

/// Six hexadecimal digits that make a project's id its own.
#[expect(clippy::disallowed_methods, reason = "the one random id there is; all others follow from it")]
pub(crate) fn random() -> u32 {
    uuid::Uuid::new_v4().as_fields().0
}

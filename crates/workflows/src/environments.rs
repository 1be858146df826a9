//! The environments of projects: what a commit needs, and having it installed when an agent asks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::ports::{Blobs, Journal, PortError};
use syndarix_core::project::Project;
use syndarix_core::task::Check;
use syndarix_environment::make::{Key, Made, Progress, Request, SetUpError, SetUpRun, Workshop, files_of};
use syndarix_environment::{Environment, Machine, ProjectEnvironment};
use syndarix_store::Store;
use syndarix_tools::git::{self, Repository};
use syndarix_tools::set_up::{Command, SetUp, SetUpEnd};
use syndarix_tools::workspace_server::Prepared;
use syndarix_tools::{Error as ToolError, SessionRequest};

use crate::names;

/// How much of a set-up's output an agent and a human are shown.
const OUTPUT_TAIL_BYTES: usize = 4_000;

/// What environments are found and made with.
#[derive(Debug, Clone)]
pub struct Environments {
    store: Store,
    pub(crate) workshop: Workshop,
    machine: Arc<Machine>,
    /// The keys of the commits that projects began with, which never change.
    bases: Arc<Mutex<HashMap<ProjectId, Key>>>,
}

/// The environment of one commit of a project.
#[derive(Debug, Clone)]
pub(crate) struct AtCommit {
    pub(crate) project: ProjectEnvironment,
    pub(crate) environment: Environment,
    pub(crate) key: Key,
    pub(crate) files: syndarix_environment::Repository,
}

/// For whom something is set up.
#[derive(Debug, Clone)]
pub(crate) struct ForWhom {
    pub(crate) project: ProjectId,
    pub(crate) agent: AgentId,
    pub(crate) task: Option<TaskId>,
}

impl Environments {
    /// Environments that are found with what is on this machine and made in this workshop.
    pub fn new(store: Store, workshop: Workshop, machine: Arc<Machine>) -> Self {
        Self { store, workshop, machine, bases: Arc::default() }
    }

    /// What is known of a project's environment since it began.
    pub(crate) async fn of(&self, project: &Project) -> Result<ProjectEnvironment, PortError> {
        let Some(stored) = &project.environment else { return Ok(ProjectEnvironment::default()) };
        let bytes = Blobs::get(&self.store, stored).await?;
        serde_json::from_slice(&bytes).map_err(|error| PortError {
            message: format!("the environment of {} cannot be read", project.id),
            retryable: false,
            source: Some(error.into()),
        })
    }

    /// The environment of a commit, with the checks that decide about it.
    pub(crate) async fn at(
        &self,
        project: &Project,
        repository: &Repository,
        commit: &str,
    ) -> Result<AtCommit, ToolError> {
        let kept = self.of(project).await?;
        let files = files_of(repository, commit).await?;
        let mut environment = kept.at(&files, &self.machine);
        if let (None, Some(check)) = (kept.environment.checks().next(), &project.check) {
            environment.parts.iter_mut().for_each(|part| part.checks.clear());
            environment.add_check(&check.command, "--check");
        }
        let key = self.workshop.key(&environment, &files, &kept.name);
        Ok(AtCommit { project: kept, environment, key, files })
    }

    /// Makes the environment of a commit, and records what was run for it.
    pub(crate) async fn make(
        &self,
        whom: &ForWhom,
        repository: &Repository,
        commit: &str,
        at: &AtCommit,
    ) -> Result<Result<Made, SetUpError>, PortError> {
        let request = Request {
            repository,
            commit,
            name: &at.project.name,
            environment: &at.environment,
            key: &at.key,
            warm: false,
        };
        let mut runs = Vec::new();
        let mut progress = |told: Progress<'_>| {
            if let Progress::Ended(run) = told {
                runs.push(run.clone());
            }
        };
        let made = self.workshop.make(request, &mut progress).await;
        for run in &runs {
            self.record(whom, run).await?;
        }
        Ok(made)
    }

    async fn record(&self, whom: &ForWhom, run: &SetUpRun) -> Result<(), PortError> {
        let kind = EventKind::SetUpRun {
            command: Check { command: run.command.clone() }.to_string(),
            exit_code: run.exit_code,
            duration_ms: run.duration_ms,
        };
        let ForWhom { project, agent, task } = whom.clone();
        Journal::append(&self.store, vec![NewEvent { project, agent: Some(agent), task, kind }]).await
    }

    /// The project of a session, its repository, the session's worktree, and what is committed there.
    async fn committed(
        &self,
        session: &SessionRequest,
    ) -> Result<(Project, Repository, PathBuf, String), ToolError> {
        let project = self.store.project(&session.project).await.map_err(PortError::from)?;
        let (Some(task), Some(root)) = (&session.task, &session.root) else {
            return Err(ToolError::Configuration("there is no worktree to set up".to_owned()));
        };
        let task = self.store.task(task).await.map_err(PortError::from)?;
        let repository = Repository::open(project.repository.as_ref()).await?;
        let tip = repository.look_at_branch(root, &names::branch(&task)).await?;
        Ok((project, repository, root.clone(), tip))
    }

    /// What commands in a worktree are given, for a commit whose environment is ready, or for the one the project began
    /// with where it is not.
    pub(crate) async fn prepared(
        &self,
        project: &Project,
        repository: &Repository,
        at: &AtCommit,
        place: (&Path, &Path),
        read_only: &[PathBuf],
    ) -> Result<Prepared, SetUpError> {
        let (workshop, name) = (&self.workshop, at.project.name.as_str());
        let base = self.base(project, repository).await?;
        let is_made = workshop.made(&at.key).is_some();
        let key = if is_made { &at.key } else { base.as_ref().unwrap_or(&at.key) };
        if is_made || workshop.made(key).is_some() {
            workshop.fit((&at.environment, key, name), place, read_only, &mut |_| {}).await?;
        }
        let prepared = workshop.prepared(&at.environment, Some(key), name, place);
        // Its checks have built what most of a later commit is still made of. That home is of the user's commit alone: no
        // agent's code has written to it.
        Ok(match &base {
            Some(base) => workshop.above(prepared, base),
            None => prepared,
        })
    }

    /// The key of the commit that a project began with.
    async fn base(&self, project: &Project, repository: &Repository) -> Result<Option<Key>, ToolError> {
        let Some(commit) = &project.base_commit else { return Ok(None) };
        if let Some(known) = self.bases.lock().get(&project.id) {
            return Ok(Some(known.clone()));
        }
        let key = self.at(project, repository, commit).await?.key;
        self.bases.lock().insert(project.id.clone(), key.clone());
        Ok(Some(key))
    }
}

#[async_trait]
impl SetUp for Environments {
    async fn install(&self, session: &SessionRequest) -> Result<SetUpEnd, ToolError> {
        let (project, repository, root, tip) = match self.committed(session).await {
            Err(ToolError::Git(error @ git::Error::Untakeable { .. })) => {
                return Ok(told(&error.to_string(), false, None, None));
            }
            committed => committed?,
        };
        let at = self.at(&project, &repository, &tip).await?;
        if !self.workshop.needs_set_up(&at.environment) {
            return Ok(told("Nothing is to be installed for what is committed.", true, None, None));
        }
        let before = self.workshop.made(&at.key).is_some();
        let made = match self.make(&whom(session), &repository, &tip, &at).await? {
            Ok(made) => {
                let place = (root.as_path(), session.scratch.as_path());
                let prepared = self.prepared(&project, &repository, &at, place, &session.read_only).await;
                prepared.map(|prepared| (made, prepared))
            }
            Err(error) => Err(error),
        };
        Ok(match made {
            Ok((_, prepared)) if before => told(
                "What is committed needs nothing that is not installed already. A manifest that was changed has to be \
                 committed first.",
                true,
                None,
                Some(prepared),
            ),
            Ok((made, prepared)) => {
                let runs = made.set_up.iter();
                let lines: Vec<String> =
                    runs.map(|run| format!("{run}: exit code {}", run.exit_code)).collect();
                told(&format!("Installed.\n{}", lines.join("\n")), true, Some(0), Some(prepared))
            }
            Err(error) => failed(error)?,
        })
    }

    async fn run(&self, session: &SessionRequest, command: Command) -> Result<SetUpEnd, ToolError> {
        let Some(root) = &session.root else {
            return Err(ToolError::Configuration("there is no worktree to run it in".to_owned()));
        };
        let step = (command.folder.as_str(), command.words.as_slice());
        let place = (root.as_path(), session.scratch.as_path());
        let ran = self.workshop.run_with_network(step, &session.prepared, place, &session.read_only).await;
        let run = match ran {
            Ok(run) => run,
            Err(error) => return failed(error),
        };
        self.record(&whom(session), &run).await?;
        let text = format!("exit code {}\n{}", run.exit_code, tail(&run.output));
        Ok(told(&text, run.exit_code == 0, Some(run.exit_code), None))
    }
}

fn whom(session: &SessionRequest) -> ForWhom {
    ForWhom { project: session.project.clone(), agent: session.agent.clone(), task: session.task.clone() }
}

fn told(text: &str, succeeded: bool, exit_code: Option<i32>, prepared: Option<Prepared>) -> SetUpEnd {
    SetUpEnd { text: text.to_owned(), succeeded, exit_code, prepared }
}

/// What an agent is told of a set-up that failed. What is not its commands' doing is an error.
fn failed(error: SetUpError) -> Result<SetUpEnd, ToolError> {
    match error {
        SetUpError::Failed(runs) => {
            let exit_code = runs.last().map(|run| run.exit_code);
            Ok(told(&failure(&runs), false, exit_code, None))
        }
        SetUpError::Path { path, source } => Err(ToolError::Path { path, source }),
        SetUpError::Git(error) => Err(error.into()),
        SetUpError::Tools(error) => Err(error),
    }
}

/// A set-up that failed, in words.
pub(crate) fn failure(runs: &[SetUpRun]) -> String {
    let Some(run) = runs.last() else { return "Set-up failed.".to_owned() };
    format!(
        "Set-up failed: {run} ended with exit code {}. Its output ends with:\n\n{}",
        run.exit_code,
        tail(&run.output)
    )
}

/// The end of a text, from the beginning of a line.
pub(crate) fn tail(text: &str) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(OUTPUT_TAIL_BYTES));
    let start = if start == 0 { 0 } else { text[start..].find('\n').map_or(start, |at| start + at + 1) };
    &text[start..]
}

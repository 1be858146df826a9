//! The environment of a project's work: what a commit needs, whether it is there, and who lets it be installed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use syndarix_agents::Surroundings;
use syndarix_core::approval::{Approval, ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Autonomy;
use syndarix_core::id::ProjectId;
use syndarix_core::project::Project;
use syndarix_core::task::{Check, Task};
use syndarix_environment::make::SetUpError;
use syndarix_environment::{Environment, ProjectEnvironment, TestResults, instructions, map};
use syndarix_store::NewApproval;
use syndarix_tools::git::Repository;
use syndarix_tools::workspace_server::Prepared;

use super::repository::in_git;
use super::services::{Answer, Services, passing, stored};
use crate::environments::{AtCommit, ForWhom, failure};
use crate::names;
use crate::types::{Asked, WorkRequest};

/// What the subjects of approvals of set-up begin with.
const SET_UP: &str = "set-up:";
/// How much of the repository's own instructions an agent is told, in bytes.
const INSTRUCTIONS_BYTES: usize = 48 * 1024;
/// How large the map of the repository may be, in tokens.
const MAP_TOKENS: usize = 6_000;
/// The largest file that is read for instructions and the map.
const FILE_BYTES: usize = 256 * 1024;

/// Whether an environment can be worked in.
#[derive(Debug)]
pub(super) enum Ready {
    /// It can.
    Yes,
    /// A human has to allow set-up.
    Ask(Asked),
    /// It cannot, and this is why.
    No(String),
}

impl Services {
    /// The environment of a commit, with the checks that decide about it.
    pub(super) async fn environment_at(
        &self,
        project: &Project,
        repository: &Repository,
        commit: &str,
    ) -> Answer<AtCommit> {
        Box::pin(self.options.environments.at(project, repository, commit)).await.map_err(passing)
    }

    /// Sees to it that what a commit needs is installed: it is there, or set-up may run, or a human is asked.
    pub(super) async fn ready(
        &self,
        work: &WorkRequest,
        project: &Project,
        repository: &Repository,
        commit: &str,
        at: &AtCommit,
    ) -> Answer<Ready> {
        let workshop = &self.options.environments.workshop;
        if !workshop.needs_set_up(&at.environment) || workshop.made(&at.key).is_some() {
            return Ok(Ready::Yes);
        }
        let asks = at.environment.needs_network() && project.autonomy != Autonomy::Autonomous;
        if asks && !at.project.set_up_allowed {
            match self.may_set_up(work, at).await? {
                Ready::Yes => {}
                other => return Ok(other),
            }
        }
        let whom =
            ForWhom { project: project.id.clone(), agent: work.agent.clone(), task: Some(work.task.clone()) };
        let made = self.options.environments.make(&whom, repository, commit, at).await.map_err(passing)?;
        match made {
            Ok(_) => Ok(Ready::Yes),
            Err(SetUpError::Failed(runs)) => Ok(Ready::No(failure(&runs))),
            Err(error) => Err(passing(error)),
        }
    }

    /// Whether a human has let set-up run whenever dependencies change.
    pub(super) async fn set_up_allowed(&self, project: &ProjectId) -> Answer<bool> {
        let earlier = self.store().approvals(Some(project)).await.map_err(stored)?;
        let allows = |earlier: &Approval| {
            earlier.subject.starts_with(SET_UP) && earlier.state == ApprovalState::Approved
        };
        Ok(earlier.iter().any(allows))
    }

    /// Asks a human, once for the project, whether set-up may run again when what is to be installed changes.
    async fn may_set_up(&self, work: &WorkRequest, at: &AtCommit) -> Answer<Ready> {
        if self.set_up_allowed(&work.project).await? {
            return Ok(Ready::Yes);
        }
        let mut shown = String::from(
            "The change needs other dependencies than are installed. To install them, these commands run in the \
             confinement, with the network:\n\n",
        );
        for part in &at.environment.parts {
            for step in &part.set_up {
                let command = Check { command: step.command.clone() };
                let _ = writeln!(shown, "  {command}    (from {})", step.witness);
            }
        }
        shown.push_str(
            "\nThey run code of the packages they install and of the change itself. Approve to let set-up run, now and \
             whenever dependencies change in this project; reject to go on without.",
        );
        let kind = ApprovalKind::ToolCall;
        let approval = self
            .store()
            .request_approval(NewApproval {
                project: work.project.clone(),
                kind,
                title: "May dependencies be installed, with the network?".to_owned(),
                shown: shown.into_bytes(),
                subject: format!("{SET_UP}{}", work.run_id()),
                task: Some(work.task.clone()),
                workflow_id: names::task_workflow(work),
                expires_at: None,
                checkpoint: None,
            })
            .await
            .map_err(stored)?;
        Ok(match approval.state {
            ApprovalState::Approved => Ready::Yes,
            ApprovalState::Pending => Ready::Ask(approval.into()),
            _ => Ready::No(format!(
                "The human in charge does not let dependencies be installed. {} Do the task with what is installed.",
                approval.comment.unwrap_or_default()
            )),
        })
    }

    /// What commands in a worktree are given.
    pub(super) async fn prepared(
        &self,
        (project, repository): (&Project, &Repository),
        at: &AtCommit,
        place: (&Path, &Path),
        read_only: &[PathBuf],
    ) -> Answer<Prepared> {
        let environments = &self.options.environments;
        Box::pin(environments.prepared(project, repository, at, place, read_only)).await.map_err(passing)
    }

    /// What an agent is told about where it works.
    pub(super) async fn surroundings(
        &self,
        repository: &Repository,
        commit: &str,
        at: &AtCommit,
    ) -> Answer<Surroundings> {
        let texts = async |wanted: Vec<String>| {
            let contents = repository.contents(commit, &wanted).await.map_err(in_git)?;
            let small = contents.into_iter().filter(|(_, content)| content.len() <= FILE_BYTES);
            let texts = small.map(|(path, content)| (path, String::from_utf8_lossy(&content).into_owned()));
            Answer::Ok(texts.collect::<BTreeMap<String, String>>())
        };
        let paths: Vec<&str> = at.files.paths.iter().map(String::as_str).collect();
        let said = texts(instructions::wanted(paths)).await?;
        let folders: Vec<String> =
            Some(at.project.within.clone()).filter(|folder| !folder.is_empty()).into_iter().collect();
        let told = instructions::instructions(&said, &folders, INSTRUCTIONS_BYTES);
        let listing = repository.listing(commit).await.map_err(in_git)?;
        let entries = syndarix_environment::Repository::entries(&listing);
        let sized = || entries.iter().map(|entry| (entry.path.as_str(), entry.size));
        let sources = texts(map::wanted(sized())).await?;
        let drawn = tokio::task::spawn_blocking({
            let sized: Vec<(String, u64)> = sized().map(|(path, size)| (path.to_owned(), size)).collect();
            move || {
                let files: Vec<map::File<'_>> = sized
                    .iter()
                    .map(|(path, size)| map::File {
                        path,
                        size: *size,
                        text: sources.get(path).map(String::as_str),
                    })
                    .collect();
                map::write(&files, MAP_TOKENS)
            }
        });
        let mut languages = Vec::new();
        for ecosystem in at.environment.parts.iter().flat_map(|part| &part.ecosystems) {
            let name = ecosystem.name().to_lowercase();
            if !languages.contains(&name) {
                languages.push(name);
            }
        }
        let checks = at.environment.checks().map(|(folder, check)| {
            let command = Check { command: check.command.clone() };
            if folder.is_empty() { command.to_string() } else { format!("{command} (in {folder})") }
        });
        let isolated = self.options.environments.workshop.options().isolation.is_there();
        Ok(Surroundings {
            environment: at.environment.describe(),
            instructions: told.into_iter().map(|one| (one.file, one.text)).collect(),
            map: drawn.await.map_err(passing)?,
            languages,
            checks: checks.collect(),
            check_note: check_note(&at.project),
            dependencies: dependencies(&at.environment, isolated),
        })
    }
}

/// What the checks said before anything was changed, where it was not that all is well.
fn check_note(project: &ProjectEnvironment) -> Option<String> {
    if project.unchecked {
        return Some("The user wants no check: nothing is verified by a machine.".to_owned());
    }
    if project.version > 0 && project.environment.checks().next().is_none() {
        return Some(
            "There is no check yet. The first task of the backlog makes one: a test suite, and the command that runs it \
             named in the repository's own manifest."
                .to_owned(),
        );
    }
    let red = project.baseline.iter().filter(|run| !run.passed()).map(|red| {
        let command = Check { command: red.command.clone() };
        let failing: Vec<&str> = red.results.iter().flat_map(TestResults::failing).take(20).collect();
        if failing.is_empty() {
            format!("`{command}` failed already before anything was changed (exit code {}).", red.exit_code)
        } else {
            format!(
                "These tests of `{command}` failed already before anything was changed: {}.",
                failing.join(", ")
            )
        }
    });
    let red: Vec<String> = red.collect();
    (!red.is_empty()).then(|| red.join(" "))
}

fn dependencies(environment: &Environment, isolated: bool) -> String {
    let steps: Vec<String> = environment
        .parts
        .iter()
        .flat_map(|part| &part.set_up)
        .map(|step| format!("`{}`", Check { command: step.command.clone() }))
        .collect();
    if steps.is_empty() {
        return String::new();
    }
    let shared = if isolated { " What you change there is seen in your clone alone." } else { "" };
    format!(
        "Installed by {}, in your clone and in your home.{shared} What is committed is installed before the check runs.",
        steps.join(", then ")
    )
}

/// The check of a task, beside those of its project.
pub(super) fn with_task_check(environment: &mut Environment, task: &Task) {
    if let Some(check) = &task.check {
        environment.add_check(&check.command, task.id.key());
    }
}

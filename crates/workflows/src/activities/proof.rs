//! Proof: what an agent hands in is checked on a clean clone of what it committed, and once more on the merge.

use std::path::{Path, PathBuf};

use syndarix_agents::Stage;
use syndarix_core::blob::BlobHash;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::message::MessageKind;
use syndarix_core::ports::{Blobs, Journal};
use syndarix_core::project::Project;
use syndarix_core::task::{Check, CheckReceipt, Receipt, Task, TaskState};
use syndarix_environment::make::{CheckRun, Checking};
use syndarix_environment::results::{self, Observed};
use syndarix_tools::git::{self, Merge, Repository, Source, document_files, trailers};

use super::environment::{Ready, with_task_check};
use super::repository::in_git;
use super::services::{Answer, Services, passing, stored};
use crate::environments::{AtCommit, tail};
use crate::names;
use crate::types::{Settled, TaskOutcome, WorkRequest};

/// The checks of a commit, and whether they let it pass.
#[derive(Debug, Default)]
struct Checked {
    receipts: Vec<CheckReceipt>,
    failure: Option<String>,
}

impl Checked {
    /// The check that decided about a task, and the others.
    fn split(mut self, task: &Task) -> (Option<CheckReceipt>, Vec<CheckReceipt>) {
        let own = task.check.as_ref().map(Check::to_string);
        let position = self.receipts.iter().position(|receipt| Some(&receipt.command) == own.as_ref());
        let decided = position.map(|position| self.receipts.remove(position)).or_else(|| self.receipts.pop());
        (decided, self.receipts)
    }
}

impl Services {
    /// Takes the branch over from the agent's clone and runs the check on what is committed there.
    pub(super) async fn prove_work(&self, work: WorkRequest) -> Answer<TaskOutcome> {
        let store = self.store();
        let project = store.project(&work.project).await.map_err(stored)?;
        let task = store.task(&work.task).await.map_err(stored)?;
        let repository = self.repository(&project).await?;
        let branch = names::branch(&task);
        let tip = match repository.fetch_branch(&self.options.layout.workspace(&work), &branch).await {
            Err(error @ git::Error::Untakeable { .. }) => {
                let reason = format!("{error}\nMend the commits on your branch, then finish again.");
                return Ok(TaskOutcome::Unproven { reason });
            }
            taken => taken.map_err(in_git)?,
        };
        store.set_task_branch(&task.id, &branch).await.map_err(stored)?;
        let changed = repository.changed_files(&project.branch, &tip).await.map_err(in_git)?;
        if changed.is_empty() && work.stage == Stage::Develop {
            let reason =
                "nothing is committed on the task's branch: commit the change with git_commit, then finish";
            return Ok(TaskOutcome::Unproven { reason: reason.to_owned() });
        }
        let at = self.environment_at(&project, &repository, &tip).await?;
        match self.ready(&work, &project, &repository, &tip, &at).await? {
            Ready::Yes => {}
            Ready::Ask(asked) => return Ok(TaskOutcome::AwaitsSetUp { asked }),
            Ready::No(reason) => return Ok(TaskOutcome::Unproven { reason }),
        }
        let clean = self.clean_clone(&repository, &work, "proof", &tip).await?;
        let range = (project.branch.as_str(), tip.as_str());
        let checked = self.check(&project, &task, &repository, &clean, at, range).await?;
        remove(&clean).await?;
        Ok(match checked.failure {
            Some(reason) => TaskOutcome::Unproven { reason },
            None => TaskOutcome::Submitted { commit: tip },
        })
    }

    /// Merges a task's branch into the result: first in a clone, where the check must pass on the merge, then
    /// for real. Only one merge happens at a time, so what was checked is what is merged.
    pub(super) async fn integrate(&self, work: &WorkRequest, task: &Task, commit: &str) -> Answer<Settled> {
        let lock = self.merge_lock(&work.project);
        let _merging = lock.lock().await;
        let store = self.store();
        let project = store.project(&work.project).await.map_err(stored)?;
        let repository = self.repository(&project).await?;
        let before = repository.commit(&project.branch).await.map_err(in_git)?;
        let message = format!("{}: {}", task.id.key(), task.title);
        let trailer = (trailers::TASK, task.id.as_str());
        let branch = names::branch(task);

        let candidate = self.clean_clone(&repository, work, "merge", &before).await?;
        let trial = Repository::open(&candidate).await.map_err(in_git)?;
        trial.borrow_branch(&repository, &branch).await.map_err(in_git)?;
        let tried = trial.merge(&branch, "merge", &message, trailer).await.map_err(in_git)?;
        let checked = match &tried {
            Merge::Conflict { files } => {
                let event = EventKind::MergeConflict { branch: branch.clone(), files: files.clone() };
                self.record(task, event).await?;
                Err(format!(
                    "The branch conflicts with what was merged meanwhile, in: {}.\nRun `git merge {before}`, resolve \
                     the conflicts, commit, and finish again.",
                    files.join(", ")
                ))
            }
            Merge::Merged { commit: merged } | Merge::AlreadyMerged { commit: merged } => {
                let at = self.environment_at(&project, &trial, merged).await?;
                let checked = match self.ready(work, &project, &trial, merged, &at).await? {
                    Ready::Yes => {
                        let range = (before.as_str(), commit);
                        self.check(&project, task, &repository, &candidate, at, range).await?
                    }
                    Ready::Ask(_) => Checked {
                        failure: Some("Nobody has allowed what it needs to be installed.".to_owned()),
                        ..Checked::default()
                    },
                    Ready::No(reason) => Checked { failure: Some(reason), ..Checked::default() },
                };
                match &checked.failure {
                    None => Ok(checked),
                    Some(failure) => Err(format!(
                        "The check passes on the branch but not together with what was merged meanwhile.\nRun `git \
                         merge {before}`, mend it, commit, and finish again.\n\n{failure}"
                    )),
                }
            }
        };
        remove(&candidate).await?;
        let (check, others) = match checked {
            Ok(checked) => checked.split(task),
            Err(reason) => {
                let developer = task.assignee.as_ref().unwrap_or(&work.agent);
                self.tell(
                    work,
                    developer,
                    MessageKind::MergeFailed,
                    "The branch cannot be merged yet",
                    &reason,
                )
                .await?;
                return Ok(Settled::Back);
            }
        };
        let merged = repository.merge(&branch, &project.branch, &message, trailer).await.map_err(in_git)?;
        let merge_commit = match merged {
            Merge::Merged { commit } | Merge::AlreadyMerged { commit } => commit,
            Merge::Conflict { .. } => return Ok(Settled::Back),
        };
        // It may have been merged by an attempt that was interrupted before it could tell. What changed nothing merged
        // nothing.
        if merge_commit != commit {
            let (into, commit) = (project.branch.clone(), merge_commit.clone());
            let event = fact(task, EventKind::BranchMerged { branch, into, commit });
            store.record_once(event).await.map_err(stored)?;
        }
        let (diff_stat, content) = self.change(&repository, &merge_commit, commit).await?;
        let receipt = Receipt {
            check,
            others,
            commit: Some(merge_commit),
            diff_stat,
            content,
            at: self.options.clock.now(),
        };
        let current = store.task(&task.id).await.map_err(stored)?;
        if current.state == TaskState::InReview {
            store.set_task_state(&task.id, TaskState::Approved, None).await.map_err(stored)?;
        }
        store.complete_task(&task.id, receipt).await.map_err(stored)?;
        Ok(Settled::Forward)
    }

    /// What a merge brought in: its statistics and its patch. A delivery that changed nothing merged nothing.
    async fn change(
        &self,
        repository: &Repository,
        merge: &str,
        tip: &str,
    ) -> Answer<(Option<String>, Option<BlobHash>)> {
        if merge == tip {
            return Ok((None, None));
        }
        let before = format!("{merge}^1");
        let stat = repository.diff_stat(&before, tip).await.map_err(in_git)?;
        let patch = repository.diff(&before, tip).await.map_err(in_git)?;
        Ok((Some(stat), Some(Blobs::put(self.store(), patch).await.map_err(passing)?)))
    }

    /// Gives the user's repository the result as a branch; a project without one keeps it in its own.
    pub(super) async fn hand_over(&self, project: &Project) -> Answer<()> {
        let repository = self.repository(project).await?;
        if let Some(folder) = &self.options.documents {
            let mut written = std::collections::BTreeMap::new();
            for artifact in self.store().artifacts(&project.id).await.map_err(stored)? {
                let text = Blobs::get(self.store(), &artifact.content).await.map_err(passing)?;
                written.insert(artifact.name, text);
            }
            let files = document_files(folder, written);
            let message = "Add the team's documents";
            repository.commit_files(&project.branch, &files, message).await.map_err(in_git)?;
        }
        let Some(source) = &project.source_repository else { return Ok(()) };
        let source = Source::inspect(Path::new(source)).await.map_err(in_git)?;
        let result = format!("syndarix/{}", project.id);
        repository.push_branch_to(&source, &project.branch, &result).await.map_err(in_git)?;
        Ok(())
    }

    /// A fresh clone at a commit. One that a crash left behind is thrown away first.
    async fn clean_clone(
        &self,
        repository: &Repository,
        work: &WorkRequest,
        what: &str,
        at: &str,
    ) -> Answer<PathBuf> {
        let folder = self.options.layout.clean_clone(work, what);
        remove(&folder).await?;
        Ok(repository.clone_for_task(&folder, what, at).await.map_err(in_git)?.path)
    }

    /// Runs the project's checks and the task's own on a worktree, up to the first that is not accepted: one that fails as
    /// it did before the work began does not keep the others from being run. Without any there is nothing to fail, and the
    /// receipt says that there was no check. Home and temporary files are this check's alone.
    async fn check(
        &self,
        project: &Project,
        task: &Task,
        repository: &Repository,
        root: &Path,
        mut at: AtCommit,
        (base, tip): (&str, &str),
    ) -> Answer<Checked> {
        with_task_check(&mut at.environment, task);
        let scratch = root.with_extension("scratch");
        remove(&scratch).await?;
        tokio::fs::create_dir_all(&scratch).await.map_err(passing)?;
        let read_only = [repository.objects()];
        let prepared = self.prepared((project, repository), &at, (root, &scratch), &read_only).await?;
        let checking = Checking {
            environment: &at.environment,
            prepared: &prepared,
            root,
            scratch: &scratch,
            read_only: &read_only,
        };
        let removed = repository.removed_files(base, tip).await.map_err(in_git)?;
        let mut verdicts = Vec::new();
        let mut goes_on = |run: &CheckRun| {
            let observed = Observed { exit_code: run.exit_code, results: run.results.clone() };
            let baseline = at.project.baseline(&run.folder, &run.command);
            let verdict = results::judge(&baseline, &observed, &removed);
            let accepted = verdict.accepted;
            verdicts.push((verdict, observed));
            accepted
        };
        let workshop = &self.options.environments.workshop;
        let runs = Box::pin(workshop.check_while(checking, &mut goes_on)).await.map_err(passing)?;
        remove(&scratch).await?;
        let mut checked = Checked::default();
        let (verdicts, observed): (Vec<_>, Vec<_>) = verdicts.into_iter().unzip();
        for (run, verdict) in runs.into_iter().zip(verdicts) {
            let command = Check { command: run.command.clone() }.to_string();
            let (exit_code, duration_ms) = (run.exit_code, run.duration_ms);
            self.record(task, EventKind::CheckRun { command: command.clone(), exit_code, duration_ms })
                .await?;
            if !verdict.accepted {
                checked.failure = Some(describe_failure(&command, &run, &verdict.sentence));
            }
            let output = Blobs::put(self.store(), run.output.into_bytes()).await.map_err(passing)?;
            let accepted_red = (exit_code != 0 && verdict.accepted).then_some(verdict.sentence);
            checked.receipts.push(CheckReceipt { command, exit_code, output, duration_ms, accepted_red });
        }
        if checked.failure.is_none() {
            checked.failure = results::unmet(&task.must_pass, &observed);
        }
        Ok(checked)
    }

    async fn record(&self, task: &Task, kind: EventKind) -> Answer<()> {
        Journal::append(self.store(), vec![fact(task, kind)]).await.map_err(passing)
    }
}

/// What is told of a task and whoever has it.
fn fact(task: &Task, kind: EventKind) -> NewEvent {
    NewEvent {
        project: task.project.clone(),
        agent: task.assignee.clone(),
        task: Some(task.id.clone()),
        kind,
    }
}

/// What an agent, and a human after it, is told of a check that does not let a commit pass.
fn describe_failure(command: &str, run: &CheckRun, sentence: &str) -> String {
    let CheckRun { exit_code, .. } = run;
    let place = if run.folder.is_empty() { String::new() } else { format!(" in {}", run.folder) };
    let what = if run.cannot_start {
        format!("`{command}`{place} could not start on a clean clone of the branch (exit code {exit_code})")
    } else {
        format!("`{command}`{place} exited with {exit_code} on a clean clone of the branch. {sentence}")
    };
    format!("{what}\nIts output ends with:\n\n{}", tail(&run.output))
}

pub(super) async fn remove(folder: &Path) -> Answer<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(passing(error)),
        _ => Ok(()),
    }
}

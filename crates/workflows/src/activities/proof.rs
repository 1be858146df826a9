//! Proof: what an agent hands in is checked on a clean clone of what it committed, and once more on the merge.

use std::path::{Path, PathBuf};

use syndarix_agents::Stage;
use syndarix_core::blob::BlobHash;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::message::MessageKind;
use syndarix_core::ports::{Blobs, Journal};
use syndarix_core::project::Project;
use syndarix_core::task::{Check, CheckReceipt, Receipt, Task, TaskState};
use syndarix_tools::check::{self, CheckOptions};
use syndarix_tools::git::{Merge, Repository, Source};

use super::services::{Answer, Services, passing, stored};
use super::work::{branch, in_git, open};
use crate::types::{Settled, TaskOutcome, WorkRequest};

/// How much of a failing check's output the agent is shown.
const FAILURE_TAIL_BYTES: usize = 4_000;

/// A check that was run, and whether it passed.
struct Checked {
    receipt: Option<CheckReceipt>,
    failure: Option<String>,
}

impl Services {
    /// Takes the branch over from the agent's clone and runs the check on what is committed there.
    pub(super) async fn prove_work(&self, work: WorkRequest) -> Answer<TaskOutcome> {
        let store = self.store();
        let project = store.project(&work.project).await.map_err(stored)?;
        let task = store.task(&work.task).await.map_err(stored)?;
        let repository = open(&project).await?;
        let branch = branch(&task);
        let tip =
            repository.fetch_branch(&self.options.layout.workspace(&work), &branch).await.map_err(in_git)?;
        store.set_task_branch(&task.id, &branch).await.map_err(stored)?;
        let changed = repository.changed_files(&project.branch, &tip).await.map_err(in_git)?;
        if changed.is_empty() && work.stage == Stage::Develop {
            let reason =
                "nothing is committed on the task's branch: commit the change with git_commit, then finish";
            return Ok(TaskOutcome::Unproven { reason: reason.to_owned() });
        }
        let clean = self.clean_clone(&repository, &work, "proof", &tip).await?;
        let checked = self.check(&project, &task, &clean).await?;
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
        let repository = open(&project).await?;
        let before = repository.commit(&project.branch).await.map_err(in_git)?;
        let message = format!("{}: {}", task.id.key(), task.title);
        let trailer = ("Syndarix-Task", task.id.as_str());
        let branch = branch(task);

        let candidate = self.clean_clone(&repository, work, "merge", &before).await?;
        let trial = Repository::open(&candidate).await.map_err(in_git)?;
        trial.fetch_branch(repository.path(), &branch).await.map_err(in_git)?;
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
            Merge::Merged { .. } | Merge::AlreadyMerged { .. } => {
                let checked = self.check(&project, task, &candidate).await?;
                match checked.failure {
                    None => Ok(checked.receipt),
                    Some(failure) => Err(format!(
                        "The check passes on the branch but not together with what was merged meanwhile.\nRun `git \
                         merge {before}`, mend it, commit, and finish again.\n\n{failure}"
                    )),
                }
            }
        };
        remove(&candidate).await?;
        let receipt = match checked {
            Ok(receipt) => receipt,
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
            check: receipt,
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
        let Some(source) = &project.source_repository else { return Ok(()) };
        let repository = open(project).await?;
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

    /// Runs the task's check, or the project's where the task has none. Without either there is nothing to
    /// fail, and the receipt says that there was no check.
    async fn check(&self, project: &Project, task: &Task, root: &Path) -> Answer<Checked> {
        let Some(check) = task.check.as_ref().or(project.check.as_ref()) else {
            return Ok(Checked { receipt: None, failure: None });
        };
        let options = CheckOptions {
            launcher: self.options.launcher.clone(),
            root: root.to_owned(),
            scratch: self.options.layout.scratch(&project.id, "checks"),
            read_only: vec![PathBuf::from(&project.repository).join(".git/objects")],
            network: self.options.check_network,
            sandbox: self.options.sandbox,
            limits: self.options.check_limits.clone(),
        };
        let report = check::run(check, options).await.map_err(passing)?;
        let event = EventKind::CheckRun {
            command: report.command.clone(),
            exit_code: report.exit_code,
            duration_ms: report.duration_ms,
        };
        self.record(task, event).await?;
        let failure =
            (report.exit_code != 0).then(|| describe_failure(check, report.exit_code, &report.output));
        let output = Blobs::put(self.store(), report.output).await.map_err(passing)?;
        let receipt = CheckReceipt {
            command: report.command,
            exit_code: report.exit_code,
            output,
            duration_ms: report.duration_ms,
        };
        Ok(Checked { receipt: Some(receipt), failure })
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

fn describe_failure(check: &Check, exit_code: i32, output: &[u8]) -> String {
    let tail = output.len().saturating_sub(FAILURE_TAIL_BYTES);
    let shown = String::from_utf8_lossy(&output[tail..]);
    format!(
        "`{check}` exited with {exit_code} on a clean clone of the branch. Its output ends with:\n\n{shown}"
    )
}

pub(super) async fn remove(folder: &Path) -> Answer<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(passing(error)),
        _ => Ok(()),
    }
}

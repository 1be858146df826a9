//! One piece of work by one agent: its clone, its run, and its end.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use syndarix_agents::{ResumeValue, RunOutcome, RunRequest, RunResult, Stage, Surroundings};
use syndarix_core::agent::{AgentState, AgentTransition};
use syndarix_core::id::{AgentId, MessageId};
use syndarix_core::message::MessageKind;
use syndarix_store::{NewMessage, RunRecord};
use syndarix_tools::git::{self, Signature, TaskClone};
use syndarix_tools::workspace_server::Prepared;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio_util::sync::CancellationToken;

use super::repository::in_git;
use super::services::{Answer, Services, passing, permanent, stored};
use crate::names;
use crate::types::{AgentStep, Asked, AwaitedReply, Question, StepOutcome, TaskOutcome, WorkRequest};

/// How often a long activity says that it is alive; several times within its heartbeat timeout.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Keeps an activity's heart beating while its work goes on.
pub(super) async fn alive<T>(
    ctx: &ActivityContext,
    mut work: Pin<Box<dyn Future<Output = Answer<T>> + Send + '_>>,
) -> Answer<T> {
    let mut beat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            answer = &mut work => return answer,
            _ = beat.tick() => ctx.record_heartbeat(()).await?,
            () = ctx.cancelled() => return Err(ActivityError::cancelled()),
        }
    }
}

/// Where an agent works.
#[derive(Debug, Default)]
struct Place {
    prepared: Prepared,
    set_up_allowed: bool,
    signature: Signature,
    surroundings: Surroundings,
}

impl Services {
    pub(super) async fn prepare_work(&self, work: WorkRequest) -> Answer<()> {
        let run = RunRecord {
            run: work.run_id(),
            task: work.task.clone(),
            agent: work.agent.clone(),
            stage: work.stage.as_str().to_owned(),
            round: work.round,
        };
        self.store().record_run(run).await.map_err(stored)?;
        if work.stage != Stage::Answer {
            self.workspace(&work).await?;
        }
        Ok(())
    }

    /// The clone that a piece of work happens in, made where it is missing.
    async fn workspace(&self, work: &WorkRequest) -> Answer<TaskClone> {
        let project = self.store().project(&work.project).await.map_err(stored)?;
        let task = self.store().task(&work.task).await.map_err(stored)?;
        let repository = self.repository(&project).await?;
        let folder = self.options.layout.workspace(work);
        let branch = names::branch(&task);
        let base = match (work.stage, &task.branch) {
            (Stage::Review, Some(branch)) => branch.clone(),
            _ => project.branch.clone(),
        };
        repository.clone_for_task(&folder, &branch, &base).await.map_err(in_git)
    }

    /// What is prepared for an agent's commands, and what the agent is told about where it works.
    async fn place(
        &self,
        step: &AgentStep,
        root: &Path,
        scratch: &Path,
        read_only: &[PathBuf],
    ) -> Answer<Place> {
        let work = &step.work;
        let project = self.store().project(&work.project).await.map_err(stored)?;
        let task = self.store().task(&work.task).await.map_err(stored)?;
        let repository = self.repository(&project).await?;
        let commit = match repository.look_at_branch(root, &names::branch(&task)).await {
            // It is told so when it hands in; until then it works where its task began.
            Err(git::Error::Untakeable { .. }) => repository.commit(&project.branch).await.map_err(in_git)?,
            looked => looked.map_err(in_git)?,
        };
        let at = self.environment_at(&project, &repository, &commit).await?;
        Ok(Place {
            set_up_allowed: at.project.set_up_allowed || self.set_up_allowed(&project.id).await?,
            signature: self.signature(&project, &work.agent).await?,
            prepared: self.prepared((&project, &repository), &at, (root, scratch), read_only).await?,
            surroundings: if step.resume.is_empty() {
                self.surroundings(&repository, &commit, &at).await?
            } else {
                // It was told when it began.
                Surroundings::default()
            },
        })
    }

    pub(super) async fn run_agent(&self, ctx: ActivityContext, step: AgentStep) -> Answer<StepOutcome> {
        let work = &step.work;
        let clone = match work.stage {
            // An answer changes nothing and takes no clone.
            Stage::Answer => None,
            _ => Some(self.workspace(work).await?),
        };
        let (workspace, read_only) =
            clone.map_or_else(Default::default, |clone| (Some(clone.path), clone.read_only));
        let scratch = self.options.layout.scratch_of(work);
        let place = match &workspace {
            Some(root) => self.place(&step, root, &scratch, &read_only).await?,
            None => Place::default(),
        };
        let request = RunRequest {
            run: work.run_id(),
            project: work.project.clone(),
            agent: work.agent.clone(),
            task: work.task.clone(),
            stage: work.stage,
            round: work.round,
            sprint: work.sprint,
            workspace,
            read_only,
            scratch,
            workflow_id: names::task_workflow(work),
            resume: step
                .resume
                .iter()
                .map(|answer| ResumeValue {
                    interrupt_id: answer.interrupt.clone(),
                    approved: answer.decision.is_approved(),
                    comment: answer.decision.comment.clone(),
                })
                .collect(),
            prepared: place.prepared,
            set_up_allowed: place.set_up_allowed,
            signature: place.signature,
            surroundings: place.surroundings,
        };
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        let running = self.options.runner.run(request, cancel.clone());
        let outcome = alive(&ctx, Box::pin(async { running.await.map_err(ran) })).await?;
        Ok(match outcome {
            RunOutcome::Finished { result, .. } => StepOutcome::Ended { result: finished(result) },
            RunOutcome::HandedOff { to, summary } => {
                StepOutcome::Ended { result: TaskOutcome::HandedOff { to, summary } }
            }
            RunOutcome::Failed { error } => {
                StepOutcome::Ended { result: TaskOutcome::Failed { reason: error } }
            }
            RunOutcome::Interrupted { approvals, replies } => StepOutcome::Waiting {
                replies: replies
                    .into_iter()
                    .map(|pending| AwaitedReply {
                        question: pending.question,
                        escalate_at: pending.escalate_at,
                    })
                    .collect(),
                questions: approvals
                    .into_iter()
                    .map(|pending| Question {
                        interrupt: pending.interrupt_id,
                        asked: Asked { approval: pending.approval, expires_at: pending.expires_at },
                    })
                    .collect(),
            },
        })
    }

    /// Frees the agent and closes what it asked, after work that did not come to its own end.
    pub(super) async fn release_work(&self, work: WorkRequest) -> Answer<()> {
        let store = self.store();
        let workflow = names::task_workflow(&work);
        store.leave_approvals(&work.project, &workflow).await.map_err(stored)?;
        for wait in store.open_waits(&work.project).await.map_err(stored)? {
            if wait.workflow_id == workflow {
                store.close_wait(&wait.message, "the work is over").await.map_err(stored)?;
            }
        }
        let agent = store.agent(&work.agent).await.map_err(stored)?;
        // Somebody who was only to answer a question may be waiting for something else.
        let waits =
            matches!(agent.state, AgentState::WaitingInput | AgentState::WaitingReview | AgentState::Blocked);
        if work.stage == Stage::Answer && waits {
            return Ok(());
        }
        if !matches!(agent.state, AgentState::Idle | AgentState::Completed | AgentState::Error) {
            store
                .transition_agent(&work.agent, AgentTransition::Fail, Some(&work.task))
                .await
                .map_err(stored)?;
        }
        self.free(&work.agent, None, &work.task).await
    }

    /// Tells an agent what the machine found in its work; it reads it with its next thought.
    pub(super) async fn tell(
        &self,
        work: &WorkRequest,
        agent: &AgentId,
        kind: MessageKind,
        summary: &str,
        body: &str,
    ) -> Answer<()> {
        let id = format!("{}.feedback", work.run_id());
        let message = NewMessage {
            id: MessageId::new(id).map_err(|error| permanent(error.to_string()))?,
            project: work.project.clone(),
            kind,
            sender: None,
            target: Some(agent.clone()),
            task: Some(work.task.clone()),
            correlation_id: None,
            summary: summary.to_owned(),
            body: body.as_bytes().to_vec(),
        };
        self.store().send_message(message).await.map_err(stored)?;
        Ok(())
    }
}

fn finished(result: RunResult) -> TaskOutcome {
    match result {
        RunResult::Done => TaskOutcome::Written,
        RunResult::Review { approved, .. } => TaskOutcome::Reviewed { approved },
        RunResult::Qa { passed, defects } => TaskOutcome::Judged { passed, defects },
        RunResult::Planned { tasks, .. } => TaskOutcome::Planned { tasks },
    }
}

/// An agent's run failed; people are told the whole chain of causes.
pub(super) fn ran(error: syndarix_agents::Error) -> ActivityError {
    if error.retryable() {
        return passing(error);
    }
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(beneath) = cause {
        message = format!("{message}: {beneath}");
        cause = beneath.source();
    }
    permanent(message)
}

//! The project as a whole, and the stages that are one task of one agent: documents, plans, judgements, the
//! delivery.

use syndarix_agents::Stage;
use syndarix_core::id::{ProjectId, TaskId};
use syndarix_core::message::MessageKind;
use syndarix_core::project::ProjectState;
use syndarix_core::task::{Receipt, Task, TaskKind, TaskState};
use syndarix_store::NewTask;

use super::proof::remove;
use super::services::{Answer, Services, stored};
use crate::types::{
    Backlog, CloseRequest, PhaseRequest, ProjectOutcome, Settled, StageRequest, TaskOutcome, WorkRequest,
    WorkResult,
};

/// Attempts at a stage before a human is asked.
const MAX_ATTEMPTS: u32 = 3;

impl Services {
    pub(super) async fn enter_phase(&self, request: PhaseRequest) -> Answer<()> {
        let store = self.store();
        let project = store.project(&request.project).await.map_err(stored)?;
        if project.state == ProjectState::Created {
            store.set_project_state(&project.id, ProjectState::Running, None).await.map_err(stored)?;
        }
        store.enter_phase(&project.id, request.phase).await.map_err(stored)?;
        Ok(())
    }

    pub(super) async fn backlog(&self, project: ProjectId) -> Answer<Backlog> {
        let tasks = self.store().tasks(&project).await.map_err(stored)?;
        let code = || tasks.iter().filter(|task| task.kind.changes_code());
        Ok(Backlog {
            open: code().filter(|task| !task.state.is_final()).count() as u32,
            done: code().filter(|task| task.state == TaskState::Done).count() as u32,
        })
    }

    /// Hands the result over and closes the books. The hand-over comes first: a project that says it is
    /// complete has delivered.
    pub(super) async fn close_project(&self, close: CloseRequest) -> Answer<()> {
        let store = self.store();
        let project = store.project(&close.project).await.map_err(stored)?;
        if project.state.is_final() {
            return Ok(());
        }
        let (state, reason) = match close.outcome {
            ProjectOutcome::Delivered => {
                self.hand_over(&project).await?;
                (ProjectState::Completed, None)
            }
            ProjectOutcome::Failed { reason } => (ProjectState::Failed, Some(reason)),
            ProjectOutcome::Cancelled => (ProjectState::Cancelled, None),
        };
        if state != ProjectState::Completed {
            let last_state =
                if state == ProjectState::Cancelled { TaskState::Cancelled } else { TaskState::Failed };
            for task in store.tasks(&project.id).await.map_err(stored)? {
                if !task.state.is_final() {
                    let reason = Some("the project ended".to_owned());
                    store.set_task_state(&task.id, last_state, reason).await.map_err(stored)?;
                }
            }
        }
        if state != ProjectState::Failed {
            // Everything that counts is in the repository. After a failure somebody may want to look.
            remove(&self.options.layout.work(&project.id)).await?;
        }
        store.set_project_state(&project.id, state, reason).await.map_err(stored)?;
        Ok(())
    }

    /// Creates the stage's task where it does not exist yet, and gives it to the member whose role it is; a
    /// later attempt keeps the member that an earlier one was handed to.
    pub(super) async fn open_stage(&self, request: StageRequest) -> Answer<WorkRequest> {
        let store = self.store();
        let task = store.create_task(self.stage_task(&request).await?).await.map_err(stored)?;
        let agent = if let Some(agent) = task.assignee.clone() {
            agent
        } else {
            let agent = self.member(&request.project, request.stage.role()).await?;
            let reason = format!("{} is the team's {}", agent.name, agent.role.title());
            store.assign_task(&task.id, &agent.id, reason).await.map_err(stored)?;
            agent.id
        };
        if task.state != TaskState::InProgress {
            store.set_task_state(&task.id, TaskState::InProgress, None).await.map_err(stored)?;
        }
        Ok(WorkRequest {
            project: request.project,
            task: task.id,
            agent,
            stage: request.stage,
            round: request.round,
            attempt: request.attempt,
            sprint: request.sprint,
        })
    }

    async fn stage_task(&self, request: &StageRequest) -> Answer<NewTask> {
        let (kind, title) = match request.stage {
            Stage::Vision => (TaskKind::Vision, "Write the vision".to_owned()),
            Stage::Requirements => {
                (TaskKind::Requirements, "Write the requirements and the backlog".to_owned())
            }
            Stage::Architecture => (TaskKind::Architecture, "Decide the architecture".to_owned()),
            Stage::Plan => (TaskKind::SprintPlanning, format!("Plan sprint {}", request.sprint.unwrap_or(1))),
            Stage::Qa => (TaskKind::QualityAssurance, format!("Test sprint {}", request.sprint.unwrap_or(1))),
            Stage::Deliver => (TaskKind::Delivery, "Deliver the result".to_owned()),
            Stage::Develop | Stage::Review | Stage::Answer => {
                (TaskKind::Development, "Change the code".to_owned())
            }
        };
        let project = self.store().project(&request.project).await.map_err(stored)?;
        let round = if request.round == 1 { String::new() } else { format!("-{}", request.round) };
        let slug = match request.sprint {
            Some(sprint) => format!("sprint-{sprint}-{}{round}", request.stage.as_str()),
            None => format!("{}{round}", request.stage.as_str()),
        };
        Ok(NewTask {
            project: project.id,
            kind,
            slug,
            description: title.clone(),
            title,
            role: request.stage.role(),
            needs: Vec::new(),
            depends_on: Vec::new(),
            check: if request.stage == Stage::Deliver { project.check } else { None },
            must_pass: Vec::new(),
            sprint: request.sprint,
        })
    }

    pub(super) async fn close_stage(&self, result: WorkResult) -> Answer<Settled> {
        let WorkResult { work, outcome } = result;
        let store = self.store();
        let task = store.task(&work.task).await.map_err(stored)?;
        self.free(&work.agent, None, &task.id).await?;
        if task.state == TaskState::Done {
            return Ok(Settled::Forward);
        }
        let problem = match outcome {
            TaskOutcome::Written | TaskOutcome::Planned { .. } | TaskOutcome::Judged { .. } => {
                if let (TaskOutcome::Planned { tasks }, Some(sprint)) = (&outcome, work.sprint) {
                    for planned in tasks {
                        let planned = store.task(planned).await.map_err(stored)?;
                        self.plan_into(&planned, sprint).await?;
                    }
                }
                let receipt = self.document_receipt(&task).await?;
                store.complete_task(&task.id, receipt).await.map_err(stored)?;
                return Ok(Settled::Forward);
            }
            TaskOutcome::Submitted { commit } => match Box::pin(self.integrate(&work, &task, &commit)).await?
            {
                Settled::Back => "the delivery's check fails on the merged result".to_owned(),
                settled => return Ok(settled),
            },
            TaskOutcome::HandedOff { to, summary } => {
                store.assign_task(&task.id, &to, &summary).await.map_err(stored)?;
                return Ok(Settled::Back);
            }
            TaskOutcome::Unproven { reason } => {
                self.tell(
                    &work,
                    &work.agent,
                    MessageKind::CheckFailed,
                    "The work does not hold yet",
                    &reason,
                )
                .await?;
                reason
            }
            TaskOutcome::Failed { reason } => reason,
            TaskOutcome::Reviewed { .. }
            | TaskOutcome::Merged { .. }
            | TaskOutcome::AwaitsSetUp { .. }
            | TaskOutcome::Cancelled => "the stage ended without a result".to_owned(),
        };
        if work.attempt < MAX_ATTEMPTS {
            return Ok(Settled::Back);
        }
        Ok(Settled::Stuck { problem: stuck(&task, &problem) })
    }

    /// A document's receipt is the document itself.
    async fn document_receipt(&self, task: &Task) -> Answer<Receipt> {
        let artifacts = self.store().artifacts(&task.project).await.map_err(stored)?;
        let written = artifacts.iter().rev().find(|artifact| artifact.task.as_ref() == Some(&task.id));
        Ok(Receipt {
            check: None,
            others: Vec::new(),
            commit: None,
            diff_stat: None,
            content: written.map(|artifact| artifact.content.clone()),
            at: self.options.clock.now(),
        })
    }

    pub(super) async fn reopen_task(&self, task: TaskId) -> Answer<()> {
        let task = self.store().task(&task).await.map_err(stored)?;
        if task.state == TaskState::Blocked {
            let reason = Some("a human asked for another try".to_owned());
            self.store().set_task_state(&task.id, TaskState::Planned, reason).await.map_err(stored)?;
        }
        Ok(())
    }
}

/// What a human is told about work that will not come right.
pub(super) fn stuck(task: &Task, problem: &str) -> String {
    format!(
        "{} \"{}\" does not come right.\n\n{problem}\n\nApprove to let the team try again, reject to give it up.",
        task.id.key(),
        task.title
    )
}

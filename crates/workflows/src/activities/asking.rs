//! Asking a human, and doing what they said.

use std::fmt::Write as _;

use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::blob::BlobHash;
use syndarix_core::id::ApprovalId;
use syndarix_core::ports::Blobs;
use syndarix_core::project::Project;
use syndarix_core::role::Role;
use syndarix_core::task::{Task, TaskKind};
use syndarix_core::time::Timestamp;
use syndarix_store::{NewApproval, NewTask};

use super::services::{Answer, Services, passing, stored};
use crate::names;
use crate::types::{Asked, CheckpointRequest, EscalationRequest, MAX_ASKINGS, Rejection, Word};

impl Services {
    pub(super) async fn ask_checkpoint(&self, request: CheckpointRequest) -> Answer<Option<Asked>> {
        let store = self.store();
        let project = store.project(&request.project).await.map_err(stored)?;
        if !project.autonomy.asks_at(request.checkpoint) {
            return Ok(None);
        }
        let shown = self.describe(&project, &request).await?;
        // A sprint's review is asked by the sprint's workflow, everything else by the project's.
        let workflow_id = match (request.checkpoint, request.sprint) {
            (Checkpoint::SprintReview, Some(sprint)) => names::sprint_workflow(&project.id, sprint),
            _ => names::project_workflow(&project.id),
        };
        let expires_at = if request.asking < MAX_ASKINGS {
            self.options.approvals.expires_at(ApprovalKind::Checkpoint, self.options.clock.now())
        } else {
            None
        };
        let approval = store
            .request_approval(NewApproval {
                project: project.id.clone(),
                kind: ApprovalKind::Checkpoint,
                title: title(&request),
                shown: shown.into_bytes(),
                subject: subject(&request),
                task: None,
                workflow_id,
                expires_at,
                checkpoint: Some(request.checkpoint),
            })
            .await
            .map_err(stored)?;
        Ok(Some(approval.into()))
    }

    pub(super) async fn ask_escalation(
        &self,
        request: EscalationRequest,
        workflow_id: String,
    ) -> Answer<Asked> {
        let now = self.options.clock.now();
        let approval = self
            .store()
            .request_approval(NewApproval {
                project: request.project,
                kind: ApprovalKind::Escalation,
                title: first_line(&request.problem),
                shown: request.problem.into_bytes(),
                subject: request.subject,
                task: request.task,
                workflow_id,
                expires_at: self.options.approvals.expires_at(ApprovalKind::Escalation, now),
                checkpoint: None,
            })
            .await
            .map_err(stored)?;
        Ok(approval.into())
    }

    /// Ends an approval whose time is over. Returns when to look again; `None` where it has ended, in whichever way,
    /// and the signal that tells so is under way.
    pub(super) async fn expire_approval(&self, id: ApprovalId) -> Answer<Option<Timestamp>> {
        self.store().expire_due(self.options.clock.now()).await.map_err(stored)?;
        let approval = self.store().approval(&id).await.map_err(stored)?;
        Ok(approval.expires_at.filter(|_| approval.state == ApprovalState::Pending))
    }

    /// A refused document is written again by the same stage, which reads the words as feedback.
    pub(super) async fn pass_on_refusal(&self, word: Word) -> Answer<()> {
        let approval = self.store().approval(&word.subject).await.map_err(stored)?;
        let by = approval.decided_by.unwrap_or_else(|| "a human".to_owned());
        self.store().give_feedback(&word.project, &by, &word.comment).await.map_err(stored)?;
        Ok(())
    }

    /// A refused result becomes a task, so that what the human wants changed is planned, done and proven like
    /// everything else.
    pub(super) async fn take_up_rejection(&self, rejection: Rejection) -> Answer<()> {
        let project = self.store().project(&rejection.project).await.map_err(stored)?;
        let key = rejection.decision.approval.key().to_lowercase();
        let wish = rejection
            .decision
            .comment
            .unwrap_or_else(|| "The result was refused without a comment.".to_owned());
        let task = self
            .store()
            .create_task(NewTask {
                project: project.id.clone(),
                kind: TaskKind::Development,
                slug: format!("rework-{key}"),
                title: first_line(&wish),
                description: wish,
                role: Role::Engineer,
                needs: Vec::new(),
                depends_on: Vec::new(),
                check: project.check.clone(),
                must_pass: Vec::new(),
                sprint: rejection.sprint,
            })
            .await
            .map_err(stored)?;
        if let Some(sprint) = rejection.sprint {
            self.plan_into(&task, sprint).await?;
        }
        Ok(())
    }

    async fn describe(&self, project: &Project, request: &CheckpointRequest) -> Answer<String> {
        let mut text = format!("# {}\n\nProject: {} ({})\n", title(request), project.title, project.id);
        let documents: &[&str] = match request.checkpoint {
            Checkpoint::Discovery => &["vision.md", "requirements.md"],
            Checkpoint::Architecture => &["architecture.md"],
            Checkpoint::SprintReview
            | Checkpoint::SprintEnd
            | Checkpoint::Delivery
            | Checkpoint::RiskyTool => &[],
        };
        for artifact in self.store().artifacts(&project.id).await.map_err(stored)? {
            if documents.contains(&artifact.name.as_str()) {
                let _ = write!(text, "\n## {}\n\n{}\n", artifact.name, self.text(&artifact.content).await?);
            }
        }
        let tasks = self.store().tasks(&project.id).await.map_err(stored)?;
        let concerns = |task: &&Task| match request.checkpoint {
            Checkpoint::SprintReview | Checkpoint::SprintEnd => task.sprint == request.sprint,
            _ => task.kind.changes_code(),
        };
        text.push_str("\n## Tasks\n\n");
        for task in tasks.iter().filter(concerns) {
            let _ = writeln!(text, "- {} {} ({})", task.id.key(), task.title, task.state);
            if let Some(receipt) = &task.receipt {
                if let Some(check) = &receipt.check {
                    let _ = writeln!(text, "  - `{}` exited with {}", check.command, check.exit_code);
                }
                if let Some(stat) = &receipt.diff_stat {
                    let _ = writeln!(text, "\n```\n{}\n```", stat.trim_end());
                }
            }
        }
        Ok(text)
    }

    async fn text(&self, blob: &BlobHash) -> Answer<String> {
        let bytes = Blobs::get(self.store(), blob).await.map_err(passing)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn subject(request: &CheckpointRequest) -> String {
    let place = serde_json::to_string(&request.checkpoint).unwrap_or_default();
    let (sprint, round, asking) = (request.sprint.unwrap_or(0), request.round, request.asking);
    let again = if asking == 1 { String::new() } else { format!(".{asking}") };
    format!("checkpoint:{}:{sprint}:{round}{again}", place.trim_matches('"'))
}

fn title(request: &CheckpointRequest) -> String {
    let sprint = request.sprint.unwrap_or(0);
    match request.checkpoint {
        Checkpoint::Discovery => "Approve the requirements".to_owned(),
        Checkpoint::Architecture => "Approve the architecture".to_owned(),
        Checkpoint::SprintReview => format!("Approve sprint {sprint}'s work before QA"),
        Checkpoint::SprintEnd => format!("Approve the end of sprint {sprint}"),
        Checkpoint::Delivery => "Approve the delivery".to_owned(),
        Checkpoint::RiskyTool => "Approve a risky tool call".to_owned(),
    }
}

/// The first line, at most a hundred characters of it.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(100).collect()
}

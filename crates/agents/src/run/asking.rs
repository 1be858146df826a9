//! Asking a human: the node requests an approval and interrupts; when the run goes on, it asks again and finds the
//! decision in the store. The subject makes it the same approval each time.

use serde_json::json;
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::effect::EffectKey;
use syndarix_graph::{Interrupt, NodeError};
use syndarix_store::NewApproval;

use super::context::{RunContext, stored};
use crate::context::head;

/// What is asked.
pub(super) struct Question {
    pub(super) kind: ApprovalKind,
    /// One line.
    pub(super) title: String,
    /// What the human is shown, in full.
    pub(super) shown: String,
    /// What makes it this question and no other within its effect.
    pub(super) about: String,
}

/// Where a question stands.
pub(super) enum Decided {
    /// Yes, with what was said.
    Approved(Option<String>),
    /// No, with what was said.
    Rejected(String),
    /// Nobody decided while they could.
    Expired,
    /// Not yet.
    Wait(Interrupt),
}

impl RunContext {
    pub(super) async fn ask(&self, key: &EffectKey, question: Question) -> Result<Decided, NodeError> {
        let subject = format!("{key}:{}", question.about);
        let checkpoint = (question.kind == ApprovalKind::ToolCall).then_some(Checkpoint::RiskyTool);
        let approval = self
            .store()
            .request_approval(NewApproval {
                project: self.request.project.clone(),
                kind: question.kind,
                title: head(&question.title, 120),
                shown: question.shown.into_bytes(),
                subject: subject.clone(),
                task: Some(self.request.task.clone()),
                workflow_id: self.request.workflow_id.clone(),
                expires_at: self.options.approvals.expires_at(question.kind, self.now()),
                checkpoint,
            })
            .await
            .map_err(stored)?;
        Ok(match approval.state {
            ApprovalState::Pending => {
                Decided::Wait(Interrupt { id: subject, value: json!({ "approval": approval.id }) })
            }
            ApprovalState::Approved => Decided::Approved(approval.comment),
            ApprovalState::Rejected => Decided::Rejected(approval.comment.unwrap_or_default()),
            ApprovalState::Expired => Decided::Expired,
            ApprovalState::Superseded => Decided::Rejected("the question was withdrawn".to_owned()),
        })
    }
}

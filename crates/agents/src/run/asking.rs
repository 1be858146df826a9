//! Asking a human: the node requests an approval and interrupts; when the run goes on, it asks again and finds the
//! decision in the store. The subject makes it the same approval each time. Waiting for another agent's answer has the
//! same shape: the question is sent once, and its wait in the store says whether it is answered.

use serde_json::json;
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::effect::EffectKey;
use syndarix_core::id::MessageId;
use syndarix_core::tool::ToolOutput;
use syndarix_core::wait::WaitEnd;
use syndarix_graph::{Interrupt, NodeError};
use syndarix_store::NewApproval;

use super::context::{RunContext, port, stored};
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

/// Where a question to another agent stands.
pub(super) enum Replied {
    /// It is answered, or nobody will: this is what the agent reads, and the message that has been read with it.
    Yes(ToolOutput, Option<MessageId>),
    /// Not yet.
    Wait(Interrupt),
}

impl RunContext {
    /// The answer to a question that this run has asked.
    pub(super) async fn reply(&self, key: &EffectKey, question: &MessageId) -> Result<Replied, NodeError> {
        let wait = self.store().wait(question).await.map_err(stored)?;
        let wait =
            wait.ok_or_else(|| NodeError::permanent("the question that is waited for is not stored"))?;
        Ok(match wait.end {
            None => Replied::Wait(Interrupt {
                id: format!("{key}:reply"),
                value: json!({ "question": question }),
            }),
            Some(WaitEnd::Closed { told }) => Replied::Yes(ToolOutput::ok(told), None),
            Some(WaitEnd::Answered { reply }) => {
                let message = self.store().message(&reply).await.map_err(stored)?;
                let letter = self.letter(&message).await.map_err(port)?;
                Replied::Yes(ToolOutput::ok(letter.text()), Some(reply))
            }
        })
    }

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

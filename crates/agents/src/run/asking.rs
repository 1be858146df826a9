//! Asking a human: the node requests an approval and interrupts; when the run goes on, it asks again and finds the
//! decision in the store. The subject makes it the same approval each time. Waiting for another agent's answer has the
//! same shape: the question is sent once, and its wait in the store says whether it is answered.

use serde_json::json;
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::effect::EffectKey;
use syndarix_core::event::EventKind;
use syndarix_core::id::MessageId;
use syndarix_core::permission::CallScope;
use syndarix_core::tool::ToolOutput;
use syndarix_core::wait::WaitEnd;
use syndarix_graph::{Interrupt, NodeError};
use syndarix_store::NewApproval;

use super::context::{RECORDS, RunContext, port, stored};
use crate::context::head;

/// What is asked.
pub(super) struct Question {
    pub(super) kind: ApprovalKind,
    /// One line.
    pub(super) title: String,
    /// What the human is shown, in full.
    pub(super) shown: String,
    /// What makes it this question and no other within its effect; a question about money within the project.
    pub(super) about: String,
    /// What may be allowed for always with it; it is part of what is shown.
    pub(super) always: Option<CallScope>,
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

    /// The permission by which a call need not be asked about, if there is one. That it was used is recorded once.
    pub(super) async fn permitted(
        &self,
        key: &EffectKey,
        about: &str,
        tool: &str,
        scope: &CallScope,
    ) -> Result<bool, NodeError> {
        let found = self.store().permission_for(&self.request.project, &subject(key, about), scope).await;
        let Some(permission) = found.map_err(stored)? else { return Ok(false) };
        let used = EventKind::CallPermitted {
            tool: tool.to_owned(),
            approval: permission.approval,
            covers: permission.scope.to_string(),
        };
        // The calls of an answer have the lower indices, and the node's own record of the step the one before these.
        let record = EffectKey { index: RECORDS + 1 + key.index, ..key.clone() };
        self.record_once(record, vec![used]).await?;
        Ok(true)
    }

    pub(super) async fn ask(&self, key: &EffectKey, question: Question) -> Result<Decided, NodeError> {
        // All who meet the limit of a budget wait for one answer, whatever they work on.
        let is_everybodys = question.kind == ApprovalKind::Budget;
        let subject = if is_everybodys { question.about } else { subject(key, &question.about) };
        let checkpoint = (question.kind == ApprovalKind::ToolCall).then_some(Checkpoint::RiskyTool);
        let approval = self
            .store()
            .request_offering(
                NewApproval {
                    project: self.request.project.clone(),
                    kind: question.kind,
                    title: head(&question.title, 120),
                    shown: question.shown.into_bytes(),
                    subject: subject.clone(),
                    task: (!is_everybodys).then(|| self.request.task.clone()),
                    workflow_id: self.request.workflow_id.clone(),
                    expires_at: self.options.approvals.expires_at(question.kind, self.now()),
                    checkpoint,
                },
                question.always,
            )
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

/// What makes a question the same one when it is asked again.
fn subject(key: &EffectKey, about: &str) -> String {
    format!("{key}:{about}")
}

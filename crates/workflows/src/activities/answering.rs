//! Questions from agent to agent whose answer is waited for: who answers, and what becomes of those nobody does.

use syndarix_agents::Stage;
use syndarix_core::agent::AgentState;
use syndarix_core::approval::ApprovalState;
use syndarix_core::id::{ApprovalId, MessageId};
use syndarix_core::ports::Blobs;
use syndarix_core::wait::Wait;

use super::services::{Answer, Services, passing, permanent, stored};
use crate::types::{Arrangement, ReplyRequest, WaitVerdict, WorkRequest};

/// Runs that may be started to answer one question. The second is for a first one that failed; after it the question
/// is not one that the agent will answer.
const MAX_ANSWER_RUNS: usize = 2;

impl Services {
    /// Sees to it that somebody answers a question.
    pub(super) async fn arrange_answer(&self, request: ReplyRequest) -> Answer<Arrangement> {
        let store = self.store();
        let wait = self.wait_for(&request.question).await?;
        if let Some(last) = request.runs.last() {
            self.free(&last.agent, None, &last.task).await?;
        }
        if wait.end.is_some() {
            return Ok(Arrangement::Over);
        }
        let target = store.agent(&wait.target).await.map_err(stored)?;
        if request.runs.len() >= MAX_ANSWER_RUNS {
            let told = format!(
                "{} was asked and did not answer. Decide by yourself, and write your assumption down.",
                target.name
            );
            store.close_wait(&wait.message, told).await.map_err(stored)?;
            return Ok(Arrangement::Over);
        }
        if matches!(target.state, AgentState::Thinking | AgentState::Executing) {
            return Ok(Arrangement::AtWork);
        }
        let attempt = request.runs.len() as u32 + 1;
        let work = WorkRequest {
            project: wait.project,
            task: wait.task,
            agent: wait.target,
            stage: Stage::Answer,
            round: wait.number,
            attempt,
            sprint: request.sprint,
        };
        Ok(Arrangement::Run { work })
    }

    /// Puts a question that has waited for too long to a human, once.
    pub(super) async fn escalate_wait(&self, question: MessageId) -> Answer<Option<ApprovalId>> {
        let store = self.store();
        let wait = self.wait_for(&question).await?;
        let message = store.message(&question).await.map_err(stored)?;
        let body = Blobs::get(store, &message.body).await.map_err(passing)?;
        let waiter = store.agent(&wait.waiter).await.map_err(stored)?.name;
        let target = store.agent(&wait.target).await.map_err(stored)?;
        let time = match self.options.clock.now().since(wait.since).as_secs() / 60 {
            0 | 1 => "a minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        let detail = format!("{waiter} has waited for {}'s answer for {time}", target.name);
        let shown = format!(
            "{detail}, and cannot go on with {}. {} is {}.\n\n{}\n\n{}\n\nApprove with a comment to answer in \
             {}'s place; approve without one to let {waiter} wait on; reject to let {waiter} go on without an answer.",
            wait.task.key(),
            target.name,
            target.state.as_str().replace('_', " "),
            message.summary,
            String::from_utf8_lossy(&body),
            target.name
        );
        let asked = store.escalate_wait(&question, detail, shown).await.map_err(stored)?;
        Ok(asked.map(|approval| approval.id))
    }

    /// Does what a human decided about a wait. Returns whether that ended it.
    pub(super) async fn carry_out_on_wait(&self, verdict: WaitVerdict) -> Answer<bool> {
        let WaitVerdict { question, decision } = verdict;
        let said = decision.comment.unwrap_or_default();
        let told = match decision.state {
            ApprovalState::Approved if said.trim().is_empty() => return Ok(false),
            ApprovalState::Approved => format!("A human answers in their place: {said}"),
            _ => {
                format!("There will be no answer. {said} Decide by yourself, and write your assumption down.")
            }
        };
        self.store().close_wait(&question, told).await.map_err(stored)?;
        Ok(true)
    }

    async fn wait_for(&self, question: &MessageId) -> Answer<Wait> {
        let wait = self.store().wait(question).await.map_err(stored)?;
        wait.ok_or_else(|| permanent(format!("nobody waits for the answer to {question}")))
    }
}

//! What a human may say to a project while it runs. The store records it durably, together with the signal
//! that the project's workflow will get; a service that is not running gets it when it comes up.

use serde::{Deserialize, Serialize};
use syndarix_core::approval::{Approval, ApprovalKind, Decision};
use syndarix_core::budget::BudgetRefusal;
use syndarix_core::event::EventKind;
use syndarix_core::id::{ApprovalId, ProjectId};
use syndarix_core::money::NanoUsd;
use syndarix_store::{Error as StoreError, Store};

use crate::failure::Failure;
use crate::records::{self, refused};

/// What a human says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "say")]
pub(crate) enum Word {
    /// Decides an approval.
    Decide {
        /// Which.
        approval: ApprovalId,
        /// How.
        decision: Decision,
        /// Whether what it offers is allowed for the whole project.
        #[serde(default)]
        always: bool,
        /// The new limit, where the approval is about a budget.
        budget: Option<NanoUsd>,
    },
    /// Takes back what was allowed for a whole project.
    Revoke {
        /// The approval it was allowed with.
        approval: ApprovalId,
        /// Who takes it back.
        by: String,
    },
    /// Tells the team something.
    Feedback {
        /// Which project's.
        project: ProjectId,
        /// Who says it.
        by: String,
        /// What.
        text: String,
    },
    /// Stops a project for good.
    Cancel {
        /// Which.
        project: ProjectId,
        /// Who stops it.
        by: String,
        /// Why.
        reason: String,
    },
}

/// Records what was said and returns what to tell whoever said it.
pub(crate) async fn hear(store: &Store, word: Word) -> Result<String, Failure> {
    match word {
        Word::Decide { approval, decision, always: true, budget: None } => {
            allow(store, &approval, decision).await
        }
        Word::Decide { approval, decision, budget, .. } => decide(store, &approval, decision, budget).await,
        Word::Revoke { approval, by } => revoke(store, &approval, &by).await,
        Word::Feedback { project, by, text } => {
            store.give_feedback(&project, by, text).await.map_err(refused)?;
            Ok(format!("The team of {project} hears it with its next step."))
        }
        Word::Cancel { project, by, reason } => cancel(store, &project, &by, &reason).await,
    }
}

async fn decide(
    store: &Store,
    id: &ApprovalId,
    decision: Decision,
    budget: Option<NanoUsd>,
) -> Result<String, Failure> {
    let approval = store.approval(id).await.map_err(refused)?;
    if approval.kind == ApprovalKind::Budget && decision.approved {
        raise(store, &approval, budget).await?;
    } else if budget.is_some() {
        return Err(Failure::bad_input(format!("{id} is not about a budget"))
            .hint("leave --budget away, or name the approval that asks for money"));
    }
    let decided = store.decide(id, decision).await.map_err(refused)?;
    Ok(format!("{} is {}.", decided.id, decided.state.as_str()))
}

/// Approves, and allows for the whole project what the approval offers.
async fn allow(store: &Store, id: &ApprovalId, decision: Decision) -> Result<String, Failure> {
    let decided = store.approve_always(id, decision).await.map_err(refused)?;
    let held = store.permissions(Some(&decided.project)).await.map_err(refused)?;
    let covers = held.iter().rev().find(|permission| permission.approval == *id);
    let covers = covers.map_or_else(String::new, |permission| {
        format!(
            " Nobody is asked again about {}; `syndarix approvals --revoke {id}` takes it back.",
            permission.scope
        )
    });
    Ok(format!("{} is {}.{covers}", decided.id, decided.state.as_str()))
}

async fn revoke(store: &Store, id: &ApprovalId, by: &str) -> Result<String, Failure> {
    let revoked = store.revoke_permission(id, by).await.map_err(|error| match error {
        StoreError::NotFound { .. } => Failure::bad_input(format!("{id} allows nothing for always"))
            .hint("see what is allowed with `syndarix approvals --rules`"),
        other => refused(other),
    })?;
    Ok(format!("From now on a human is asked again about {}.", revoked.scope))
}

/// Raises the budget that refused the call an approval is about. Doing it before the decision is safe to
/// repeat: a crash in between leaves a raised budget and a question that can still be answered.
async fn raise(store: &Store, approval: &Approval, budget: Option<NanoUsd>) -> Result<(), Failure> {
    if approval.state != syndarix_core::approval::ApprovalState::Pending {
        return Ok(());
    }
    let events = records::events(store, Some(&approval.project), 0).await?;
    let refusal = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::BudgetRefused { refusal } if event.task == approval.task || approval.task.is_none() => {
            Some(refusal)
        }
        _ => None,
    });
    let Some(refusal) = refusal else { return Ok(()) };
    let needed = refusal.spent + refusal.reserved + refusal.requested;
    let Some(limit) = enough(refusal, needed, budget)? else { return Ok(()) };
    store.set_budget(refusal.scope.clone(), limit).await.map_err(refused)
}

/// The new limit, if it covers the call that was refused.
fn enough(
    refusal: &BudgetRefusal,
    needed: NanoUsd,
    budget: Option<NanoUsd>,
) -> Result<Option<NanoUsd>, Failure> {
    match budget {
        Some(limit) if limit >= needed => Ok(Some(limit)),
        Some(limit) => Err(Failure::bad_input(format!("{limit} does not cover the call that was refused"))
            .hint(format!("the budget of {} must be at least {needed}", refusal.scope))),
        None => Err(Failure::bad_input(format!("the budget of {} is used up", refusal.scope))
            .hint(format!("say the new limit, at least {needed}: `syndarix approve ID --budget USD`"))),
    }
}

async fn cancel(store: &Store, project: &ProjectId, by: &str, reason: &str) -> Result<String, Failure> {
    let found = store.project(project).await.map_err(refused)?;
    if found.state.is_final() {
        return Err(Failure::bad_input(format!("{project} is already {}", found.state))
            .hint("see `syndarix projects` for those that are not over"));
    }
    let reason =
        if reason.is_empty() { format!("cancelled by {by}") } else { format!("cancelled by {by}: {reason}") };
    store.cancel_project(project, reason).await.map_err(refused)?;
    Ok(format!("{project} is being cancelled; what was merged stays."))
}

//! The ledger: the worst case is set aside before a call, the truth is booked after it.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use syndarix_core::budget::{
    AttemptState, Attribution, CallKey, CallOutcome, CallSettlement, PastAttempt, ReservationRequest,
    Reserved,
};
use syndarix_core::effect::EffectKey;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::ProjectId;
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::{Ledger, PortError};

use crate::blobs::Content;
use crate::columns::{integer, money, nanos, word};
use crate::error::Error;
use crate::store::Store;
use crate::writer::Tx;
use crate::{budgets, effects, journal};

/// The outcome in the row of a call that was answered; any other is the kind of failure.
pub(crate) const SUCCEEDED: &str = "succeeded";

/// The outcome in the row of a call whose end nobody saw.
const INTERRUPTED: &str = "interrupted";

/// An attempt's row.
struct Attempt {
    position: i64,
    attribution: Attribution,
    model: String,
    reserved: NanoUsd,
    is_settled: bool,
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        position: row.get("position")?,
        attribution: attribution(row)?,
        model: row.get("model")?,
        reserved: money(row, "reserved")?,
        is_settled: row.get::<_, Option<String>>("outcome")?.is_some(),
    })
}

pub(crate) fn attribution(row: &Row<'_>) -> rusqlite::Result<Attribution> {
    Ok(Attribution {
        project: word(row, "project")?,
        sprint: row.get("sprint")?,
        agent: word(row, "agent")?,
        task: word(row, "task")?,
    })
}

fn find(connection: &Connection, call: &CallKey) -> Result<Option<Attempt>, Error> {
    Ok(connection
        .prepare_cached(
            "SELECT * FROM calls WHERE run = ?1 AND superstep = ?2 AND \"index\" = ?3 AND attempt = ?4",
        )?
        .query_row(
            params![call.effect.run.as_str(), call.effect.superstep, call.effect.index, call.attempt],
            attempt,
        )
        .optional()?)
}

fn past(row: &Row<'_>) -> rusqlite::Result<PastAttempt> {
    let outcome: String = row.get("outcome")?;
    let state = match outcome.as_str() {
        SUCCEEDED => AttemptState::Succeeded,
        INTERRUPTED => AttemptState::Interrupted,
        _ => AttemptState::Failed {
            kind: outcome,
            message: row.get::<_, Option<String>>("failure_message")?.unwrap_or_default(),
            retryable: row.get::<_, Option<bool>>("failure_retryable")?.unwrap_or(false),
        },
    };
    Ok(PastAttempt { attempt: row.get("attempt")?, model: row.get("model")?, state })
}

fn event(attribution: &Attribution, kind: EventKind) -> NewEvent {
    NewEvent {
        project: attribution.project.clone(),
        agent: Some(attribution.agent.clone()),
        task: Some(attribution.task.clone()),
        kind,
    }
}

/// Sets the worst case aside, once per attempt.
fn reserve(tx: &Tx<'_>, request: &ReservationRequest) -> Result<Reserved, Error> {
    let ReservationRequest { call, attribution, model, worst_case, if_interrupted, patient } = request;
    if find(tx, call)?.is_some() {
        return Err(Error::Conflict(format!("call {call} was reserved before and cannot be again")));
    }
    let scopes = attribution.scopes();
    if let Some(refusal) = budgets::reserve(tx, &attribution.project, &scopes, *worst_case)? {
        if *patient && refusal.may_fit_later() {
            return Ok(Reserved::Later(refusal));
        }
        let refused = EventKind::BudgetRefused { refusal: refusal.clone() };
        journal::record(tx, &event(attribution, refused))?;
        return Ok(Reserved::Refused(refusal));
    }
    tx.prepare_cached(
        "INSERT INTO calls (run, superstep, \"index\", attempt, project, sprint, agent, task, model,
             reserved, reserved_at, if_interrupted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        call.effect.run.as_str(),
        call.effect.superstep,
        call.effect.index,
        call.attempt,
        attribution.project.as_str(),
        attribution.sprint,
        attribution.agent.as_str(),
        attribution.task.as_str(),
        model,
        nanos("the worst case", *worst_case)?,
        tx.now().0,
        nanos("the price of an interruption", *if_interrupted)?,
    ])?;
    Ok(Reserved::Granted)
}

/// Which of the calls whose end nobody saw.
enum Open<'a> {
    OfEffect(&'a EffectKey),
    OfProject(&'a ProjectId),
}

/// Settles calls whose end nobody saw, and nobody will.
fn settle_interrupted(tx: &Tx<'_>, open: &Open<'_>) -> Result<(), Error> {
    let rows: Vec<(Attempt, NanoUsd)> = {
        let row = |row: &Row<'_>| Ok((attempt(row)?, money(row, "if_interrupted")?));
        match open {
            Open::OfEffect(key) => tx
                .prepare_cached(
                    "SELECT * FROM calls WHERE run = ?1 AND superstep = ?2 AND \"index\" = ?3 AND outcome IS NULL
                     ORDER BY attempt",
                )?
                .query_map(params![key.run.as_str(), key.superstep, key.index], row)?
                .collect::<Result<_, _>>()?,
            Open::OfProject(project) => tx
                .prepare_cached("SELECT * FROM calls WHERE project = ?1 AND outcome IS NULL ORDER BY position")?
                .query_map([project.as_str()], row)?
                .collect::<Result<_, _>>()?,
        }
    };
    for (Attempt { position, attribution, model, reserved, .. }, cost) in rows {
        tx.prepare_cached("UPDATE calls SET outcome = ?2, cost = ?3, settled_at = ?4 WHERE position = ?1")?
            .execute(params![position, INTERRUPTED, nanos("the cost", cost)?, tx.now().0])?;
        let told = EventKind::ModelCallFailed {
            model,
            kind: INTERRUPTED.to_owned(),
            message: "it was cut off on this side; what the provider may charge for it is booked".to_owned(),
            retryable: true,
            cost,
        };
        journal::record(tx, &event(&attribution, told))?;
        budgets::settle(tx, &attribution.project, &attribution.scopes(), reserved, cost)?;
    }
    Ok(())
}

/// Settles what a project that is over has left open.
pub(crate) fn close_all(tx: &Tx<'_>, project: &ProjectId) -> Result<(), Error> {
    settle_interrupted(tx, &Open::OfProject(project))
}

/// Replaces a reservation by the truth. `reply` is the content of a successful outcome.
fn settle(
    tx: &Tx<'_>,
    settlement: &CallSettlement,
    reply: Option<&Content>,
    events: &[NewEvent],
) -> Result<(), Error> {
    let CallSettlement { call, outcome, usage, cost, latency_ms } = settlement;
    let row = find(tx, call)?.ok_or_else(|| Error::not_found("reservation for call", call.to_string()))?;
    if row.is_settled {
        return Ok(());
    }
    let (name, message, retryable) = match outcome {
        CallOutcome::Succeeded { .. } => (SUCCEEDED, None, None),
        CallOutcome::Failed { kind, message, retryable } => (kind.as_str(), Some(message), Some(retryable)),
    };
    tx.prepare_cached(
        "UPDATE calls SET outcome = ?2, input_tokens = ?3, output_tokens = ?4, cache_read_tokens = ?5,
             cache_write_tokens = ?6, reasoning_tokens = ?7, cost = ?8, latency_ms = ?9, settled_at = ?10,
             failure_message = ?11, failure_retryable = ?12
         WHERE position = ?1",
    )?
    .execute(params![
        row.position,
        name,
        integer("the input", usage.input_tokens)?,
        integer("the output", usage.output_tokens)?,
        integer("what was read from the cache", usage.cache_read_tokens)?,
        integer("what was written to the cache", usage.cache_write_tokens)?,
        integer("the reasoning", usage.reasoning_tokens)?,
        nanos("the cost", *cost)?,
        integer("the latency", *latency_ms)?,
        tx.now().0,
        message,
        retryable,
    ])?;
    let told = match outcome {
        CallOutcome::Succeeded { .. } => EventKind::ModelCallSucceeded {
            model: row.model,
            usage: *usage,
            cost: *cost,
            latency_ms: *latency_ms,
        },
        CallOutcome::Failed { kind, message, retryable } => EventKind::ModelCallFailed {
            model: row.model,
            kind: kind.clone(),
            message: message.clone(),
            retryable: *retryable,
            cost: *cost,
        },
    };
    journal::record(tx, &event(&row.attribution, told))?;
    let scopes = row.attribution.scopes();
    budgets::settle(tx, &row.attribution.project, &scopes, row.reserved, *cost)?;
    match reply {
        Some(reply) => effects::complete(tx, &call.effect, reply, events),
        None => journal::record_all(tx, events),
    }
}

#[async_trait]
impl Ledger for Store {
    async fn reserve(&self, request: &ReservationRequest) -> Result<Reserved, PortError> {
        let request = request.clone();
        Ok(self.write(move |tx| reserve(tx, &request)).await?)
    }

    /// Journals the call's own event, [`EventKind::ModelCallSucceeded`] or [`EventKind::ModelCallFailed`],
    /// before the given ones.
    async fn settle(&self, settlement: &CallSettlement, events: Vec<NewEvent>) -> Result<(), PortError> {
        let settlement = settlement.clone();
        let reply = match &settlement.outcome {
            CallOutcome::Succeeded { reply } => Some(Content::new(reply.clone()).await?),
            CallOutcome::Failed { .. } => None,
        };
        Ok(self.write(move |tx| settle(tx, &settlement, reply.as_ref(), &events)).await?)
    }

    async fn take_up(&self, effect: &EffectKey) -> Result<Vec<PastAttempt>, PortError> {
        let effect = effect.clone();
        let attempts = self.write(move |tx| {
            settle_interrupted(tx, &Open::OfEffect(&effect))?;
            let mut statement = tx.prepare_cached(
                "SELECT * FROM calls WHERE run = ?1 AND superstep = ?2 AND \"index\" = ?3 ORDER BY attempt",
            )?;
            let key = params![effect.run.as_str(), effect.superstep, effect.index];
            let rows = statement.query_map(key, past)?.collect::<Result<_, _>>()?;
            Ok(rows)
        });
        Ok(attempts.await?)
    }
}

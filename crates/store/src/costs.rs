//! What was spent on what: the calls of the ledger, one by one and summed up.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use syndarix_core::budget::{Attribution, CallKey};
use syndarix_core::effect::EffectKey;
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;
use syndarix_core::usage::TokenUsage;

use crate::columns::{money, optional_time, time, unsigned, word};
use crate::error::Error;
use crate::ledger::{self, SUCCEEDED};
use crate::store::Store;

/// What one agent spent with one model on one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostLine {
    /// Who.
    pub agent: AgentId,
    /// On what.
    pub task: TaskId,
    /// The provider-qualified model.
    pub model: String,
    /// Settled calls, failed ones included.
    pub calls: u64,
    /// Those of them that failed.
    pub failed_calls: u64,
    /// What they used.
    pub usage: TokenUsage,
    /// What they cost.
    pub cost: NanoUsd,
}

/// One call, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Which attempt of which effect.
    pub call: CallKey,
    /// Who it was made for.
    pub attribution: Attribution,
    /// The provider-qualified model.
    pub model: String,
    /// `succeeded` or the kind of failure; `None` while it is under way.
    pub outcome: Option<String>,
    /// What it used.
    pub usage: TokenUsage,
    /// What was set aside for it.
    pub reserved: NanoUsd,
    /// What it cost.
    pub cost: NanoUsd,
    /// How long it took.
    pub latency_ms: u64,
    /// When it was reserved.
    pub reserved_at: Timestamp,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
}

fn usage(row: &Row<'_>) -> rusqlite::Result<TokenUsage> {
    Ok(TokenUsage {
        input_tokens: unsigned(row, "input_tokens")?,
        output_tokens: unsigned(row, "output_tokens")?,
        cache_read_tokens: unsigned(row, "cache_read_tokens")?,
        cache_write_tokens: unsigned(row, "cache_write_tokens")?,
        reasoning_tokens: unsigned(row, "reasoning_tokens")?,
    })
}

fn call(row: &Row<'_>) -> rusqlite::Result<CallRecord> {
    let effect =
        EffectKey { run: word(row, "run")?, superstep: row.get("superstep")?, index: row.get("index")? };
    Ok(CallRecord {
        call: CallKey { effect, attempt: row.get("attempt")? },
        attribution: ledger::attribution(row)?,
        model: row.get("model")?,
        outcome: row.get("outcome")?,
        usage: usage(row)?,
        reserved: money(row, "reserved")?,
        cost: money(row, "cost")?,
        latency_ms: unsigned(row, "latency_ms")?,
        reserved_at: time(row, "reserved_at")?,
        settled_at: optional_time(row, "settled_at")?,
    })
}

fn line(row: &Row<'_>) -> rusqlite::Result<CostLine> {
    Ok(CostLine {
        agent: word(row, "agent")?,
        task: word(row, "task")?,
        model: row.get("model")?,
        calls: unsigned(row, "calls")?,
        failed_calls: unsigned(row, "failed_calls")?,
        usage: usage(row)?,
        cost: money(row, "cost")?,
    })
}

impl Store {
    /// What was spent in a project, by agent, task and model, in the order in which they first spent.
    pub async fn costs(&self, project: &ProjectId) -> Result<Vec<CostLine>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT agent, task, model, count(*) AS calls, sum(outcome <> ?2) AS failed_calls,
                     sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
                     sum(cache_read_tokens) AS cache_read_tokens,
                     sum(cache_write_tokens) AS cache_write_tokens,
                     sum(reasoning_tokens) AS reasoning_tokens, sum(cost) AS cost
                 FROM calls WHERE project = ?1 AND outcome IS NOT NULL
                 GROUP BY agent, task, model ORDER BY min(position)",
            )?;
            let rows =
                statement.query_map(params![project.as_str(), SUCCEEDED], line)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// Every call of a project, in the order in which they were reserved.
    pub async fn calls(&self, project: &ProjectId) -> Result<Vec<CallRecord>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM calls WHERE project = ?1 ORDER BY position")?;
            let rows = statement.query_map([project.as_str()], call)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

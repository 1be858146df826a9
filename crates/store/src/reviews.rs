//! Reviews of tasks.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, TaskId};
use syndarix_core::time::Timestamp;

use crate::columns::{time, word};
use crate::error::Error;
use crate::store::Store;
use crate::{agents, journal, tasks};

/// A judgement of a task's work, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRecord {
    /// The task.
    pub task: TaskId,
    /// Which review of it, from 1.
    pub round: u32,
    /// Who judged.
    pub reviewer: AgentId,
    /// Whether the work was accepted.
    pub approved: bool,
    /// What was said.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

fn review(row: &Row<'_>) -> rusqlite::Result<ReviewRecord> {
    Ok(ReviewRecord {
        task: word(row, "task")?,
        round: row.get("round")?,
        reviewer: word(row, "reviewer")?,
        approved: row.get("approved")?,
        comment: row.get("comment")?,
        at: time(row, "at")?,
    })
}

impl Store {
    /// Records a review's verdict; a round that has one keeps it. Work that is sent back counts in the task's
    /// `review_rounds`; what state the task goes to is the caller's decision.
    pub async fn record_review(
        &self,
        id: &TaskId,
        reviewer: &AgentId,
        approved: bool,
        comment: impl Into<String>,
        round: u32,
    ) -> Result<ReviewRecord, Error> {
        let (id, reviewer, comment) = (id.clone(), reviewer.clone(), comment.into());
        self.write(move |tx| {
            let task = tasks::get(tx, &id)?;
            agents::get_member(tx, &task.project, &reviewer)?;
            let stored = || {
                tx.prepare_cached("SELECT * FROM reviews WHERE task = ?1 AND round = ?2")?
                    .query_row(params![id.as_str(), round], review)
                    .optional()
            };
            if let Some(existing) = stored()? {
                return Ok(existing);
            }
            tx.prepare_cached(
                "INSERT INTO reviews (task, round, reviewer, approved, comment, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                id.as_str(),
                round,
                reviewer.as_str(),
                approved,
                comment,
                tx.now().0
            ])?;
            if !approved {
                tx.prepare_cached(
                    "UPDATE tasks SET review_rounds = review_rounds + 1, updated_at = ?2 WHERE id = ?1",
                )?
                .execute(params![id.as_str(), tx.now().0])?;
            }
            let kind = EventKind::ReviewVerdict {
                reviewer: reviewer.clone(),
                approved,
                comment: comment.clone(),
                round,
            };
            let event = NewEvent {
                project: task.project,
                agent: Some(reviewer.clone()),
                task: Some(id.clone()),
                kind,
            };
            journal::record(tx, &event)?;
            stored()?.ok_or_else(|| Error::not_found("review", format!("{id} round {round}")))
        })
        .await
    }

    /// The reviews of a task, the first round first.
    pub async fn reviews(&self, task: &TaskId) -> Result<Vec<ReviewRecord>, Error> {
        let task = task.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM reviews WHERE task = ?1 ORDER BY round")?;
            let rows = statement.query_map([task.as_str()], review)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

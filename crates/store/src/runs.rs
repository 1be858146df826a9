//! Runs: which executions of an agent's graph worked on which task.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use syndarix_core::id::{AgentId, RunId, TaskId};

use crate::columns::word;
use crate::error::Error;
use crate::store::Store;
use crate::{agents, tasks};

/// One execution of an agent's graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Which.
    pub run: RunId,
    /// The task it works on.
    pub task: TaskId,
    /// The agent that works.
    pub agent: AgentId,
    /// The stage of the work, such as `develop`.
    pub stage: String,
    /// Which round of that stage, from 1.
    pub round: u32,
}

fn run(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        run: word(row, "run")?,
        task: word(row, "task")?,
        agent: word(row, "agent")?,
        stage: row.get("stage")?,
        round: row.get("round")?,
    })
}

impl Store {
    /// Notes a run before it begins; one that is known keeps its record. That it started is told by the run.
    pub async fn record_run(&self, record: RunRecord) -> Result<(), Error> {
        self.write(move |tx| {
            let task = tasks::get(tx, &record.task)?;
            agents::get_member(tx, &task.project, &record.agent)?;
            tx.prepare_cached(
                "INSERT INTO runs (run, position, task, agent, stage, round, started_at)
                 SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM runs WHERE true
                 ON CONFLICT (run) DO NOTHING",
            )?
            .execute(params![
                record.run.as_str(),
                record.task.as_str(),
                record.agent.as_str(),
                record.stage,
                record.round,
                tx.now().0
            ])?;
            Ok(())
        })
        .await
    }

    /// The runs that worked on a task, in the order in which they began.
    pub async fn runs(&self, task: &TaskId) -> Result<Vec<RunRecord>, Error> {
        let task = task.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM runs WHERE task = ?1 ORDER BY position")?;
            let rows = statement.query_map([task.as_str()], run)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

//! The outbox of signals: what workflows have to be told, written in the transaction of what it tells and
//! kept until someone has delivered it.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::columns::{Json, json, unsigned};
use crate::error::Error;
use crate::store::Store;
use crate::writer::Tx;

/// A signal that waits to be delivered. Deliver it under its id, so that a delivery that is repeated after a
/// crash is recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalRecord {
    /// Its id.
    pub id: String,
    /// The workflow it is for.
    pub workflow_id: String,
    /// The signal's name.
    pub name: String,
    /// Its argument.
    pub payload: Value,
}

fn signal(row: &Row<'_>) -> rusqlite::Result<SignalRecord> {
    Ok(SignalRecord {
        id: row.get("id")?,
        workflow_id: row.get("workflow_id")?,
        name: row.get("name")?,
        payload: json(row, "payload")?,
    })
}

/// Queues a signal unless its id is known.
pub(crate) fn queue(
    tx: &Tx<'_>,
    id: &str,
    workflow_id: &str,
    name: &str,
    payload: &Value,
) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO signals (id, workflow_id, name, payload, queued_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![id, workflow_id, name, Json(payload), tx.now().0])?;
    Ok(())
}

pub(crate) fn last_position(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT coalesce(max(position), 0) FROM signals";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0))?)
}

impl Store {
    /// Signals that were not delivered yet, in the order in which they were queued.
    pub async fn pending_signals(&self) -> Result<Vec<SignalRecord>, Error> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM signals WHERE delivered_at IS NULL ORDER BY position")?;
            let rows = statement.query_map([], signal)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// Notes that a signal has reached its workflow, or that the workflow is over and never will hear it.
    pub async fn signal_delivered(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.write(move |tx| {
            let known = tx
                .prepare_cached("UPDATE signals SET delivered_at = coalesce(delivered_at, ?2) WHERE id = ?1")?
                .execute(params![id, tx.now().0])?;
            if known == 0 {
                return Err(Error::not_found("signal", id));
            }
            Ok(())
        })
        .await
    }

    /// Queues a signal; an id that was used before changes nothing.
    pub async fn queue_signal(
        &self,
        workflow_id: impl Into<String>,
        name: impl Into<String>,
        payload: Value,
        id: impl Into<String>,
    ) -> Result<(), Error> {
        let (workflow_id, name, id) = (workflow_id.into(), name.into(), id.into());
        self.write(move |tx| queue(tx, &id, &workflow_id, &name, &payload)).await
    }
}

//! What one transition writes, already encoded: the writer thread only executes statements.

use crate::kernel::state::{MutableState, RowChange, RowKind};
use crate::proto::history;
use prost::Message;
use rusqlite::{Connection, params};

/// A namespace as it is stored.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NamespaceRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(string, tag = "3")]
    pub description: String,
    #[prost(string, tag = "4")]
    pub owner_email: String,
    /// How long closed runs are kept, nanoseconds.
    #[prost(int64, tag = "5")]
    pub retention: i64,
}

/// One run's part of a transaction.
#[derive(Debug)]
pub(crate) struct RunWrite {
    run_key: i64,
    is_new: bool,
    namespace: String,
    workflow_id: String,
    run_id: String,
    workflow_type: String,
    status: i32,
    start_time: i64,
    close_time: i64,
    deadline: i64,
    has_workflow_task: bool,
    core: Vec<u8>,
    rows: Vec<RowChange>,
    events: Option<(i64, Vec<u8>)>,
}

impl RunWrite {
    /// Takes the changes out of a run's state.
    pub(crate) fn of(
        run_key: i64,
        is_new: bool,
        state: &mut MutableState,
        events: &[history::HistoryEvent],
    ) -> Self {
        let rows = state.take_row_changes();
        let core = &state.core;
        Self {
            run_key,
            is_new,
            namespace: core.namespace.clone(),
            workflow_id: core.workflow_id.clone(),
            run_id: core.run_id.clone(),
            workflow_type: core.workflow_type.clone(),
            status: core.status,
            start_time: core.start_time,
            close_time: core.close_time,
            deadline: state.next_deadline().0,
            has_workflow_task: core.workflow_task.is_some(),
            core: core.encode_to_vec(),
            rows,
            events: events
                .first()
                .map(|first| (first.event_id, history::History { events: events.to_vec() }.encode_to_vec())),
        }
    }
}

/// Everything one transition writes, in one transaction.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    pub runs: Vec<RunWrite>,
    /// The run that is current from now on, as (namespace, workflow id, run key).
    pub current: Option<(String, String, i64)>,
    pub sent: Vec<(i64, Vec<u8>)>,
    pub received: Option<i64>,
    pub namespace: Option<NamespaceRecord>,
}

impl WriteSet {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        for run in &self.runs {
            run.apply(connection)?;
        }
        if let Some((namespace, workflow_id, run_key)) = &self.current {
            connection
                .prepare_cached(
                    "INSERT INTO current_run (namespace, workflow_id, run_key) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET run_key = excluded.run_key",
                )?
                .execute(params![namespace, workflow_id, run_key])?;
        }
        for (key, body) in &self.sent {
            connection
                .prepare_cached("INSERT INTO outbox (transfer_key, body) VALUES (?1, ?2)")?
                .execute(params![key, body])?;
        }
        if let Some(key) = self.received {
            connection.prepare_cached("DELETE FROM outbox WHERE transfer_key = ?1")?.execute([key])?;
        }
        if let Some(namespace) = &self.namespace {
            connection
                .prepare_cached(
                    "INSERT INTO namespace (name, body) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET body = excluded.body",
                )?
                .execute(params![namespace.name, namespace.encode_to_vec()])?;
        }
        Ok(())
    }
}

impl RunWrite {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.is_new {
            connection
                .prepare_cached(
                    "INSERT INTO run (run_key, namespace, workflow_id, run_id, workflow_type, status,
                         start_time, close_time, deadline, has_workflow_task, core)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    self.run_key,
                    self.namespace,
                    self.workflow_id,
                    self.run_id,
                    self.workflow_type,
                    self.status,
                    self.start_time,
                    self.close_time,
                    self.deadline,
                    self.has_workflow_task,
                    self.core,
                ])?;
        } else {
            connection
                .prepare_cached(
                    "UPDATE run SET status = ?2, close_time = ?3, deadline = ?4, has_workflow_task = ?5, core = ?6
                     WHERE run_key = ?1",
                )?
                .execute(params![
                    self.run_key,
                    self.status,
                    self.close_time,
                    self.deadline,
                    self.has_workflow_task,
                    self.core,
                ])?;
        }
        for row in &self.rows {
            self.apply_row(connection, row)?;
        }
        if let Some((first_event_id, events)) = &self.events {
            connection
                .prepare_cached("INSERT INTO history (run_key, first_event_id, events) VALUES (?1, ?2, ?3)")?
                .execute(params![self.run_key, first_event_id, events])?;
        }
        Ok(())
    }

    fn apply_row(&self, connection: &Connection, row: &RowChange) -> rusqlite::Result<()> {
        let RowChange { kind, key, body } = row;
        let kind: RowKind = *kind;
        match body {
            Some(body) => connection
                .prepare_cached(
                    "INSERT INTO run_row (run_key, kind, key, body) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET body = excluded.body",
                )?
                .execute(params![self.run_key, kind as i64, key, body])?,
            None => connection
                .prepare_cached("DELETE FROM run_row WHERE run_key = ?1 AND kind = ?2 AND key = ?3")?
                .execute(params![self.run_key, kind as i64, key])?,
        };
        Ok(())
    }
}

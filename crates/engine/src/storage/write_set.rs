//! What one transition writes, already encoded: the writer thread only executes statements.

use crate::kernel::state::{MutableState, RowChange, RowKind, RunCore};
use crate::proto::enums;
use crate::visibility::{Attributes, check, value::Value};
use bytes::Bytes;
use prost::Message;
use rusqlite::{Connection, params};
use std::collections::HashMap;

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
    /// How long closed runs are kept, nanoseconds; zero for as long as the namespace.
    #[prost(int64, tag = "5")]
    pub retention: i64,
    #[prost(enumeration = "enums::NamespaceState", tag = "6")]
    pub state: i32,
    /// What its owner wants to remember of it.
    #[prost(map = "string, string", tag = "7")]
    pub data: HashMap<String, String>,
    #[prost(message, repeated, tag = "8")]
    pub search_attributes: Vec<SearchAttributeRecord>,
    /// The highest id that a custom search attribute of it ever had; ids are never used again.
    #[prost(int64, tag = "9")]
    pub next_search_attribute: i64,
    /// Worker builds that get no tasks, by checksum.
    #[prost(map = "string, message", tag = "10")]
    pub bad_binaries: HashMap<String, crate::proto::namespace::BadBinaryInfo>,
}

/// A custom search attribute as it is stored.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SearchAttributeRecord {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(enumeration = "enums::IndexedValueType", tag = "2")]
    pub kind: i32,
    #[prost(int64, tag = "3")]
    pub id: i64,
}

/// One run's part of a transaction.
#[derive(Debug)]
pub(crate) struct RunWrite {
    run_key: i64,
    /// What never changes, of a run that is new.
    birth: Option<Box<Birth>>,
    status: i32,
    close_time: i64,
    deadline: i64,
    has_workflow_task: bool,
    execution_time: i64,
    history_length: i64,
    history_bytes: i64,
    state_transitions: i64,
    core: Vec<u8>,
    rows: Vec<RowChange>,
    /// The run's search values, where they changed.
    search: Option<Vec<(i64, Vec<Value>)>>,
    /// The id of the first new event, and the encoded `History` of all of them.
    events: Option<(i64, Bytes)>,
}

/// What is stored of a run once.
#[derive(Debug)]
struct Birth {
    namespace: String,
    workflow_id: String,
    run_id: String,
    workflow_type: String,
    start_time: i64,
    task_queue: String,
    /// As workflow and run id, as the root.
    parent: (String, String),
    root: (String, String),
}

impl Birth {
    fn of(core: &RunCore) -> Self {
        let ids = |execution: Option<&crate::proto::common::WorkflowExecution>| {
            execution.map(|e| (e.workflow_id.clone(), e.run_id.clone())).unwrap_or_default()
        };
        Self {
            namespace: core.namespace.clone(),
            workflow_id: core.workflow_id.clone(),
            run_id: core.run_id.clone(),
            workflow_type: core.workflow_type.clone(),
            start_time: core.start_time,
            task_queue: core.task_queue.clone(),
            parent: ids(core.parent.as_ref().and_then(|parent| parent.execution.as_ref())),
            root: ids(core.root.as_ref()),
        }
    }
}

/// One step of deleting a closed run. It disappears with the first; its histories go in slices, so that no
/// commit waits for a long one.
#[derive(Debug)]
pub(crate) enum Deletion {
    /// The run is gone for everyone.
    Hide { run_key: i64, namespace: String, workflow_id: String },
    /// A slice of what it left is gone.
    Purge { run_key: i64 },
}

/// Rows of each table that one [`Deletion::Purge`] removes at most: a few milliseconds of the writer's time.
const PURGED_AT_ONCE: i64 = 200;

impl RunWrite {
    /// Takes the changes out of a run's state.
    pub(crate) fn of(
        run_key: i64,
        is_new: bool,
        state: &mut MutableState,
        events: Option<(i64, Bytes)>,
        attributes: impl FnOnce(&str) -> std::sync::Arc<Attributes>,
    ) -> Self {
        let rows = state.take_row_changes();
        let core = &state.core;
        let search = rows.iter().any(|row| row.kind == RowKind::Annotations).then(|| {
            let set =
                state.annotations.get(&0).and_then(|annotations| annotations.search_attributes.as_ref());
            set.map_or_else(Vec::new, |set| check::rows(set, &attributes(&core.namespace)))
        });
        let search = search.filter(|values| !is_new || !values.is_empty());
        Self {
            execution_time: core.execution_time,
            history_length: core.next_event_id - 1,
            history_bytes: core.history_bytes,
            state_transitions: core.state_transitions,
            search,
            run_key,
            birth: is_new.then(|| Box::new(Birth::of(core))),
            status: core.status,
            close_time: core.close_time,
            deadline: state.next_deadline().0,
            has_workflow_task: core.workflow_task.is_some(),
            core: core.encode_to_vec(),
            rows,
            events,
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
    /// The name of a namespace that is gone.
    pub namespace_gone: Option<String>,
    pub deletions: Vec<Deletion>,
    pub schedule: Option<ScheduleWrite>,
}

/// A schedule to store, or to delete where it has no body.
#[derive(Debug)]
pub(crate) struct ScheduleWrite {
    pub namespace: String,
    pub schedule_id: String,
    pub body: Option<Vec<u8>>,
}

impl ScheduleWrite {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { namespace, schedule_id, body } = self;
        match body {
            Some(body) => connection
                .prepare_cached(
                    "INSERT INTO schedule (namespace, schedule_id, body) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET body = excluded.body",
                )?
                .execute(params![namespace, schedule_id, body])?,
            None => connection
                .prepare_cached("DELETE FROM schedule WHERE namespace = ?1 AND schedule_id = ?2")?
                .execute(params![namespace, schedule_id])?,
        };
        Ok(())
    }
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
        if let Some(name) = &self.namespace_gone {
            connection.prepare_cached("DELETE FROM namespace WHERE name = ?1")?.execute([name])?;
            connection.prepare_cached("DELETE FROM schedule WHERE namespace = ?1")?.execute([name])?;
        }
        if let Some(schedule) = &self.schedule {
            schedule.apply(connection)?;
        }
        self.deletions.iter().try_for_each(|deletion| deletion.apply(connection))
    }
}

impl Deletion {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Hide { run_key, namespace, workflow_id } => {
                connection.prepare_cached("DELETE FROM run WHERE run_key = ?1")?.execute([run_key])?;
                connection
                    .prepare_cached(
                        "DELETE FROM current_run WHERE namespace = ?1 AND workflow_id = ?2 AND run_key = ?3",
                    )?
                    .execute(params![namespace, workflow_id, run_key])?;
                connection
                    .prepare_cached("INSERT OR IGNORE INTO deleted_run (run_key) VALUES (?1)")?
                    .execute([run_key])?;
            }
            Self::Purge { run_key } => {
                let mut removed = 0;
                for sql in [
                    "DELETE FROM history WHERE run_key = ?1 AND first_event_id IN
                         (SELECT first_event_id FROM history WHERE run_key = ?1 LIMIT ?2)",
                    "DELETE FROM run_row WHERE run_key = ?1 AND (kind, key) IN
                         (SELECT kind, key FROM run_row WHERE run_key = ?1 LIMIT ?2)",
                    "DELETE FROM search_value WHERE run_key = ?1 AND (attribute, position) IN
                         (SELECT attribute, position FROM search_value WHERE run_key = ?1 LIMIT ?2)",
                ] {
                    removed += connection.prepare_cached(sql)?.execute([*run_key, PURGED_AT_ONCE])?;
                }
                if removed == 0 {
                    connection
                        .prepare_cached("DELETE FROM deleted_run WHERE run_key = ?1")?
                        .execute([run_key])?;
                }
            }
        }
        Ok(())
    }
}

impl RunWrite {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(birth) = &self.birth {
            connection
                .prepare_cached(
                    "INSERT INTO run (run_key, namespace, workflow_id, run_id, workflow_type, status,
                         start_time, close_time, deadline, has_workflow_task, core, execution_time, task_queue,
                         parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, history_length,
                         history_bytes, state_transitions)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                         ?19, ?20)",
                )?
                .execute(params![
                    self.run_key,
                    birth.namespace,
                    birth.workflow_id,
                    birth.run_id,
                    birth.workflow_type,
                    self.status,
                    birth.start_time,
                    self.close_time,
                    self.deadline,
                    self.has_workflow_task,
                    self.core,
                    self.execution_time,
                    birth.task_queue,
                    birth.parent.0,
                    birth.parent.1,
                    birth.root.0,
                    birth.root.1,
                    self.history_length,
                    self.history_bytes,
                    self.state_transitions,
                ])?;
        } else {
            connection
                .prepare_cached(
                    "UPDATE run SET deadline = ?2, has_workflow_task = ?3, core = ?4, execution_time = ?5,
                         history_length = ?6, history_bytes = ?7, state_transitions = ?8
                     WHERE run_key = ?1",
                )?
                .execute(params![
                    self.run_key,
                    self.deadline,
                    self.has_workflow_task,
                    self.core,
                    self.execution_time,
                    self.history_length,
                    self.history_bytes,
                    self.state_transitions,
                ])?;
            // Apart, since naming a column writes all of its indexes again, and a run closes only once.
            if self.status != enums::WorkflowExecutionStatus::Running as i32 {
                connection
                    .prepare_cached("UPDATE run SET status = ?2, close_time = ?3 WHERE run_key = ?1")?
                    .execute(params![self.run_key, self.status, self.close_time])?;
            }
        }
        if let Some(values) = &self.search {
            self.apply_search(connection, values)?;
        }
        for row in &self.rows {
            self.apply_row(connection, row)?;
        }
        if let Some((first_event_id, events)) = &self.events {
            connection
                .prepare_cached("INSERT INTO history (run_key, first_event_id, events) VALUES (?1, ?2, ?3)")?
                .execute(params![self.run_key, first_event_id, events.as_ref()])?;
        }
        Ok(())
    }

    fn apply_search(&self, connection: &Connection, values: &[(i64, Vec<Value>)]) -> rusqlite::Result<()> {
        if self.birth.is_none() {
            connection
                .prepare_cached("DELETE FROM search_value WHERE run_key = ?1")?
                .execute([self.run_key])?;
        }
        for (attribute, values) in values {
            for (position, value) in values.iter().enumerate() {
                let value: rusqlite::types::Value = value.clone().into();
                connection
                    .prepare_cached(
                        "INSERT INTO search_value (run_key, attribute, position, value) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![self.run_key, attribute, position as i64, value])?;
            }
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

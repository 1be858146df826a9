//! What a transition changes of one run, already encoded: whoever commits only executes statements.

use crate::kernel::state::{MutableState, RowChange, RowKind, RunCore};
use crate::proto::enums;
use crate::visibility::{Attributes, check, value::Value};
use bytes::Bytes;
use prost::Message;
use rusqlite::{Connection, params};

/// One run's part of a transaction.
#[derive(Debug)]
pub(crate) struct RunWrite {
    /// What never changes, of a run that is new.
    birth: Option<Box<Birth>>,
    status: i32,
    close_time: i64,
    /// The run's search values, where they changed.
    search: Option<Vec<(i64, Vec<Value>)>>,
    record: RunRecord,
}

/// What almost every transition changes. It is also what the journal has of a run.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RunRecord {
    #[prost(int64, tag = "1")]
    pub run_key: i64,
    #[prost(int64, tag = "2")]
    deadline: i64,
    #[prost(bool, tag = "3")]
    has_workflow_task: bool,
    #[prost(int64, tag = "4")]
    execution_time: i64,
    #[prost(int64, tag = "5")]
    history_length: i64,
    #[prost(int64, tag = "6")]
    history_bytes: i64,
    #[prost(int64, tag = "7")]
    state_transitions: i64,
    #[prost(bytes = "vec", tag = "8")]
    core: Vec<u8>,
    #[prost(message, repeated, tag = "9")]
    rows: Vec<RowRecord>,
    /// The id of the first new event; zero if there are none.
    #[prost(int64, tag = "10")]
    first_event_id: i64,
    /// All new events, as encoded `History` messages: one after the other they are one.
    #[prost(bytes = "bytes", repeated, tag = "11")]
    events: Vec<Bytes>,
}

/// A row to store, or to delete where it has no body.
#[derive(Clone, PartialEq, Message)]
struct RowRecord {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(bytes = "vec", optional, tag = "3")]
    body: Option<Vec<u8>>,
}

impl From<RowChange> for RowRecord {
    fn from(row: RowChange) -> Self {
        Self { kind: row.kind as i64, key: row.key, body: row.body }
    }
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

impl RunWrite {
    /// Takes the changes out of a run's state.
    pub(crate) fn of(
        run_key: i64,
        is_new: bool,
        state: &mut MutableState,
        (first_event_id, events): (i64, Vec<Bytes>),
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
            birth: is_new.then(|| Box::new(Birth::of(core))),
            status: core.status,
            close_time: core.close_time,
            search,
            record: RunRecord {
                run_key,
                deadline: state.next_deadline().0,
                has_workflow_task: core.workflow_task.is_some(),
                execution_time: core.execution_time,
                history_length: core.next_event_id - 1,
                history_bytes: core.history_bytes,
                state_transitions: core.state_transitions,
                core: core.encode_to_vec(),
                rows: rows.into_iter().map(RowRecord::from).collect(),
                first_event_id,
                events,
            },
        }
    }

    /// What the journal has of a run, to be written after all.
    pub(super) fn from_record(record: RunRecord) -> Self {
        let status = enums::WorkflowExecutionStatus::Running as i32;
        Self { birth: None, status, close_time: 0, search: None, record }
    }

    pub(super) fn key(&self) -> i64 {
        self.record.run_key
    }

    /// All of what it writes, if that is only what almost every transition of a running run changes.
    pub(super) fn as_record(&self) -> Option<&RunRecord> {
        let is_running = self.status == enums::WorkflowExecutionStatus::Running as i32;
        (self.birth.is_none() && is_running && self.search.is_none()).then_some(&self.record)
    }

    /// The first event that it writes.
    pub(super) fn first_event_id(&self) -> Option<i64> {
        Some(self.record.first_event_id).filter(|id| *id > 0)
    }

    /// Takes in what was to be written of the same run before.
    pub(super) fn follow(&mut self, earlier: Self) {
        self.birth = earlier.birth.or(self.birth.take());
        self.search = self.search.take().or(earlier.search);
        let record = &mut self.record;
        let later = std::mem::replace(&mut record.rows, earlier.record.rows);
        record.rows.retain(|row| !later.iter().any(|other| (row.kind, &row.key) == (other.kind, &other.key)));
        record.rows.extend(later);
        if earlier.record.first_event_id > 0 {
            record.first_event_id = earlier.record.first_event_id;
            let later = std::mem::replace(&mut record.events, earlier.record.events);
            record.events.extend(later);
        }
    }

    /// Writes it. `position` is how far the journal is: what it has of the run up to there is written then.
    pub(super) fn apply(&self, connection: &Connection, position: i64) -> rusqlite::Result<()> {
        let record = &self.record;
        if let Some(birth) = &self.birth {
            connection
                .prepare_cached(
                    "INSERT INTO run (run_key, namespace, workflow_id, run_id, workflow_type, status,
                         start_time, close_time, deadline, has_workflow_task, core, execution_time, task_queue,
                         parent_workflow_id, parent_run_id, root_workflow_id, root_run_id, history_length,
                         history_bytes, state_transitions, journal_position)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                         ?19, ?20, ?21)",
                )?
                .execute(params![
                    record.run_key,
                    birth.namespace,
                    birth.workflow_id,
                    birth.run_id,
                    birth.workflow_type,
                    self.status,
                    birth.start_time,
                    self.close_time,
                    record.deadline,
                    record.has_workflow_task,
                    record.core,
                    record.execution_time,
                    birth.task_queue,
                    birth.parent.0,
                    birth.parent.1,
                    birth.root.0,
                    birth.root.1,
                    record.history_length,
                    record.history_bytes,
                    record.state_transitions,
                    position,
                ])?;
        } else {
            connection
                .prepare_cached(
                    "UPDATE run SET deadline = ?2, has_workflow_task = ?3, core = ?4, execution_time = ?5,
                         history_length = ?6, history_bytes = ?7, state_transitions = ?8, journal_position = ?9
                     WHERE run_key = ?1",
                )?
                .execute(params![
                    record.run_key,
                    record.deadline,
                    record.has_workflow_task,
                    record.core,
                    record.execution_time,
                    record.history_length,
                    record.history_bytes,
                    record.state_transitions,
                    position,
                ])?;
            // Apart, since naming a column writes all of its indexes again, and a run closes only once.
            if self.status != enums::WorkflowExecutionStatus::Running as i32 {
                connection
                    .prepare_cached("UPDATE run SET status = ?2, close_time = ?3 WHERE run_key = ?1")?
                    .execute(params![record.run_key, self.status, self.close_time])?;
            }
        }
        if let Some(values) = &self.search {
            self.apply_search(connection, values)?;
        }
        for row in &record.rows {
            record.apply_row(connection, row)?;
        }
        if record.first_event_id > 0 {
            connection
                .prepare_cached("INSERT INTO history (run_key, first_event_id, events) VALUES (?1, ?2, ?3)")?
                .execute(params![record.run_key, record.first_event_id, record.events.concat()])?;
        }
        Ok(())
    }

    fn apply_search(&self, connection: &Connection, values: &[(i64, Vec<Value>)]) -> rusqlite::Result<()> {
        if self.birth.is_none() {
            connection
                .prepare_cached("DELETE FROM search_value WHERE run_key = ?1")?
                .execute([self.record.run_key])?;
        }
        for (attribute, values) in values {
            for (position, value) in values.iter().enumerate() {
                let value: rusqlite::types::Value = value.clone().into();
                connection
                    .prepare_cached(
                        "INSERT INTO search_value (run_key, attribute, position, value) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![self.record.run_key, attribute, position as i64, value])?;
            }
        }
        Ok(())
    }
}

impl RunRecord {
    fn apply_row(&self, connection: &Connection, row: &RowRecord) -> rusqlite::Result<()> {
        let RowRecord { kind, key, body } = row;
        match body {
            Some(body) => connection
                .prepare_cached(
                    "INSERT INTO run_row (run_key, kind, key, body) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET body = excluded.body",
                )?
                .execute(params![self.run_key, kind, key, body])?,
            None => connection
                .prepare_cached("DELETE FROM run_row WHERE run_key = ?1 AND kind = ?2 AND key = ?3")?
                .execute(params![self.run_key, kind, key])?,
        };
        Ok(())
    }
}

#[cfg(test)]
impl RunWrite {
    /// The write of some events of a running run, which are its state as well: for a test of their order.
    pub(super) fn sample(run_key: i64, first_event_id: i64, events: &'static str) -> Self {
        Self::from_record(RunRecord {
            run_key,
            first_event_id,
            core: events.into(),
            events: vec![Bytes::from(events)],
            ..RunRecord::default()
        })
    }

    /// The same, of a run that is new.
    pub(super) fn born(self) -> Self {
        let core = RunCore { workflow_id: self.key().to_string(), ..RunCore::default() };
        Self { birth: Some(Box::new(Birth::of(&core))), ..self }
    }

    /// The same, of a run that closes.
    pub(super) fn closed(self) -> Self {
        Self { status: enums::WorkflowExecutionStatus::Completed as i32, ..self }
    }
}

//! What one transition writes, already encoded: whoever commits only executes statements.

use super::RunWrite;
use crate::proto::enums;
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
    /// A run that somebody is about to read: nothing of it stays in the journal only.
    pub settled: Option<i64>,
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
    /// The runs of which nothing may stay in the journal only.
    pub(super) fn settles(&self) -> impl Iterator<Item = i64> {
        let hidden = self.deletions.iter().filter_map(|deletion| match deletion {
            Deletion::Hide { run_key, .. } => Some(*run_key),
            Deletion::Purge { .. } => None,
        });
        hidden.chain(self.settled)
    }

    /// Writes everything but the runs.
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
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

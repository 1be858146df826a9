//! Reading, beside the writer: a small pool of connections, used off the async threads.

use super::journal::Unsettled;
use super::{NamespaceRecord, WriteSet, Writer, schema};
use crate::Error;
use crate::kernel::MutableState;
use crate::kernel::state::{Annotations, RowKind, RunCore};
use crate::proto::history;
use crate::visibility::sql::{CLOSE_ORDER, Sql};
use parking_lot::Mutex;
use prost::Message;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reads at once, each on a connection that is kept.
const CONNECTIONS: usize = 4;

/// The pool.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    /// Reads happen where they are asked for, not on threads whose order nobody knows.
    inline: bool,
    /// The runs whose rows are behind, and who brings them up to date.
    unsettled: Arc<Unsettled>,
    writer: Arc<Writer>,
}

/// What was found of a run.
enum Found<T> {
    Nothing,
    /// Its rows are behind; its key.
    Behind(i64),
    Rows(T),
}

/// A run as it is stored.
#[derive(Debug)]
pub(crate) struct StoredRun {
    pub run_key: i64,
    pub state: MutableState,
}

/// What opening needs to know of a run that has not closed.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
    pub deadline: i64,
    /// Whether a workflow task or an activity is with a worker or waits for one.
    pub has_tasks: bool,
}

/// A page to read: SQL that the engine built, which selects the sort keys and then the run's key; what a
/// client sent is only ever among the values.
#[derive(Debug)]
pub(crate) struct Listing {
    pub sql: String,
    pub values: Vec<Value>,
    pub sort_keys: usize,
    pub most_runs: usize,
    /// The page ends after the run with which it has this many bytes.
    pub most_bytes: usize,
}

/// A run in a listing.
#[derive(Debug)]
pub(crate) struct ListedRun {
    /// What it was sorted by.
    pub sort: Vec<Value>,
    pub core: RunCore,
    pub annotations: Annotations,
}

/// A run that may be deleted.
#[derive(Debug)]
pub(crate) struct ClosedRun {
    pub workflow_id: String,
    pub run_id: String,
    /// Zero if it has not closed.
    pub close_time: i64,
}

impl Readers {
    pub(super) fn open(
        path: &Path,
        writer: Arc<Writer>,
        unsettled: Arc<Unsettled>,
    ) -> rusqlite::Result<Self> {
        let first = schema::open_reader(path)?;
        Ok(Self {
            path: Arc::new(path.to_owned()),
            idle: Arc::new(Mutex::new(vec![first])),
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            inline: false,
            unsettled,
            writer,
        })
    }

    /// Does without threads, for a simulation, whose order follows from its seed.
    #[cfg(test)]
    pub(super) fn read_inline(&mut self) {
        self.inline = true;
    }

    /// Brings a run's rows up to date. Whatever of it was durable before is in them then.
    async fn settle(&self, run_key: i64) -> Result<(), Error> {
        self.writer.write(WriteSet { settled: Some(run_key), ..WriteSet::default() }).durable().await
    }

    /// Reads something of a run, by its key, whose rows are not behind.
    async fn of_run<T: Send + 'static>(
        &self,
        find: impl FnOnce(&Connection) -> rusqlite::Result<Option<i64>> + Send + 'static,
        read: fn(&Connection, i64) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let unsettled = self.unsettled.clone();
        let found = self.with(move |connection| {
            let Some(key) = find(connection).map_err(failed)? else { return Ok(Found::Nothing) };
            // Asked before the rows are read: what is settled then, is in them.
            if unsettled.has(key, i64::MAX) {
                return Ok(Found::Behind(key));
            }
            read(connection, key).map(|rows| rows.map_or(Found::Nothing, Found::Rows))
        });
        match found.await? {
            Found::Nothing => Ok(None),
            Found::Rows(rows) => Ok(Some(rows)),
            Found::Behind(key) => {
                self.settle(key).await?;
                self.with(move |connection| read(connection, key)).await
            }
        }
    }

    /// Runs a read on a connection of the pool, on a thread where blocking is allowed.
    async fn with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if self.inline {
            tokio::task::yield_now().await;
            return self.with_blocking(read);
        }
        let cancelled = || Error::Stopped("a read was cancelled".into());
        let turn = self.free.clone().acquire_owned().await.map_err(|_| cancelled())?;
        let pool = self.clone();
        let read = move || {
            let _turn = turn;
            pool.with_blocking(read)
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| cancelled())?
    }

    pub(crate) fn with_blocking<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path).map_err(failed)?,
        };
        let result = read(&connection);
        let mut idle = self.idle.lock();
        if idle.len() < CONNECTIONS {
            idle.push(connection);
        }
        result
    }

    /// Closes the idle connections.
    pub(crate) fn close(&self) {
        self.idle.lock().clear();
    }

    /// The current run of a workflow id.
    pub(crate) async fn current_run(
        &self,
        namespace: String,
        workflow_id: String,
    ) -> Result<Option<StoredRun>, Error> {
        let find = move |connection: &Connection| {
            connection
                .prepare_cached("SELECT run_key FROM current_run WHERE namespace = ?1 AND workflow_id = ?2")?
                .query_row(params![namespace, workflow_id], |row| row.get(0))
                .optional()
        };
        self.of_run(find, load).await
    }

    pub(crate) async fn run(
        &self,
        namespace: String,
        workflow_id: String,
        run_id: String,
    ) -> Result<Option<StoredRun>, Error> {
        self.of_run(move |connection| key_of(connection, &namespace, &workflow_id, &run_id), load).await
    }

    /// The durable events of a run from `from` to before `until`, at most about `limit` of them.
    pub(crate) async fn events(
        &self,
        run_key: i64,
        from: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<history::HistoryEvent>, Error> {
        if from >= until {
            return Ok(Vec::new());
        }
        if self.unsettled.has(run_key, until) {
            self.settle(run_key).await?;
        }
        self.with(move |connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT events FROM history WHERE run_key = ?1 AND first_event_id < ?3
                       AND first_event_id >= (SELECT coalesce(max(first_event_id), 0) FROM history
                                              WHERE run_key = ?1 AND first_event_id <= ?2)
                     ORDER BY first_event_id",
                )
                .map_err(failed)?;
            let mut rows = statement.query(params![run_key, from, until]).map_err(failed)?;
            let mut events = Vec::new();
            while events.len() < limit
                && let Some(row) = rows.next().map_err(failed)?
            {
                let bytes = row.get_ref(0).and_then(|v| Ok(v.as_blob()?)).map_err(failed)?;
                let batch = history::History::decode(bytes).map_err(corrupt)?;
                events.extend(batch.events.into_iter().filter(|e| e.event_id >= from && e.event_id < until));
            }
            events.truncate(limit);
            Ok(events)
        })
        .await
    }

    /// The durable part of a run's record: enough to know its status and how long its history is.
    pub(crate) async fn core(
        &self,
        namespace: String,
        workflow_id: String,
        run_id: String,
    ) -> Result<Option<(i64, RunCore)>, Error> {
        let read = |connection: &Connection, key| {
            let core = load_core(connection, key)?;
            core.map(|core| Ok((key, RunCore::decode(core.as_slice()).map_err(corrupt)?))).transpose()
        };
        self.of_run(move |connection| key_of(connection, &namespace, &workflow_id, &run_id), read).await
    }

    /// Every run that has not closed.
    pub(crate) fn open_runs(&self) -> Result<Vec<OpenRun>, Error> {
        self.with_blocking(|connection| {
            let mut statement = connection
                .prepare(
                    "SELECT namespace, workflow_id, run_id, deadline,
                            has_workflow_task OR EXISTS (
                                SELECT 1 FROM run_row WHERE run_row.run_key = run.run_key AND kind = ?1)
                     FROM run WHERE status = 1 ORDER BY run_key",
                )
                .map_err(failed)?;
            let runs = statement.query_map([RowKind::Activity as i64], |row| {
                Ok(OpenRun {
                    namespace: row.get(0)?,
                    workflow_id: row.get(1)?,
                    run_id: row.get(2)?,
                    deadline: row.get(3)?,
                    has_tasks: row.get(4)?,
                })
            });
            runs.and_then(Iterator::collect).map_err(failed)
        })
    }

    /// What was sent and not received, in order.
    pub(crate) fn outbox(&self) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        self.with_blocking(|connection| {
            let mut statement = connection
                .prepare("SELECT transfer_key, body FROM outbox ORDER BY transfer_key")
                .map_err(failed)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.and_then(Iterator::collect).map_err(failed)
        })
    }

    /// Every run by namespace, workflow id and run id, in the order in which they were created.
    #[cfg(test)]
    pub(crate) fn all_runs(&self) -> Result<Vec<(String, String, String)>, Error> {
        self.with_blocking(|connection| {
            let mut statement = connection
                .prepare("SELECT namespace, workflow_id, run_id FROM run ORDER BY run_key")
                .map_err(failed)?;
            let runs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
            runs.and_then(Iterator::collect).map_err(failed)
        })
    }

    /// How many rows each table has.
    #[cfg(test)]
    pub(crate) async fn table_sizes(&self) -> Result<Vec<i64>, Error> {
        const TABLES: [&str; 6] = ["namespace", "run", "run_row", "history", "outbox", "search_value"];
        self.with(|connection| {
            let count = |table| {
                connection
                    .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
                    .map_err(failed)
            };
            TABLES.into_iter().map(count).collect()
        })
        .await
    }

    pub(crate) fn namespaces(&self) -> Result<Vec<NamespaceRecord>, Error> {
        self.with_blocking(|connection| {
            let mut statement =
                connection.prepare("SELECT body FROM namespace ORDER BY name").map_err(failed)?;
            let bodies: Vec<Vec<u8>> =
                statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
            bodies.iter().map(|body| NamespaceRecord::decode(body.as_slice()).map_err(corrupt)).collect()
        })
    }

    /// The stored bodies of all schedules.
    pub(crate) fn schedules(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.with_blocking(|connection| {
            let mut statement = connection.prepare("SELECT body FROM schedule").map_err(failed)?;
            let bodies = statement.query_map([], |row| row.get(0));
            bodies.and_then(Iterator::collect).map_err(failed)
        })
    }

    /// One page of a listing. Sorting looks at keys only; the runs themselves are read one by one, so that
    /// a page takes no more memory than it may have bytes. Also says whether there is more.
    pub(crate) async fn list(&self, listing: Listing) -> Result<(Vec<ListedRun>, bool), Error> {
        self.with(move |connection| {
            let mut keys = connection.prepare(&listing.sql).map_err(failed)?;
            let mut read = connection
                .prepare_cached(
                    "SELECT core, (SELECT body FROM run_row
                         WHERE run_row.run_key = run.run_key AND kind = ?2 AND key = '0')
                     FROM run WHERE run_key = ?1",
                )
                .map_err(failed)?;
            let mut rows = keys.query(rusqlite::params_from_iter(listing.values)).map_err(failed)?;
            let mut runs = Vec::new();
            let mut bytes = 0;
            let mut read_rows = 0;
            while let Some(row) = rows.next().map_err(failed)? {
                if bytes >= listing.most_bytes || read_rows == listing.most_runs {
                    return Ok((runs, true));
                }
                read_rows += 1;
                let sort = (0..listing.sort_keys)
                    .map(|index| row.get(index))
                    .collect::<rusqlite::Result<Vec<Value>>>()
                    .map_err(failed)?;
                let run_key: i64 = row.get(listing.sort_keys).map_err(failed)?;
                let found: Option<(Vec<u8>, Option<Vec<u8>>)> = read
                    .query_row(params![run_key, RowKind::Annotations as i64], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()
                    .map_err(failed)?;
                // Deleted in between.
                let Some((core, annotations)) = found else { continue };
                bytes += core.len() + annotations.as_ref().map_or(0, Vec::len);
                let core = RunCore::decode(core.as_slice()).map_err(corrupt)?;
                let annotations = annotations
                    .as_deref()
                    .map(Annotations::decode)
                    .transpose()
                    .map_err(corrupt)?
                    .unwrap_or_default();
                runs.push(ListedRun { sort, core, annotations });
            }
            Ok((runs, false))
        })
        .await
    }

    /// Runs that satisfy a condition over the columns of `run`, by status.
    pub(crate) async fn count(&self, condition: Sql) -> Result<Vec<(i32, i64)>, Error> {
        self.with(move |connection| {
            let sql = format!(
                "SELECT status, count(*) FROM run WHERE {} GROUP BY status ORDER BY status",
                condition.text
            );
            let mut statement = connection.prepare(&sql).map_err(failed)?;
            statement
                .query_map(rusqlite::params_from_iter(condition.values), |row| Ok((row.get(0)?, row.get(1)?)))
                .and_then(Iterator::collect)
                .map_err(failed)
        })
        .await
    }

    /// Runs of a namespace that closed up to `closed_by`, the longest closed first; every run where that is
    /// [`i64::MAX`], the open ones last.
    pub(crate) async fn closed_by(
        &self,
        namespace: String,
        closed_by: i64,
        limit: usize,
    ) -> Result<Vec<ClosedRun>, Error> {
        self.with(move |connection| {
            let sql = format!(
                "SELECT workflow_id, run_id, close_time FROM run WHERE namespace = ?1 AND {CLOSE_ORDER} <= ?2
                 ORDER BY {CLOSE_ORDER} LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
            statement
                .query_map(params![namespace, closed_by, limit as i64], |row| {
                    Ok(ClosedRun { workflow_id: row.get(0)?, run_id: row.get(1)?, close_time: row.get(2)? })
                })
                .and_then(Iterator::collect)
                .map_err(failed)
        })
        .await
    }

    /// Deleted runs of which something is left.
    pub(crate) async fn deleted_runs(&self, limit: usize) -> Result<Vec<i64>, Error> {
        self.with(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT run_key FROM deleted_run ORDER BY run_key LIMIT ?1")
                .map_err(failed)?;
            statement.query_map([limit as i64], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)
        })
        .await
    }
}

fn key_of(
    connection: &Connection,
    namespace: &str,
    workflow_id: &str,
    run_id: &str,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT run_key FROM run WHERE namespace = ?1 AND workflow_id = ?2 AND run_id = ?3")?
        .query_row(params![namespace, workflow_id, run_id], |row| row.get(0))
        .optional()
}

fn load_core(connection: &Connection, run_key: i64) -> Result<Option<Vec<u8>>, Error> {
    connection
        .prepare_cached("SELECT core FROM run WHERE run_key = ?1")
        .and_then(|mut s| s.query_row([run_key], |row| row.get(0)).optional())
        .map_err(failed)
}

fn load(connection: &Connection, run_key: i64) -> Result<Option<StoredRun>, Error> {
    let Some(core) = load_core(connection, run_key)? else { return Ok(None) };
    let rows: Vec<(i64, String, Vec<u8>)> = connection
        .prepare_cached("SELECT kind, key, body FROM run_row WHERE run_key = ?1")
        .and_then(|mut s| {
            s.query_map([run_key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })
        .map_err(failed)?;
    let state = MutableState::restore(&core, rows).map_err(corrupt)?;
    Ok(Some(StoredRun { run_key, state }))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the shape map_err wants")]
fn failed(error: rusqlite::Error) -> Error {
    Error::Stopped(format!("a read from the database failed: {error}"))
}

fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(error.to_string())
}

//! The one writer: a thread that owns the writing connection and commits calls in groups.
//!
//! Calls that queue up while a commit reaches the disk share the next transaction, each inside a savepoint, so
//! that one that fails takes back only its own changes. Nobody is answered before the commit: what was
//! acknowledged is on disk.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use syndarix_core::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Error;
use crate::lock::Lock;

/// Calls waiting for the writer before callers have to wait to hand theirs in.
const QUEUE_LENGTH: usize = 1024;

/// Calls that share one transaction at most, so that the first of them is not kept waiting for long.
const GROUP_LENGTH: usize = 128;

/// Commits between two times that the write-ahead log is folded into the database. Folding takes two syncs: a hundred
/// commits make that two per cent.
const COMMITS_PER_FOLD: u32 = 100;

/// What a mutating call works on: its own savepoint in the group's transaction.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    now: Timestamp,
}

impl Tx<'_> {
    /// When the call was made.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A queued call.
trait Job: Send {
    /// Does its work and keeps the result; says whether its changes stay.
    fn run(&mut self, connection: &Connection) -> Result<(), Trouble>;

    /// Answers the caller: with its own result, or with why the group was not committed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// How a failed call concerns the rest of its group.
enum Trouble {
    /// Not at all, unless SQLite ended the whole transaction with it.
    Own {
        /// Whether the disk was full.
        full: bool,
    },
    /// The disk failed under it.
    Disk(String),
}

/// Why a whole group was not committed.
#[derive(Debug, Clone)]
enum Failure {
    Full(PathBuf),
    Refused(String),
    Stopped(String),
}

impl Failure {
    fn to_error(&self) -> Error {
        match self {
            Self::Full(path) => Error::StorageFull { path: path.clone() },
            Self::Refused(reason) => Error::Database(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                Some(reason.clone()),
            )),
            Self::Stopped(reason) => Error::Stopped { reason: reason.clone() },
        }
    }
}

struct Call<T, F> {
    work: Option<F>,
    now: Timestamp,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, Error> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), Trouble> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = work(&Tx { connection, now: self.now });
        let trouble = match &result {
            Ok(_) => Ok(()),
            Err(error) if error.is_disk_failure() => Err(Trouble::Disk(describe(error))),
            Err(error) => Err(Trouble::Own { full: error.is_disk_full() }),
        };
        self.result = Some(result);
        trouble
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let result = match (failure, self.result) {
            (None, Some(result)) => result,
            (Some(failure), _) => Err(failure.to_error()),
            (None, None) => Err(Error::Stopped { reason: "the call was not run".to_owned() }),
        };
        // A caller that went away has no use for the answer.
        let _ = self.reply.send(result);
    }
}

/// The handle of the writer's thread. Dropping it waits until what is queued is committed and the data
/// directory is let go.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    stopped: Arc<OnceLock<String>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

/// What the writer tells everyone after a commit.
#[derive(Debug)]
pub(crate) struct Announcements {
    /// The highest sequence number of the journal.
    pub(crate) journal: watch::Sender<u64>,
    /// The highest position in the outbox of signals.
    pub(crate) signals: watch::Sender<u64>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        path: PathBuf,
        lock: Lock,
        announcements: Announcements,
    ) -> Result<Self, Error> {
        let (queue, incoming) = mpsc::channel(QUEUE_LENGTH);
        let stopped = Arc::new(OnceLock::new());
        let worker = Worker {
            connection,
            path: path.clone(),
            incoming,
            announcements,
            stopped: Arc::clone(&stopped),
            _lock: lock,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(|| worker.run())
            .map_err(|source| Error::Io { action: "start the writer of", path: path.clone(), source })?;
        Ok(Self { queue: Some(queue), stopped, thread: Some(thread), path })
    }

    /// Runs `work` in a transaction and returns once it is on disk. Dropping the future does not take back
    /// what was handed in.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Call { work: Some(work), now, result: None, reply });
        let queue = self.queue.as_ref().ok_or_else(|| self.is_stopped())?;
        queue.send(job).await.map_err(|_| self.is_stopped())?;
        let result = answer.await.map_err(|_| self.is_stopped())?;
        result.map_err(|error| error.located(&self.path))
    }

    fn is_stopped(&self) -> Error {
        let reason =
            self.stopped.get().cloned().unwrap_or_else(|| "its writer ended unexpectedly".to_owned());
        Error::Stopped { reason }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    connection: Connection,
    path: PathBuf,
    incoming: mpsc::Receiver<Box<dyn Job>>,
    announcements: Announcements,
    stopped: Arc<OnceLock<String>>,
    // Declared after the connection, so that the directory is let go after the database is closed.
    _lock: Lock,
}

impl Worker {
    fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP_LENGTH);
        let mut unfolded = 0;
        while self.incoming.blocking_recv_many(&mut group, GROUP_LENGTH) > 0 {
            let failure = self.commit(&mut group).err();
            if let Some(Failure::Stopped(reason)) = &failure {
                self.stop(reason);
            }
            for job in group.drain(..) {
                job.answer(failure.as_ref());
            }
            if matches!(failure, Some(Failure::Stopped(_))) {
                return;
            }
            unfolded += 1;
            if unfolded >= COMMITS_PER_FOLD {
                match self.fold() {
                    Ok(()) => unfolded = 0,
                    Err(Failure::Stopped(reason)) => return self.stop(&reason),
                    Err(Failure::Full(_) | Failure::Refused(_)) => {}
                }
            }
        }
    }

    fn stop(&self, reason: &str) {
        // What the failed sync left in the log must not reach the database file on closing.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let _ = self.stopped.set(reason.to_owned());
        tracing::error!(%reason, "the store stopped accepting writes");
    }

    /// Brings what readers do not hold back from the log into the database.
    fn fold(&self) -> Result<(), Failure> {
        const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
        self.connection.query_row(FOLD, [], |_| Ok(())).map_err(|error| self.failed(FOLD, error))
    }

    fn commit(&self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        for job in group.iter_mut() {
            self.execute("SAVEPOINT call")?;
            match job.run(&self.connection) {
                Ok(()) => {}
                Err(Trouble::Disk(reason)) => {
                    self.take_back();
                    return Err(Failure::Stopped(reason));
                }
                Err(Trouble::Own { full }) if self.connection.is_autocommit() => {
                    return Err(if full {
                        Failure::Full(self.path.clone())
                    } else {
                        Failure::Refused("SQLite ended the transaction".to_owned())
                    });
                }
                Err(Trouble::Own { .. }) => self.execute("ROLLBACK TO call")?,
            }
            self.execute("RELEASE call")?;
        }
        let journal = self.highest("SELECT coalesce(max(seq), 0) FROM events")?;
        let signals = self.highest("SELECT coalesce(max(position), 0) FROM signals")?;
        self.execute("COMMIT")?;
        announce(&self.announcements.journal, journal);
        announce(&self.announcements.signals, signals);
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<(), Failure> {
        let result =
            self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]).map(drop));
        result.map_err(|error| self.failed(sql, error))
    }

    fn highest(&self, sql: &str) -> Result<u64, Failure> {
        let result = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| crate::columns::unsigned(row, 0)));
        result.map_err(|error| self.failed(sql, error))
    }

    /// A full disk passes, and a lock held by a foreign program too. After any other failure of the
    /// transaction's own statements it is unknown what is on disk.
    fn failed(&self, sql: &str, error: rusqlite::Error) -> Failure {
        self.take_back();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Failure::Full(self.path.clone()),
            Some(ErrorCode::DatabaseBusy) => Failure::Refused(error.to_string()),
            _ => Failure::Stopped(format!("{sql} failed: {}", describe(&Error::Database(error)))),
        }
    }

    fn take_back(&self) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

fn announce(channel: &watch::Sender<u64>, highest: u64) {
    channel.send_if_modified(|known| {
        let rose = highest > *known;
        *known = highest.max(*known);
        rose
    });
}

/// The error and what lies beneath it in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use rusqlite::ffi;
    use syndarix_core::ports::Blobs;
    use syndarix_core::time::SystemClock;
    use tempfile::TempDir;

    use crate::error::Error;
    use crate::store::{Store, StoreOptions};

    async fn store() -> (Store, TempDir) {
        let dir = tempfile::tempdir().expect("a folder");
        let options = StoreOptions { data_dir: dir.path().to_owned(), clock: Arc::new(SystemClock) };
        (Store::open(options).await.expect("opens"), dir)
    }

    /// Occupies the writer until the returned sender is dropped, so that what is called meanwhile makes up
    /// one group.
    async fn hold(store: &Store) -> std::sync::mpsc::Sender<()> {
        let (release, held) = channel::<()>();
        let (begun, started) = tokio::sync::oneshot::channel();
        let store = store.clone();
        tokio::spawn(async move {
            let work = move |_: &super::Tx<'_>| {
                let _ = begun.send(());
                let _ = held.recv_timeout(Duration::from_mins(1));
                Ok(())
            };
            store.write(work).await
        });
        started.await.expect("the writer is held");
        release
    }

    fn queue(store: &Store, id: &'static str, fails: bool) -> tokio::task::JoinHandle<Result<usize, Error>> {
        let store = store.clone();
        tokio::spawn(async move {
            let work = move |tx: &super::Tx<'_>| {
                crate::signals::queue(tx, id, "w", "s", &serde_json::Value::Null)?;
                let pending = tx.query_row("SELECT count(*) FROM signals", [], |row| row.get::<_, i64>(0))?;
                if fails { Err(Error::Conflict(id.to_owned())) } else { Ok(pending as usize) }
            };
            store.write(work).await
        })
    }

    #[tokio::test]
    async fn a_call_that_fails_takes_back_only_its_own_changes() {
        let (store, _dir) = store().await;
        let held = hold(&store).await;
        let mut calls = Vec::new();
        for (id, fails) in [("a", false), ("b", true), ("c", false), ("d", true)] {
            calls.push(queue(&store, id, fails));
            // Each is handed in before the next, so that their order in the group is known.
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut results = Vec::new();
        for call in calls {
            results.push(call.await.expect("ends").map_err(|error| error.to_string()));
        }
        assert_eq!(results, [Ok(1), Err("b".to_owned()), Ok(2), Err("d".to_owned())]);
        let pending = store.pending_signals().await.expect("signals");
        assert_eq!(pending.into_iter().map(|signal| signal.id).collect::<Vec<_>>(), ["a", "c"]);
    }

    #[tokio::test]
    async fn the_log_is_folded_in_as_it_grows() {
        let (store, dir) = store().await;
        let folder = dir.path().to_owned();
        let size = |name: &str| std::fs::metadata(folder.join(name)).expect("a file").len();
        let mut blob = 0_u32;
        let mut write = async || {
            for _ in 0..2 * super::COMMITS_PER_FOLD {
                blob += 1;
                Blobs::put(&store, blob.to_le_bytes().repeat(2_000)).await.expect("written");
            }
        };
        write().await;
        let (database, log) = (size("syndarix.db"), size("syndarix.db-wal"));
        write().await;
        write().await;
        assert!(size("syndarix.db") > database, "nothing was folded in");
        assert!(size("syndarix.db-wal") < 2 * log, "the log was not begun anew");
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_passes() {
        let (store, _dir) = store().await;
        Blobs::put(&store, vec![1; 10_000]).await.expect("there is space");
        let pages = |limit: i64| {
            store.write(move |tx| {
                let page_count: i64 = tx.query_row("PRAGMA page_count", [], |row| row.get(0))?;
                let limit = page_count + limit;
                tx.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?;
                Ok(())
            })
        };
        pages(2).await.expect("limits");
        let before = store.last_seq().await.expect("reads");
        for _ in 0..3 {
            let error = Blobs::put(&store, vec![2; 100_000]).await.expect_err("no space");
            assert!(error.retryable && error.message.starts_with("there is no space left for"), "{error}");
        }
        assert_eq!(store.last_seq().await.expect("reads go on"), before);
        pages(1_000).await.expect("frees");
        let hash = Blobs::put(&store, vec![2; 100_000]).await.expect("the same call succeeds");
        assert_eq!(Blobs::get(&store, &hash).await.expect("there").len(), 100_000);
    }

    #[tokio::test]
    async fn a_failing_disk_stops_the_writer_and_nothing_of_its_group_is_kept() {
        let (store, _dir) = store().await;
        queue(&store, "before", false).await.expect("ends").expect("committed");
        let held = hold(&store).await;
        let unlucky = queue(&store, "unlucky", false);
        tokio::task::yield_now().await;
        let failing = {
            let store = store.clone();
            let failure = ffi::Error::new(ffi::SQLITE_IOERR_FSYNC);
            let error = rusqlite::Error::SqliteFailure(failure, Some("disk I/O error".to_owned()));
            tokio::spawn(async move { store.write(|_| Err(error.into())).await })
        };
        tokio::task::yield_now().await;
        drop(held);
        for call in [failing, unlucky] {
            let error = call.await.expect("ends").expect_err("fails");
            assert!(matches!(error, Error::Stopped { .. }), "{error}");
        }
        let later = queue(&store, "later", false).await.expect("ends").expect_err("stopped for good");
        assert!(!later.retryable());
        assert!(later.to_string().contains("disk I/O error"), "{later}");
        let pending = store.pending_signals().await.expect("reading goes on");
        assert_eq!(pending.into_iter().map(|signal| signal.id).collect::<Vec<_>>(), ["before"]);
    }
}

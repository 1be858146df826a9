//! The one thread that writes. It commits everything that is waiting as one transaction, so that a
//! hundred requests share one fsync, and tells each of them only after that.

use super::WriteSet;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Transitions in one transaction at most: bounds how long the first of them waits.
const MOST_PER_COMMIT: usize = 512;
/// How long a write that nobody waits for may stay uncommitted, hoping to share another's fsync.
const PATIENCE: Duration = Duration::from_millis(5);

/// Whether anyone waits for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Someone does: commit at once, with whatever else is there.
    Now,
    /// Nobody does; losing it in a crash loses nothing that was acknowledged.
    Soon,
}

/// A transition to store, and what to do when it is durable. If storing fails, `done` is dropped.
pub(crate) struct Job {
    pub write: WriteSet,
    pub commit: Commit,
    pub done: Box<dyn FnOnce() + Send>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("write", &self.write)
            .field("commit", &self.commit)
            .finish_non_exhaustive()
    }
}

/// The handle to the writing thread. Its queue needs no bound of its own: every job but the few that
/// nobody waits for belongs to a request in flight, and those are bounded by the number of tasks and clients.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    stopped: watch::Receiver<Option<Arc<str>>>,
}

impl Writer {
    pub(super) fn spawn(connection: Connection) -> Self {
        let (queue, jobs) = channel();
        let (stop, stopped) = watch::channel(None);
        let thread = std::thread::Builder::new()
            .name("engine-writer".into())
            .spawn(move || run(&connection, &jobs, &stop))
            .expect("invariant: the operating system starts a thread while a process opens a database");
        Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), stopped }
    }

    /// Hands a job over. Jobs are committed in the order in which they are handed over. After the writer
    /// has stopped the job is dropped.
    pub(crate) fn submit(&self, job: Job) {
        if let Some(queue) = self.queue.lock().as_ref() {
            let _ = queue.send(job);
        }
    }

    /// Why the writer stopped, once it has.
    pub(crate) fn stopped(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.stopped.clone()
    }

    /// Commits what is queued, folds the log into the database, and ends.
    pub(crate) fn close(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, jobs: &Receiver<Job>, stop: &watch::Sender<Option<Arc<str>>>) {
    connection.set_prepared_statement_cache_capacity(32);
    while let Some(batch) = next_batch(jobs) {
        if let Err(error) = commit(connection, &batch) {
            // After a failed fsync the kernel may have dropped the pages: what is on disk is unknown, and
            // trying again would acknowledge what may be lost. Only reopening the file is safe.
            tracing::error!(%error, "storage failed; the engine stops");
            stop.send_replace(Some(Arc::from(error.to_string())));
            return;
        }
        for job in batch {
            (job.done)();
        }
    }
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = checkpoint {
        tracing::warn!(%error, "the write-ahead log stays beside the database; it is folded in at the next open");
    }
    stop.send_replace(Some(Arc::from("it was shut down")));
}

fn next_batch(jobs: &Receiver<Job>) -> Option<Vec<Job>> {
    let mut batch = vec![jobs.recv().ok()?];
    let deadline = Instant::now() + PATIENCE;
    let mut urgent = batch[0].commit == Commit::Now;
    while batch.len() < MOST_PER_COMMIT {
        let next = if urgent {
            jobs.try_recv().ok()
        } else {
            jobs.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
        };
        let Some(job) = next else { break };
        urgent |= job.commit == Commit::Now;
        batch.push(job);
    }
    Some(batch)
}

fn commit(connection: &Connection, batch: &[Job]) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for job in batch {
        job.write.apply(connection)?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

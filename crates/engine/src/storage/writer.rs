//! The one thread that writes. It commits everything that is waiting as one transaction, so that a
//! hundred requests share one fsync, and tells each of them only after that.
//!
//! In a simulation there is no thread: [`super::Stepped`] commits when it is told to.

use super::WriteSet;
use super::checkpoint::Checkpointer;
use super::faults::Faults;
use super::gather::Gatherer;
use super::journal::{Journal, Plan, SETTLED_AFTER};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, ffi};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Transitions in one transaction at most: bounds how long the first of them waits.
const MOST_PER_COMMIT: usize = 512;
/// Jobs in one transaction from which on the next one is waited for as long as this one took: so many come together
/// only where many are under way, who share one fsync then instead of two and wait hardly longer for it.
const BUSY: usize = 8;
/// How long it is waited for at most.
const LONGEST_WAIT: Duration = Duration::from_millis(2);

/// How often a full disk is tried again.
const ROOM_CHECK: Duration = Duration::from_millis(200);

/// Whether writes are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Good,
    /// There is no room on the disk. What was accepted waits for it; new work is refused.
    Full,
    /// Nothing is stored any more; the reason.
    Stopped(Arc<str>),
}

/// Whether anyone waits for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Someone does: commit at once, with whatever else is there.
    Now,
    /// Nobody does, and no other run's write relies on it; losing it in a crash loses nothing that was
    /// acknowledged.
    Soon,
}

/// A transition to store, and what to do when it is durable. If storing fails, `done` is dropped.
pub(crate) struct Job {
    pub write: WriteSet,
    pub commit: Commit,
    pub done: Vec<Box<dyn FnOnce() + Send>>,
}

impl Job {
    /// Tells everyone who waits for it.
    pub(super) fn acknowledge(self) {
        for done in self.done {
            done();
        }
    }
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
    queue: Mutex<Option<Queue>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    closing: Arc<AtomicBool>,
    health: watch::Receiver<Health>,
}

/// What the writer works on.
#[derive(Debug)]
pub(super) struct Database {
    pub writer: Connection,
    /// The connection that folds the log into the database.
    pub folder: Connection,
    /// The database's file, to sync it.
    pub file: File,
}

/// Who commits the jobs.
#[derive(Debug)]
enum Queue {
    Thread(Sender<Job>),
    #[cfg(test)]
    Stepped(tokio::sync::mpsc::UnboundedSender<Job>),
}

impl Writer {
    pub(super) fn spawn(database: Database, journal: Journal, faults: Faults) -> Self {
        let (queue, jobs) = channel();
        let (report, health) = watch::channel(Health::Good);
        let closing = Arc::new(AtomicBool::new(false));
        let failed = report.clone();
        let checkpointer =
            Checkpointer::spawn(database.folder, database.file, move |error| fail(&failed, &error));
        let connection = database.writer;
        let committer = Committer { connection, journal, report, closing: closing.clone(), faults };
        let thread = Thread {
            committer,
            checkpointer,
            jobs,
            gatherer: Gatherer::default(),
            is_busy: false,
            commit_time: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name("engine-writer".into())
            .spawn(move || thread.run())
            .expect("invariant: the operating system starts a thread while a process opens a database");
        let queue = Mutex::new(Some(Queue::Thread(queue)));
        Self { queue, thread: Mutex::new(Some(thread)), closing, health }
    }

    /// A writer whose jobs wait until they are stepped through.
    #[cfg(test)]
    pub(super) fn stepped(connection: Connection, journal: Journal) -> (Self, super::Stepped) {
        let (queue, jobs) = tokio::sync::mpsc::unbounded_channel();
        let (report, health) = watch::channel(Health::Good);
        let closing = Arc::new(AtomicBool::new(false));
        let faults = Faults::default();
        let committer = Committer { connection, journal, report, closing: closing.clone(), faults };
        let queue = Mutex::new(Some(Queue::Stepped(queue)));
        let writer = Self { queue, thread: Mutex::new(None), closing, health };
        (writer, super::Stepped::new(committer, jobs))
    }

    /// Hands a job over. Jobs are committed in the order in which they are handed over. After the writer
    /// has stopped the job is dropped.
    pub(crate) fn submit(&self, job: Job) {
        match self.queue.lock().as_ref() {
            Some(Queue::Thread(queue)) => drop(queue.send(job)),
            #[cfg(test)]
            Some(Queue::Stepped(queue)) => drop(queue.send(job)),
            None => {}
        }
    }

    /// Whether writes are stored, now and as it changes.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        *self.health.borrow() == Health::Full
    }

    /// Resolves when there is room on the disk, or the writer has stopped.
    pub(crate) async fn room(&self) {
        // An error means that the thread is gone: nothing is left to wait for.
        let _ = self.health().wait_for(|health| *health != Health::Full).await;
    }

    /// Commits what is queued, folds the log into the database, and ends. If the disk is full, what is
    /// queued is given up: none of it was acknowledged.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// Changes the health if it is one that changes into this; says whether it did.
fn change(report: &watch::Sender<Health>, from: impl Fn(&Health) -> bool, to: Health) -> bool {
    report.send_if_modified(|health| {
        let changes = from(health);
        if changes {
            *health = to;
        }
        changes
    })
}

fn is_stopped(health: &Health) -> bool {
    matches!(health, Health::Stopped(_))
}

/// Nothing is stored any more. The first reason is kept.
fn fail(report: &watch::Sender<Health>, reason: &str) {
    tracing::error!(reason, "storage failed; the engine stops");
    change(report, |health| !is_stopped(health), Health::Stopped(Arc::from(reason)));
}

/// What the writing thread works with.
struct Thread {
    committer: Committer,
    checkpointer: Checkpointer,
    jobs: Receiver<Job>,
    gatherer: Gatherer,
    /// Whether the last transaction had many jobs.
    is_busy: bool,
    /// How long it took.
    commit_time: Duration,
}

/// What commits.
#[derive(Debug)]
pub(super) struct Committer {
    connection: Connection,
    journal: Journal,
    report: watch::Sender<Health>,
    closing: Arc<AtomicBool>,
    faults: Faults,
}

impl Thread {
    fn run(mut self) {
        self.committer.connection.set_prepared_statement_cache_capacity(32);
        let served = self.serve();
        if let Err(error) = &served {
            fail(&self.committer.report, &error.to_string());
        }
        self.checkpointer.close();
        if served.is_ok() {
            let folded =
                self.committer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            if let Err(error) = folded {
                tracing::warn!(%error, "the write-ahead log stays beside the database; it is folded in at the next open");
            }
        }
        change(
            &self.committer.report,
            |health| !is_stopped(health),
            Health::Stopped(Arc::from("it was shut down")),
        );
    }

    /// Stores what is queued until nothing more can be, or storage fails.
    fn serve(&mut self) -> rusqlite::Result<()> {
        while let Some(mut batch) = self.next_batch() {
            let begun = Instant::now();
            self.committer.store(&mut batch, begun)?;
            self.is_busy = batch.len() >= BUSY;
            self.commit_time = begun.elapsed();
            // The thread that folds in the log may have found meanwhile that the disk fails.
            if is_stopped(&self.committer.report.borrow()) {
                return Ok(());
            }
            batch.into_iter().for_each(Job::acknowledge);
            self.checkpointer.after_commit(&self.committer.connection)?;
        }
        // Nothing is left for the next one who opens the file.
        while !self.committer.journal.is_empty() {
            self.committer.store(&mut [], Instant::now() + SETTLED_AFTER)?;
        }
        Ok(())
    }

    /// Waits for something to commit, which may be rows that are behind; `None` when nothing will come any more.
    fn next_batch(&mut self) -> Option<Vec<Job>> {
        if self.is_busy {
            std::thread::sleep(self.commit_time.min(LONGEST_WAIT));
        }
        let mut open = true;
        loop {
            let mut now = Instant::now();
            let due = [self.gatherer.expires(), self.committer.journal.next()].into_iter().flatten().min();
            if open && self.gatherer.ready() == 0 {
                let next = match due {
                    None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Some(due) => self.jobs.recv_timeout(due.saturating_duration_since(now)),
                };
                now = Instant::now();
                match next {
                    Ok(job) => self.gatherer.admit(job, now),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => {
                        open = false;
                        self.gatherer.release();
                    }
                }
            }
            while self.gatherer.ready() < MOST_PER_COMMIT
                && let Ok(job) = self.jobs.try_recv()
            {
                self.gatherer.admit(job, now);
            }
            self.gatherer.expire(now);
            let is_behind = self.committer.journal.next().is_some_and(|due| due <= now);
            if self.gatherer.ready() > 0 || (open && is_behind) {
                return Some(self.gatherer.take(MOST_PER_COMMIT));
            }
            if !open {
                return None;
            }
        }
    }
}

impl Committer {
    /// Commits a batch, waiting for room if the disk is full.
    ///
    /// A full disk is the one failure after which trying again is safe: the transaction was undone as a
    /// whole. After a failed fsync the operating system may have dropped the pages: what is on disk is
    /// unknown, and trying again would acknowledge what may be lost. Only reopening the file is safe then.
    pub(super) fn store(&mut self, batch: &mut [Job], now: Instant) -> rusqlite::Result<()> {
        let plan = self.journal.plan(batch, now);
        loop {
            match self.commit(&plan) {
                Ok(()) => {
                    if change(&self.report, |health| *health == Health::Full, Health::Good) {
                        tracing::info!("there is room on the disk again");
                    }
                    self.journal.committed(&plan);
                    return Ok(());
                }
                Err(error) if means_full(&error) => {
                    if self.closing.load(Ordering::Acquire) || is_stopped(&self.report.borrow()) {
                        return Err(error);
                    }
                    if !self.connection.is_autocommit() {
                        self.connection.execute_batch("ROLLBACK")?;
                    }
                    if change(&self.report, |health| *health == Health::Good, Health::Full) {
                        tracing::error!(%error, "the disk is full; new work is refused until there is room");
                    }
                    std::thread::sleep(ROOM_CHECK);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn commit(&self, plan: &Plan) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        plan.apply(&self.connection)?;
        self.faults.before_commit()?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

/// Whether there was no room: for a page, or for the memory in which SQLite keeps what the log holds, which is
/// a file beside it.
fn means_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) || extended == Some(ffi::SQLITE_IOERR_SHMSIZE)
}

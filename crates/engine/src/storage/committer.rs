//! Commits jobs: what a hundred requests write becomes one transaction, and each of them is told only after that.

use super::WriteSet;
use super::faults::Faults;
use super::journal::{Journal, Plan};
use rusqlite::{Connection, ErrorCode, ffi};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

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

impl Health {
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped(_))
    }
}

/// Changes the health if it is one that changes into this; says whether it did.
pub(super) fn change(report: &watch::Sender<Health>, from: impl Fn(&Health) -> bool, to: Health) -> bool {
    report.send_if_modified(|health| {
        let changes = from(health);
        if changes {
            *health = to;
        }
        changes
    })
}

/// Nothing is stored any more. The first reason is kept.
pub(super) fn fail(report: &watch::Sender<Health>, reason: &str) {
    tracing::error!(reason, "storage failed; the engine stops");
    change(report, |health| !health.is_stopped(), Health::Stopped(Arc::from(reason)));
}

/// Who waits for a job. It is dropped where the job cannot be stored any more.
pub(crate) trait Waiting: Send {
    /// The job is durable. Must not wait for anything: whoever commits next waits with it.
    fn durable(self: Box<Self>);

    /// There is no room for the job now. It is kept and may still become durable.
    fn no_room(&mut self) {}
}

impl<F: FnOnce() + Send> Waiting for F {
    fn durable(self: Box<Self>) {
        self();
    }
}

/// A transition to store, and who waits until it is durable.
pub(crate) struct Job {
    pub write: WriteSet,
    pub waiting: Vec<Box<dyn Waiting>>,
}

impl Job {
    /// Tells everyone who waits for it.
    pub(super) fn acknowledge(self) {
        self.waiting.into_iter().for_each(Waiting::durable);
    }

    pub(super) fn no_room(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.no_room());
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("write", &self.write).finish_non_exhaustive()
    }
}

/// Jobs that are committed together, and what they write. They may be tried again.
#[derive(Debug)]
pub(super) struct Batch {
    plan: Plan,
    jobs: Vec<Job>,
}

impl Batch {
    /// Tells everyone who waits; returns how many jobs it has.
    pub(super) fn acknowledge(self) -> usize {
        let count = self.jobs.len();
        self.jobs.into_iter().for_each(Job::acknowledge);
        count
    }

    pub(super) fn no_room(&mut self) {
        self.jobs.iter_mut().for_each(Job::no_room);
    }
}

/// What commits.
#[derive(Debug)]
pub(super) struct Committer {
    pub connection: Connection,
    pub journal: Journal,
    pub report: watch::Sender<Health>,
    pub faults: Faults,
}

impl Committer {
    pub(super) fn plan(&mut self, mut jobs: Vec<Job>, now: Instant) -> Batch {
        Batch { plan: self.journal.plan(&mut jobs, now), jobs }
    }

    /// Commits a batch; says whether there was room for it.
    ///
    /// A full disk is the one failure after which trying again is safe: the transaction was undone as a
    /// whole. After a failed fsync the operating system may have dropped the pages: what is on disk is
    /// unknown, and trying again would acknowledge what may be lost. Only reopening the file is safe then.
    pub(super) fn commit(&mut self, batch: &Batch) -> rusqlite::Result<bool> {
        match self.transact(&batch.plan) {
            Ok(()) => {
                if change(&self.report, |health| *health == Health::Full, Health::Good) {
                    tracing::info!("there is room on the disk again");
                }
                self.journal.committed(&batch.plan);
                Ok(true)
            }
            Err(error) if means_full(&error) => {
                if !self.connection.is_autocommit() {
                    self.connection.execute_batch("ROLLBACK")?;
                }
                if change(&self.report, |health| *health == Health::Good, Health::Full) {
                    tracing::error!(%error, "the disk is full; new work is refused until there is room");
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn transact(&self, plan: &Plan) -> rusqlite::Result<()> {
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

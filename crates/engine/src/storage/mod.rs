//! Everything durable: one SQLite file, one writer that commits in groups, a few readers.

mod checkpoint;
mod committer;
mod faults;
mod journal;
mod log_file;
mod reader;
mod run_write;
mod schema;
#[cfg(test)]
mod stepped;
mod write_set;
mod writer;

pub(crate) use committer::{Health, Job};
pub(crate) use faults::Faults;
pub(crate) use reader::{Listing, Readers, StoredRun};
pub(crate) use run_write::RunWrite;
pub(crate) use write_set::{Deletion, NamespaceRecord, ScheduleWrite, SearchAttributeRecord, WriteSet};
pub(crate) use writer::{Ticket, Writer};
#[cfg(test)]
pub(crate) use {reader::OpenRun, stepped::Stepped};

use crate::Error;
use journal::Journal;
use log_file::LogFile;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The open database.
#[derive(Debug)]
pub(crate) struct Storage {
    pub writer: Arc<Writer>,
    pub readers: Readers,
    next_run_key: AtomicI64,
    next_transfer_key: AtomicI64,
    /// Locked while open, so that a second process is refused instead of corrupting what this one knows.
    lock: Mutex<Option<File>>,
}

impl Storage {
    pub(crate) fn open(path: &Path, faults: Faults) -> Result<Self, Error> {
        let lock = lock(path)?;
        let connection = schema::open_writer(path)?;
        let folder = schema::open_folder(path).map_err(|source| open_failed(path, source))?;
        let file = File::options().write(true).open(path);
        let file = file.map_err(|source| Error::Lock { path: path.to_owned(), source })?;
        let log = LogFile::of(path);
        Self::with(path, connection, Some(lock), |writer, journal| {
            Writer::spawn(writer::Database { writer, folder, file, log }, journal, faults)
        })
    }

    /// As [`Storage::open`], on a database that is committed to step by step. It has no lock: only the caller
    /// can know of it.
    #[cfg(test)]
    pub(crate) fn open_stepped(path: &Path) -> Result<(Self, Stepped), Error> {
        let connection = schema::open_writer(path)?;
        let mut stepped = None;
        let mut storage = Self::with(path, connection, None, |connection, journal| {
            let (writer, steps) = Writer::stepped(connection, journal);
            stepped = Some(steps);
            writer
        })?;
        storage.readers.read_inline();
        Ok((storage, stepped.expect("invariant: storage that is open has a writer")))
    }

    fn with(
        path: &Path,
        connection: Connection,
        lock: Option<File>,
        writer: impl FnOnce(Connection, Journal) -> Writer,
    ) -> Result<Self, Error> {
        let highest = |table: &str, column: &str| {
            connection
                .query_row(&format!("SELECT coalesce(max({column}), 0) FROM {table}"), [], |row| {
                    row.get::<_, i64>(0)
                })
                .map_err(|source| open_failed(path, source))
        };
        // A key is not used again while something of a deleted run is left under it.
        let run_key = highest("run", "run_key")?.max(highest("deleted_run", "run_key")?);
        let transfer_key = highest("outbox", "transfer_key")?;
        let journal = Journal::open(&connection).map_err(|source| open_failed(path, source))?;
        let unsettled = journal.unsettled();
        let writer = Arc::new(writer(connection, journal));
        let readers = Readers::open(path, writer.clone(), unsettled);
        Ok(Self {
            writer,
            readers: readers.map_err(|source| open_failed(path, source))?,
            next_run_key: AtomicI64::new(run_key + 1),
            next_transfer_key: AtomicI64::new(transfer_key + 1),
            lock: Mutex::new(lock),
        })
    }

    /// Commits what was accepted, closes the file, and lets another process have it.
    pub(crate) fn close(&self) {
        self.writer.close();
        self.readers.close();
        drop(self.lock.lock().take());
    }

    pub(crate) fn allocate_run_key(&self) -> i64 {
        self.next_run_key.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn allocate_transfer_key(&self) -> i64 {
        self.next_transfer_key.fetch_add(1, Ordering::Relaxed)
    }
}

fn open_failed(path: &Path, source: rusqlite::Error) -> Error {
    Error::Open { path: path.to_owned(), source }
}

/// The file beside the database that has its name and this suffix.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Takes the lock file beside the database. The lock ends with the process, however that ends.
fn lock(path: &Path) -> Result<File, Error> {
    let refused = |error: std::io::Error| Error::Lock { path: path.to_owned(), source: error };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, ".lock"))
        .map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

//! The store itself: opening a data directory, and the cheap handle everything goes through.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use syndarix_core::time::{Clock, SystemClock};
use tokio::sync::watch;

use crate::error::Error;
use crate::lock::Lock;
use crate::readers::Readers;
use crate::writer::{Announcements, Tx, Writer};
use crate::{connection, schema};

/// The database file in the data directory.
const FILE: &str = "syndarix.db";

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data directory; created where it does not exist.
    pub data_dir: PathBuf,
    /// Where timestamps come from.
    pub clock: Arc<dyn Clock>,
}

/// A cheap handle to one data directory. Dropping the last one waits for what is queued and lets the
/// directory go.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Declared before the writer: the last connection to close folds the log into the database, and only the
    // writer's can.
    readers: Readers,
    writer: Option<Writer>,
    clock: Arc<dyn Clock>,
    journal: watch::Receiver<u64>,
    signals: watch::Receiver<u64>,
    data_dir: PathBuf,
}

impl Store {
    /// Opens a data directory for this process alone, creating or upgrading it as needed.
    pub async fn open(options: StoreOptions) -> Result<Self, Error> {
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(options)).await;
        opened.map_err(|_| Error::Stopped { reason: "opening ended unexpectedly".to_owned() })?
    }

    fn open_blocking(options: StoreOptions) -> Result<Self, Error> {
        let StoreOptions { data_dir, clock } = options;
        create_directory(&data_dir)?;
        let lock = Lock::acquire(&data_dir)?;
        let path = data_dir.join(FILE);
        let connection = prepare(&path).map_err(|error| unwritable(error.located(&path), &data_dir))?;
        let (journal_sender, journal) = watch::channel(crate::journal::last_seq(&connection)?);
        let (signal_sender, signals) = watch::channel(crate::signals::last_position(&connection)?);
        let announcements = Announcements { journal: journal_sender, signals: signal_sender };
        let writer = Writer::start(connection, path.clone(), lock, announcements)?;
        let inner =
            Inner { readers: Readers::new(path), writer: Some(writer), clock, journal, signals, data_dir };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a data directory for listings, while another process may be working on it. Whatever would
    /// write fails with [`Error::OpenedReadOnly`], and [`Store::subscribe`] stays silent.
    pub async fn open_read_only(data_dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let data_dir = data_dir.into();
        let path = data_dir.join(FILE);
        if !path.exists() {
            return Err(Error::NoData { path: data_dir });
        }
        let readers = Readers::new(path.clone());
        let directory = data_dir.clone();
        let last = readers.call(move |connection| {
            if schema::verify_version(connection, &path)? == 0 {
                return Err(Error::NoData { path: directory });
            }
            Ok((crate::journal::last_seq(connection)?, crate::signals::last_position(connection)?))
        });
        let (last_seq, last_signal) = last.await.map_err(|error| unwritable(error, &data_dir))?;
        let inner = Inner {
            readers,
            writer: None,
            clock: Arc::new(SystemClock),
            journal: watch::channel(last_seq).1,
            signals: watch::channel(last_signal).1,
            data_dir,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// The highest committed sequence number of the journal, as it rises. Whoever follows the journal waits
    /// on this and then reads [`Store::events`] from where it stopped.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.journal.clone()
    }

    /// Changes whenever a signal is queued; the signals are in [`Store::pending_signals`].
    pub fn subscribe_signals(&self) -> watch::Receiver<u64> {
        self.inner.signals.clone()
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let writer = self.inner.writer.as_ref().ok_or(Error::OpenedReadOnly)?;
        writer.call(self.inner.clock.now(), work).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.inner.readers.call(work).await
    }
}

fn create_directory(data_dir: &Path) -> Result<(), Error> {
    let path = data_dir.to_owned();
    std::fs::create_dir_all(data_dir).map_err(|source| match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::ReadOnlyDirectory { path, source }
        }
        ErrorKind::StorageFull => Error::StorageFull { path },
        _ => Error::Io { action: "create the data directory", path, source },
    })
}

/// Nothing is written to the file before it is known to be ours, whole and not newer.
fn prepare(path: &Path) -> Result<Connection, Error> {
    let mut connection = connection::open_for_writing(path)?;
    schema::verify(&connection, path)?;
    connection::make_durable(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// SQLite's words for a directory that can be entered but not written to. Reading needs that too: readers and
/// the writer meet in a file beside the database.
fn unwritable(error: Error, data_dir: &Path) -> Error {
    let code = match &error {
        Error::Database(database) => database.sqlite_error_code(),
        _ => None,
    };
    match code {
        Some(
            rusqlite::ErrorCode::ReadOnly
            | rusqlite::ErrorCode::CannotOpen
            | rusqlite::ErrorCode::PermissionDenied,
        ) => Error::ReadOnlyDirectory {
            path: data_dir.to_owned(),
            source: std::io::Error::new(ErrorKind::PermissionDenied, error),
        },
        _ => error,
    }
}

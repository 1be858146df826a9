//! How the database file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;

/// Statements kept prepared per connection: all that this crate has.
const PREPARED_STATEMENTS: usize = 128;

/// How long to wait for a lock that only SQLite's own recovery, or a foreign program, can hold.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens or creates the database for the one writer. Every commit is synced: what is acknowledged survives
/// the loss of power.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    Ok(connection)
}

/// Sets what only a verified database may be changed by.
pub(crate) fn make_durable(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The writer folds the log in: SQLite, doing so by itself, would pass over the errors.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(())
}

/// Opens an existing database for reading.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(())
}

//! Looking at a database without opening an engine on it.

use crate::Error;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Reads a database through, and fails with what is wrong with it if anything is. Nothing is written, and an engine
/// may be open on it meanwhile. It takes as long as reading the whole file does.
pub fn examine(path: &Path) -> Result<(), Error> {
    let unreadable = |source| Error::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
    if verdict == "ok" { Ok(()) } else { Err(Error::Corrupt(verdict)) }
}

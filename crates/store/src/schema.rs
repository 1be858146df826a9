//! The database's format: what marks the file as ours, and the steps from each version to the next.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::error::Error;

/// `PRAGMA application_id` of our files: `SYND` in ASCII.
const APPLICATION_ID: i32 = 0x5359_4e44;

/// The steps that make version `n + 1` out of version `n`. A step that was released is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_waits.sql"),
    include_str!("../migrations/0003_interrupted_calls.sql"),
    include_str!("../migrations/0004_permissions.sql"),
    include_str!("../migrations/0005_environments.sql"),
    include_str!("../migrations/0006_named_tests.sql"),
    include_str!("../migrations/0007_waiters.sql"),
];

/// Above this size a database is not read through when it is opened; SQLite still notices damage where it
/// meets it. 64 MiB take about a quarter of a second.
const CHECKED_ON_OPEN_BYTES: u64 = 64 << 20;

/// Refuses files that are not ours, are damaged, or come from a newer version. Writes nothing.
pub(crate) fn verify(connection: &Connection, path: &Path) -> Result<(), Error> {
    verify_version(connection, path)?;
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size <= CHECKED_ON_OPEN_BYTES {
        let verdict: String = pragma(connection, "quick_check(1)")?;
        if verdict != "ok" {
            return Err(Error::Corrupt { path: path.to_owned(), detail: verdict });
        }
    }
    Ok(())
}

/// The part of [`verify`] that costs nothing. Returns the format's version, which is zero where the file is
/// still empty.
pub(crate) fn verify_version(connection: &Connection, path: &Path) -> Result<u32, Error> {
    let corrupt = |detail: String| Error::Corrupt { path: path.to_owned(), detail };
    let application_id: i32 = pragma(connection, "application_id")?;
    let version: u32 = pragma(connection, "user_version")?;
    if application_id != APPLICATION_ID {
        let table: Option<String> = connection
            .query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| row.get(0))
            .optional()?;
        return match table {
            None => Ok(0),
            Some(table) => Err(corrupt(format!("it is another program's database, with `{table}` in it"))),
        };
    }
    let supported = MIGRATIONS.len() as u32;
    if version > supported {
        return Err(Error::NewerFormat { found: version, supported, path: path.to_owned() });
    }
    Ok(version)
}

/// Brings a verified database to the present format, each step in its own transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let version: u32 = pragma(connection, "user_version")?;
    for (index, step) in MIGRATIONS.iter().enumerate().skip(version as usize) {
        let version = index as u32 + 1;
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

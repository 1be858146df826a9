//! The database file: what is in it, and how it is opened.

use crate::Error;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

/// `PRAGMA application_id`: "SynE".
const APPLICATION_ID: i64 = 0x5379_6e45;
/// `PRAGMA user_version`.
const FORMAT: i64 = 4;
/// The format before the journal.
const WITHOUT_JOURNAL: i64 = 3;

const CREATE: &str = "
CREATE TABLE namespace (
    name       TEXT PRIMARY KEY,
    body       BLOB NOT NULL
) WITHOUT ROWID;

-- One row per run. The columns beside `core` are those that are searched by.
CREATE TABLE run (
    run_key       INTEGER PRIMARY KEY,
    namespace     TEXT NOT NULL,
    workflow_id   TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    workflow_type TEXT NOT NULL,
    status        INTEGER NOT NULL,
    start_time    INTEGER NOT NULL,
    close_time    INTEGER NOT NULL,
    deadline      INTEGER NOT NULL, -- when the run next needs the clock, 0 never
    has_workflow_task INTEGER NOT NULL,
    execution_time INTEGER NOT NULL,
    task_queue    TEXT NOT NULL,
    parent_workflow_id TEXT NOT NULL, -- empty without a parent
    parent_run_id TEXT NOT NULL,
    root_workflow_id TEXT NOT NULL,
    root_run_id   TEXT NOT NULL,
    history_length INTEGER NOT NULL,
    history_bytes INTEGER NOT NULL,
    state_transitions INTEGER NOT NULL,
    core          BLOB NOT NULL,
    journal_position INTEGER NOT NULL DEFAULT 0 -- what the journal has of it up to there is written
);
CREATE UNIQUE INDEX run_by_id ON run (namespace, workflow_id, run_id);
CREATE INDEX run_by_start ON run (namespace, start_time);
-- The order of listings, and how runs whose retention has passed are found.
CREATE INDEX run_by_close ON run
    (namespace, iif(close_time = 0, 9223372036854775807, close_time), start_time, run_key);
CREATE INDEX run_by_type ON run (namespace, workflow_type, status);
CREATE INDEX run_by_status ON run (namespace, status);
CREATE INDEX run_open ON run (run_key) WHERE status = 1;

CREATE TABLE current_run (
    namespace   TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    run_key     INTEGER NOT NULL,
    PRIMARY KEY (namespace, workflow_id)
) WITHOUT ROWID;

-- What is pending in a run: one row per activity, timer, child and so on.
CREATE TABLE run_row (
    run_key    INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    key        TEXT NOT NULL,
    body       BLOB NOT NULL,
    PRIMARY KEY (run_key, kind, key)
) WITHOUT ROWID;

-- The events of one transition, as an encoded History message.
CREATE TABLE history (
    run_key        INTEGER NOT NULL,
    first_event_id INTEGER NOT NULL,
    events         BLOB NOT NULL,
    PRIMARY KEY (run_key, first_event_id)
) WITHOUT ROWID;

-- Search attributes: one row per value of a list and per word of a text. The attribute is an id, so that a
-- name which was removed and added again starts empty.
CREATE TABLE search_value (
    run_key    INTEGER NOT NULL,
    attribute  INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    value      NOT NULL,
    PRIMARY KEY (run_key, attribute, position)
) WITHOUT ROWID;
CREATE INDEX search_value_by_value ON search_value (attribute, value);

-- Runs that are deleted, until what they left is gone as well.
CREATE TABLE deleted_run (
    run_key    INTEGER PRIMARY KEY
);

-- What starts workflows by the clock.
CREATE TABLE schedule (
    namespace   TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (namespace, schedule_id)
) WITHOUT ROWID;

-- What transactions changed of running runs, before it is written to their rows.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    body     BLOB NOT NULL
);

-- What one run asked of another and the other has not yet received.
CREATE TABLE outbox (
    transfer_key INTEGER PRIMARY KEY,
    body         BLOB NOT NULL
);
";

/// From the format before the journal to this one.
const ADD_JOURNAL: &str = "
ALTER TABLE run ADD COLUMN journal_position INTEGER NOT NULL DEFAULT 0;
CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    body     BLOB NOT NULL
);
";

/// Opens the one connection that writes, creating the file and its tables as needed. While it is open no
/// other process can write the file.
pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let open = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::InUse { path: path.to_owned() },
        _ => Error::Open { path: path.to_owned(), source },
    };
    let connection = Connection::open(path).map_err(open)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(open)?;
    // Pages of history are written once and read rarely; a small cache is enough for the writer.
    connection.execute_batch("PRAGMA cache_size = -8000;").map_err(open)?;
    let kept = super::checkpoint::FILE_BYTES_KEPT;
    connection
        .execute_batch(&format!("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {kept};"))
        .map_err(open)?;
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(open)
    };
    let (application, format) = (pragma("application_id")?, pragma("user_version")?);
    match (application, format) {
        (APPLICATION_ID, FORMAT) => {}
        (APPLICATION_ID, WITHOUT_JOURNAL) => set_up(&connection, ADD_JOURNAL).map_err(open)?,
        (APPLICATION_ID, found) if found > FORMAT => {
            return Err(Error::NewerFormat { path: path.to_owned(), found, known: FORMAT });
        }
        (0, 0) if pragma("page_count")? == 0 || tables(&connection).map_err(open)? == 0 => {
            set_up(&connection, CREATE).map_err(open)?;
        }
        _ => return Err(Error::ForeignDatabase { path: path.to_owned() }),
    }
    super::journal::replay(&connection).map_err(open)?;
    Ok(connection)
}

fn set_up(connection: &Connection, changes: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {changes} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
    ))
}

/// Opens the connection that folds the log into the database.
pub(super) fn open_folder(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    Ok(connection)
}

fn tables(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        // Names are read as the writer reads them.
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
    )?;
    connection.execute_batch("PRAGMA cache_size = -2000;")?;
    Ok(connection)
}

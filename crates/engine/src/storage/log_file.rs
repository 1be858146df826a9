//! The file of the write-ahead log, longer than the log is.
//!
//! An append changes a file's size, which the file system has to write down with every fsync as well. To write over
//! what is there spares that, a third of a commit's time. So zeros lie ahead of what is committed; SQLite takes them
//! for what they are, no part of the log, since no checksum fits them.

use super::beside;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a page, and of its header in the log.
pub(super) const FRAME: u64 = 4_096 + 24;
/// Bytes that are added at once. The next commit's fsync writes them, too.
const ADDED: usize = 512 << 10;
/// Bytes ahead from which on more are added: some thirty commits of one transition each.
const AHEAD: u64 = 256 << 10;

/// The file, for whoever looks after the log. Without zeros ahead a commit takes longer, and that is all: whatever
/// fails here, the next commit finds out by itself whether it matters.
#[derive(Debug)]
pub(super) struct LogFile {
    /// `None` where no room can be made.
    file: Option<File>,
}

impl LogFile {
    /// The log of an open database.
    pub(super) fn of(database: &Path) -> Self {
        Self { file: File::options().write(true).open(beside(database, "-wal")).ok() }
    }

    /// Adds zeros where a log of so many pages has little room left. Nobody may commit meanwhile.
    pub(super) fn make_room(&mut self, pages: i64) {
        if let Some(file) = &mut self.file
            && extend(file, pages as u64 * FRAME).is_err()
        {
            self.file = None;
        }
    }
}

fn extend(file: &mut File, used: u64) -> io::Result<()> {
    // Not the metadata's length: some file systems note a file's times more exactly after somebody asked for its
    // metadata, and that is again something to write down.
    let end = file.seek(SeekFrom::End(0))?;
    if end < used + AHEAD { file.write_all(&vec![0; ADDED]) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::fs;
    use std::path::PathBuf;

    /// A database that somebody commits to.
    struct World {
        folder: tempfile::TempDir,
        connection: Connection,
        log: LogFile,
        rows: i64,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("test.db");
            let connection = Connection::open(&path).expect("it opens");
            connection
                .execute_batch(
                    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;
                     CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB);",
                )
                .expect("it is set up");
            Self { folder, connection, log: LogFile::of(&path), rows: 0 }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Commits so many times, about three pages each.
        fn commit(&mut self, times: i64) {
            for _ in 0..times {
                self.connection
                    .execute("INSERT INTO t (body) VALUES (zeroblob(3000))", [])
                    .expect("it is stored");
            }
            self.rows += times;
        }

        fn checkpoint(&self, mode: &str) -> i64 {
            self.connection
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))
                .expect("it is told")
        }

        fn make_room(&mut self) {
            let pages = self.checkpoint("NOOP");
            self.log.make_room(pages);
        }

        fn log_bytes(&self) -> u64 {
            fs::metadata(self.path("test.db-wal")).expect("there is a log").len()
        }

        /// What somebody finds who has nothing but the files.
        fn rows_after_a_crash(&self) -> i64 {
            for suffix in ["", "-wal"] {
                fs::copy(self.path(&format!("test.db{suffix}")), self.path(&format!("copy.db{suffix}")))
                    .expect("it is copied");
            }
            let copy = Connection::open(self.path("copy.db")).expect("it opens");
            let check: String =
                copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked");
            assert_eq!(check, "ok");
            let rows = copy.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("a count");
            drop(copy);
            rows
        }
    }

    #[test]
    fn what_is_ahead_is_written_over_and_never_read() {
        let mut world = World::new();
        world.make_room();
        let begun = world.log_bytes();
        assert!(begun >= ADDED as u64, "{begun} bytes");
        for _ in 0..4 {
            world.commit(4);
            world.make_room();
            assert_eq!(world.rows_after_a_crash(), world.rows);
        }
        assert_eq!(world.log_bytes(), begun, "nothing was appended");
        world.commit(300);
        assert!(world.log_bytes() > begun, "the log outgrows what was ahead of it");
        let outgrown = world.log_bytes();
        world.make_room();
        assert_eq!(world.log_bytes(), outgrown + ADDED as u64);
        assert_eq!(world.rows_after_a_crash(), world.rows);
    }

    #[test]
    fn a_log_that_is_begun_anew_has_room() {
        let mut world = World::new();
        world.commit(300);
        world.make_room();
        let bytes = world.log_bytes();
        world.checkpoint("RESTART");
        world.commit(100);
        world.make_room();
        assert_eq!(world.log_bytes(), bytes);
        assert_eq!(world.rows_after_a_crash(), world.rows);
    }

    #[test]
    fn a_log_that_is_not_there_gets_no_room() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        LogFile::of(&folder.path().join("test.db")).make_room(0);
        assert_eq!(fs::read_dir(folder.path()).expect("it is readable").count(), 0);
    }
}

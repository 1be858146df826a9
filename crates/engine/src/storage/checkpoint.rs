//! Folding the write-ahead log into the database, on a thread of its own: a commit waits for its own pages
//! to reach the disk, not for those of the thousand commits before it.
//!
//! SQLite begins the log anew only when all of it is folded in and nobody reads it, which under steady
//! commits is never the case at the moment when the thread has finished. So once the log is long and all but
//! a little of it folded in, the writer folds in that rest itself, between two commits.

use super::log_file::LogFile;
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pages of the log that wait before it is folded in (4 MB), which is SQLite's own habit: more of them
/// repeat, so that fewer are written; and it is the most that a commit can find left for it to do.
const FOLD_AT: i64 = 1_000;
/// Pages in the log from which on it is begun anew when it can be (32 MB): that costs an fsync of the
/// database, so it is not done after every few commits.
const BEGIN_ANEW_AT: i64 = 8_000;
/// Pages in the log from which on commits wait (256 MB): the disk takes less than is committed, or somebody
/// reads for very long.
const LONGEST: i64 = 64_000;
/// How long one commit waits then.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// Bytes to which the log's file is cut when it is begun anew.
pub(super) const FILE_BYTES_KEPT: i64 = 64 << 20;

/// How long the log is.
#[derive(Debug, Clone, Copy)]
struct Log {
    pages: i64,
    /// How many of them, from the first on, are in the database.
    folded: i64,
}

/// What is done about the log after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    /// The thread is asked to fold it in.
    Ask,
    /// So it is, and the writer waits for it.
    AskAndWait,
    /// The writer folds in what is left, so that its next commit begins the log anew.
    FoldTheRest,
}

impl Log {
    fn waiting(self) -> i64 {
        self.pages - self.folded
    }

    fn next(self) -> Next {
        match self.waiting() {
            FOLD_AT.. if self.pages >= LONGEST => Next::AskAndWait,
            FOLD_AT.. => Next::Ask,
            _ if self.pages >= BEGIN_ANEW_AT => Next::FoldTheRest,
            _ => Next::Nothing,
        }
    }
}

/// Asks SQLite how long the log is, or folds in as much as it can without waiting for anybody.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<Log> {
    connection.prepare_cached(sql)?.query_row([], |row| Ok(Log { pages: row.get(1)?, folded: row.get(2)? }))
}

fn measure(connection: &Connection) -> rusqlite::Result<Log> {
    checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")
}

/// Without room for the pages the log stays as it is, which loses nothing.
fn fold(connection: &Connection) -> rusqlite::Result<()> {
    match checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Ok(()),
        other => other.map(drop),
    }
}

/// The writer's handle to the thread that folds the log in.
#[derive(Debug)]
pub(super) struct Checkpointer {
    asked: SyncSender<()>,
    rounds: Receiver<()>,
    log: LogFile,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread on a connection of its own and on the database's file. An error ends it, and is
    /// what `failed` gets: after a failed fsync, what is in the database is unknown.
    pub(super) fn spawn(
        connection: Connection,
        database: File,
        log: LogFile,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> Self {
        let (asked, requests) = sync_channel(1);
        let (finished, rounds) = sync_channel(1);
        let run = move || {
            for () in &requests {
                // SQLite syncs the database only when nothing of the log is left, so without this everything
                // since then would be left to the one commit after which that is so.
                let folded = fold(&connection).map_err(|error| error.to_string());
                let synced = folded.and_then(|()| database.sync_data().map_err(|error| error.to_string()));
                if let Err(error) = synced {
                    return failed(format!("the log could not be folded into the database: {error}"));
                }
                let _ = finished.try_send(());
            }
            // Closing any descriptor of a file gives up the locks that the process has on it, so SQLite's
            // own goes first.
            drop(connection);
            drop(database);
        };
        let thread = std::thread::Builder::new()
            .name("engine-checkpointer".into())
            .spawn(run)
            .expect("invariant: the operating system starts a thread while a process opens a database");
        Self { asked, rounds, log, thread }
    }

    /// To be called by the writer after a commit or a few.
    pub(super) fn after_commits(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        let log = measure(writer)?;
        self.log.make_room(log.pages);
        match log.next() {
            Next::Nothing => {}
            // If it was asked before and has not begun, it sees these pages, too.
            Next::Ask => drop(self.asked.try_send(())),
            Next::AskAndWait => {
                let _ = self.asked.try_send(());
                let _ = self.rounds.recv_timeout(LONGEST_WAIT);
            }
            Next::FoldTheRest => fold(writer)?,
        }
        Ok(())
    }

    /// Ends the thread when it has finished what it was asked for.
    pub(super) fn close(self) {
        let Self { asked, rounds, thread, .. } = self;
        drop((asked, rounds));
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::super::beside;
    use super::super::log_file::FRAME;
    use super::*;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const PAGE: i64 = 4_096;

    struct World {
        _directory: tempfile::TempDir,
        path: PathBuf,
        writer: Connection,
        checkpointer: Checkpointer,
        failed: Arc<AtomicBool>,
    }

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("it opens");
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;")
            .expect("it is set up");
        connection
    }

    fn count(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("a count")
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let path = directory.path().join("test.db");
            let writer = open(&path);
            // What is tested is what is written, not that it reaches the disk.
            writer
                .execute_batch("PRAGMA synchronous = OFF; CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB);")
                .expect("it is set up");
            let failed = Arc::new(AtomicBool::new(false));
            let report = failed.clone();
            let file = File::options().write(true).open(&path).expect("it is there");
            let checkpointer = Checkpointer::spawn(open(&path), file, LogFile::of(&path), move |_| {
                report.store(true, Ordering::SeqCst);
            });
            Self { _directory: directory, path, writer, checkpointer, failed }
        }

        /// Commits a hundred pages, over and over the same thousand rows.
        fn commit(&mut self, number: i64) {
            let sql = "INSERT OR REPLACE INTO t
                       WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n LIMIT 100)
                       SELECT i % 1000, randomblob(?2) FROM n";
            self.writer.execute(sql, [number * 100, PAGE - 200]).expect("it is stored");
            self.checkpointer.after_commits(&self.writer).expect("the log is looked after");
        }

        /// Commits as many pages, however far behind the thread is.
        fn write(&mut self, pages: i64) {
            (0..pages / 100).for_each(|number| self.commit(number));
        }

        /// Waits until the thread has folded in what it is asked for, however slow the disk is.
        fn settle(&self) {
            while self.log().next() == Next::Ask {
                self.checkpointer.rounds.recv_timeout(Duration::from_mins(1)).expect("the thread goes on");
            }
        }

        fn log(&self) -> Log {
            measure(&self.writer).expect("it is measured")
        }

        fn log_pages(&self) -> u64 {
            std::fs::metadata(beside(&self.path, "-wal")).expect("there is a log").len() / FRAME
        }
    }

    #[test]
    fn a_long_log_is_begun_anew_when_little_of_it_is_left() {
        for (pages, folded, expected) in [
            (0, 0, Next::Nothing),
            (FOLD_AT - 1, 0, Next::Nothing),
            (FOLD_AT, 0, Next::Ask),
            (BEGIN_ANEW_AT - 1, BEGIN_ANEW_AT - 1, Next::Nothing),
            (BEGIN_ANEW_AT, BEGIN_ANEW_AT - FOLD_AT + 1, Next::FoldTheRest),
            (BEGIN_ANEW_AT, BEGIN_ANEW_AT - FOLD_AT, Next::Ask),
            (LONGEST, 0, Next::AskAndWait),
            (LONGEST, LONGEST, Next::FoldTheRest),
        ] {
            assert_eq!(Log { pages, folded }.next(), expected, "{pages} pages, {folded} of them folded in");
        }
    }

    /// Commits never stop: whenever the thread has finished, there is one more. A reader stands for that,
    /// who has always seen all but the last one.
    #[test]
    fn a_log_that_is_always_written_to_is_begun_anew() {
        let mut world = World::new();
        let reader = open(&world.path);
        for number in 0..BEGIN_ANEW_AT / 100 {
            reader.execute_batch("BEGIN").expect("it begins");
            count(&reader);
            world.commit(number);
            world.settle();
            reader.execute_batch("COMMIT").expect("it ends");
        }
        let log = world.log();
        assert!(log.pages >= BEGIN_ANEW_AT && log.waiting() > 0, "SQLite itself never did: {log:?}");
        world.write(300);
        let log = world.log();
        assert!(log.pages < FOLD_AT, "it was begun anew: {log:?}");
        assert!(!world.failed.load(Ordering::SeqCst));
        world.checkpointer.close();
    }

    #[test]
    fn a_reader_holds_the_log_back_and_stops_no_commit() {
        let mut world = World::new();
        world.write(FOLD_AT);
        let reader = open(&world.path);
        reader.execute_batch("BEGIN").expect("it begins");
        let seen = count(&reader);
        world.write(2 * BEGIN_ANEW_AT);
        assert!(world.log_pages() >= 2 * BEGIN_ANEW_AT as u64, "all of it is kept");
        assert_eq!(count(&reader), seen);
        reader.execute_batch("COMMIT").expect("it ends");
        world.commit(0);
        world.settle();
        world.write(300);
        let log = world.log();
        assert!(log.pages < FOLD_AT, "it was begun anew: {log:?}");
        world.checkpointer.close();
    }
}

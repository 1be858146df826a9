//! What the disk can do at best, and what was asked of it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params};

/// Enough commits for a steady mean, few enough for a slow disk.
const RAW_COMMITS: u32 = 300;
/// Rows that they write over, each a page.
const RAW_ROWS: u32 = 64;
const PAGE: usize = 4_096;

/// The log of SQLite begins with a header of this many bytes, and each frame with one of its own.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The mean time of a commit by SQLite as it comes, with the durability that the engine has, and as many bytes in
/// the log as one of the engine's commits has.
pub(crate) fn raw_commit(folder: &Path, logged: f64) -> Duration {
    let connection = Connection::open(folder.join("raw.db")).expect("it opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB);",
        )
        .expect("it is set up");
    let prepare = |sql| connection.prepare(sql).expect("it is a statement");
    let mut write = prepare("INSERT OR REPLACE INTO t (id, body) VALUES (?1, ?2)");
    let (mut open, mut commit) = (prepare("BEGIN IMMEDIATE"), prepare("COMMIT"));
    let mut transact = |rows: Range<u32>| {
        open.execute([]).expect("it begins");
        for row in rows {
            // Other bytes than those that are there: what stays the same is not written.
            let body = vec![(row / RAW_ROWS) as u8; PAGE - 96];
            write.execute(params![row % RAW_ROWS, body]).expect("it is stored");
        }
        commit.execute([]).expect("it is committed");
    };
    transact(0..RAW_ROWS);
    let pages = logged / (FRAME_HEADER + PAGE) as f64;
    let rows = |commits: u32| RAW_ROWS + (f64::from(commits) * pages) as u32;
    let begun = Instant::now();
    for done in 0..RAW_COMMITS {
        transact(rows(done)..rows(done + 1));
    }
    begun.elapsed() / RAW_COMMITS
}

/// Counts what is written to a database, in its write-ahead log. Something must have been written just before, and
/// not be in the database file yet: only then a reader keeps the log from being begun anew. Two commits do: with the
/// first a long log may have been folded into the file as a whole, and then the second begins a new one.
pub(crate) struct Written {
    /// Holds the log.
    _reader: Connection,
    log: PathBuf,
    generation: (u32, u32),
    before: (u64, u64),
}

impl Written {
    pub(crate) fn since_now(database: &Path) -> Self {
        let reader =
            Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
        reader.execute_batch("BEGIN").expect("it begins");
        reader
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
            .expect("it is readable");
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        let bytes = fs::read(&log).expect("the log is readable");
        let (generation, before) = (generation(&bytes), written(&bytes));
        Self { _reader: reader, log, generation, before }
    }

    /// Commits, and bytes in the log, since then.
    pub(crate) fn count(self) -> (u64, u64) {
        let bytes = fs::read(&self.log).expect("the log is readable");
        assert_eq!(
            generation(&bytes),
            self.generation,
            "the log was begun anew, so it does not hold everything"
        );
        let (commits, size) = written(&bytes);
        (commits - self.before.0, size - self.before.1)
    }
}

/// What tells a log from the one that was in the same file before.
fn generation(log: &[u8]) -> (u32, u32) {
    (number(log, 16), number(log, 20))
}

/// The commits in a log, and its bytes. A commit ends with a frame that says how large the database is after it.
fn written(log: &[u8]) -> (u64, u64) {
    let frame_bytes = FRAME_HEADER + number(log, 8) as usize;
    let generation = generation(log);
    let (mut commits, mut bytes) = (0, 0);
    for frame in (HEADER..log.len()).step_by(frame_bytes) {
        // What follows is left over from an earlier log, or being written.
        let is_whole = frame + frame_bytes <= log.len();
        if !is_whole || (number(log, frame + 8), number(log, frame + 12)) != generation {
            break;
        }
        commits += u64::from(number(log, frame + 4) > 0);
        bytes += frame_bytes as u64;
    }
    (commits, bytes)
}

fn number(log: &[u8], at: usize) -> u32 {
    let bytes = log[at..at + 4].try_into().expect("four bytes");
    u32::from_be_bytes(bytes)
}

/// The processor time of this process so far, of all its threads; it is counted in hundredths of a second.
pub(crate) fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").expect("the process is readable");
    // The command's name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')').expect("the process has a name");
    let hundredths: u64 =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(hundredths * 10)
}

/// The memory that a process has in all, in MiB.
pub(crate) fn resident_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the process is readable");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the kernel counts it");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1_024
}

//! What this machine can do at best, and what was asked of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Outcome;

/// Enough commits for a steady mean, few enough for a slow disk.
const RAW_COMMITS: u32 = 300;
/// About what a step of an agent writes in one transaction.
const RAW_BYTES: usize = 1_000;

/// The log of SQLite begins with a header of this many bytes, and each frame with one of its own.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The mean time of a commit with the durability that the store has.
pub(crate) fn raw_commit(folder: &Path) -> Outcome<Duration> {
    let connection = Connection::open(folder.join("raw.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS step (id INTEGER PRIMARY KEY, body BLOB);",
    )?;
    let body = vec![b'x'; RAW_BYTES];
    let mut insert = connection.prepare("INSERT INTO step (body) VALUES (?1)")?;
    let begun = Instant::now();
    for _ in 0..RAW_COMMITS {
        insert.execute([&body])?;
    }
    Ok(begun.elapsed() / RAW_COMMITS)
}

/// What tells a log from the one that was in the same file before.
pub(crate) fn log_generation(log: &Path) -> Outcome<(u32, u32)> {
    generation(&fs::read(log)?)
}

fn generation(log: &[u8]) -> Outcome<(u32, u32)> {
    Ok((number(log, 16)?, number(log, 20)?))
}

/// The commits in a write-ahead log: each ends with a frame that says how large the database is after it.
pub(crate) fn commits_in_log(log: &Path) -> Outcome<u64> {
    let log = fs::read(log)?;
    let page_bytes = number(&log, 8)? as usize;
    let generation = generation(&log)?;
    let mut commits = 0;
    for frame in (HEADER..log.len()).step_by(FRAME_HEADER + page_bytes) {
        // What follows is left over from an earlier log.
        if (number(&log, frame + 8)?, number(&log, frame + 12)?) != generation {
            break;
        }
        commits += u64::from(number(&log, frame + 4)? > 0);
    }
    Ok(commits)
}

fn number(log: &[u8], at: usize) -> Outcome<u32> {
    let bytes = log.get(at..at + 4).ok_or("the write-ahead log ends early")?;
    Ok(u32::from_be_bytes(bytes.try_into()?))
}

/// The processor time of this process so far, of all its threads.
pub(crate) fn processor_time() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The command's name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(')').ok_or("/proc/self/stat names no command")?;
    let mut hundredths = 0;
    for field in fields.split_whitespace().skip(11).take(2) {
        hundredths += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(hundredths * 10))
}

//! The journal: ordinary transitions reach the disk as one record per transaction, and the rows that they change
//! a little later, with what has come since. A step of a workflow changes its run, what is pending in it and
//! its history several times within milliseconds, each in pages of their own; a record is a few bytes that
//! follow the last one's.
//!
//! What is only in the journal is as durable as everything else: a database is opened with its journal
//! applied. While it is open, [`Unsettled`] knows whose rows are behind, so that nobody reads them.

use super::RunWrite;
use super::WriteSet;
use super::committer::Job;
use super::run_write::RunRecord;
use parking_lot::Mutex;
use prost::Message;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a run's rows may be behind: a busy run takes a few steps in that time, and whoever lists runs sees how
/// long its history is.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Runs whose rows one transaction brings up to date, beside those that it writes itself: as many as it has
/// transitions, so that there are never more of them, and at least these.
const SETTLED_AT_ONCE: usize = 32;
/// Bytes from which on a transition goes to its rows at once. Writing them twice would cost more than it saves.
const LARGE: usize = 8 * 1_024;

/// The runs whose rows are behind, each with its first event that is in the journal only.
#[derive(Debug, Default)]
pub(super) struct Unsettled(Mutex<HashMap<i64, i64>>);

impl Unsettled {
    /// Whether a run's row, or its history before an event, is not all that was committed.
    pub(super) fn has(&self, run_key: i64, before: i64) -> bool {
        self.0.lock().get(&run_key).is_some_and(|first| *first < before)
    }
}

/// What is in the journal only.
#[derive(Debug)]
pub(super) struct Journal {
    /// The last record's.
    position: i64,
    /// The first record's that may still be in the database.
    first: i64,
    runs: HashMap<i64, Pending>,
    /// The runs, in the order in which they fell behind. An entry is stale if its run fell behind anew since.
    order: VecDeque<Entry>,
    unsettled: Arc<Unsettled>,
}

/// What of a run's rows is to be written.
#[derive(Debug)]
struct Pending {
    entry: Entry,
    write: RunWrite,
}

/// Since which record, and when, a run's rows are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    run_key: i64,
    position: i64,
    since: Instant,
}

/// All that one transaction writes. It may be tried again.
#[derive(Debug)]
pub(super) struct Plan {
    position: i64,
    record: Vec<u8>,
    rows: Vec<RunWrite>,
    others: Vec<WriteSet>,
    /// Records before this one are not needed any more.
    kept_from: Option<i64>,
}

impl Journal {
    /// The journal of an open database, which is all applied.
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let position = connection
            .query_row("SELECT coalesce(max(position), 0) FROM journal", [], |row| row.get::<_, i64>(0))?;
        Ok(Self {
            position,
            first: position,
            runs: HashMap::new(),
            order: VecDeque::new(),
            unsettled: Arc::default(),
        })
    }

    pub(super) fn unsettled(&self) -> Arc<Unsettled> {
        self.unsettled.clone()
    }

    /// When a run's rows will have been behind for long enough; `None` if no run's are.
    pub(super) fn next(&mut self) -> Option<Instant> {
        self.oldest().map(|entry| entry.since + SETTLED_AFTER)
    }

    /// Decides what a transaction with these jobs writes, and takes it out of them.
    pub(super) fn plan(&mut self, jobs: &mut [Job], now: Instant) -> Plan {
        let mut others = Vec::new();
        let mut runs: Vec<RunWrite> = Vec::with_capacity(jobs.len());
        let mut index: HashMap<i64, usize> = HashMap::with_capacity(jobs.len());
        for job in &mut *jobs {
            let mut write = std::mem::take(&mut job.write);
            for mut run in write.runs.drain(..) {
                if let Some(earlier) = index.get(&run.key()) {
                    std::mem::swap(&mut run, &mut runs[*earlier]);
                    runs[*earlier].follow(run);
                } else {
                    index.insert(run.key(), runs.len());
                    runs.push(run);
                }
            }
            others.push(write);
        }
        let wanted: BTreeSet<i64> = others.iter().flat_map(WriteSet::settles).collect();
        let is_recorded = |run: &RunWrite| {
            let record = run.as_record();
            record.is_some_and(|record| record.encoded_len() < LARGE) && !wanted.contains(&run.key())
        };
        let (recorded, rows): (Vec<_>, Vec<_>) = runs.into_iter().partition(is_recorded);
        let record = self.record(recorded, now);
        let mut rows: Vec<_> = rows.into_iter().map(|run| self.with_pending(run)).collect();
        rows.extend(wanted.into_iter().filter_map(|key| self.settle(key)));
        let most = rows.len() + jobs.len().max(SETTLED_AT_ONCE);
        while rows.len() < most
            && let Some(oldest) = self.oldest()
            && now.saturating_duration_since(oldest.since) >= SETTLED_AFTER
        {
            rows.extend(self.settle(oldest.run_key));
        }
        let kept_from = self.oldest().map_or(self.position, |entry| entry.position);
        let kept_from = (kept_from > self.first).then_some(kept_from);
        self.first = kept_from.unwrap_or(self.first);
        Plan { position: self.position, record, rows, others, kept_from }
    }

    /// Adds a record of these runs; returns it, encoded: one message for each, with its length before it.
    fn record(&mut self, runs: Vec<RunWrite>, now: Instant) -> Vec<u8> {
        if runs.is_empty() {
            return Vec::new();
        }
        self.position += 1;
        let mut record = Vec::new();
        for run in runs.iter().filter_map(RunWrite::as_record) {
            run.encode_length_delimited(&mut record).expect("invariant: a vector takes everything");
        }
        let mut unsettled = self.unsettled.0.lock();
        for mut write in runs {
            let run_key = write.key();
            let mut entry = Entry { run_key, position: self.position, since: now };
            match self.runs.remove(&run_key) {
                Some(pending) => {
                    entry = pending.entry;
                    write.follow(pending.write);
                }
                None => self.order.push_back(entry),
            }
            unsettled.insert(run_key, write.first_event_id().unwrap_or(i64::MAX - 1));
            self.runs.insert(run_key, Pending { entry, write });
        }
        record
    }

    fn with_pending(&mut self, mut write: RunWrite) -> RunWrite {
        if let Some(earlier) = self.settle(write.key()) {
            write.follow(earlier);
        }
        write
    }

    fn settle(&mut self, run_key: i64) -> Option<RunWrite> {
        self.runs.remove(&run_key).map(|pending| pending.write)
    }

    /// The run whose rows are behind for the longest time.
    fn oldest(&mut self) -> Option<Entry> {
        while let Some(entry) = self.order.front().copied() {
            if self.runs.get(&entry.run_key).is_some_and(|pending| pending.entry == entry) {
                return Some(entry);
            }
            self.order.pop_front();
        }
        None
    }

    /// To be called when a plan is durable.
    pub(super) fn committed(&self, plan: &Plan) {
        let mut unsettled = self.unsettled.0.lock();
        for run in &plan.rows {
            unsettled.remove(&run.key());
        }
    }

    /// Whether all of it is written.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl Plan {
    /// Writes it, as part of a transaction.
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        for run in &self.rows {
            run.apply(connection, self.position)?;
        }
        for write in &self.others {
            write.apply(connection)?;
        }
        if !self.record.is_empty() {
            connection
                .prepare_cached("INSERT INTO journal (position, body) VALUES (?1, ?2)")?
                .execute(params![self.position, self.record])?;
        }
        if let Some(kept_from) = self.kept_from {
            connection.prepare_cached("DELETE FROM journal WHERE position < ?1")?.execute([kept_from])?;
        }
        Ok(())
    }
}

/// Writes what is in the journal only, as one transaction. The last record stays, since positions count on from it;
/// all that it says is written by then, so it is never applied again.
pub(super) fn replay(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut position_of = connection.prepare("SELECT journal_position FROM run WHERE run_key = ?1")?;
    let mut records = connection.prepare("SELECT position, body FROM journal ORDER BY position")?;
    let mut rows = records.query([])?;
    let mut last = 0;
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let mut body = row.get_ref(1)?.as_blob()?;
        while !body.is_empty() {
            let run = RunRecord::decode_length_delimited(&mut body)
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, error.into()))?;
            let written: Option<i64> = position_of.query_row([run.run_key], |row| row.get(0)).optional()?;
            // A run that is not there was deleted since.
            if written.is_some_and(|written| written < last) {
                RunWrite::from_record(run).apply(connection, last)?;
            }
        }
    }
    drop(rows);
    connection.execute("DELETE FROM journal WHERE position < ?1", [last])?;
    connection.execute_batch("COMMIT")
}

#[cfg(test)]
mod tests {
    use super::super::Deletion;
    use super::*;
    use crate::storage::schema;

    /// A database, and what is in the journal only.
    struct World {
        folder: tempfile::TempDir,
        connection: Connection,
        journal: Journal,
        begun: Instant,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let connection = schema::open_writer(&folder.path().join("engine.db")).expect("it opens");
            let journal = Journal::open(&connection).expect("it is readable");
            Self { folder, connection, journal, begun: Instant::now() }
        }

        /// Commits some writes as one transaction, so many milliseconds after the beginning.
        fn commit(&mut self, millis: u64, writes: impl IntoIterator<Item = WriteSet>) {
            let job = |write| Job { write, waiting: Vec::new() };
            let mut jobs: Vec<Job> = writes.into_iter().map(job).collect();
            let plan = self.journal.plan(&mut jobs, self.begun + Duration::from_millis(millis));
            self.connection.execute_batch("BEGIN").expect("it begins");
            plan.apply(&self.connection).expect("it is written");
            self.connection.execute_batch("COMMIT").expect("it is committed");
            self.journal.committed(&plan);
        }

        /// What is left of the process is the file.
        fn crash(self) -> Self {
            let Self { folder, connection, begun, .. } = self;
            drop(connection);
            let connection = schema::open_writer(&folder.path().join("engine.db")).expect("it opens");
            let journal = Journal::open(&connection).expect("it is readable");
            Self { folder, connection, journal, begun }
        }

        /// The state that a run's row has, and the events in its history.
        fn rows(&self, run_key: i64) -> (String, String) {
            let text = |sql| {
                let bytes = self.connection.query_row(sql, [run_key], |row| row.get::<_, Option<Vec<u8>>>(0));
                String::from_utf8(bytes.optional().expect("rows").flatten().unwrap_or_default())
                    .expect("it is text")
            };
            let events = "SELECT CAST(group_concat(events, '' ORDER BY first_event_id) AS BLOB)
                          FROM history WHERE run_key = ?1";
            (text("SELECT core FROM run WHERE run_key = ?1"), text(events))
        }

        fn records(&self) -> i64 {
            self.connection
                .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
                .expect("it is readable")
        }

        fn is_behind(&self, run_key: i64) -> bool {
            self.journal.unsettled.has(run_key, i64::MAX)
        }
    }

    fn write(run: RunWrite) -> WriteSet {
        WriteSet { runs: vec![run], ..WriteSet::default() }
    }

    fn born(run_key: i64) -> WriteSet {
        write(RunWrite::sample(run_key, 1, "s").born())
    }

    fn grown(run_key: i64, first_event_id: i64, events: &'static str) -> WriteSet {
        write(RunWrite::sample(run_key, first_event_id, events))
    }

    fn rows(state: &str, events: &str) -> (String, String) {
        (state.to_owned(), events.to_owned())
    }

    const LATER: u64 = SETTLED_AFTER.as_millis() as u64;

    #[test]
    fn rows_follow_when_they_have_been_behind_for_long_enough() {
        let mut world = World::new();
        world.commit(0, [born(1)]);
        assert_eq!((world.rows(1), world.is_behind(1)), (rows("s", "s"), false));
        world.commit(1, [grown(1, 2, "a")]);
        world.commit(2, [grown(1, 3, "b"), grown(1, 4, "c")]);
        assert_eq!((world.rows(1), world.is_behind(1)), (rows("s", "s"), true));
        assert!(!world.journal.unsettled.has(1, 2), "what is before the first of them is there");
        assert_eq!(world.journal.next(), Some(world.begun + Duration::from_millis(1) + SETTLED_AFTER));
        world.commit(LATER, []);
        assert!(world.is_behind(1));
        world.commit(LATER + 1, []);
        assert_eq!((world.rows(1), world.is_behind(1)), (rows("c", "sabc"), false));
        assert_eq!((world.records(), world.journal.next()), (1, None));
    }

    #[test]
    fn a_crash_loses_nothing_and_writes_nothing_twice() {
        let mut world = World::new();
        world.commit(0, [born(1), born(2), grown(2, 2, "x")]);
        assert_eq!(world.rows(2), rows("x", "sx"), "what comes with its birth is written with it");
        world.commit(1, [grown(1, 2, "a"), grown(2, 3, "y")]);
        world.commit(2, [grown(1, 3, "b")]);
        // The second run is written, and the first keeps the record with both.
        world.commit(3, [WriteSet { settled: Some(2), ..WriteSet::default() }]);
        world.commit(4, [grown(2, 4, "z")]);
        world.commit(5, [WriteSet { settled: Some(2), ..WriteSet::default() }]);
        assert_eq!((world.rows(1), world.rows(2)), (rows("s", "s"), rows("z", "sxyz")));
        assert_eq!(world.records(), 3);
        let mut world = world.crash();
        assert_eq!((world.rows(1), world.rows(2)), (rows("b", "sab"), rows("z", "sxyz")));
        assert_eq!((world.records(), world.is_behind(1)), (1, false));
        // Positions count on, so that what is recorded now is not taken for what was.
        world.commit(6, [grown(1, 4, "c"), grown(2, 5, "-")]);
        let world = world.crash();
        assert_eq!((world.rows(1), world.rows(2)), (rows("c", "sabc"), rows("-", "sxyz-")));
        let world = world.crash();
        assert_eq!((world.rows(1), world.rows(2)), (rows("c", "sabc"), rows("-", "sxyz-")));
    }

    #[test]
    fn a_run_that_closes_takes_along_what_is_recorded_of_it() {
        let mut world = World::new();
        world.commit(0, [born(1), born(2)]);
        world.commit(1, [grown(1, 2, "a"), grown(2, 2, "x")]);
        world.commit(2, [grown(1, 3, "b"), write(RunWrite::sample(1, 4, "c").closed())]);
        for _ in 0..2 {
            assert_eq!(world.rows(1), rows("c", "sabc"));
            world = world.crash();
        }
    }

    #[test]
    fn what_is_recorded_of_a_deleted_run_is_passed_over() {
        let mut world = World::new();
        world.commit(0, [born(1), born(2)]);
        world.commit(1, [grown(1, 2, "a"), grown(2, 2, "x")]);
        let hide = Deletion::Hide { run_key: 1, namespace: String::new(), workflow_id: String::new() };
        world.commit(2, [WriteSet { deletions: vec![hide], ..WriteSet::default() }]);
        for deletion in [Deletion::Purge { run_key: 1 }, Deletion::Purge { run_key: 1 }] {
            world.commit(3, [WriteSet { deletions: vec![deletion], ..WriteSet::default() }]);
        }
        assert_eq!(world.records(), 1, "the other run still needs it");
        let world = world.crash();
        assert_eq!((world.rows(1), world.rows(2)), (rows("", ""), rows("x", "sx")));
    }

    #[test]
    fn what_is_large_is_written_once() {
        let mut world = World::new();
        world.commit(0, [born(1)]);
        world.commit(1, [grown(1, 2, "a")]);
        let large: &'static str = "l".repeat(LARGE).leak();
        world.commit(2, [grown(1, 3, large)]);
        assert_eq!(world.rows(1), rows(large, &format!("sa{large}")));
        assert!(!world.is_behind(1));
    }

    #[test]
    fn there_are_never_more_behind_than_transactions_bring_up_to_date() {
        let mut world = World::new();
        let runs = 1..=100;
        world.commit(0, runs.clone().map(born));
        world.commit(1, runs.clone().map(|run| grown(run, 2, "a")));
        world.commit(LATER + 1, [grown(1, 3, "b")]);
        let behind = |world: &World| runs.clone().filter(|run| world.is_behind(*run)).count();
        assert_eq!(behind(&world), 100 - SETTLED_AT_ONCE);
        world.commit(LATER + 1, runs.clone().map(|run| grown(run, 4, "c")));
        assert_eq!(behind(&world), SETTLED_AT_ONCE, "those that had been written, and are behind anew");
    }
}

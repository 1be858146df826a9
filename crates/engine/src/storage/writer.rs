//! Who commits: one at a time, everything that is waiting as one transaction.
//!
//! There is a thread for it. But to wake a thread and to be woken by it costs about as much as half a commit, so
//! where little has been under way and the disk is quick, whoever waits for a job commits it itself, and with it
//! whatever else is there. Under load the thread does it, and everyone shares its fsyncs.
//!
//! In a simulation nobody does; [`super::Stepped`] commits when it is told to.

use super::WriteSet;
use super::checkpoint::Checkpointer;
use super::committer::{Batch, Committer, Health, Job, Waiting, change, fail};
use super::faults::Faults;
use super::journal::{Journal, SETTLED_AFTER};
use super::log_file::LogFile;
use crate::Error;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{oneshot, watch};

/// Transitions in one transaction at most: bounds how long the first of them waits.
const MOST_PER_COMMIT: usize = 512;
/// Jobs in one transaction from which on the next one is waited for as long as this one took: so many come together
/// only where many are under way, who share one fsync then instead of two and wait hardly longer for it.
const BUSY: usize = 8;
/// How long it is waited for at most.
const LONGEST_WAIT: Duration = Duration::from_millis(2);
/// Transactions in a row with fewer jobs after which whoever waits may commit: where much is under way a few small
/// ones come between the large ones, too.
const CALM: u32 = 16;
/// A commit that takes no longer may be made by whoever waits for it, though others wait for that thread, too.
const QUICK: Duration = Duration::from_millis(1);
/// Transactions after which the thread is called to look after the log, where others commit.
const MOST_UNTENDED: u32 = 16;
/// How often a full disk is tried again.
const ROOM_CHECK: Duration = Duration::from_millis(200);

/// Where jobs are handed over. The queue needs no bound of its own: every job but the few that nobody waits for
/// belongs to a request in flight, and those are bounded by the number of tasks and clients.
#[derive(Debug)]
pub(crate) struct Writer {
    desk: Desk,
    thread: Mutex<Option<JoinHandle<()>>>,
    health: watch::Receiver<Health>,
}

/// What the writer works on.
#[derive(Debug)]
pub(super) struct Database {
    pub writer: Connection,
    /// The connection that folds the log into the database.
    pub folder: Connection,
    /// The database's file, to sync it.
    pub file: File,
    pub log: LogFile,
}

/// Who takes the jobs.
#[derive(Debug)]
enum Desk {
    Shared(Arc<Shared>),
    #[cfg(test)]
    Stepped(Mutex<Option<tokio::sync::mpsc::UnboundedSender<Job>>>),
}

impl Writer {
    pub(super) fn spawn(database: Database, journal: Journal, faults: Faults) -> Self {
        let (report, health) = watch::channel(Health::Good);
        let failed = report.clone();
        let checkpointer = Checkpointer::spawn(database.folder, database.file, database.log, move |error| {
            fail(&failed, &error);
        });
        let connection = database.writer;
        connection.set_prepared_statement_cache_capacity(32);
        let committer = Committer { connection, journal, report: report.clone(), faults };
        let turn = Turn {
            committer,
            checkpointer,
            ready: VecDeque::new(),
            no_room_for: None,
            commit_time: Duration::ZERO,
            calm: CALM,
            untended: 0,
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { is_open: true, ..Queue::default() }),
            called: Condvar::new(),
            turn: Mutex::new(Some(turn)),
            report,
        });
        let serving = shared.clone();
        let thread = std::thread::Builder::new()
            .name("engine-writer".into())
            .spawn(move || serving.serve())
            .expect("invariant: the operating system starts a thread while a process opens a database");
        Self { desk: Desk::Shared(shared), thread: Mutex::new(Some(thread)), health }
    }

    /// A writer whose jobs wait until they are stepped through.
    #[cfg(test)]
    pub(super) fn stepped(connection: Connection, journal: Journal) -> (Self, super::Stepped) {
        let (queue, jobs) = tokio::sync::mpsc::unbounded_channel();
        let (report, health) = watch::channel(Health::Good);
        let committer = Committer { connection, journal, report, faults: Faults::default() };
        let writer = Self { desk: Desk::Stepped(Mutex::new(Some(queue))), thread: Mutex::new(None), health };
        (writer, super::Stepped::new(committer, jobs))
    }

    /// Hands a job over. Jobs are committed in the order in which they are handed over. After the writer
    /// has stopped the job is dropped.
    pub(crate) fn submit(&self, job: Job) {
        self.hand_over(job, Some(Instant::now()));
    }

    /// As [`Writer::submit`], for whoever wants to know when it is durable.
    pub(crate) fn leave(&self, mut job: Job) -> Ticket<'_> {
        let (teller, told) = oneshot::channel();
        job.waiting.push(Box::new(Teller(Some(teller))));
        self.hand_over(job, None);
        Ticket { writer: self, told, is_attended: false }
    }

    /// Hands over a write that belongs to no transition.
    pub(crate) fn write(&self, write: WriteSet) -> Ticket<'_> {
        self.leave(Job { write, waiting: Vec::new() })
    }

    fn hand_over(&self, job: Job, by: Option<Instant>) {
        match &self.desk {
            Desk::Shared(shared) => {
                let mut queue = shared.queue.lock();
                if queue.is_open {
                    queue.jobs.push(job);
                    shared.look(&mut queue, by);
                } else {
                    drop(queue);
                    drop(job);
                }
            }
            #[cfg(test)]
            Desk::Stepped(queue) => {
                if let Some(queue) = &*queue.lock() {
                    let _ = queue.send(job);
                }
            }
        }
    }

    /// Sees to it that what was left is committed: here and now where that is quick, by the thread where it is not.
    fn attend(&self) {
        match &self.desk {
            Desk::Shared(shared) => shared.attend(),
            #[cfg(test)]
            Desk::Stepped(_) => {}
        }
    }

    /// As [`Writer::attend`], for somebody who does not wait.
    fn call(&self) {
        match &self.desk {
            Desk::Shared(shared) => shared.call(),
            #[cfg(test)]
            Desk::Stepped(_) => {}
        }
    }

    /// Whether writes are stored, now and as it changes.
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Whether the disk is full.
    pub(crate) fn is_full(&self) -> bool {
        *self.health.borrow() == Health::Full
    }

    /// Resolves when there is room on the disk, or the writer has stopped.
    pub(crate) async fn room(&self) {
        // An error means that the thread is gone: nothing is left to wait for.
        let _ = self.health().wait_for(|health| *health != Health::Full).await;
    }

    /// Commits what is queued, folds the log into the database, and ends. If the disk is full, what is
    /// queued is given up: none of it was acknowledged.
    pub(crate) fn close(&self) {
        match &self.desk {
            Desk::Shared(shared) => {
                let mut queue = shared.queue.lock();
                queue.is_open = false;
                shared.called.notify_one();
            }
            #[cfg(test)]
            Desk::Stepped(queue) => drop(queue.lock().take()),
        }
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// A job that was handed over, for whoever wants to know when it is durable. It is committed as well if this is
/// dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    writer: &'a Writer,
    told: oneshot::Receiver<Result<(), NoRoom>>,
    is_attended: bool,
}

impl Ticket<'_> {
    /// Resolves when the job is durable. Where there is no room for it, it may be stored later all the same.
    pub(crate) async fn durable(mut self) -> Result<(), Error> {
        self.is_attended = true;
        self.writer.attend();
        match (&mut self.told).await {
            Ok(told) => told.map_err(|NoRoom| Error::Full),
            Err(_) => Err(Error::Stopped("nothing is stored any more".into())),
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.is_attended {
            self.writer.call();
        }
    }
}

/// The disk is full.
#[derive(Debug)]
struct NoRoom;

/// Tells whoever has the ticket, once: that the job is durable, or that there is no room for it.
#[derive(Debug)]
struct Teller(Option<oneshot::Sender<Result<(), NoRoom>>>);

impl Teller {
    fn tell(&mut self, told: Result<(), NoRoom>) {
        if let Some(teller) = self.0.take() {
            // An error means that nobody wants to know any more.
            let _ = teller.send(told);
        }
    }
}

impl Waiting for Teller {
    fn durable(mut self: Box<Self>) {
        self.tell(Ok(()));
    }

    fn no_room(&mut self) {
        self.tell(Err(NoRoom));
    }
}

/// What the thread and those who wait share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Wakes the thread.
    called: Condvar,
    /// Whose turn it is to commit. `None` when nobody ever will again.
    turn: Mutex<Option<Turn>>,
    report: watch::Sender<Health>,
}

/// What waits to be committed.
#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<Job>,
    is_open: bool,
    /// When the thread looks next; `None` for when it is called. That may be too early, where somebody else did
    /// what it was to look for: to wake a thread so that it sleeps longer costs more than to let it wake once.
    due: Option<Instant>,
    is_asleep: bool,
}

/// What commits, in the hands of whoever does.
#[derive(Debug)]
struct Turn {
    committer: Committer,
    checkpointer: Checkpointer,
    ready: VecDeque<Job>,
    /// What the disk had no room for.
    no_room_for: Option<Batch>,
    /// How long the last transaction took.
    commit_time: Duration,
    /// How many transactions in a row had few jobs.
    calm: u32,
    /// Transactions since the log was last looked after.
    untended: u32,
}

/// What has come of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// There was nothing to do.
    Idle,
    Committed,
    NoRoom,
    /// The thread that folds in the log has found that the disk fails.
    Stopped,
}

impl Turn {
    /// Commits what is to be committed by now, and tells those who wait for it.
    fn commit(&mut self, now: Instant) -> rusqlite::Result<Outcome> {
        let begun = Instant::now();
        let mut batch = if let Some(batch) = self.no_room_for.take() {
            batch
        } else {
            let is_behind = self.committer.journal.next().is_some_and(|due| due <= now);
            if self.ready.is_empty() && !is_behind {
                return Ok(Outcome::Idle);
            }
            let count = self.ready.len().min(MOST_PER_COMMIT);
            self.committer.plan(self.ready.drain(..count).collect(), now)
        };
        if !self.committer.commit(&batch)? {
            batch.no_room();
            self.ready.iter_mut().for_each(Job::no_room);
            self.no_room_for = Some(batch);
            return Ok(Outcome::NoRoom);
        }
        self.commit_time = begun.elapsed();
        if self.committer.report.borrow().is_stopped() {
            return Ok(Outcome::Stopped);
        }
        let jobs = batch.acknowledge();
        self.calm = if jobs < BUSY { self.calm.saturating_add(1) } else { 0 };
        self.untended += 1;
        Ok(Outcome::Committed)
    }

    /// As [`Turn::commit`], and looks after the log.
    fn commit_and_tend(&mut self, now: Instant) -> rusqlite::Result<Outcome> {
        let outcome = self.commit(now)?;
        if std::mem::take(&mut self.untended) > 0 {
            self.checkpointer.after_commits(&self.committer.connection)?;
        }
        Ok(outcome)
    }

    /// When the thread has something to do next; `None` if nothing is.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        if self.no_room_for.is_some() {
            return Some(now + ROOM_CHECK);
        }
        let is_due = !self.ready.is_empty() || self.untended >= MOST_UNTENDED;
        if is_due { Some(now) } else { self.committer.journal.next() }
    }

    /// Leaves nothing for the next one who opens the file.
    fn finish(&mut self) -> rusqlite::Result<()> {
        while !self.committer.journal.is_empty() {
            let rest = self.committer.plan(Vec::new(), Instant::now() + SETTLED_AFTER);
            if !self.committer.commit(&rest)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Shared {
    /// Has the thread look at the queue at a time, if not before.
    fn look(&self, queue: &mut Queue, by: Option<Instant>) {
        if let Some(by) = by
            && queue.due.is_none_or(|due| by < due)
        {
            queue.due = Some(by);
            if queue.is_asleep {
                self.called.notify_one();
            }
        }
    }

    /// Has the thread look at the queue now.
    fn call(&self) {
        self.look(&mut self.queue.lock(), Some(Instant::now()));
    }

    fn attend(&self) {
        if may_block()
            && let Some(mut turn) = self.turn.try_lock()
            && let Some(at_hand) = &mut *turn
            && at_hand.calm >= CALM
            && at_hand.commit_time <= QUICK
            && at_hand.no_room_for.is_none()
        {
            self.take(at_hand, Turn::commit);
            let due = at_hand.due(Instant::now());
            drop(turn);
            self.look(&mut self.queue.lock(), due);
        } else {
            self.call();
        }
    }

    /// Commits what waits, as one transaction, in one of two ways.
    fn take(&self, turn: &mut Turn, commit: fn(&mut Turn, Instant) -> rusqlite::Result<Outcome>) -> Outcome {
        turn.ready.extend(self.queue.lock().jobs.drain(..));
        let outcome = commit(turn, Instant::now()).unwrap_or_else(|error| {
            fail(&self.report, &error.to_string());
            Outcome::Stopped
        });
        if outcome == Outcome::Stopped {
            self.give_up(turn);
        }
        outcome
    }

    /// Nothing is stored any more: those who wait hear of it as their jobs are dropped.
    fn give_up(&self, turn: &mut Turn) {
        let mut queue = self.queue.lock();
        queue.is_open = false;
        self.called.notify_one();
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        drop((jobs, std::mem::take(&mut turn.ready), turn.no_room_for.take()));
    }

    /// The thread: commits what nobody else does, until the queue is closed, and then closes the database.
    fn serve(&self) {
        loop {
            let is_open = self.wait();
            let mut turn = self.turn.lock();
            let Some(at_hand) = &mut *turn else { return };
            let outcome = self.take(at_hand, Turn::commit_and_tend);
            if outcome == Outcome::Stopped || (!is_open && outcome != Outcome::Committed) {
                break;
            }
            let due = at_hand.due(Instant::now());
            let pause = (at_hand.calm == 0).then(|| at_hand.commit_time.min(LONGEST_WAIT));
            drop(turn);
            self.look(&mut self.queue.lock(), due);
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
        }
        self.close();
    }

    /// Waits until there is something to do; says whether more may come.
    fn wait(&self) -> bool {
        let mut queue = self.queue.lock();
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= Instant::now());
        while queue.is_open && queue.jobs.is_empty() && !is_due(queue.due) {
            queue.is_asleep = true;
            if let Some(due) = queue.due {
                self.called.wait_until(&mut queue, due);
            } else {
                self.called.wait(&mut queue);
            }
            queue.is_asleep = false;
        }
        queue.due = None;
        queue.is_open
    }

    fn close(&self) {
        let Some(mut turn) = self.turn.lock().take() else { return };
        if let Some(batch) = turn.no_room_for.take() {
            fail(&self.report, "the disk is full");
            drop(batch);
        }
        let is_stopped = self.report.borrow().is_stopped();
        if !is_stopped && let Err(error) = turn.finish() {
            fail(&self.report, &error.to_string());
        }
        let Turn { committer, checkpointer, ready, .. } = turn;
        drop(ready);
        checkpointer.close();
        if !self.report.borrow().is_stopped() {
            let folded = committer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            if let Err(error) = folded {
                tracing::warn!(%error, "the write-ahead log stays beside the database; it is folded in at the next open");
            }
        }
        // Closed before anybody is told.
        drop(committer);
        change(&self.report, |health| !health.is_stopped(), Health::Stopped(Arc::from("it was shut down")));
    }
}

/// Whether whoever waits may commit itself: only where its thread is not the only one that goes on with the others.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

#[cfg(test)]
mod tests {
    use super::super::Storage;
    use super::*;
    use rusqlite::ffi;
    use std::sync::atomic::{AtomicI32, Ordering};
    use tokio::runtime::{Builder, Runtime};

    /// Open storage whose commits end as they are told.
    struct World {
        _folder: tempfile::TempDir,
        storage: Arc<Storage>,
        /// The code of the error that the next commits end with.
        failure: Arc<AtomicI32>,
        /// Milliseconds that they take.
        slowness: Arc<AtomicI32>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (failure, slowness) = (Arc::new(AtomicI32::new(ffi::SQLITE_OK)), Arc::<AtomicI32>::default());
            let (code, millis) = (failure.clone(), slowness.clone());
            let faults = Faults::injected(move || {
                std::thread::sleep(Duration::from_millis(millis.load(Ordering::SeqCst) as u64));
                match code.load(Ordering::SeqCst) {
                    ffi::SQLITE_OK => Ok(()),
                    code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
                }
            });
            let storage = Storage::open(&folder.path().join("engine.db"), faults).expect("it opens");
            Self { _folder: folder, storage: Arc::new(storage), failure, slowness }
        }

        /// Commits something; says whether the thread that is there for it did.
        async fn commit(&self) -> Result<bool, Error> {
            let (tell, told) = oneshot::channel();
            let by = move || {
                let _ = tell.send(std::thread::current().name() == Some("engine-writer"));
            };
            let job = Job { write: WriteSet::default(), waiting: vec![Box::new(by)] };
            self.storage.writer.leave(job).durable().await?;
            Ok(told.await.expect("it is told before"))
        }
    }

    fn threads(count: usize) -> Runtime {
        Builder::new_multi_thread().worker_threads(count).enable_time().build().expect("a runtime")
    }

    #[test]
    fn whoever_waits_commits_where_the_disk_is_quick() {
        let world = World::new();
        threads(1).block_on(async {
            world.slowness.store(2 * QUICK.as_millis() as i32, Ordering::SeqCst);
            assert_eq!(world.commit().await.ok(), Some(false), "nobody knows yet how slow it is");
            assert_eq!(world.commit().await.ok(), Some(true));
            world.slowness.store(0, Ordering::SeqCst);
            assert_eq!(world.commit().await.ok(), Some(true), "nor that it has become quick");
        });
    }

    #[test]
    fn the_thread_commits_until_little_has_been_under_way_for_a_while() {
        let world = World::new();
        threads(1).block_on(async {
            let job = || Job { write: WriteSet::default(), waiting: Vec::new() };
            let tickets = std::iter::repeat_with(|| world.storage.writer.leave(job())).take(BUSY);
            for ticket in tickets.collect::<Vec<_>>() {
                ticket.durable().await.expect("it is committed");
            }
            for _ in 0..CALM {
                assert_eq!(world.commit().await.ok(), Some(true));
            }
        });
    }

    #[test]
    fn nobody_holds_up_a_runtime_that_has_one_thread() {
        let world = World::new();
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(world.commit()).ok(), Some(true));
        assert_eq!(
            futures::executor::block_on(world.commit()).ok(),
            Some(true),
            "or of which nothing is known"
        );
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_committed() {
        let world = World::new();
        let (tell, told) = std::sync::mpsc::channel();
        for _ in 0..2 {
            let tell = tell.clone();
            let waiting = Box::new(move || tell.send(()).expect("it is waited for"));
            let job = Job { write: WriteSet::default(), waiting: vec![waiting] };
            drop(world.storage.writer.leave(job));
            told.recv_timeout(Duration::from_secs(30)).expect("it is committed");
        }
    }

    #[test]
    fn what_one_who_waits_finds_no_room_for_is_stored_later() {
        let world = World::new();
        threads(1).block_on(async {
            world.failure.store(ffi::SQLITE_FULL, Ordering::SeqCst);
            let (tell, mut told) = oneshot::channel();
            let waiting = Box::new(move || {
                let _ = tell.send(());
            });
            let job = Job { write: WriteSet::default(), waiting: vec![waiting] };
            let refused = world.storage.writer.leave(job).durable().await;
            assert!(matches!(refused, Err(Error::Full)), "{refused:?}");
            assert!(told.try_recv().is_err(), "it is not durable");
            assert!(matches!(world.commit().await, Err(Error::Full)), "nor is what comes after it");
            world.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
            assert_eq!(told.await, Ok(()));
            world.storage.writer.room().await;
            assert!(world.commit().await.is_ok());
        });
    }

    #[test]
    fn what_fails_in_the_hands_of_one_who_waits_fails_for_everyone() {
        let world = World::new();
        threads(1).block_on(async {
            assert_eq!(world.commit().await.ok(), Some(false));
            world.failure.store(ffi::SQLITE_IOERR_FSYNC, Ordering::SeqCst);
            assert!(matches!(world.commit().await, Err(Error::Stopped(_))));
            world.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
            assert!(matches!(world.commit().await, Err(Error::Stopped(_))), "it is not tried again");
            assert!(world.storage.writer.health().borrow().is_stopped());
        });
    }

    #[test]
    fn nothing_is_left_lying_however_many_come_at_once() {
        let world = Arc::new(World::new());
        threads(3).block_on(async {
            let client = |world: Arc<World>| async move {
                for _ in 0..200 {
                    world.commit().await.expect("it is committed");
                }
            };
            let clients = (0..12).map(|_| tokio::spawn(client(world.clone())));
            let all = futures::future::try_join_all(clients);
            tokio::time::timeout(Duration::from_mins(1), all)
                .await
                .expect("none waits for ever")
                .expect("all end");
        });
    }
}

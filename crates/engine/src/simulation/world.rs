//! What outlives the engine's crashes: the disk, the clients with what they were told, and the seed's plan.

use super::clients::Client;
use super::dice::Dice;
use super::known::Known;
use super::letters::Letter;
use super::trace::Trace;
use crate::kernel::{Entropy, Timestamp};
use crate::options::LostTasks;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// When every simulation begins.
pub(super) const BEGINNING: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// The world of one seed.
#[derive(Debug)]
pub(super) struct World {
    pub plan: Plan,
    pub trace: Trace,
    pub known: Mutex<Known>,
    pub clients: Mutex<Vec<Client>>,
    /// Answers of workers that are on their way, however long that takes.
    pub letters: Mutex<Vec<Letter>>,
    pub path: PathBuf,
    /// Keeps the database in memory while no engine has it open.
    _disk: Mutex<Connection>,
}

/// What is broken on purpose, to see whether it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    None,
    /// The disk acknowledges what is not durable yet.
    LyingDisk,
    /// The disk loses a write now and then.
    LosingDisk,
    /// An engine that opens finds no timers.
    ForgottenTimers,
    /// An engine that opens finds no tasks.
    ForgottenTasks,
}

/// What the seed decides from the start.
#[derive(Debug)]
pub(super) struct Plan {
    pub sabotage: Sabotage,
    /// How often the engine goes down before it is left alone.
    pub crashes: i64,
    pub clients: i64,
    /// What each client does, at most.
    pub requests: i64,
    /// Workflow ids that clients share.
    pub workflow_ids: i64,
    pub workers: i64,
    /// Workflow tasks after which a workflow wants to end.
    pub steps: i64,
    pub lost_tasks: LostTasks,
    /// Whether somebody sets the wall clock while the engine is down.
    pub clock_is_set: bool,
    /// How often, in a thousand, the network loses a request or a reply, or repeats it.
    pub network: i64,
    /// How often, in a thousand, a worker does not do what it should.
    pub mischief: i64,
}

impl Plan {
    fn of(dice: &mut Dice, sabotage: Sabotage) -> Self {
        let away = LostTasks::AwaitWorkers;
        Self {
            sabotage,
            crashes: dice.between(0, 4),
            clients: dice.between(1, 3),
            requests: dice.between(2, 9),
            workflow_ids: dice.between(1, 4),
            workers: dice.between(1, 2),
            steps: dice.between(1, 4),
            lost_tasks: if dice.chance(500) { away } else { LostTasks::RetryAtOpen },
            clock_is_set: dice.chance(150),
            network: *dice.pick(&[0, 30, 200]).unwrap_or(&0),
            mischief: *dice.pick(&[0, 40, 150]).unwrap_or(&0),
        }
    }
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Sabotage) -> (Self, Dice) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut dice = Dice::new(Entropy::from_seed(seed));
        let plan = Plan::of(&mut dice, sabotage);
        // Two simulations of one seed may run at once; each has a disk of its own.
        let name = format!("file:/simulation-{}?vfs=memdb", NEXT.fetch_add(1, Ordering::Relaxed));
        let disk = Connection::open(&name).expect("SQLite has memory");
        let clients = (0..plan.clients).map(|_| Client::default()).collect();
        let world = Self {
            plan,
            trace: Trace::default(),
            known: Mutex::default(),
            clients: Mutex::new(clients),
            letters: Mutex::default(),
            path: PathBuf::from(name),
            _disk: Mutex::new(disk),
        };
        (world, dice)
    }
}

//! What a workflow, a signal and a durable activity step cost through the SDK, beside the floors of the same machine
//! in the same run: the SDK's own, against a service in memory that does nothing, and the disk's, one raw SQLite
//! commit with `synchronous=FULL`. The floor is a server as plain as can be, without eager activities; beside it
//! stands what it takes with them.
//!
//! `cargo bench -p syndarix-engine --bench steps`, with `-- parallel bare` for the rows whose names begin so.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its point")]
#![expect(missing_debug_implementations, reason = "the SDK's macros make public types without it")]
#![expect(clippy::unused_async, reason = "the SDK asks activities to be async")]
#![expect(clippy::unnecessary_wraps, reason = "a message's fields are optional")]

mod bare;
mod disk;
mod floor;
mod idle;
mod peer;

use std::path::Path;
use std::time::{Duration, Instant};

use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{
    Client, ClientOptions, Connection, WorkflowGetResultOptions, WorkflowHandle, WorkflowSignalOptions,
    WorkflowStartOptions,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{
    ActivityOptions, Runtime, SyncWorkflowContext, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
};

use self::disk::{Written, processor_time, raw_commit};

/// As the `syndarix` binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUEUE: &str = "bench";
/// A queue that no worker looks at.
const NOBODY: &str = "nobody";

#[derive(Debug)]
pub struct Nothing;

#[activities]
impl Nothing {
    #[activity]
    pub async fn nothing(_ctx: ActivityContext, step: u32) -> Result<u32, ActivityError> {
        Ok(step)
    }
}

#[workflow]
#[derive(Default)]
pub struct Steps;

#[workflow_methods]
impl Steps {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, steps: u32) -> WorkflowResult<u32> {
        for step in 0..steps {
            let options = ActivityOptions::start_to_close_timeout(Duration::from_mins(1));
            ctx.execute_activity(Nothing::nothing, step, options).await?;
        }
        Ok(steps)
    }

    #[signal]
    pub fn poke(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _n: u32) {}
}

/// One kind of work.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// Workflows that do nothing, one after another, from start to result.
    Empty,
    /// Signals to a workflow that no worker looks at, one after another.
    Signal,
    /// The activities of one workflow, one after another.
    Sequential,
    /// The activities of many workflows at once.
    Parallel,
}

impl Work {
    const ALL: [Self; 4] = [Self::Empty, Self::Signal, Self::Sequential, Self::Parallel];

    /// How many workflows, each with how many activities or signals.
    const fn amount(self) -> (u32, u32) {
        match self {
            Self::Empty => (200, 0),
            Self::Signal => (1, 300),
            Self::Sequential => (1, 200),
            // Long enough that it is the steps that count, not the starts.
            Self::Parallel => (400, 25),
        }
    }

    /// How often what a row counts is done.
    fn count(self) -> u32 {
        let (workflows, each) = self.amount();
        workflows * each.max(1)
    }

    /// How often each side does it: the shorter a round is, the more of them.
    const fn rounds(self) -> usize {
        match self {
            Self::Empty | Self::Signal | Self::Sequential => 27,
            Self::Parallel => 9,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty workflow",
            Self::Signal => "signal",
            Self::Sequential => "sequential step",
            Self::Parallel => "parallel step",
        }
    }
}

/// The services that are measured.
struct Sides {
    engine: Side,
    floor: Side,
    /// The floor with eager activities.
    eager_floor: Side,
}

/// A service with a worker: the engine, or a floor.
struct Side {
    client: Client,
    signalled: WorkflowHandle<Client, steps::Run>,
}

impl Side {
    async fn new(client: Client) -> Self {
        let options = WorkflowStartOptions::new(NOBODY, "signalled").build();
        let signalled = client.start_workflow(Steps::run, 0, options).await.expect("it starts");
        Self { client, signalled }
    }

    async fn workflow(&self, id: String, steps: u32) {
        let options = WorkflowStartOptions::new(QUEUE, id).build();
        let handle = self.client.start_workflow(Steps::run, steps, options).await.expect("it starts");
        handle.get_result(WorkflowGetResultOptions::default()).await.expect("it completes");
    }

    /// Does the work; `round` makes the workflows' ids new ones.
    async fn perform(&self, work: Work, round: &str) {
        let (workflows, each) = work.amount();
        let id = |number: u32| format!("{round}-{work:?}-{number}");
        match work {
            Work::Signal => {
                for n in 0..each {
                    let options = WorkflowSignalOptions::default();
                    self.signalled.signal(Steps::poke, n, options).await.expect("it is taken");
                }
            }
            Work::Empty | Work::Sequential => {
                for number in 0..workflows {
                    self.workflow(id(number), each).await;
                }
            }
            Work::Parallel => {
                let all = (0..workflows).map(|number| self.workflow(id(number), each));
                futures::future::join_all(all).await;
            }
        }
    }

    /// The wall and the processor time of each, in microseconds.
    async fn time(&self, work: Work, round: usize) -> (f64, f64) {
        let (processor, begun) = (processor_time(), Instant::now());
        self.perform(work, &format!("timed-{round}")).await;
        let (wall, processor) = (begun.elapsed(), processor_time().saturating_sub(processor));
        let each = |time: Duration| micros(time) / f64::from(work.count());
        (each(wall), each(processor))
    }
}

fn client(connection: Connection) -> Client {
    Client::new(connection, ClientOptions::new("default").build()).expect("a client")
}

fn worker(runtime: &Runtime, client: &Client) -> Worker {
    // With the SDK's hundred activities at once, a fifth of them would wait for the worker itself.
    let tuner = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(100))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(Work::Parallel.amount().0 as usize))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    let options = WorkerOptions::new(QUEUE)
        .register_activities(Nothing)
        .register_workflow::<Steps>()
        .expect("it registers")
        .tuner(tuner)
        .build();
    Worker::new(runtime, client.clone(), options).expect("a worker")
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut of: Vec<f64> = of.collect();
    of.sort_unstable_by(f64::total_cmp);
    of[of.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn print_row<T: AsRef<str>>(name: &str, cells: &[T]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{:>14}", cell.as_ref())).collect();
    println!("{name:<16}{}", cells.concat());
}

/// What one round has taken, in microseconds each time.
struct Round {
    wall: f64,
    processor: f64,
    floor_wall: f64,
    floor_processor: f64,
    eager_wall: f64,
    raw_commit: f64,
}

/// Measures one kind of work on both sides, the floors around it, and prints its row. Returns our wall time.
async fn report(work: Work, sides: &Sides, database: &Path) -> f64 {
    let folder = database.parent().expect("a file in a folder");
    // Counted in a round of its own: whoever counts holds the log, and a long log is slow.
    for n in 0..2 {
        let signal = WorkflowSignalOptions::default();
        sides.engine.signalled.signal(Steps::poke, n, signal).await.expect("it is taken");
    }
    let written = Written::since_now(database);
    sides.engine.perform(work, "counted").await;
    let (commits, bytes) = written.count();

    // A shared machine is another one every few seconds, so all sides and the disk take turns, and what is compared
    // is of the same round.
    let mut rounds = Vec::new();
    for round in 0..work.rounds() {
        let (floor_wall, floor_processor) = sides.floor.time(work, round).await;
        let (eager_wall, _) = sides.eager_floor.time(work, round).await;
        let raw_commit = micros(raw_commit(folder, bytes as f64 / commits as f64));
        let (wall, processor) = sides.engine.time(work, round).await;
        rounds.push(Round { wall, processor, floor_wall, floor_processor, eager_wall, raw_commit });
    }
    let of = |what: fn(&Round) -> f64| median(rounds.iter().map(what));
    // Processor time is counted in hundredths of a second, too coarsely for one round.
    let mean = |what: fn(&Round) -> f64| rounds.iter().map(what).sum::<f64>() / rounds.len() as f64;
    let wall = of(|round| round.wall);
    let each = |count: u64| count as f64 / f64::from(work.count());
    print_row(
        work.name(),
        &[
            format!("{wall:.0} us"),
            format!("{:.0} us", of(|round| round.floor_wall)),
            format!("{:.0} us", of(|round| round.eager_wall)),
            format!("{:.0} us", of(|round| round.raw_commit)),
            format!("{:.0} %", of(|round| 100.0 * round.floor_wall / round.wall)),
            format!("{:.0} %", of(|round| 100.0 * round.eager_wall / round.wall)),
            format!("{:.2}", of(|round| (round.wall - round.floor_wall) / round.raw_commit)),
            format!("{:.2}", each(commits)),
            format!("{:.0}", each(bytes)),
            format!("{:.0} us", mean(|round| round.processor)),
            format!("{:.0} us", mean(|round| round.floor_processor)),
        ],
    );
    wall
}

async fn report_bare(folder: &Path) {
    let bare = bare::measure(folder).await;
    print_row(
        "bare step",
        &[
            format!("{:.0} us", micros(bare.wall)),
            String::new(),
            String::new(),
            format!("{:.0} us", micros(bare.raw_commit)),
            String::new(),
            String::new(),
            String::new(),
            format!("{:.2}", bare.commits),
            format!("{:.0}", bare.bytes),
            format!("{:.0} us", micros(bare.processor)),
            String::new(),
        ],
    );
    println!(
        "that is {:.0} durable steps a second without the SDK; the longest that an answer took was {:.0} ms",
        1.0 / bare.wall.as_secs_f64(),
        micros(bare.longest) / 1e3
    );
}

/// Whether a row was asked for; all are where none is named.
fn is_wanted(row: &str) -> bool {
    let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|name| row.starts_with(&name))
}

#[tokio::main]
async fn main() {
    if let Some(folder) = idle::asked() {
        return idle::say(&folder).await;
    }
    // Not the system's temporary folder: that is often in memory, where a commit costs nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on this disk");
    let database = folder.path().join("engine.db");
    let engine = Engine::open(EngineOptions::new(&database)).await.expect("it opens");
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).expect("a runtime");
    let sides = Sides {
        engine: Side::new(client(engine.connect().await.expect("it connects"))).await,
        floor: Side::new(client(floor::connect(false).await)).await,
        eager_floor: Side::new(client(floor::connect(true).await)).await,
    };
    let mut workers =
        [&sides.engine, &sides.floor, &sides.eager_floor].map(|side| worker(&runtime, &side.client));
    let stops = workers.each_ref().map(Worker::shutdown_handle);

    println!("fsync: WAL, synchronous=FULL; every commit is synced before it is acknowledged");
    print_row(
        "",
        &[
            "ours",
            "SDK floor",
            "eager floor",
            "raw commit",
            "floor's rate",
            "eager's rate",
            "added commits",
            "commits",
            "bytes logged",
            "CPU ours",
            "CPU floor",
        ],
    );
    let measure = async {
        for side in [&sides.floor, &sides.eager_floor, &sides.engine] {
            side.workflow("warm".to_owned(), 20).await;
        }
        let mut walls = Vec::new();
        for work in Work::ALL.into_iter().filter(|work| is_wanted(work.name())) {
            walls.push((work, report(work, &sides, &database).await));
        }
        for stop in stops {
            stop();
        }
        walls
    };
    let working = futures::future::try_join_all(workers.iter_mut().map(Worker::run));
    let (ended, walls) = tokio::join!(working, measure);
    ended.expect("the workers end cleanly");
    engine.shutdown().await;
    if is_wanted("bare step") {
        report_bare(folder.path()).await;
    }
    println!("idle, in a process of its own: {} MiB resident", idle::measure(folder.path()));
    peer::report(&runtime, &walls).await;
}

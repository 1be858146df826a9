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
/// How often each side does each kind of work; the median counts.
const ROUNDS: usize = 5;
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

    /// The wall and the processor time of each.
    async fn time(&self, work: Work, round: usize) -> (Duration, Duration) {
        let (processor, begun) = (processor_time(), Instant::now());
        self.perform(work, &format!("timed-{round}")).await;
        let (wall, processor) = (begun.elapsed(), processor_time().saturating_sub(processor));
        (wall / work.count(), processor / work.count())
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

fn median<T: Ord + Copy>(mut of: Vec<T>) -> T {
    of.sort_unstable();
    of[of.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn print_row<T: AsRef<str>>(name: &str, cells: &[T]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{:>14}", cell.as_ref())).collect();
    println!("{name:<16}{}", cells.concat());
}

/// Measures one kind of work on both sides, the floors around it, and prints its row. Returns our wall time.
async fn report(work: Work, sides: &Sides, database: &Path) -> Duration {
    let folder = database.parent().expect("a file in a folder");
    // A shared machine is another one every few seconds, so all sides and the disk take turns.
    let (mut floors, mut eager, mut ours, mut raws) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        floors.push(sides.floor.time(work, round).await);
        eager.push(sides.eager_floor.time(work, round).await);
        raws.push(raw_commit(folder));
        ours.push(sides.engine.time(work, round).await);
    }
    let (floor_wall, floor_processor) = median(floors);
    let (eager_wall, _) = median(eager);
    let (wall, processor) = median(ours);
    let raw = median(raws);

    // Counted in a round of its own: whoever counts holds the log, and a long log is slow.
    for n in 0..2 {
        let signal = WorkflowSignalOptions::default();
        sides.engine.signalled.signal(Steps::poke, n, signal).await.expect("it is taken");
    }
    let written = Written::since_now(database);
    sides.engine.perform(work, "counted").await;
    let (commits, bytes) = written.count();

    let each = |count: u64| count as f64 / f64::from(work.count());
    let added = (micros(wall) - micros(floor_wall)) / micros(raw);
    print_row(
        work.name(),
        &[
            format!("{:.0} us", micros(wall)),
            format!("{:.0} us", micros(floor_wall)),
            format!("{:.0} us", micros(eager_wall)),
            format!("{:.0} us", micros(raw)),
            format!("{:.0} %", 100.0 * micros(floor_wall) / micros(wall)),
            format!("{:.0} %", 100.0 * micros(eager_wall) / micros(wall)),
            format!("{added:.2}"),
            format!("{:.2}", each(commits)),
            format!("{:.0}", each(bytes)),
            format!("{:.0} us", micros(processor)),
            format!("{:.0} us", micros(floor_processor)),
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

//! What a durable activity step costs through the SDK, beside the floors of the same machine in the same
//! run: one raw SQLite commit with `synchronous=FULL` on the same disk, and the engine's own protocol work
//! without a worker (signals, which are one commit each).
//!
//! `cargo bench -p syndarix-engine --bench steps`

#![expect(clippy::print_stdout, reason = "a benchmark's output is its point")]
#![expect(missing_debug_implementations, reason = "the SDK's macros make public types without it")]
#![expect(clippy::unused_async, reason = "the SDK asks activities to be async")]

use std::path::Path;
use std::time::{Duration, Instant};
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{
    Client, ClientOptions, WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions,
    WorkflowTerminateOptions,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{
    ActivityOptions, Runtime, SyncWorkflowContext, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
};

const QUEUE: &str = "bench";
const SEQUENTIAL_STEPS: u32 = 200;
const PARALLEL_WORKFLOWS: u32 = 100;
const PARALLEL_STEPS: u32 = 10;
const SIGNALS: u32 = 300;
const RAW_COMMITS: u32 = 300;

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

fn micros(total: Duration, count: u32) -> f64 {
    total.as_secs_f64() * 1e6 / f64::from(count)
}

/// One commit of about the bytes a transition writes. Measured again before and after each section: on a
/// shared disk it varies from minute to minute by more than anything measured here.
fn raw_commit(directory: &Path) -> f64 {
    let connection = rusqlite::Connection::open(directory.join("raw.db")).expect("it opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body BLOB);",
        )
        .expect("it is set up");
    let body = vec![7_u8; 1_000];
    let begin = Instant::now();
    for _ in 0..RAW_COMMITS {
        connection.execute("INSERT INTO t (body) VALUES (?1)", [&body]).expect("it is stored");
    }
    micros(begin.elapsed(), RAW_COMMITS)
}

async fn run(client: &Client, id: String, steps: u32) {
    let options = WorkflowStartOptions::new(QUEUE, id).build();
    let handle = client.start_workflow(Steps::run, steps, options).await.expect("it starts");
    handle.get_result(WorkflowGetResultOptions::default()).await.expect("it completes");
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir_in(".").expect("a directory on this disk");
    let report = |what: &str, before: f64, each: f64| {
        let raw = f64::midpoint(before, raw_commit(directory.path()));
        let ratio = each / raw;
        println!("{what:<26} {each:>9.0} us, raw commit {raw:>7.0} us, ratio {ratio:>6.2}");
    };

    let engine =
        Engine::open(EngineOptions::new(directory.path().join("engine.db"))).await.expect("it opens");
    let connection = engine.connect().await.expect("it connects");
    let client = Client::new(connection, ClientOptions::new("default").build()).expect("a client");
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).expect("a runtime");
    let options = WorkerOptions::new(QUEUE)
        .register_activities(Nothing)
        .register_workflow::<Steps>()
        .expect("it registers")
        .build();

    let idle = WorkflowStartOptions::new("nobody", "signalled").build();
    let handle = client.start_workflow(Steps::run, 0, idle).await.expect("it starts");
    let raw = raw_commit(directory.path());
    let begin = Instant::now();
    for n in 0..SIGNALS {
        handle.signal(Steps::poke, n, WorkflowSignalOptions::default()).await.expect("it is taken");
    }
    let signal = micros(begin.elapsed(), SIGNALS);
    report("signal", raw, signal);
    handle.terminate(WorkflowTerminateOptions::default()).await.expect("it ends");

    let mut worker = Worker::new(&runtime, client.clone(), options).expect("a worker");
    let stop = worker.shutdown_handle();
    let measure = async {
        run(&client, "warm".into(), 20).await;
        let raw = raw_commit(directory.path());
        let begin = Instant::now();
        run(&client, "sequential".into(), SEQUENTIAL_STEPS).await;
        let each = micros(begin.elapsed(), SEQUENTIAL_STEPS);
        report("sequential activity step", raw, each);

        let raw = raw_commit(directory.path());
        let begin = Instant::now();
        let runs = (0..PARALLEL_WORKFLOWS).map(|n| run(&client, format!("parallel-{n}"), PARALLEL_STEPS));
        futures::future::join_all(runs).await;
        let each = micros(begin.elapsed(), PARALLEL_WORKFLOWS * PARALLEL_STEPS);
        report("parallel activity step", raw, each);
        stop();
    };
    let (ran, ()) = tokio::join!(worker.run(), measure);
    ran.expect("the worker ends cleanly");
    engine.shutdown().await;
}

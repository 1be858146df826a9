//! A process with a workflow of ten steps is killed in the middle; another one opens the same file and goes on:
//!
//! ```sh
//! cargo run -p syndarix-engine --example killed_and_resumed
//! ```
//!
//! No step that had ended is made again. The one that was cut off is: an activity whose end nobody recorded is tried
//! again, as its retry policy says.

#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]
#![expect(missing_debug_implementations, reason = "of types that the SDK's macros make")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{
    Client, ClientOptions, WorkflowGetResultOptions, WorkflowIdConflictPolicy, WorkflowStartOptions,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult};

const QUEUE: &str = "steps";
const STEPS: u32 = 10;
const LAST_BEFORE_THE_KILL: &str = "step 4";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Debug)]
pub struct Work;

#[activities]
impl Work {
    #[activity]
    pub async fn step(self: Arc<Self>, ctx: ActivityContext, number: u32) -> Result<(), ActivityError> {
        println!("step {number}, attempt {}", ctx.info().attempt);
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
pub struct Steps;

#[workflow_methods]
impl Steps {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, steps: u32) -> WorkflowResult<u32> {
        for number in 1..=steps {
            let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10)).build();
            ctx.execute_activity(Work::step, number, options).await?;
        }
        Ok(steps)
    }
}

fn main() -> Outcome<()> {
    match std::env::args().nth(1) {
        Some(file) => work(Path::new(&file)),
        None => kill_and_resume(),
    }
}

/// Starts this program as one that works, kills it, and starts another.
fn kill_and_resume() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("workflows.db");
    let mut victim = start(&file)?;
    for line in BufReader::new(victim.stdout.take().ok_or("it has an output")?).lines() {
        let line = line?;
        println!("first process: {line}");
        if line.starts_with(LAST_BEFORE_THE_KILL) {
            break;
        }
    }
    victim.kill()?;
    victim.wait()?;
    println!("killed");
    let mut heir = start(&file)?;
    for line in BufReader::new(heir.stdout.take().ok_or("it has an output")?).lines() {
        println!("second process: {}", line?);
    }
    if heir.wait()?.success() { Ok(()) } else { Err("the second process failed".into()) }
}

fn start(file: &Path) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).arg(file).stdout(Stdio::piped()).spawn()
}

/// Opens the file and works until the workflow has ended.
#[tokio::main]
async fn work(file: &Path) -> Outcome<()> {
    let engine = Engine::open(EngineOptions::new(file)).await?;
    let client = Client::new(engine.connect().await?, ClientOptions::new("default").build())?;
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let options = WorkerOptions::new(QUEUE).register_activities(Work).register_workflow::<Steps>()?.build();
    let mut worker = Worker::new(&runtime, client.clone(), options)?;
    let stop = worker.shutdown_handle();
    let finished = async {
        // The second process finds the workflow running.
        let options = WorkflowStartOptions::new(QUEUE, "ten-steps")
            .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
            .build();
        let handle = client.start_workflow(Steps::run, STEPS, options).await?;
        let steps = handle.get_result(WorkflowGetResultOptions::default()).await?;
        stop();
        Ok::<_, Box<dyn std::error::Error>>(steps)
    };
    let (ran, steps) = tokio::join!(worker.run(), finished);
    ran?;
    println!("all {} steps are done", steps?);
    engine.shutdown().await;
    Ok(())
}

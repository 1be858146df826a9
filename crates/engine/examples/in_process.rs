//! A workflow, its worker, its client and the engine, all in this process:
//!
//! ```sh
//! cargo run -p syndarix-engine --example in_process
//! ```

#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]
#![expect(missing_debug_implementations, reason = "of types that the SDK's macros make")]

use std::sync::Arc;
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{Client, ClientOptions, WorkflowGetResultOptions, WorkflowStartOptions};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult};

const QUEUE: &str = "greetings";

/// What touches the world. It may fail and run again.
#[derive(Debug)]
pub struct Greetings;

#[activities]
impl Greetings {
    #[activity]
    pub async fn greet(self: Arc<Self>, _: ActivityContext, name: String) -> Result<String, ActivityError> {
        // As long as it takes to think of something to say.
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(format!("Hello, {name}!"))
    }
}

/// What decides. Its progress is its history, so it goes on where it was after anything.
#[workflow]
#[derive(Default)]
pub struct Greeting;

#[workflow_methods]
impl Greeting {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        ctx.timer(Duration::from_secs(1)).await;
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10)).build();
        Ok(ctx.execute_activity(Greetings::greet, name, options).await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(directory.path().join("workflows.db"))).await?;
    let client = Client::new(engine.connect().await?, ClientOptions::new("default").build())?;

    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let options =
        WorkerOptions::new(QUEUE).register_activities(Greetings).register_workflow::<Greeting>()?.build();
    let mut worker = Worker::new(&runtime, client.clone(), options)?;
    let stop = worker.shutdown_handle();

    let greeted = async {
        let options = WorkflowStartOptions::new(QUEUE, "greet-ada").build();
        let handle = client.start_workflow(Greeting::run, "Ada".to_owned(), options).await?;
        let greeting = handle.get_result(WorkflowGetResultOptions::default()).await?;
        stop();
        Ok::<_, Box<dyn std::error::Error>>(greeting)
    };
    let (ran, greeting) = tokio::join!(worker.run(), greeted);
    ran?;
    println!("{}", greeting?);
    engine.shutdown().await;
    Ok(())
}

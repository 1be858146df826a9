//! Activities: success, failure, retry, timeouts, heartbeats, cancellation.

use crate::world::World;
use std::time::Duration;
use temporalio_client::{WorkflowGetResultOptions, WorkflowStartOptions};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{ActivityOptions, WorkerOptions, WorkflowContext, WorkflowResult};

pub struct Greetings;

#[activities]
impl Greetings {
    #[activity]
    pub async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(format!("Hello, {name}!"))
    }
}

#[workflow]
#[derive(Default)]
pub struct Greeting;

#[workflow_methods]
impl Greeting {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        Ok(ctx.execute_activity(Greetings::greet, name, options).await?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_succeeds() {
    let world = World::new().await;
    let options = WorkerOptions::new("queue")
        .register_activities(Greetings)
        .register_workflow::<Greeting>()
        .expect("a workflow")
        .build();
    let result = world
        .work(options, async {
            let handle = world
                .client
                .start_workflow(
                    Greeting::run,
                    "Ada".to_owned(),
                    WorkflowStartOptions::new("queue", "greeting").build(),
                )
                .await
                .expect("it starts");
            handle.get_result(WorkflowGetResultOptions::default()).await.expect("it completes")
        })
        .await;
    assert_eq!(result, "Hello, Ada!");
    world.engine.shutdown().await;
}

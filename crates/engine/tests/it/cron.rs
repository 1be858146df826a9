//! Cron schedules of workflows, and what a chain of runs carries from one to the next.

use crate::script::{Step, worker};
use crate::world::{QUEUE, World};
use std::time::Duration;
use temporalio_client::{WorkflowFetchHistoryOptions, WorkflowStartOptions, WorkflowTerminateOptions};
use temporalio_common::protos::temporal::api::enums::v1::ContinueAsNewInitiator;
use temporalio_common::protos::temporal::api::history::v1::{
    WorkflowExecutionStartedEventAttributes, history_event::Attributes,
};

async fn first_event(handle: &crate::world::Handle) -> WorkflowExecutionStartedEventAttributes {
    let events = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await;
    match events.expect("a history").remove(0).attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
        other => panic!("{other:?}"),
    }
}

/// The first event of the first run of the chain that is another than `not`.
async fn next_run(world: &World, not: &str) -> WorkflowExecutionStartedEventAttributes {
    let handle = world.client.get_workflow_handle::<crate::script::ScriptRun>("subject");
    loop {
        let started = first_event(&handle).await;
        if started.original_execution_run_id != not {
            return started;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_run_follows_the_last_and_is_told_its_result() {
    let world = World::new().await;
    let options = WorkflowStartOptions::new(QUEUE, "subject").cron_schedule("@every 1s".to_owned()).build();
    let handle = world.start_with(options, &[Step::Timer(1)]).await;
    let first = first_event(&handle).await;
    assert_eq!(first.initiator(), ContinueAsNewInitiator::CronSchedule);
    assert_eq!(first.first_workflow_task_backoff.map(|backoff| backoff.seconds), Some(1));
    assert!(first.last_completion_result.is_none());
    let second = world.work(worker(QUEUE), next_run(&world, &first.original_execution_run_id)).await;
    assert_eq!(second.initiator(), ContinueAsNewInitiator::CronSchedule);
    assert_eq!(second.continued_execution_run_id, first.original_execution_run_id);
    assert_eq!(second.first_execution_run_id, first.original_execution_run_id);
    assert_eq!(second.cron_schedule, "@every 1s");
    let result = second.last_completion_result.expect("what the first run returned");
    assert!(String::from_utf8_lossy(&result.payloads[0].data).contains("slept"));
    assert!(second.continued_failure.is_none());
    let current = world.client.get_workflow_handle::<crate::script::ScriptRun>("subject");
    current.terminate(WorkflowTerminateOptions::default()).await.expect("a termination ends the chain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_run_is_followed_too_and_its_failure_is_passed_on() {
    let world = World::new().await;
    let options = WorkflowStartOptions::new(QUEUE, "subject").cron_schedule("@every 1s".to_owned()).build();
    let handle = world.start_with(options, &[Step::Fail("no luck".into())]).await;
    let first = first_event(&handle).await;
    let second = world.work(worker(QUEUE), next_run(&world, &first.original_execution_run_id)).await;
    assert_eq!(second.continued_failure.expect("the failure").message, "no luck");
    assert_eq!(second.attempt, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_never_comes_is_refused() {
    let world = World::new().await;
    for schedule in ["every now and then", "0 0 30 2 *"] {
        let options = WorkflowStartOptions::new(QUEUE, "subject").cron_schedule(schedule.to_owned()).build();
        let refused =
            world.client.start_workflow(crate::script::Script::run, vec![], options).await.map(|_| ());
        assert!(refused.expect_err("it is refused").to_string().contains("invalid CronSchedule"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_run_goes_on_waiting_over_a_restart() {
    let mut world = World::new().await;
    let options = WorkflowStartOptions::new(QUEUE, "subject").cron_schedule("@every 2s".to_owned()).build();
    let handle = world.start_with(options, &[Step::Timer(1)]).await;
    let first = first_event(&handle).await;
    world.engine.shutdown().await;
    world.reopen().await;
    let second = world.work(worker(QUEUE), next_run(&world, &first.original_execution_run_id)).await;
    assert!(second.last_completion_result.is_some());
}

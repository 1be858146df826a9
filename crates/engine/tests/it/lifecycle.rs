//! How workflows begin and end.

use crate::script::{KEYWORD, Step, worker};
use crate::world::{QUEUE, World, outcome, result};
use expect_test::expect;
use futures::TryStreamExt;
use std::time::Duration;
use temporalio_client::{
    WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    WorkflowListOptions, WorkflowStartOptions, WorkflowTerminateOptions,
};
use temporalio_common::RetryPolicy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn continue_as_new() {
    let world = World::new().await;
    let steps = [Step::ContinueAsNew(vec![Step::ContinueAsNew(vec![Step::Timer(1)])])];
    let outcome = world.work(worker(QUEUE), world.run("subject", &steps)).await;
    expect![[r#"
        slept
        --
        workflow_execution_started
        workflow_execution_continued_as_new"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancellation() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::UntilCancelled]).await;
    let outcome = world
        .work(worker(QUEUE), async {
            let options = WorkflowCancelOptions::builder().reason("enough".to_owned()).build();
            handle.cancel(options).await.expect("it is asked");
            outcome(&handle).await
        })
        .await;
    expect![[r#"
        Workflow cancelled
        --
        workflow_execution_started
        workflow_execution_cancel_requested
        workflow_execution_canceled"#]]
    .assert_eq(&outcome);
}

#[tokio::test]
async fn cancelling_what_is_over_changes_nothing() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::UntilCancelled]).await;
    handle.terminate(WorkflowTerminateOptions::default()).await.expect("it is terminated");
    let before = outcome(&handle).await;
    handle.cancel(WorkflowCancelOptions::default()).await.expect("it is over, as was asked");
    assert_eq!(outcome(&handle).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn termination_needs_no_worker() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::UntilCancelled]).await;
    let options = WorkflowTerminateOptions::builder().reason("enough".to_owned()).build();
    handle.terminate(options).await.expect("it is terminated");
    expect![[r#"
        Workflow terminated
        --
        workflow_execution_started
        workflow_execution_terminated"#]]
    .assert_eq(&outcome(&handle).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_workflow_is_retried_by_its_policy() {
    let world = World::new().await;
    let policy =
        RetryPolicy::builder().initial_interval(Duration::from_millis(10)).maximum_attempts(2).build();
    let options = WorkflowStartOptions::new(QUEUE, "subject").retry_policy(policy).build();
    let handle = world.start_with(options, &[Step::Fail("no luck".into())]).await;
    let outcome = world.work(worker(QUEUE), outcome(&handle)).await;
    expect![[r#"
        Workflow failed: no luck
        --
        workflow_execution_started
        workflow_execution_failed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_timeout_ends_it() {
    let world = World::new().await;
    let options = WorkflowStartOptions::new(QUEUE, "subject").run_timeout(Duration::from_millis(100)).build();
    let handle = world.start_with(options, &[Step::UntilCancelled]).await;
    let outcome = world.work(worker(QUEUE), outcome(&handle)).await;
    expect![[r#"
        Workflow timed out
        --
        workflow_execution_started
        workflow_execution_timed_out"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_attributes_and_memo() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Upsert, Step::Memo]).await;
    let outcome = world.work(worker(QUEUE), outcome(&handle)).await;
    expect![[r#"
        upserted
        noted
        --
        workflow_execution_started
        upsert_workflow_search_attributes
        workflow_properties_modified
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
    let description = handle.describe(WorkflowDescribeOptions::default()).await.expect("a description");
    assert_eq!(description.search_attributes().get(&KEYWORD).as_deref(), Some("second"));
    let memo = format!("{:?}", description.raw().workflow_execution_info);
    assert!(memo.contains("colour"), "{memo}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_reused_as_the_policies_say() {
    let world = World::new().await;
    let first = world.start("subject", &[Step::UntilCancelled]).await;
    let start = |options: WorkflowStartOptions| {
        world.client.start_workflow(crate::script::Script::run, vec![], options)
    };
    let plain = || WorkflowStartOptions::new(QUEUE, "subject");
    let refused = start(plain().build()).await.map(|_| ()).expect_err("it runs");
    assert!(refused.to_string().contains(first.run_id().expect("a run id")), "{refused}");

    let used = plain().id_conflict_policy(WorkflowIdConflictPolicy::UseExisting).build();
    assert_eq!(start(used).await.expect("the existing one").run_id(), first.run_id());

    let replaced = plain().id_conflict_policy(WorkflowIdConflictPolicy::TerminateExisting).build();
    let second = start(replaced).await.expect("a new one");
    assert_ne!(second.run_id(), first.run_id());
    second.terminate(WorkflowTerminateOptions::default()).await.expect("it is terminated");

    let once = plain().id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate).build();
    start(once).await.map(|_| ()).expect_err("the id was used");
    start(plain().build()).await.expect("a closed id may be used again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists() {
    let world = World::new().await;
    let done = world.start("done", &[]).await;
    world.start("running-1", &[Step::UntilCancelled]).await;
    world.start("running-2", &[Step::UntilCancelled]).await;
    world.work(worker(QUEUE), result(&done)).await;
    let list = async |query: &str| {
        let mut ids: Vec<_> = world
            .client
            .list_workflows(query, WorkflowListOptions::default())
            .map_ok(|workflow| workflow.id().to_owned())
            .try_collect()
            .await
            .expect("a list");
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(list("").await, "done running-1 running-2");
    assert_eq!(list("ExecutionStatus = 'Running'").await, "running-1 running-2");
    assert_eq!(list("ExecutionStatus = 'Running' AND WorkflowId = 'running-2'").await, "running-2");
    assert_eq!(
        list("WorkflowId STARTS_WITH 'run' or (WorkflowId IN ('done'))").await,
        "done running-1 running-2"
    );
    assert_eq!(list("WorkflowType = 'Other'").await, "");
}

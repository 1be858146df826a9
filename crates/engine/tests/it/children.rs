//! Child workflows.

use crate::script::{Close, Step, Then, worker};
use crate::world::{QUEUE, World, events, outcome, result};
use expect_test::expect;

fn child(steps: Vec<Step>, close: Close, then: Then) -> Step {
    Step::Child { id: "child".into(), steps, close, then }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_completes() {
    let world = World::new().await;
    let steps = [child(vec![Step::Timer(1)], Close::Terminate, Then::Await)];
    let outcome = world.work(worker(QUEUE), world.run("parent", &steps)).await;
    expect![[r#"
        child said ["slept"]
        --
        workflow_execution_started
        start_child_workflow_execution_initiated
        child_workflow_execution_started
        child_workflow_execution_completed
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_fails() {
    let world = World::new().await;
    let steps = [child(vec![Step::Fail("no luck".into())], Close::Terminate, Then::Await)];
    let outcome = world.work(worker(QUEUE), world.run("parent", &steps)).await;
    expect![[r#"
        child failed: Some("no luck")
        --
        workflow_execution_started
        start_child_workflow_execution_initiated
        child_workflow_execution_started
        child_workflow_execution_failed
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_is_cancelled() {
    let world = World::new().await;
    let steps = [child(vec![Step::UntilCancelled], Close::Terminate, Then::Cancel)];
    let outcome = world.work(worker(QUEUE), world.run("parent", &steps)).await;
    expect![[r#"
        child failed: Some("")
        --
        workflow_execution_started
        start_child_workflow_execution_initiated
        child_workflow_execution_started
        request_cancel_external_workflow_execution_initiated
        external_workflow_execution_cancel_requested
        child_workflow_execution_canceled
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_whose_id_is_taken_does_not_start() {
    let world = World::new().await;
    let taken = world.start("child", &[Step::UntilCancelled]).await;
    let steps = [child(vec![], Close::Terminate, Then::Await)];
    let said = world.work(worker(QUEUE), async { result(&world.start("parent", &steps).await).await }).await;
    assert!(said.contains("WorkflowAlreadyExists"), "{said}");
    assert!(!events(&taken).await.is_empty());
}

async fn left_behind(close: Close) -> String {
    let world = World::new().await;
    world
        .work(worker(QUEUE), async {
            let steps = [child(vec![Step::Signals(1)], close, Then::Leave)];
            assert_eq!(result(&world.start("parent", &steps).await).await, "child left");
            let child = world.client.get_workflow_handle::<crate::script::ScriptRun>("child");
            if matches!(close, Close::Abandon) {
                child
                    .signal(
                        crate::script::Script::tell,
                        "go on".into(),
                        temporalio_client::WorkflowSignalOptions::default(),
                    )
                    .await
                    .expect("it lives on");
            }
            outcome(&child).await
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_that_closes_terminates_its_child() {
    let outcome = left_behind(Close::Terminate).await;
    assert!(outcome.starts_with("Workflow terminated"), "{outcome}");
    assert!(outcome.ends_with("workflow_execution_terminated"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn or_cancels_it() {
    let outcome = left_behind(Close::Cancel).await;
    assert!(outcome.contains("workflow_execution_cancel_requested"), "{outcome}");
    assert!(outcome.starts_with("Workflow cancelled"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn or_leaves_it_alone() {
    let outcome = left_behind(Close::Abandon).await;
    assert!(outcome.starts_with("1 signals\ntold go on"), "{outcome}");
}

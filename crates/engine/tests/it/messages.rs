//! Signals and queries.

use crate::script::{Script, Step, worker};
use crate::world::{Handle, QUEUE, World, events, outcome, result};
use expect_test::expect;
use temporalio_client::{
    WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions, WorkflowTerminateOptions,
};

async fn tell(handle: &Handle, word: &str) {
    handle
        .signal(Script::tell, word.to_owned(), WorkflowSignalOptions::default())
        .await
        .expect("the signal is taken");
}

async fn heard(handle: &Handle) -> Vec<String> {
    handle.query(Script::heard, (), WorkflowQueryOptions::default()).await.expect("the query is answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_before_the_first_task() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Signals(1)]).await;
    tell(&handle, "early").await;
    let outcome = world.work(worker(QUEUE), outcome(&handle)).await;
    expect![[r#"
        1 signals
        told early
        --
        workflow_execution_started
        workflow_execution_signaled
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_in_order_and_queries_that_see_them() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Signals(3)]).await;
    world
        .work(worker(QUEUE), async {
            for count in 1..=3 {
                tell(&handle, &count.to_string()).await;
                if count < 3 {
                    // A query sees every signal that was acknowledged before it.
                    assert_eq!(heard(&handle).await.len(), count);
                }
            }
            assert_eq!(result(&handle).await, "3 signals\ntold 1\ntold 2\ntold 3");
            assert_eq!(heard(&handle).await, ["told 1", "told 2", "told 3"], "also when it has closed");
        })
        .await;
    let closed = world
        .work(worker(QUEUE), async {
            // Another worker has nothing cached: it answers by replay.
            heard(&handle).await
        })
        .await;
    assert_eq!(closed.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_is_taken_once_per_request_id() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Signals(2)]).await;
    for _ in 0..3 {
        let options = WorkflowSignalOptions::builder().request_id("same".to_owned()).build();
        handle.signal(Script::tell, "again".into(), options).await.expect("taken or known");
    }
    tell(&handle, "other").await;
    let outcome = world.work(worker(QUEUE), result(&handle)).await;
    assert_eq!(outcome, "2 signals\ntold again\ntold other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_signals_at_once_are_all_there() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Signals(100)]).await;
    world
        .work(worker(QUEUE), async {
            let signals = (0..100).map(|n| {
                let handle = &handle;
                async move { tell(handle, &n.to_string()).await }
            });
            futures::future::join_all(signals).await;
            assert_eq!(result(&handle).await.lines().count(), 101);
        })
        .await;
    assert_eq!(events(&handle).await.iter().filter(|name| name.contains("signaled")).count(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signal_with_start_starts_and_then_signals() {
    let world = World::new().await;
    let options = || WorkflowStartOptions::new(QUEUE, "subject").build();
    for word in ["one", "two"] {
        world
            .client
            .signal_with_start_workflow(
                Script::run,
                vec![Step::Signals(2)],
                Script::tell,
                word.to_owned(),
                options(),
            )
            .await
            .expect("it is taken");
    }
    let handle = world.client.get_workflow_handle::<crate::script::ScriptRun>("subject");
    let outcome = world.work(worker(QUEUE), outcome(&handle)).await;
    expect![[r#"
        2 signals
        told one
        told two
        --
        workflow_execution_started
        workflow_execution_signaled
        workflow_execution_signaled
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_to_closed_and_unknown_workflows_are_refused() {
    let world = World::new().await;
    let handle = world.start("subject", &[]).await;
    handle.terminate(WorkflowTerminateOptions::default()).await.expect("it is terminated");
    let refused = handle.signal(Script::tell, "late".into(), WorkflowSignalOptions::default()).await;
    expect!["Workflow not found"].assert_eq(&refused.expect_err("it has closed").to_string());
    let unknown = world.client.get_workflow_handle::<crate::script::ScriptRun>("unknown");
    let refused = unknown.signal(Script::tell, "x".into(), WorkflowSignalOptions::default()).await;
    expect!["Workflow not found"].assert_eq(&refused.expect_err("it does not exist").to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_and_cancellations_between_workflows() {
    let world = World::new().await;
    let target = world.start("target", &[Step::Signals(1), Step::UntilCancelled]).await;
    let steps = [
        Step::SignalOther("target".into()),
        Step::SignalOther("nobody".into()),
        Step::CancelOther("target".into()),
        Step::CancelOther("nobody".into()),
    ];
    let (sender, target) = world
        .work(worker(QUEUE), async { (world.run("sender", &steps).await, outcome(&target).await) })
        .await;
    expect![[r#"
        signalled
        not signalled: Workflow not found: Unable to signal external workflow because it was not found
        asked to cancel
        not cancelled: Workflow not found: Unable to cancel external workflow because not found
        --
        workflow_execution_started
        signal_external_workflow_execution_initiated
        external_workflow_execution_signaled
        signal_external_workflow_execution_initiated
        signal_external_workflow_execution_failed
        request_cancel_external_workflow_execution_initiated
        external_workflow_execution_cancel_requested
        request_cancel_external_workflow_execution_initiated
        request_cancel_external_workflow_execution_failed
        workflow_execution_completed"#]]
    .assert_eq(&sender);
    expect![[r#"
        Workflow cancelled
        --
        workflow_execution_started
        workflow_execution_signaled
        workflow_execution_cancel_requested
        workflow_execution_canceled"#]]
    .assert_eq(&target);
}

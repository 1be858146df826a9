//! Queries on the bare protocol, in every state a workflow can be in, and what stickiness does to tasks.

use crate::bare::{Bare, Reply, Stage, bare, lines, refusal, told, update_request};
use crate::world::{QUEUE, World};
use expect_test::expect;
use temporalio_protos::temporal::api::enums::v1::{
    QueryRejectCondition as RejectIf, WorkflowExecutionStatus,
};
use temporalio_protos::temporal::api::workflowservice::v1::QueryWorkflowResponse;
use tokio::task::JoinHandle;
use tonic::Status;

const STICKY: &str = "sticky";

fn ask(bare: &Bare, id: &'static str) -> JoinHandle<Result<QueryWorkflowResponse, Status>> {
    let client = bare.clone();
    tokio::spawn(async move { client.query(id, RejectIf::None).await })
}

async fn answered(asking: JoinHandle<Result<QueryWorkflowResponse, Status>>) {
    let response = asking.await.expect("it ends").expect("it is answered");
    assert!(response.query_rejected.is_none());
}

fn keys<T>(queries: &std::collections::HashMap<String, T>) -> Vec<String> {
    queries.keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_before_the_first_task_rides_on_it() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let asking = ask(&bare, "w");
    // Asked before the task is taken, as far as the test can tell: a task without it is followed by it.
    let task = bare.poll(QUEUE).await;
    let answers = keys(&task.queries);
    let early = !answers.is_empty();
    bare.reply(&task, Reply { answers, ..Reply::default() }).await.expect("it is the task");
    if !early {
        let task = bare.poll(QUEUE).await;
        assert!(task.query.is_some());
        bare.answer_query(&task).await;
    }
    answered(asking).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_workflow_is_asked_where_it_is_cached() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default().sticky(STICKY)).await;
    let client = bare.clone();
    let polling = tokio::spawn(async move { client.poll(STICKY).await });
    tokio::task::yield_now().await;
    let asking = ask(&bare, "w");
    let (task, sticky) = tokio::select! {
        task = polling => (task.expect("it polls"), true),
        // The query came before the poll: a sticky queue that nobody ever polled has no worker.
        task = bare.poll(QUEUE) => (task, false),
    };
    assert_eq!(task.query.as_ref().map(|query| query.query_type.as_str()), Some("state"));
    let events = task.history.clone().unwrap_or_default().events.len();
    assert_eq!(events, if sticky { 0 } else { 4 });
    bare.answer_query(&task).await;
    answered(asking).await;
    assert_eq!(bare.history("w").await.lines().count(), 4, "a query writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_a_worker_holds_does_not_ride_on_the_next_task_too() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default()).await;
    let asking = ask(&bare, "w");
    let query = bare.poll(QUEUE).await;
    assert!(query.query.is_some());
    bare.signal("w").await.expect("it runs");
    let task = bare.poll(QUEUE).await;
    assert!(task.queries.is_empty(), "{:?}", task.queries);
    bare.answer_query(&query).await;
    answered(asking).await;
    bare.reply(&task, Reply::default().completes()).await.expect("it is the task");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_workflow_answers_by_replay() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let task = bare.poll(QUEUE).await;
    bare.reply(&task, Reply::default().sticky(STICKY).completes()).await.expect("it is the task");
    let asking = ask(&bare, "w");
    let task = bare.poll(QUEUE).await;
    expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled
        3 workflow_task_started
        4 workflow_task_completed
        5 workflow_execution_completed"#]]
    .assert_eq(&lines(&task.history.clone().unwrap_or_default()));
    bare.answer_query(&task).await;
    answered(asking).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_a_condition_rejects() {
    let world = World::new().await;
    let bare = bare(&world.client);
    for (id, completes) in [("completed", true), ("terminated", false)] {
        bare.start(id).await;
        let task = bare.poll(QUEUE).await;
        if completes {
            bare.reply(&task, Reply::default().completes()).await.expect("it is the task");
        } else {
            bare.reply(&task, Reply::default()).await.expect("it is the task");
            bare.terminate(id).await;
        }
    }
    let rejected = async |id: &str, condition| {
        let response = bare.query(id, condition).await.expect("a rejection is an answer");
        response.query_rejected.map(|rejected| rejected.status())
    };
    assert_eq!(rejected("completed", RejectIf::NotOpen).await, Some(WorkflowExecutionStatus::Completed));
    assert_eq!(
        rejected("terminated", RejectIf::NotCompletedCleanly).await,
        Some(WorkflowExecutionStatus::Terminated)
    );
    let client = bare.clone();
    let clean = tokio::spawn(async move { client.query("completed", RejectIf::NotCompletedCleanly).await });
    bare.answer_query(&bare.poll(QUEUE).await).await;
    answered(clean).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_nobody_could_answer_fail_at_once() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("ended").await;
    let buffered = ask(&bare, "ended");
    tokio::task::yield_now().await;
    bare.terminate("ended").await;
    let never_ran = "FailedPrecondition [WorkflowNotReadyFailure] Workflow execution closed before WorkflowTaskStarted event";
    let refused = buffered.await.expect("it ends").expect_err("no task will ever carry it");
    assert_eq!(refusal(&refused), never_ran);
    let refused = bare.query("ended", RejectIf::None).await.expect_err("it never ran");
    assert_eq!(refusal(&refused), never_ran);

    bare.start("failing").await;
    for _ in 0..2 {
        // Of the ended workflow an offer may be left, which is not handed out.
        let task = bare.poll(QUEUE).await;
        bare.fail(&task).await.expect("it is the task");
    }
    let refused = bare.query("failing", RejectIf::None).await.expect_err("its tasks fail");
    expect!["FailedPrecondition [WorkflowNotReadyFailure] Unable to query workflow due to Workflow Task in failed state."]
        .assert_eq(&refusal(&refused));
    let refused = bare.update(update_request("failing", "u", Stage::Completed)).await;
    expect!["FailedPrecondition [WorkflowNotReadyFailure] Unable to perform workflow execution update due to Workflow Task in failed state."]
        .assert_eq(&told(refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_rides_on_a_speculative_task_and_is_answered_when_that_is_forgotten() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default()).await;
    let updating = bare.ask(update_request("w", "u", Stage::Completed));
    while bare.poll_update("w", "u", Stage::Unspecified).await.is_err() {
        tokio::task::yield_now().await;
    }
    let worker = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let task = bare.poll(QUEUE).await;
        let answers = keys(&task.queries);
        let in_time = !answers.is_empty();
        bare.reply(&task, Reply { answers, ..Reply::default().rejects("u") }).await.expect("it is the task");
        if !in_time {
            bare.answer_query(&bare.poll(QUEUE).await).await;
        }
    };
    let (answer, ()) = tokio::join!(bare.query("w", RejectIf::None), worker);
    answer.expect("it is answered");
    assert_eq!(told(updating.await.expect("it ends")), "Completed: no");
    assert_eq!(bare.history("w").await.lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_leaves_a_sticky_queue_that_nobody_polls() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default().sticky(STICKY)).await;
    bare.signal("w").await.expect("it is open");
    let task = bare.poll(QUEUE).await;
    assert_eq!(task.history.clone().unwrap_or_default().events.len(), 7, "the whole history");
    bare.reply(&task, Reply::default().sticky(STICKY)).await.expect("it is the task");

    bare.reset_stickiness("w").await;
    bare.signal("w").await.expect("it is open");
    let task = bare.poll(QUEUE).await;
    assert_eq!(task.history.clone().unwrap_or_default().events.len(), 11, "the whole history again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_attempt_brings_events_that_are_not_in_the_history() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let task = bare.poll(QUEUE).await;
    bare.fail(&task).await.expect("it is the task");
    let task = bare.poll(QUEUE).await;
    assert_eq!(task.attempt, 2);
    expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled
        3 workflow_task_started
        4 workflow_task_failed
        5 workflow_task_scheduled
        6 workflow_task_started"#]]
    .assert_eq(&lines(&task.history.clone().unwrap_or_default()));
    assert_eq!(bare.history("w").await.lines().count(), 4);
    bare.fail(&task).await.expect("a second failure is taken, and leaves no event");
    assert_eq!(bare.history("w").await.lines().count(), 4);
}

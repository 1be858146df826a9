//! Resetting workflows: what is kept, what is put to the new run again, and what is not.

use crate::script::{Act, Acts, Close, Script, ScriptRun, Step, Then, worker_with};
use crate::world::{Handle, QUEUE, World, events, result};
use temporalio_client::tonic::IntoRequest;
use temporalio_client::{
    WorkflowFetchHistoryOptions, WorkflowSignalOptions, WorkflowTerminateOptions, grpc::WorkflowService,
};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::{ResetReapplyExcludeType, WorkflowTaskFailedCause};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::ResetWorkflowExecutionRequest;

fn subject(world: &World) -> Handle {
    world.client.get_workflow_handle::<ScriptRun>("subject")
}

async fn tell(handle: &Handle, word: &str) {
    handle.signal(Script::tell, word.into(), WorkflowSignalOptions::default()).await.expect("it is taken");
}

fn request(finish: i64) -> ResetWorkflowExecutionRequest {
    ResetWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: Some(WorkflowExecution { workflow_id: "subject".into(), run_id: String::new() }),
        reason: "once more".into(),
        workflow_task_finish_event_id: finish,
        request_id: format!("reset to {finish}"),
        ..Default::default()
    }
}

async fn reset(world: &World, request: ResetWorkflowExecutionRequest) -> Result<String, String> {
    let mut client = world.client.clone();
    let reset = client.reset_workflow_execution(request.into_request()).await;
    reset.map(|answer| answer.into_inner().run_id).map_err(|status| status.message().to_owned())
}

/// The id of the n-th event of a type, from 1.
async fn nth(handle: &Handle, name: &str, n: usize) -> i64 {
    let events = events(handle).await;
    let found = events.iter().enumerate().filter(|(_, event)| *event == name).nth(n - 1);
    let Some((index, _)) = found else { panic!("no {name} in {events:?}") };
    index as i64 + 1
}

async fn until(handle: &Handle, name: &str) {
    while !events(handle).await.iter().any(|event| event == name) {
        tokio::task::yield_now().await;
    }
}

fn act(key: &str) -> Step {
    Step::Activity(Act { key: key.into(), ..Act::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_decides_anew_and_signals_come_again() {
    let world = World::new().await;
    let acts = Acts::default();
    let steps = [act("a"), Step::Signals(1), act("b"), Step::Signals(2)];
    let first = world.start("subject", &steps).await;
    world
        .work(worker_with(QUEUE, acts.clone()), async {
            tell(&first, "one").await;
            while acts.runs.lock().expect("not poisoned").get("b").is_none() {
                tokio::task::yield_now().await;
            }
            let finish = nth(&first, "workflow_task_completed", 1).await;
            let run_id = reset(&world, request(finish)).await.expect("it is reset");
            assert_eq!(reset(&world, request(finish)).await, Ok(run_id.clone()), "once per request id");
            let current = subject(&world);
            tell(&current, "two").await;
            let said = result(&current).await;
            assert!(said.ends_with("told one\ntold two"), "{said}");

            let history = current.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await;
            let history = history.expect("a history");
            let failed = history.iter().find_map(|event| match &event.attributes {
                Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => Some(failed.clone()),
                _ => None,
            });
            let failed = failed.expect("the task that was reset");
            assert_eq!(failed.cause(), WorkflowTaskFailedCause::ResetWorkflow);
            assert_eq!(Some(failed.base_run_id.as_str()), first.run_id());
            assert_eq!(failed.new_run_id, run_id);
            assert_eq!(failed.failure.expect("a reason").message, "once more");
            let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &history[0].attributes
            else {
                panic!("{history:?}")
            };
            assert_eq!(Some(started.first_execution_run_id.as_str()), first.run_id());
        })
        .await;
    let runs = acts.runs.lock().expect("not poisoned").clone();
    assert_eq!((runs["a"], runs["b"]), (2, 2), "what was decided after the reset point is done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_run_is_reset_and_signals_may_be_left_out() {
    let world = World::new().await;
    let acts = Acts::default();
    let first = world.start("subject", &[act("a"), Step::Signals(1)]).await;
    world
        .work(worker_with(QUEUE, acts.clone()), async {
            tell(&first, "one").await;
            assert!(result(&first).await.ends_with("told one"));
            let finish = nth(&first, "workflow_task_completed", 1).await;
            let exclude = vec![ResetReapplyExcludeType::Signal as i32];
            reset(
                &world,
                ResetWorkflowExecutionRequest { reset_reapply_exclude_types: exclude, ..request(finish) },
            )
            .await
            .expect("it is reset");
            tell(&subject(&world), "other").await;
            assert!(result(&subject(&world)).await.ends_with("told other"));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_that_runs_is_kept_and_reports_to_the_new_run() {
    let world = World::new().await;
    let child = Step::Child {
        id: "child".into(),
        steps: vec![Step::Signals(1)],
        close: Close::Terminate,
        then: Then::Await,
    };
    let first = world.start("subject", &[child]).await;
    world
        .work(worker_with(QUEUE, Acts::default()), async {
            until(&first, "child_workflow_execution_started").await;
            while events(&first).await.iter().filter(|event| *event == "workflow_task_completed").count() < 2
            {
                tokio::task::yield_now().await;
            }
            let finish = nth(&first, "workflow_task_completed", 2).await;
            reset(&world, request(finish)).await.expect("it is reset");
            let child = world.client.get_workflow_handle::<ScriptRun>("child");
            tell(&child, "go on").await;
            assert_eq!(result(&subject(&world)).await, "child said [\"1 signals\", \"told go on\"]");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_survives_a_restart() {
    let mut world = World::new().await;
    let first = world.start("subject", &[Step::Timer(1), Step::Signals(1)]).await;
    world
        .work(worker_with(QUEUE, Acts::default()), async {
            until(&first, "timer_fired").await;
            tell(&first, "kept").await;
            let finish = nth(&first, "workflow_task_completed", 1).await;
            reset(&world, request(finish)).await.expect("it is reset");
        })
        .await;
    world.engine.shutdown().await;
    world.reopen().await;
    let said =
        world.work(worker_with(QUEUE, Acts::default()), async { result(&subject(&world)).await }).await;
    assert_eq!(said, "slept\n1 signals\ntold kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reset() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::UntilCancelled]).await;
    for (finish, said) in [
        (1, "Workflow task finish ID must be > 1"),
        (99, "Workflow task finish ID must be > 1"),
        (2, "Can only reset workflow to event ID in range"),
    ] {
        let refused = reset(&world, request(finish)).await.expect_err("it is refused");
        assert!(refused.contains(said), "{finish}: {refused}");
    }
    assert_eq!(events(&handle).await.len(), 2, "nothing has changed");
    handle.terminate(WorkflowTerminateOptions::default()).await.expect("it still runs");
}

//! What the engine writes is what the SDK's replayer reads: a history of every kind fits the code that made it.

use crate::script::{Act, Close, Does, Script, Step, Then, worker};
use crate::world::{Handle, QUEUE, World, result};
use futures::TryStreamExt as _;
use temporalio_client::grpc::WorkflowService as _;
use temporalio_client::tonic::IntoRequest as _;
use temporalio_client::{
    WorkflowExecuteUpdateOptions, WorkflowListOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::RetryPolicy;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::history::v1::{
    History, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryRequest;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

fn act(does: Does) -> Act {
    Act { does, key: "a".into(), ..Act::default() }
}

fn child(id: &str, steps: &[Step], then: Then) -> Step {
    Step::Child { id: id.into(), steps: steps.to_vec(), close: Close::Cancel, then }
}

/// Scripts that end by themselves, and between them have every kind of event.
fn scripts() -> Vec<(&'static str, Vec<Step>)> {
    let beating = Act { heartbeat_ms: Some(1_000), ..act(Does::Beat) };
    let nobody = Act { schedule_to_start_ms: Some(50), queue: Some("nobody".into()), ..act(Does::Answer) };
    let hanging = Act { attempts: 1, start_to_close_ms: Some(50), ..act(Does::Hang) };
    vec![
        (
            "activities",
            vec![
                Step::Activity(act(Does::FailUntil(3))),
                Step::Activity(act(Does::FailFinally)),
                Step::Activity(nobody),
                Step::Activity(hanging),
                Step::CancelActivity(beating),
                Step::Parallel(20),
            ],
        ),
        ("markers", vec![Step::Local, Step::Patch("p".into()), Step::Local, Step::Timer(1), Step::Local]),
        ("timers", vec![Step::Timer(5), Step::CancelTimer, Step::Timer(1)]),
        ("attributes", vec![Step::Upsert, Step::Memo, Step::Timer(1), Step::Upsert]),
        (
            "family",
            vec![
                child("good", &[Step::Timer(1)], Then::Await),
                child("bad", &[Step::Fail("broken".into())], Then::Await),
                child("gone", &[Step::UntilCancelled], Then::Cancel),
                child("left", &[Step::UntilCancelled], Then::Leave),
                child("left", &[], Then::Await),
                Step::SignalOther("left".into()),
                Step::SignalOther("nobody".into()),
                Step::CancelOther("left".into()),
                Step::CancelOther("nobody".into()),
            ],
        ),
        ("again", vec![Step::Timer(1), Step::ContinueAsNew(vec![Step::Activity(act(Does::Answer))])]),
        ("failing", vec![Step::Activity(act(Does::Answer)), Step::Fail("broken".into())]),
    ]
}

/// What two clients ask of one workflow at once: its history's order is the engine's choice.
async fn bother(handle: &Handle) {
    let signals = async {
        for number in 0..20 {
            let word = number.to_string();
            let sent = handle.signal(Script::tell, word, WorkflowSignalOptions::default()).await;
            sent.expect("the signal is taken");
        }
    };
    let updates = async {
        for number in 0..20 {
            let options = WorkflowExecuteUpdateOptions::default();
            let pushed = handle.execute_update(Script::push, number.to_string(), options).await;
            pushed.expect("the update is answered");
        }
    };
    tokio::join!(signals, updates);
}

/// A run's history; with an empty run id, the latest run's.
async fn history(world: &World, workflow_id: &str, run_id: &str) -> History {
    let mut events = Vec::new();
    let mut request = GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: Some(WorkflowExecution { workflow_id: workflow_id.into(), run_id: run_id.into() }),
        ..Default::default()
    };
    loop {
        let page = world.client.clone().get_workflow_execution_history(request.clone().into_request()).await;
        let page = page.expect("a history").into_inner();
        events.extend(page.history.unwrap_or_default().events);
        if page.next_page_token.is_empty() {
            return History { events };
        }
        request.next_page_token = page.next_page_token;
    }
}

/// The histories of all runs there are.
async fn histories(world: &World) -> Vec<History> {
    let runs = world.client.list_workflows("", WorkflowListOptions::default());
    let runs: Vec<_> = runs.try_collect().await.expect("a list");
    let mut histories = Vec::new();
    for run in &runs {
        histories.push(history(world, run.id(), run.run_id()).await);
    }
    histories
}

fn started(history: &mut History) -> &mut WorkflowExecutionStartedEventAttributes {
    match history.events[0].attributes.as_mut() {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
        other => panic!("the first event is no start: {other:?}"),
    }
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new().register_workflow::<Script>().expect("it registers").build();
    WorkflowReplayer::new(options).expect("a replayer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_history_replays() {
    let world = World::new().await;
    world
        .work(worker(QUEUE), async {
            let bothered = world.start("bothered", &[Step::Words(20), Step::Signals(20)]).await;
            bother(&bothered).await;
            result(&bothered).await;
            for (id, steps) in scripts() {
                let retries = RetryPolicy::builder().maximum_attempts(if id == "failing" { 2 } else { 1 });
                let options = WorkflowStartOptions::new(QUEUE, id).retry_policy(retries.build()).build();
                result(&world.start_with(options, &steps).await).await;
            }
        })
        .await;
    let histories = histories(&world).await;
    // One of each script, five children less the one whose id was taken, a second run of two.
    assert_eq!(histories.len(), 1 + scripts().len() + 4 + 2);
    let replayed = replayer().replay_workflows(histories.into_iter().map(Into::into)).await;
    for replay in replayed.expect("the replayer runs") {
        assert_eq!(replay.replay_failure, None, "{:?}", replay.history.workflow_id());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_of_something_else_does_not() {
    let world = World::new().await;
    world
        .work(worker(QUEUE), async {
            result(&world.start("timer", &[Step::Timer(1)]).await).await;
            result(&world.start("activity", &[Step::Activity(act(Does::Answer))]).await).await;
        })
        .await;
    // The one's events with the other's input.
    let mut mixed = history(&world, "timer", "").await;
    let mut other = history(&world, "activity", "").await;
    started(&mut mixed).input = started(&mut other).input.take();
    let refused = replayer().replay_workflow(mixed.into()).await.expect_err("a timer is no activity");
    assert!(refused.to_string().contains("nondeterministic"), "{refused}");
}

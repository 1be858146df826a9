//! Pausing, unpausing and resetting activities, and changing their options.

use crate::script::{Act, Acts, Does, Step, worker_with};
use crate::world::{Handle, QUEUE, World, result};
use temporalio_client::WorkflowDescribeOptions;
use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::{Code, IntoRequest};
use temporalio_common::protos::temporal::api::activity::v1::ActivityOptions;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState as State;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1 as ws;

fn execution() -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: "subject".into(), run_id: String::new() })
}

async fn pending(handle: &Handle) -> Option<PendingActivityInfo> {
    let description = handle.describe(WorkflowDescribeOptions::default()).await.expect("a description");
    description.raw().pending_activities.first().cloned()
}

async fn until(handle: &Handle, holds: impl Fn(&PendingActivityInfo) -> bool) -> PendingActivityInfo {
    loop {
        if let Some(activity) = pending(handle).await.filter(&holds) {
            return activity;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn all_attempts(until: u32) -> Step {
    Step::Activity(Act { does: Does::FailUntil(until), key: "a".into(), ..Act::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_activity_is_not_tried_until_it_goes_on() {
    let world = World::new().await;
    let acts = Acts::default();
    world
        .work(worker_with(QUEUE, acts.clone()), async {
            let handle = world.start("subject", &[all_attempts(1_000)]).await;
            let activity = until(&handle, |activity| activity.attempt >= 2).await;
            let mut client = world.client.clone();
            let pause = |request_id: &str| ws::PauseActivityRequest {
                namespace: "default".into(),
                execution: execution(),
                identity: "me".into(),
                reason: "wait".into(),
                request_id: request_id.into(),
                activity: Some(ws::pause_activity_request::Activity::Id(activity.activity_id.clone())),
            };
            client.pause_activity(pause("one").into_request()).await.expect("it is paused");
            client.pause_activity(pause("one").into_request()).await.expect("the same request");
            let twice = client.pause_activity(pause("two").into_request()).await.expect_err("it is paused");
            assert_eq!(twice.code(), Code::FailedPrecondition);
            let paused = until(&handle, |activity| activity.state() == State::Paused).await;
            assert!(
                paused.paused && paused.pause_info.is_some() && paused.next_attempt_schedule_time.is_none()
            );
            let tried = acts.runs.lock().expect("not poisoned")["a"];
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert_eq!(acts.runs.lock().expect("not poisoned")["a"], tried, "nobody tries it");

            let unpause = ws::UnpauseActivityRequest {
                namespace: "default".into(),
                execution: execution(),
                reset_attempts: true,
                activity: Some(ws::unpause_activity_request::Activity::UnpauseAll(true)),
                ..Default::default()
            };
            client.unpause_activity(unpause.into_request()).await.expect("it goes on");
            until(&handle, |activity| !activity.paused).await;
            while acts.runs.lock().expect("not poisoned")["a"] < tried + 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_are_changed_and_restored() {
    let world = World::new().await;
    world
        .work(worker_with(QUEUE, Acts::default()), async {
            let act = Act { queue: Some("nobody".into()), key: "a".into(), ..Act::default() };
            let handle = world.start("subject", &[Step::Activity(act)]).await;
            until(&handle, |_| true).await;
            let mut client = world.client.clone();
            let change =
                |queue: &str, paths: &[&str], restore_original: bool| ws::UpdateActivityOptionsRequest {
                    namespace: "default".into(),
                    execution: execution(),
                    activity_options: Some(ActivityOptions {
                        task_queue: Some(TaskQueue { name: queue.into(), ..Default::default() }),
                        heartbeat_timeout: Some(prost_wkt_types::Duration { seconds: 7, nanos: 0 }),
                        ..Default::default()
                    }),
                    update_mask: Some(prost_wkt_types::FieldMask {
                        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
                    }),
                    restore_original,
                    activity: Some(ws::update_activity_options_request::Activity::MatchAll(true)),
                    ..Default::default()
                };
            let seconds =
                |options: &ActivityOptions| options.heartbeat_timeout.map_or(0, |timeout| timeout.seconds);
            let changed =
                client.update_activity_options(change("", &["heartbeatTimeout"], false).into_request());
            let changed =
                changed.await.expect("it is changed").into_inner().activity_options.expect("options");
            assert_eq!(seconds(&changed), 7);
            let restored = client.update_activity_options(change("", &[], true).into_request());
            let restored =
                restored.await.expect("it is restored").into_inner().activity_options.expect("options");
            assert_eq!(seconds(&restored), 0);
            let bad = client.update_activity_options(change("", &["colour"], false).into_request()).await;
            assert_eq!(bad.expect_err("there is no such field").code(), Code::InvalidArgument);
            client
                .update_activity_options(change(QUEUE, &["taskQueue.name"], false).into_request())
                .await
                .expect("it goes where workers are");
            assert_eq!(result(&handle).await, "done a");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_begin_anew() {
    let world = World::new().await;
    world
        .work(worker_with(QUEUE, Acts::default()), async {
            let handle = world.start("subject", &[all_attempts(1_000)]).await;
            let activity = until(&handle, |activity| activity.attempt >= 4).await;
            let mut client = world.client.clone();
            let reset = ws::ResetActivityRequest {
                namespace: "default".into(),
                execution: execution(),
                activity: Some(ws::reset_activity_request::Activity::Id(activity.activity_id)),
                ..Default::default()
            };
            client.reset_activity(reset.into_request()).await.expect("it is reset");
            until(&handle, |activity| activity.attempt < 4).await;
        })
        .await;
}

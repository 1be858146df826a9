//! Activities: success, failure, retry, timeouts, heartbeats, cancellation.

use crate::script::{Act, Does, Step, worker};
use crate::world::{Handle, QUEUE, World};
use expect_test::{Expect, expect};
use temporalio_client::WorkflowFetchHistoryOptions;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

async fn check(steps: &[Step], expected: Expect) {
    let world = World::new().await;
    let outcome = world.work(worker(QUEUE), world.run("subject", steps)).await;
    world.engine.shutdown().await;
    expected.assert_eq(&outcome);
}

fn act(does: Does) -> Act {
    Act { does, key: "a".into(), ..Act::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn success() {
    check(
        &[Step::Activity(act(Does::Answer))],
        expect![[r#"
            done a
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_completed
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once() {
    let world = World::new().await;
    let result = world.work(worker(QUEUE), async {
        let handle = world.start("subject", &[Step::Parallel(50)]).await;
        crate::world::result(&handle).await
    });
    assert_eq!(result.await, "50 done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_leave_no_events() {
    check(
        &[Step::Activity(act(Does::FailUntil(3)))],
        expect![[r#"
            done at attempt 3
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_completed
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_run_out() {
    let act = Act { attempts: 2, ..act(Does::FailUntil(9)) };
    check(
        &[Step::Activity(act)],
        expect![[r#"
            failed: attempt 2
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_failed
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_final_failure_is_not_retried() {
    check(
        &[Step::Activity(act(Does::FailFinally))],
        expect![[r#"
            failed: for good
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_failed
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_to_close_timeout() {
    let act = Act { attempts: 1, start_to_close_ms: Some(100), ..act(Does::Hang) };
    check(
        &[Step::Activity(act)],
        expect![[r#"
            failed: activity StartToClose timeout
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_timed_out
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedule_to_start_timeout() {
    let act = Act { schedule_to_start_ms: Some(100), queue: Some("nobody".into()), ..act(Does::Answer) };
    check(
        &[Step::Activity(act)],
        expect![[r#"
            failed: activity ScheduleToStart timeout
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_timed_out
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedule_to_close_timeout_tells_the_last_failure() {
    let act = Act { schedule_to_close_ms: Some(150), ..act(Does::FailUntil(99)) };
    let world = World::new().await;
    let outcome = world.work(worker(QUEUE), world.run("subject", &[Step::Activity(act)])).await;
    assert!(outcome.starts_with("failed: ") && outcome.contains("attempt "), "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_time_ran_out_and_why_there_is_no_other_attempt() {
    let world = World::new().await;
    let nobody = Some("nobody".to_owned());
    let cases = [
        (
            Act { attempts: 1, start_to_close_ms: Some(100), ..act(Does::Hang) },
            "StartToClose: MaximumAttemptsReached",
        ),
        (
            Act { attempts: 1, heartbeat_ms: Some(100), ..act(Does::Hang) },
            "Heartbeat: MaximumAttemptsReached",
        ),
        (
            Act { attempts: 1, schedule_to_close_ms: Some(100), ..act(Does::Hang) },
            "ScheduleToClose: NonRetryableFailure",
        ),
        (
            Act { schedule_to_start_ms: Some(100), queue: nobody, ..act(Does::Answer) },
            "ScheduleToStart: NonRetryableFailure",
        ),
        // The next attempt would begin 10 ms after the first one's end, which is too late.
        (
            Act { heartbeat_ms: Some(200), schedule_to_close_ms: Some(205), ..act(Does::Hang) },
            "ScheduleToClose: Timeout",
        ),
    ];
    world
        .work(worker(QUEUE), async {
            for (number, (act, expected)) in cases.into_iter().enumerate() {
                let handle = world.start(&number.to_string(), &[Step::Activity(act)]).await;
                crate::world::result(&handle).await;
                assert_eq!(time_out(&handle).await, expected);
            }
        })
        .await;
}

/// What the history says of the activity that timed out.
async fn time_out(handle: &Handle) -> String {
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let events = history.into_events().await.expect("a history");
    let timed_out = events.iter().find_map(|event| match event.attributes.as_ref()? {
        Attributes::ActivityTaskTimedOutEventAttributes(timed_out) => Some(timed_out),
        _ => None,
    });
    let timed_out = timed_out.expect("an activity timed out");
    let failure = timed_out.failure.as_ref().expect("it has failed");
    match &failure.failure_info {
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            format!("{:?}: {:?}", info.timeout_type(), timed_out.retry_state())
        }
        other => panic!("no timeout: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_heartbeat_is_retried_from_the_last_details() {
    let act = Act { heartbeat_ms: Some(200), ..act(Does::Resume) };
    check(
        &[Step::Activity(act)],
        expect![[r#"
            resumed from Some("half way")
            --
            workflow_execution_started
            activity_task_scheduled
            activity_task_started
            activity_task_completed
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancellation_arrives_with_a_heartbeat() {
    let act = Act { heartbeat_ms: Some(1_000), ..act(Does::Beat) };
    check(
        &[Step::CancelActivity(act)],
        expect![[r#"
            cancelled
            --
            workflow_execution_started
            activity_task_scheduled
            timer_started
            timer_fired
            activity_task_cancel_requested
            activity_task_started
            activity_task_canceled
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_no_worker_has_is_cancelled_at_once() {
    let act = Act { queue: Some("nobody".into()), ..act(Does::Answer) };
    check(
        &[Step::CancelActivity(act)],
        expect![[r#"
            cancelled
            --
            workflow_execution_started
            activity_task_scheduled
            timer_started
            timer_fired
            activity_task_cancel_requested
            activity_task_canceled
            workflow_execution_completed"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_activities_and_patches_are_markers() {
    check(
        &[Step::Local, Step::Patch("p".into())],
        expect![[r#"
            done local
            patched true
            --
            workflow_execution_started
            marker_recorded
            marker_recorded
            upsert_workflow_search_attributes
            workflow_execution_completed"#]],
    )
    .await;
}

//! Schedules as a client sees them.

use crate::rpc::{Raw, duration};
use std::time::Duration;
use temporalio_common::protos::temporal::api::common::v1::{WorkflowExecution, WorkflowType};
use temporalio_common::protos::temporal::api::enums::v1::{ScheduleOverlapPolicy, WorkflowExecutionStatus};
use temporalio_common::protos::temporal::api::schedule::v1 as schedule;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1 as ws;
use tonic::{Code, Status};

fn hourly() -> schedule::ScheduleSpec {
    schedule::ScheduleSpec { cron_string: vec!["@hourly".into()], ..Default::default() }
}

fn every_second() -> schedule::ScheduleSpec {
    let interval = schedule::IntervalSpec { interval: duration(1), phase: None };
    schedule::ScheduleSpec { interval: vec![interval], ..Default::default() }
}

fn the_schedule(spec: schedule::ScheduleSpec, overlap: ScheduleOverlapPolicy) -> schedule::Schedule {
    let start = NewWorkflowExecutionInfo {
        workflow_id: "report".into(),
        workflow_type: Some(WorkflowType { name: "order".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        ..Default::default()
    };
    schedule::Schedule {
        spec: Some(spec),
        action: Some(schedule::ScheduleAction {
            action: Some(schedule::schedule_action::Action::StartWorkflow(start)),
        }),
        policies: Some(schedule::SchedulePolicies { overlap_policy: overlap as i32, ..Default::default() }),
        ..Default::default()
    }
}

async fn create(
    raw: &Raw,
    id: &str,
    schedule: schedule::Schedule,
) -> Result<ws::CreateScheduleResponse, Status> {
    let request = ws::CreateScheduleRequest {
        namespace: "default".into(),
        schedule_id: id.into(),
        schedule: Some(schedule),
        request_id: format!("create {id}"),
        ..Default::default()
    };
    raw.workflow("CreateSchedule", request).await
}

async fn describe(raw: &Raw, id: &str) -> Result<ws::DescribeScheduleResponse, Status> {
    let request = ws::DescribeScheduleRequest { namespace: "default".into(), schedule_id: id.into() };
    raw.workflow("DescribeSchedule", request).await
}

async fn patch(raw: &Raw, id: &str, patch: schedule::SchedulePatch) {
    let request = ws::PatchScheduleRequest {
        namespace: "default".into(),
        schedule_id: id.into(),
        patch: Some(patch),
        ..Default::default()
    };
    let _: ws::PatchScheduleResponse = raw.workflow("PatchSchedule", request).await.expect("it is patched");
}

fn trigger(overlap: ScheduleOverlapPolicy) -> schedule::SchedulePatch {
    schedule::SchedulePatch {
        trigger_immediately: Some(schedule::TriggerImmediatelyRequest {
            overlap_policy: overlap as i32,
            scheduled_time: None,
        }),
        ..Default::default()
    }
}

/// Waits until a schedule's information is as it should be.
async fn until(
    raw: &Raw,
    id: &str,
    holds: impl Fn(&schedule::ScheduleInfo) -> bool,
) -> schedule::ScheduleInfo {
    let wait = async {
        loop {
            let info = describe(raw, id).await.expect("it is there").info.expect("information");
            if holds(&info) {
                return info;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, wait).await.expect("it comes to be so")
}

async fn terminate(raw: &Raw, execution: WorkflowExecution) {
    let request = ws::TerminateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: Some(execution),
        ..Default::default()
    };
    let _: ws::TerminateWorkflowExecutionResponse =
        raw.workflow("TerminateWorkflowExecution", request).await.expect("it is terminated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_workflows_by_the_clock_named_after_their_time() {
    let raw = Raw::new().await;
    create(&raw, "s", the_schedule(every_second(), ScheduleOverlapPolicy::AllowAll)).await.expect("made");
    let info = until(&raw, "s", |info| info.action_count >= 2).await;
    let action = &info.recent_actions[0];
    let started = action.start_workflow_result.clone().expect("a workflow");
    assert!(started.workflow_id.starts_with("report-2") && started.workflow_id.ends_with('Z'), "{started:?}");
    let described = raw.describe(&started.workflow_id).await.expect("it runs");
    let attributes = described.workflow_execution_info.expect("information").search_attributes;
    let fields = attributes.expect("attributes").indexed_fields;
    assert_eq!(fields["TemporalScheduledById"].data, b"\"s\"");
    assert!(fields.contains_key("TemporalScheduledStartTime"));
    assert_eq!(info.future_action_times.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_starts_when_the_running_one_has_closed() {
    let raw = Raw::new().await;
    create(&raw, "s", the_schedule(hourly(), ScheduleOverlapPolicy::BufferAll)).await.expect("made");
    patch(&raw, "s", trigger(ScheduleOverlapPolicy::Unspecified)).await;
    until(&raw, "s", |info| info.action_count == 1).await;
    patch(&raw, "s", trigger(ScheduleOverlapPolicy::Unspecified)).await;
    let info = until(&raw, "s", |info| info.buffer_size == 1).await;
    terminate(&raw, info.running_workflows[0].clone()).await;
    let info = until(&raw, "s", |info| info.action_count == 2 && info.running_workflows.len() == 1).await;
    assert_eq!(info.recent_actions[0].start_workflow_status(), WorkflowExecutionStatus::Terminated);
    patch(&raw, "s", trigger(ScheduleOverlapPolicy::TerminateOther)).await;
    let info = until(&raw, "s", |info| info.action_count == 3).await;
    assert_eq!(info.recent_actions[1].start_workflow_status(), WorkflowExecutionStatus::Terminated);
    patch(&raw, "s", trigger(ScheduleOverlapPolicy::Skip)).await;
    until(&raw, "s", |info| info.overlap_skipped == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_starts_what_would_have_been() {
    let raw = Raw::new().await;
    let schedule = schedule::Schedule {
        state: Some(schedule::ScheduleState { paused: true, ..Default::default() }),
        ..the_schedule(hourly(), ScheduleOverlapPolicy::Skip)
    };
    create(&raw, "s", schedule).await.expect("made");
    let time = |seconds| Some(prost_wkt_types::Timestamp { seconds, nanos: 0 });
    let backfill = schedule::BackfillRequest {
        start_time: time(1_767_225_600),
        end_time: time(1_767_232_800),
        overlap_policy: ScheduleOverlapPolicy::AllowAll as i32,
    };
    patch(&raw, "s", schedule::SchedulePatch { backfill_request: vec![backfill], ..Default::default() })
        .await;
    let info = until(&raw, "s", |info| info.action_count == 3).await;
    let ids: Vec<_> = info
        .recent_actions
        .iter()
        .map(|action| action.start_workflow_result.clone().unwrap_or_default().workflow_id)
        .collect();
    assert_eq!(
        ids,
        ["report-2026-01-01T00:00:00Z", "report-2026-01-01T01:00:00Z", "report-2026-01-01T02:00:00Z"]
    );
    let request = ws::ListScheduleMatchingTimesRequest {
        namespace: "default".into(),
        schedule_id: "s".into(),
        start_time: time(1_767_225_600),
        end_time: time(1_767_232_800),
    };
    let matching: ws::ListScheduleMatchingTimesResponse =
        raw.workflow("ListScheduleMatchingTimes", request).await.expect("times");
    assert_eq!(matching.start_time.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_a_restart_and_starts_nothing_twice() {
    let raw = Raw::new().await;
    create(&raw, "s", the_schedule(every_second(), ScheduleOverlapPolicy::AllowAll)).await.expect("made");
    let before = until(&raw, "s", |info| info.action_count >= 1).await;
    let raw = raw.reopen(|options| options).await;
    let info = until(&raw, "s", |info| info.action_count > before.action_count + 1).await;
    let mut ids: Vec<_> = info
        .recent_actions
        .iter()
        .map(|action| action.start_workflow_result.clone().unwrap_or_default().workflow_id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "each time once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_closed_just_before_a_restart_is_noticed() {
    let raw = Raw::new().await;
    create(&raw, "s", the_schedule(hourly(), ScheduleOverlapPolicy::BufferOne)).await.expect("made");
    patch(&raw, "s", trigger(ScheduleOverlapPolicy::Unspecified)).await;
    let info = until(&raw, "s", |info| info.action_count == 1).await;
    terminate(&raw, info.running_workflows[0].clone()).await;
    let raw = raw.reopen(|options| options).await;
    until(&raw, "s", |info| info.running_workflows.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_listed_changed_paused_and_deleted() {
    let raw = Raw::new().await;
    let hourly = || the_schedule(hourly(), ScheduleOverlapPolicy::Skip);
    let made = create(&raw, "a", hourly()).await.expect("made");
    assert_eq!(create(&raw, "a", hourly()).await.expect("the same request"), made);
    let again = ws::CreateScheduleRequest {
        namespace: "default".into(),
        schedule_id: "a".into(),
        schedule: Some(hourly()),
        request_id: "another".into(),
        ..Default::default()
    };
    let refused = raw.workflow::<_, ws::CreateScheduleResponse>("CreateSchedule", again).await;
    assert_eq!(refused.expect_err("it exists").code(), Code::AlreadyExists);
    create(&raw, "b", hourly()).await.expect("made");
    patch(&raw, "b", schedule::SchedulePatch { pause: "lunch".into(), ..Default::default() }).await;

    let list = async |size: i32, query: &str, token: Vec<u8>| -> ws::ListSchedulesResponse {
        let request = ws::ListSchedulesRequest {
            namespace: "default".into(),
            maximum_page_size: size,
            query: query.into(),
            next_page_token: token,
        };
        raw.workflow("ListSchedules", request).await.expect("a list")
    };
    let page = list(1, "", Vec::new()).await;
    assert_eq!(page.schedules[0].schedule_id, "a");
    let page = list(1, "", page.next_page_token).await;
    let info = page.schedules[0].info.clone().expect("information");
    assert_eq!(
        (page.schedules[0].schedule_id.as_str(), info.paused, info.notes.as_str()),
        ("b", true, "lunch")
    );
    assert_eq!(list(0, "TemporalSchedulePaused = true", Vec::new()).await.schedules.len(), 1);

    let update = |token: Vec<u8>| ws::UpdateScheduleRequest {
        namespace: "default".into(),
        schedule_id: "a".into(),
        schedule: Some(the_schedule(every_second(), ScheduleOverlapPolicy::AllowAll)),
        conflict_token: token,
        ..Default::default()
    };
    let stale = raw.workflow::<_, ws::UpdateScheduleResponse>("UpdateSchedule", update(vec![9])).await;
    assert_eq!(stale.expect_err("it is stale").code(), Code::FailedPrecondition);
    let _: ws::UpdateScheduleResponse =
        raw.workflow("UpdateSchedule", update(made.conflict_token)).await.expect("it is changed");
    until(&raw, "a", |info| info.action_count >= 1).await;

    let request = ws::DeleteScheduleRequest {
        namespace: "default".into(),
        schedule_id: "a".into(),
        ..Default::default()
    };
    let _: ws::DeleteScheduleResponse = raw.workflow("DeleteSchedule", request).await.expect("it goes");
    assert_eq!(describe(&raw, "a").await.expect_err("it is gone").code(), Code::NotFound);
    let raw = raw.reopen(|options| options).await;
    assert_eq!(describe(&raw, "a").await.expect_err("it stays gone").code(), Code::NotFound);
    assert!(describe(&raw, "b").await.expect("it stays").schedule.expect("it").state.expect("one").paused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused() {
    let raw = Raw::new().await;
    let good = || the_schedule(hourly(), ScheduleOverlapPolicy::Skip);
    let bad_spec = schedule::ScheduleSpec { cron_string: vec!["now and then".into()], ..Default::default() };
    for schedule in
        [schedule::Schedule { action: None, ..good() }, schedule::Schedule { spec: Some(bad_spec), ..good() }]
    {
        let refused = create(&raw, "s", schedule).await.expect_err("it is refused");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    assert_eq!(create(&raw, "", good()).await.expect_err("no id").code(), Code::InvalidArgument);
    assert_eq!(describe(&raw, "s").await.expect_err("none").code(), Code::NotFound);
}

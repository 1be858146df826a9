//! Times, overlaps and what a schedule remembers, as tables.

use super::*;
use crate::kernel::Timestamp;
use crate::kernel::time::{SECOND, span_to_proto};
use crate::proto::enums::{ScheduleOverlapPolicy as Policy, WorkflowExecutionStatus as Status};
use crate::proto::{failure, schedule};
use schedule::{CalendarSpec, IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec};

fn at(text: &str) -> Timestamp {
    let seconds = text.parse::<jiff::Timestamp>().expect("a time").as_second();
    Timestamp(seconds * SECOND)
}

fn show(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(time.0.into()).expect("in range").to_string()
}

fn times(spec: &ScheduleSpec, after: &str, count: usize) -> String {
    let (spec, _) = Spec::parse(spec).expect("it reads");
    let mut after = at(after);
    let mut out = Vec::new();
    while let Some(next) = spec.next("seed", after).filter(|_| out.len() < count) {
        after = next.actual;
        out.push(show(next.actual));
    }
    out.join(" ")
}

fn cron(text: &str) -> ScheduleSpec {
    ScheduleSpec { cron_string: vec![text.into()], ..Default::default() }
}

fn every(interval: i64, phase: i64) -> ScheduleSpec {
    let interval =
        IntervalSpec { interval: span_to_proto(interval * SECOND), phase: span_to_proto(phase * SECOND) };
    ScheduleSpec { interval: vec![interval], ..Default::default() }
}

#[test]
fn the_next_times() {
    let new_year = "2026-01-01T00:00:00Z";
    let calendar = |hour: &str, day_of_week: &str| CalendarSpec {
        hour: hour.into(),
        day_of_week: day_of_week.into(),
        ..Default::default()
    };
    let table = [
        ("an interval with a phase", every(3_600, 300), "2026-01-01T00:05:00Z 2026-01-01T01:05:00Z"),
        ("cron with a phase", cron("@every 1h/5m"), "2026-01-01T00:05:00Z 2026-01-01T01:05:00Z"),
        (
            "cron with seconds and year",
            cron("30 0 12 * * * 2027"),
            "2027-01-01T12:00:30Z 2027-01-02T12:00:30Z",
        ),
        // In a schedule both days have to match, unlike in a workflow's cron schedule.
        ("both days", cron("0 0 13 * fri"), "2026-02-13T00:00:00Z 2026-03-13T00:00:00Z"),
        (
            "a calendar in its zone, less an exclusion",
            ScheduleSpec {
                calendar: vec![calendar("9", "mon-fri")],
                exclude_calendar: vec![CalendarSpec { day_of_month: "2".into(), ..calendar("*", "*") }],
                timezone_name: "Europe/Berlin".into(),
                ..Default::default()
            },
            "2026-01-01T08:00:00Z 2026-01-05T08:00:00Z",
        ),
        (
            "several at once, between start and end",
            ScheduleSpec {
                interval: every(7_200, 0).interval,
                cron_string: vec!["30 * * * *".into()],
                start_time: at("2026-01-01T01:30:00Z").to_proto(),
                end_time: at("2026-01-01T02:30:00Z").to_proto(),
                ..Default::default()
            },
            "2026-01-01T01:30:00Z 2026-01-01T02:00:00Z 2026-01-01T02:30:00Z",
        ),
        (
            "a structured calendar",
            ScheduleSpec {
                structured_calendar: vec![StructuredCalendarSpec {
                    second: vec![Range { start: 0, end: 59, step: 30 }],
                    minute: vec![Range::default()],
                    hour: vec![Range { start: 7, ..Default::default() }],
                    day_of_month: vec![Range { start: 1, end: 31, step: 1 }],
                    month: vec![Range { start: 1, end: 12, step: 1 }],
                    day_of_week: vec![Range { start: 0, end: 6, step: 1 }],
                    ..Default::default()
                }],
                ..Default::default()
            },
            "2026-01-01T07:00:00Z 2026-01-01T07:00:30Z 2026-01-02T07:00:00Z",
        ),
        ("nothing", ScheduleSpec::default(), ""),
    ];
    for (name, spec, expected) in table {
        let count = expected.split_whitespace().count().max(1);
        let count = if name.contains("start and end") { 9 } else { count };
        assert_eq!(times(&spec, new_year, count), expected, "{name}");
    }
}

#[test]
fn jitter_follows_from_the_seed_and_never_passes_the_next_time() {
    let spec = ScheduleSpec { jitter: span_to_proto(3_600 * SECOND), ..every(60, 0) };
    let (spec, _) = Spec::parse(&spec).expect("it reads");
    let mut after = at("2026-01-01T00:00:00Z");
    let mut moved = 0;
    for _ in 0..50 {
        let next = spec.next("seed", after).expect("it goes on");
        assert_eq!(Some(next), spec.next("seed", after));
        assert!(next.actual >= next.nominal && next.actual < next.nominal.plus(60 * SECOND));
        moved += i32::from(next.actual != next.nominal);
        after = next.actual.max(next.nominal);
    }
    assert!(moved > 40, "{moved} of 50 moved");
}

#[test]
fn what_does_not_read() {
    let table = [
        cron("* * *"),
        cron("TZ=Nowhere * * * * *"),
        every(0, 0),
        every(60, 60),
        ScheduleSpec { timezone_name: "Nowhere/At_All".into(), ..Default::default() },
        ScheduleSpec {
            cron_string: vec!["TZ=UTC 0 0 * * *".into(), "0 0 * * *".into()],
            ..Default::default()
        },
    ];
    for spec in table {
        assert!(Spec::parse(&spec).is_err(), "{spec:?}");
    }
}

fn record(policy: Policy) -> ScheduleRecord {
    let policies = schedule::SchedulePolicies { overlap_policy: policy as i32, ..Default::default() };
    let schedule =
        schedule::Schedule { spec: Some(every(60, 0)), policies: Some(policies), ..Default::default() };
    ScheduleRecord { schedule: Some(schedule), unique: "u".into(), ..ScheduleRecord::default() }
}

fn running(id: &str) -> Running {
    Running { workflow_id: id.into(), run_id: id.into(), overlapping: false }
}

/// Lets a schedule come to three times with or without a workflow running: how many starts there are, how
/// many wait, how many were skipped, and whether the running one is cancelled or terminated.
fn three(policy: Policy, is_running: bool) -> (usize, usize, i64, bool, bool) {
    let mut record = record(policy);
    let (spec, _) = Spec::parse(&every(60, 0)).expect("it reads");
    record.processed_until = 60 * SECOND;
    if is_running {
        record.running.push(running("a"));
    }
    record.advance(&spec, Timestamp(240 * SECOND));
    let plan = plan(&mut record);
    let skipped = record.info().overlap_skipped;
    (plan.starts.len(), record.buffer.len(), skipped, plan.cancel, plan.terminate)
}

#[test]
fn overlaps() {
    let table = [
        (Policy::Skip, false, (1, 0, 2, false, false)),
        (Policy::Skip, true, (0, 0, 3, false, false)),
        (Policy::BufferOne, false, (1, 1, 1, false, false)),
        (Policy::BufferOne, true, (0, 1, 2, false, false)),
        (Policy::BufferAll, false, (1, 2, 0, false, false)),
        (Policy::BufferAll, true, (0, 3, 0, false, false)),
        (Policy::CancelOther, false, (1, 0, 0, false, false)),
        (Policy::CancelOther, true, (0, 3, 0, true, false)),
        (Policy::TerminateOther, true, (0, 3, 0, false, true)),
        (Policy::AllowAll, true, (3, 0, 0, false, false)),
        (Policy::Unspecified, true, (0, 0, 3, false, false)),
    ];
    for (policy, is_running, expected) in table {
        assert_eq!(three(policy, is_running), expected, "{policy:?}, running: {is_running}");
    }
}

#[test]
fn what_is_late_is_made_up_for_within_the_catchup_window() {
    let mut record = record(Policy::AllowAll);
    let (spec, _) = Spec::parse(&every(60, 0)).expect("it reads");
    let policies = schedule::SchedulePolicies {
        catchup_window: span_to_proto(150 * SECOND),
        overlap_policy: Policy::AllowAll as i32,
        ..Default::default()
    };
    record.schedule.get_or_insert_default().policies = Some(policies);
    record.advance(&spec, Timestamp(600 * SECOND));
    assert_eq!((record.buffer.len(), record.info().missed_catchup_window), (3, 7));
    record.advance(&spec, Timestamp(600 * SECOND));
    assert_eq!(record.buffer.len(), 3, "once each");
}

#[test]
fn pauses_limits_and_manual_starts() {
    let mut record = record(Policy::AllowAll);
    let (spec, _) = Spec::parse(&every(60, 0)).expect("it reads");
    record.state().paused = true;
    record.advance(&spec, Timestamp(600 * SECOND));
    assert!(record.buffer.is_empty());
    assert_eq!(record.wake_at(&spec), Timestamp::NONE);
    let trigger = schedule::SchedulePatch {
        trigger_immediately: Some(schedule::TriggerImmediatelyRequest::default()),
        backfill_request: vec![schedule::BackfillRequest {
            start_time: Timestamp(60 * SECOND).to_proto(),
            end_time: Timestamp(180 * SECOND).to_proto(),
            overlap_policy: Policy::AllowAll as i32,
        }],
        ..Default::default()
    };
    patch(&mut record, trigger, Timestamp(601 * SECOND));
    record.advance(&spec, Timestamp(601 * SECOND));
    let ids: Vec<_> = plan(&mut record).starts.into_iter().map(|(start, _)| start.request_id).collect();
    assert_eq!(ids, ["u-1", "u-2", "u-3", "u-4"], "a trigger and a backfill that includes its bounds");

    record.state().paused = false;
    record.state().limited_actions = true;
    record.state().remaining_actions = 1;
    record.advance(&spec, Timestamp(720 * SECOND));
    assert_eq!(plan(&mut record).starts.len(), 1);
    assert_eq!(record.wake_at(&spec), Timestamp::NONE, "it has done what it may do");
}

#[test]
fn a_failure_pauses_and_results_are_passed_on() {
    let mut record = record(Policy::Skip);
    record.schedule.get_or_insert_default().policies =
        Some(schedule::SchedulePolicies { pause_on_failure: true, ..Default::default() });
    let start = Start { request_id: "u-1".into(), ..Start::default() };
    record.started(&start, false, running("a"), Timestamp(SECOND));
    let failure = failure::Failure { message: "no luck".into(), ..Default::default() };
    record.closed("a", Closed { status: Status::Failed as i32, result: None, failure: Some(failure) });
    assert!(record.is_paused() && record.running.is_empty());
    assert_eq!(record.state().notes, "paused due to workflow failure: a: no luck");
    assert_eq!(record.info().recent_actions[0].start_workflow_status(), Status::Failed);
    assert!(record.continued_failure.is_some());
}

//! How a schedule moves on: with time, when a person asks, and when a workflow it started has closed.

use super::{LARGEST_BUFFER, RECENT_ACTIONS, Running, ScheduleRecord, Spec};
use crate::kernel::Timestamp;
use crate::kernel::time::{SECOND, span};
use crate::proto::{common, enums, failure, schedule};
use enums::WorkflowExecutionStatus as Status;
use prost::Message;

/// The least of a catch-up window that may be asked for, nanoseconds.
const LEAST_CATCHUP: i64 = 10 * SECOND;

/// A start that was decided on.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Start {
    #[prost(int64, tag = "1")]
    pub nominal_time: i64,
    #[prost(int64, tag = "2")]
    pub actual_time: i64,
    #[prost(enumeration = "enums::ScheduleOverlapPolicy", tag = "3")]
    pub overlap_policy: i32,
    /// Asked for by a person: pauses and limits do not hold for it.
    #[prost(bool, tag = "4")]
    pub manual: bool,
    /// The request id of the start.
    #[prost(string, tag = "5")]
    pub request_id: String,
}

/// How a workflow that the schedule started has ended.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub status: i32,
    pub result: Option<common::Payloads>,
    pub failure: Option<failure::Failure>,
}

impl ScheduleRecord {
    fn buffer_start(&mut self, nominal: Timestamp, actual: Timestamp, overlap_policy: i32, manual: bool) {
        if self.buffer.len() >= LARGEST_BUFFER {
            self.info().buffer_dropped += 1;
            return;
        }
        self.starts += 1;
        // It follows from what is stored, so that after a crash the same start is asked for again.
        let request_id = format!("{}-{}", self.unique, self.starts);
        self.buffer.push(Start {
            nominal_time: nominal.0,
            actual_time: actual.0,
            overlap_policy,
            manual,
            request_id,
        });
    }

    /// Takes up every occurrence until now, and goes on with backfills as far as there is room.
    pub(crate) fn advance(&mut self, spec: &Spec, now: Timestamp) {
        let seed = self.seed();
        let mut after = Timestamp(self.processed_until);
        if self.may_act() {
            let catchup = span(self.policies().catchup_window.as_ref()).max(LEAST_CATCHUP);
            while let Some(next) = spec.next(&seed, after).filter(|next| next.actual <= now) {
                after = next.actual;
                if now.since(next.actual) > catchup {
                    self.info().missed_catchup_window += 1;
                } else {
                    self.buffer_start(next.nominal, next.actual, 0, false);
                }
            }
        }
        self.processed_until = self.processed_until.max(now.0);
        self.advance_backfills(spec, &seed);
    }

    fn advance_backfills(&mut self, spec: &Spec, seed: &str) {
        while let Some(mut backfill) = self.backfills.first().copied() {
            let end = Timestamp::from_proto(backfill.end_time.as_ref());
            let mut after = Timestamp::from_proto(backfill.start_time.as_ref());
            loop {
                let Some(next) = spec.next(seed, after).filter(|next| next.actual <= end) else {
                    self.backfills.remove(0);
                    break;
                };
                if self.buffer.len() >= LARGEST_BUFFER {
                    backfill.start_time = after.to_proto();
                    self.backfills[0] = backfill;
                    return;
                }
                after = next.actual;
                self.buffer_start(next.nominal, next.actual, backfill.overlap_policy, true);
            }
        }
    }

    fn may_act(&self) -> bool {
        let state = self.schedule.as_ref().and_then(|schedule| schedule.state.clone()).unwrap_or_default();
        !state.paused && (!state.limited_actions || state.remaining_actions > 0)
    }

    /// When it next needs the clock; [`Timestamp::NONE`] if it waits for a person or a workflow.
    pub(crate) fn wake_at(&self, spec: &Spec) -> Timestamp {
        if !self.may_act() {
            return Timestamp::NONE;
        }
        spec.next(&self.seed(), Timestamp(self.processed_until)).map_or(Timestamp::NONE, |next| next.actual)
    }

    /// The next times it acts.
    pub(crate) fn future(&self, spec: &Spec, now: Timestamp, count: usize) -> Vec<Timestamp> {
        let state = self.schedule.as_ref().and_then(|schedule| schedule.state.clone()).unwrap_or_default();
        let count = if state.limited_actions {
            count.min(usize::try_from(state.remaining_actions).unwrap_or_default())
        } else {
            count
        };
        let seed = self.seed();
        let mut after = now;
        let next = || {
            let next = spec.next(&seed, after)?;
            after = next.actual;
            Some(next.actual)
        };
        std::iter::from_fn(next).take(count).collect()
    }

    /// A start was made.
    pub(crate) fn started(&mut self, start: &Start, overlapping: bool, running: Running, at: Timestamp) {
        let info = self.info();
        info.action_count += 1;
        info.recent_actions.push(schedule::ScheduleActionResult {
            schedule_time: Timestamp(start.actual_time).to_proto(),
            actual_time: at.to_proto(),
            start_workflow_result: Some(common::WorkflowExecution {
                workflow_id: running.workflow_id.clone(),
                run_id: running.run_id.clone(),
            }),
            start_workflow_status: Status::Running as i32,
        });
        if info.recent_actions.len() > RECENT_ACTIONS {
            info.recent_actions.remove(0);
        }
        self.running.push(Running { overlapping, ..running });
    }

    /// A workflow that it started has closed.
    pub(crate) fn closed(&mut self, run_id: &str, closed: Closed) {
        let Some(place) = self.running.iter().position(|running| running.run_id == run_id) else { return };
        let was = self.running.remove(place);
        let recent = self.info().recent_actions.iter_mut().find(|action| {
            action.start_workflow_result.as_ref().is_some_and(|started| started.run_id == run_id)
        });
        if let Some(action) = recent {
            action.start_workflow_status = closed.status;
        }
        if was.overlapping {
            return;
        }
        let (id, failed) = (&was.workflow_id, closed.status == Status::Failed as i32);
        if self.policies().pause_on_failure
            && (failed || closed.status == Status::TimedOut as i32)
            && !self.is_paused()
        {
            let message = closed.failure.as_ref().map_or("", |failure| failure.message.as_str());
            let notes = if failed {
                format!("paused due to workflow failure: {id}: {message}")
            } else {
                format!("paused due to workflow timeout: {id}")
            };
            let state = self.state();
            state.paused = true;
            state.notes = notes;
            self.version += 1;
        }
        if closed.result.is_some() {
            self.last_completion_result = closed.result;
            self.continued_failure = None;
        } else if closed.failure.is_some() {
            self.continued_failure = closed.failure;
        }
    }
}

/// What a person asks of a schedule beside changing it.
pub(crate) fn patch(record: &mut ScheduleRecord, patch: schedule::SchedulePatch, now: Timestamp) {
    if let Some(trigger) = patch.trigger_immediately {
        let asked = Timestamp::from_proto(trigger.scheduled_time.as_ref());
        let at = if asked.is_set() { asked } else { now };
        record.buffer_start(at, at, trigger.overlap_policy, true);
    }
    for mut backfill in patch.backfill_request {
        if record.backfills.len() >= LARGEST_BUFFER {
            record.info().buffer_dropped += 1;
            continue;
        }
        // The start itself counts.
        let start = Timestamp::from_proto(backfill.start_time.as_ref()).plus(-1);
        backfill.start_time = start.to_proto();
        record.backfills.push(backfill);
    }
    for (paused, notes) in [(true, patch.pause), (false, patch.unpause)] {
        if !notes.is_empty() {
            let state = record.state();
            state.paused = paused;
            state.notes = notes;
            record.version += 1;
        }
    }
}

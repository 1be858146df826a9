//! A schedule as it is stored: what a client said, and how far it has come.

use crate::proto::{common, failure, schedule};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ScheduleRecord {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub schedule_id: String,
    /// What the client asked for, its spec in canonical form.
    #[prost(message, optional, tag = "3")]
    pub schedule: Option<schedule::Schedule>,
    #[prost(message, optional, tag = "4")]
    pub memo: Option<common::Memo>,
    #[prost(message, optional, tag = "5")]
    pub search_attributes: Option<common::SearchAttributes>,
    #[prost(string, tag = "6")]
    pub request_id: String,
    /// Counts, running workflows and recent actions.
    #[prost(message, optional, tag = "7")]
    pub info: Option<schedule::ScheduleInfo>,
    /// Times up to here are dealt with.
    #[prost(int64, tag = "8")]
    pub processed_until: i64,
    /// Starts that were decided on and not made, in order.
    #[prost(message, repeated, tag = "9")]
    pub buffer: Vec<super::Start>,
    /// Backfills that are not finished; their start moves on.
    #[prost(message, repeated, tag = "10")]
    pub backfills: Vec<schedule::BackfillRequest>,
    #[prost(message, repeated, tag = "11")]
    pub running: Vec<Running>,
    /// Counts changes of the schedule; its conflict token.
    #[prost(int64, tag = "12")]
    pub version: i64,
    /// Counts starts decided on: each gets a request id of its own, the same one after a crash.
    #[prost(int64, tag = "13")]
    pub starts: i64,
    #[prost(int64, tag = "14")]
    pub create_time: i64,
    #[prost(int64, tag = "15")]
    pub update_time: i64,
    #[prost(message, optional, tag = "16")]
    pub last_completion_result: Option<common::Payloads>,
    #[prost(message, optional, tag = "17")]
    pub continued_failure: Option<failure::Failure>,
    /// Drawn when it was created: a schedule that is made anew under the same id repeats no request id.
    #[prost(string, tag = "18")]
    pub unique: String,
}

/// A workflow that the schedule started and that has not closed, as far as it knows.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Running {
    #[prost(string, tag = "1")]
    pub workflow_id: String,
    /// The first run of its chain.
    #[prost(string, tag = "2")]
    pub run_id: String,
    /// It may overlap with others: they do not wait for it.
    #[prost(bool, tag = "3")]
    pub overlapping: bool,
}

impl ScheduleRecord {
    pub(crate) fn policies(&self) -> schedule::SchedulePolicies {
        super::completed(self.schedule.as_ref().and_then(|schedule| schedule.policies))
    }

    pub(crate) fn state(&mut self) -> &mut schedule::ScheduleState {
        self.schedule.get_or_insert_default().state.get_or_insert_default()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.schedule.as_ref().and_then(|schedule| schedule.state.as_ref()).is_some_and(|state| state.paused)
    }

    pub(crate) fn info(&mut self) -> &mut schedule::ScheduleInfo {
        self.info.get_or_insert_default()
    }

    /// Seeds what is random about it.
    pub(crate) fn seed(&self) -> String {
        format!("{}/{}", self.namespace, self.schedule_id)
    }
}

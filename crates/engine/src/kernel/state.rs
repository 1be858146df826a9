//! What the engine knows about one run, beside its history: everything a decision needs, nothing more.
//!
//! The small part that almost every transition changes is one record ([`RunCore`]); everything that can
//! be large or many is rows in a [`Table`], so that only changed rows are written. Inputs of activities
//! are not here at all: they are in the history.

use super::table::{Key, Row, Table};
use super::time::Timestamp;
use crate::proto::{common, enums, failure, history};
use prost::Message;

/// Version of the stored form of a run's state.
pub(crate) const STATE_VERSION: u32 = 1;

/// The part of a run's state that is rewritten on every transition.
#[derive(Clone, PartialEq, Message)]
#[expect(clippy::struct_excessive_bools, reason = "a stored record: independent facts, each with its tag")]
pub(crate) struct RunCore {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(string, tag = "3")]
    pub workflow_id: String,
    #[prost(string, tag = "4")]
    pub run_id: String,
    #[prost(string, tag = "5")]
    pub first_run_id: String,
    #[prost(string, tag = "6")]
    pub workflow_type: String,
    #[prost(string, tag = "7")]
    pub task_queue: String,
    #[prost(enumeration = "enums::WorkflowExecutionStatus", tag = "8")]
    pub status: i32,
    #[prost(int64, tag = "9")]
    pub start_time: i64,
    #[prost(int64, tag = "10")]
    pub close_time: i64,
    /// When the first workflow task may be scheduled; later than `start_time` after a delay or backoff.
    #[prost(int64, tag = "11")]
    pub execution_time: i64,
    #[prost(int64, tag = "12")]
    pub next_event_id: i64,
    #[prost(int64, tag = "13")]
    pub history_bytes: i64,
    #[prost(int64, tag = "14")]
    pub execution_deadline: i64,
    #[prost(int64, tag = "15")]
    pub run_deadline: i64,
    #[prost(int64, tag = "16")]
    pub workflow_task_timeout: i64,
    /// Set until the first workflow task is scheduled, if that has to wait.
    #[prost(int64, tag = "17")]
    pub start_backoff_until: i64,
    /// Whether a signal ends the wait: it does after a start delay, not after a retry's or cron's backoff.
    #[prost(bool, tag = "18")]
    pub start_backoff_breakable: bool,
    #[prost(bool, tag = "19")]
    pub cancel_requested: bool,
    #[prost(string, tag = "20")]
    pub cancel_request_id: String,
    #[prost(string, tag = "21")]
    pub sticky_queue: String,
    #[prost(int64, tag = "22")]
    pub sticky_timeout: i64,
    #[prost(message, optional, tag = "23")]
    pub workflow_task: Option<WorkflowTask>,
    /// Attempt of the current or next workflow task; above 1 the task is transient.
    #[prost(int32, tag = "24")]
    pub workflow_task_attempt: i32,
    /// The started event of the last workflow task that completed.
    #[prost(int64, tag = "25")]
    pub last_completed_started_event_id: i64,
    #[prost(message, optional, tag = "26")]
    pub parent: Option<Parent>,
    #[prost(string, tag = "27")]
    pub create_request_id: String,
    #[prost(int64, tag = "28")]
    pub state_transitions: i64,
    #[prost(int32, tag = "29")]
    pub run_attempt: i32,
    #[prost(message, optional, tag = "30")]
    pub root: Option<common::WorkflowExecution>,
    #[prost(string, tag = "31")]
    pub successor_run_id: String,
    /// The last workflow task tried to end the run and could not, because of something it had not seen.
    #[prost(bool, tag = "32")]
    pub close_attempted: bool,
    /// A child whose parent has not recorded its start yet: no workflow task before that.
    #[prost(bool, tag = "60")]
    pub awaits_parent: bool,
    /// Signals received so far.
    #[prost(int64, tag = "70")]
    pub signals: i64,
    /// The time of the latest event.
    #[prost(int64, tag = "71")]
    pub latest_event_time: i64,
    /// The run this one was reset to. What children report here is passed on to it.
    #[prost(string, tag = "61")]
    pub reset_run_id: String,
    /// The schedule that started the run, or the first of its chain.
    #[prost(string, tag = "62")]
    pub schedule_id: String,
}

impl RunCore {
    pub(crate) fn is_running(&self) -> bool {
        self.status == enums::WorkflowExecutionStatus::Running as i32
    }

    pub(crate) fn execution(&self) -> common::WorkflowExecution {
        common::WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() }
    }

    pub(crate) fn workflow_task_started(&self) -> bool {
        self.workflow_task.as_ref().is_some_and(|task| task.started_event_id != 0)
    }
}

/// The one workflow task a run can have outstanding.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WorkflowTask {
    #[prost(int64, tag = "1")]
    pub scheduled_event_id: i64,
    /// Zero until a worker took the task.
    #[prost(int64, tag = "2")]
    pub started_event_id: i64,
    #[prost(int32, tag = "3")]
    pub attempt: i32,
    #[prost(int64, tag = "4")]
    pub scheduled_time: i64,
    #[prost(int64, tag = "5")]
    pub started_time: i64,
    /// Start-to-close, nanoseconds.
    #[prost(int64, tag = "6")]
    pub timeout: i64,
    /// Drawn anew at each start: a token of an earlier start never fits a later one.
    #[prost(string, tag = "7")]
    pub nonce: String,
    /// The queue it waits on: the sticky one, or the run's own.
    #[prost(string, tag = "8")]
    pub queue: String,
    #[prost(bool, tag = "9")]
    pub sticky: bool,
    /// When a sticky task falls back to the normal queue; zero on the normal queue.
    #[prost(int64, tag = "10")]
    pub schedule_to_start_deadline: i64,
    #[prost(string, tag = "11")]
    pub identity: String,
    #[prost(int64, tag = "12")]
    pub history_bytes: i64,
    /// When the first of an unbroken row of heartbeats was scheduled.
    #[prost(int64, tag = "14")]
    pub original_scheduled_time: i64,
    /// Made for an update and in no history yet. Never stored: whatever is stored makes it ordinary first.
    #[prost(bool, tag = "15")]
    pub speculative: bool,
    #[prost(enumeration = "enums::SuggestContinueAsNewReason", repeated, tag = "16")]
    pub suggest_reasons: Vec<i32>,
}

/// Who started this run as a child.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Parent {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub execution: Option<common::WorkflowExecution>,
    #[prost(int64, tag = "3")]
    pub initiated_event_id: i64,
}

/// An activity that was scheduled and has not closed.
#[derive(Clone, PartialEq, Message)]
#[expect(clippy::struct_field_names, reason = "the protocol's own names")]
pub(crate) struct Activity {
    #[prost(int64, tag = "1")]
    pub scheduled_event_id: i64,
    #[prost(string, tag = "2")]
    pub activity_id: String,
    #[prost(string, tag = "3")]
    pub activity_type: String,
    #[prost(string, tag = "4")]
    pub task_queue: String,
    #[prost(int64, tag = "5")]
    pub schedule_to_close: i64,
    #[prost(int64, tag = "6")]
    pub schedule_to_start: i64,
    #[prost(int64, tag = "7")]
    pub start_to_close: i64,
    #[prost(int64, tag = "8")]
    pub heartbeat: i64,
    #[prost(message, optional, tag = "9")]
    pub retry_policy: Option<common::RetryPolicy>,
    #[prost(int64, tag = "10")]
    pub scheduled_time: i64,
    #[prost(int64, tag = "11")]
    pub attempt_scheduled_time: i64,
    #[prost(int32, tag = "12")]
    pub attempt: i32,
    /// Zero until a worker took this attempt.
    #[prost(int64, tag = "13")]
    pub started_time: i64,
    #[prost(string, tag = "14")]
    pub identity: String,
    #[prost(string, tag = "15")]
    pub nonce: String,
    #[prost(int64, tag = "16")]
    pub last_heartbeat_time: i64,
    #[prost(message, optional, tag = "17")]
    pub heartbeat_details: Option<common::Payloads>,
    /// The event that asked for cancellation; zero if none did.
    #[prost(int64, tag = "18")]
    pub cancel_requested_event_id: i64,
    #[prost(message, optional, tag = "19")]
    pub last_failure: Option<failure::Failure>,
    /// When the next attempt is offered; zero while one is offered or running.
    #[prost(int64, tag = "20")]
    pub backoff_until: i64,
    #[prost(int64, tag = "21")]
    pub last_attempt_close_time: i64,
    /// Set while a person keeps it from being offered.
    #[prost(message, optional, tag = "60")]
    pub pause: Option<Pause>,
    /// After the running attempt, attempts count from 1 again.
    #[prost(bool, tag = "61")]
    pub reset: bool,
    /// After the running attempt, what it reported with heartbeats is forgotten.
    #[prost(bool, tag = "62")]
    pub reset_heartbeat: bool,
    #[prost(message, optional, tag = "63")]
    pub priority: Option<common::Priority>,
}

/// Who paused an activity, when and why.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pause {
    #[prost(int64, tag = "1")]
    pub time: i64,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(string, tag = "3")]
    pub reason: String,
    #[prost(string, tag = "4")]
    pub request_id: String,
}

impl Activity {
    pub(crate) fn is_started(&self) -> bool {
        self.started_time != 0
    }

    /// Whether it waits for a worker right now.
    pub(crate) fn is_offered(&self) -> bool {
        self.started_time == 0 && self.backoff_until == 0 && self.pause.is_none()
    }
}

/// A timer the workflow started.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserTimer {
    #[prost(int64, tag = "1")]
    pub started_event_id: i64,
    #[prost(int64, tag = "2")]
    pub fires_at: i64,
}

/// A child workflow that was initiated and has not closed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Child {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    /// Zero until the start was recorded here; [`super::history::BUFFERED`] while that event is buffered.
    #[prost(int64, tag = "2")]
    pub started_event_id: i64,
    #[prost(string, tag = "3")]
    pub namespace: String,
    #[prost(string, tag = "4")]
    pub workflow_id: String,
    #[prost(string, tag = "5")]
    pub run_id: String,
    #[prost(string, tag = "6")]
    pub workflow_type: String,
    #[prost(enumeration = "enums::ParentClosePolicy", tag = "7")]
    pub parent_close_policy: i32,
    #[prost(message, optional, tag = "8")]
    pub header: Option<common::Header>,
    #[prost(string, tag = "9")]
    pub control: String,
}

/// A signal or a cancellation on its way to another workflow.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExternalRequest {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(message, optional, tag = "2")]
    pub execution: Option<common::WorkflowExecution>,
    #[prost(string, tag = "3")]
    pub control: String,
}

/// What a person attached to the run, and may change.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Annotations {
    #[prost(message, optional, tag = "1")]
    pub memo: Option<common::Memo>,
    #[prost(message, optional, tag = "2")]
    pub search_attributes: Option<common::SearchAttributes>,
    #[prost(message, optional, tag = "3")]
    pub user_metadata: Option<crate::proto::sdk::UserMetadata>,
}

/// A fact whose key says everything, such as the id of a request that was already applied.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Seen {}

impl Row for Activity {
    fn due(&self) -> Timestamp {
        super::activity::deadline(self)
    }
}

impl Row for UserTimer {
    fn due(&self) -> Timestamp {
        Timestamp(self.fires_at)
    }
}

impl Row for Child {}
impl Row for ExternalRequest {}
impl Row for Annotations {}
impl Row for Seen {}
impl Row for history::HistoryEvent {}
impl Row for history::WorkflowExecutionStartedEventAttributes {}

/// An update that the workflow accepted.
#[derive(Clone, PartialEq, Message)]
#[expect(clippy::struct_field_names, reason = "each is the id of an event of the history")]
pub(crate) struct Update {
    #[prost(int64, tag = "1")]
    pub accepted_event_id: i64,
    /// Zero until it completed.
    #[prost(int64, tag = "2")]
    pub completed_event_id: i64,
    /// Set if a reset admitted it by an event; then it is here also before it is accepted.
    #[prost(int64, tag = "3")]
    pub admitted_event_id: i64,
}

impl Update {
    /// Whether the workflow has accepted it and not completed it.
    pub(crate) fn is_accepted(&self) -> bool {
        self.accepted_event_id != 0 && self.completed_event_id == 0
    }
}

impl Row for Update {}

/// The kinds of rows beside [`RunCore`]; the numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum RowKind {
    Started = 1,
    Annotations = 2,
    Activity = 3,
    Timer = 4,
    Child = 5,
    ExternalSignal = 6,
    ExternalCancel = 7,
    Buffered = 8,
    SignalRequest = 9,
    Update = 20,
}

/// A row to store, or to delete where it has no body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowChange {
    pub kind: RowKind,
    pub key: String,
    pub body: Option<Vec<u8>>,
}

/// Everything known about one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct MutableState {
    pub core: RunCore,
    /// The attributes of the run's first event, under key 0: a retry starts again from them.
    pub started: Table<i64, history::WorkflowExecutionStartedEventAttributes>,
    /// Under key 0.
    pub annotations: Table<i64, Annotations>,
    pub activities: Table<i64, Activity>,
    pub timers: Table<String, UserTimer>,
    pub children: Table<i64, Child>,
    pub external_signals: Table<i64, ExternalRequest>,
    pub external_cancels: Table<i64, ExternalRequest>,
    /// Events that wait for the running workflow task to end, by arrival.
    pub buffered: Table<i64, history::HistoryEvent>,
    pub signal_requests: Table<String, Seen>,
    /// Updates that were accepted, by id.
    pub updates: Table<String, Update>,
    /// Updates that are not accepted yet, by arrival. Never stored: see [`super::update`].
    pub requested_updates: Vec<super::update::Requested>,
}

/// A stored row that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CorruptState {
    #[error("a stored message of a run does not decode")]
    Decode(#[from] prost::DecodeError),
    #[error("a stored row of a run has the unknown kind {0}")]
    Kind(i64),
    #[error("a stored row of a run has the malformed key {0:?}")]
    Key(String),
    #[error("the run's state has version {0}, this build knows version {STATE_VERSION}")]
    Version(u32),
}

impl MutableState {
    /// Rebuilds a run's state from its stored record and rows.
    pub(crate) fn restore(
        core: &[u8],
        rows: impl IntoIterator<Item = (i64, String, Vec<u8>)>,
    ) -> Result<Self, CorruptState> {
        let core = RunCore::decode(core)?;
        if core.version != STATE_VERSION {
            return Err(CorruptState::Version(core.version));
        }
        let mut state = Self { core, ..Self::default() };
        for (kind, key, body) in rows {
            state.restore_row(kind, &key, &body)?;
        }
        let admitted = state.updates.iter().filter(|(_, update)| update.accepted_event_id == 0);
        for id in admitted.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            super::update::restore_admitted(&mut state, id);
        }
        Ok(state)
    }

    fn restore_row(&mut self, kind: i64, key: &str, body: &[u8]) -> Result<(), CorruptState> {
        fn put<K: Key, V: Row + Message + Default>(
            table: &mut Table<K, V>,
            key: &str,
            body: &[u8],
        ) -> Result<(), CorruptState> {
            let parsed = K::from_text(key).ok_or_else(|| CorruptState::Key(key.to_owned()))?;
            table.restore(parsed, V::decode(body)?);
            Ok(())
        }
        match kind {
            k if k == RowKind::Started as i64 => put(&mut self.started, key, body),
            k if k == RowKind::Annotations as i64 => put(&mut self.annotations, key, body),
            k if k == RowKind::Activity as i64 => put(&mut self.activities, key, body),
            k if k == RowKind::Timer as i64 => put(&mut self.timers, key, body),
            k if k == RowKind::Child as i64 => put(&mut self.children, key, body),
            k if k == RowKind::ExternalSignal as i64 => put(&mut self.external_signals, key, body),
            k if k == RowKind::ExternalCancel as i64 => put(&mut self.external_cancels, key, body),
            k if k == RowKind::Buffered as i64 => put(&mut self.buffered, key, body),
            k if k == RowKind::SignalRequest as i64 => put(&mut self.signal_requests, key, body),
            k if k == RowKind::Update as i64 => put(&mut self.updates, key, body),
            other => Err(CorruptState::Kind(other)),
        }
    }

    /// The rows changed since the last call.
    pub(crate) fn take_row_changes(&mut self) -> Vec<RowChange> {
        fn changes<K: Key, V: Row + Message>(
            out: &mut Vec<RowChange>,
            kind: RowKind,
            table: &mut Table<K, V>,
        ) {
            out.extend(table.take_changes().into_iter().map(|(key, row)| RowChange {
                kind,
                key: key.to_text(),
                body: row.map(Message::encode_to_vec),
            }));
        }
        let mut out = Vec::new();
        changes(&mut out, RowKind::Started, &mut self.started);
        changes(&mut out, RowKind::Annotations, &mut self.annotations);
        changes(&mut out, RowKind::Activity, &mut self.activities);
        changes(&mut out, RowKind::Timer, &mut self.timers);
        changes(&mut out, RowKind::Child, &mut self.children);
        changes(&mut out, RowKind::ExternalSignal, &mut self.external_signals);
        changes(&mut out, RowKind::ExternalCancel, &mut self.external_cancels);
        changes(&mut out, RowKind::Buffered, &mut self.buffered);
        changes(&mut out, RowKind::SignalRequest, &mut self.signal_requests);
        changes(&mut out, RowKind::Update, &mut self.updates);
        out
    }

    /// When this run next needs the clock; [`Timestamp::NONE`] if it waits only for others.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        if !self.core.is_running() {
            return Timestamp::NONE;
        }
        let core = &self.core;
        let mut next = Timestamp(core.execution_deadline)
            .earliest(Timestamp(core.run_deadline))
            .earliest(Timestamp(core.start_backoff_until));
        if let Some(task) = &core.workflow_task {
            next = next.earliest(super::workflow_task::deadline(task));
        }
        next.earliest(self.activities.next_due()).earliest(self.timers.next_due())
    }

    pub(crate) fn started_attributes(&self) -> history::WorkflowExecutionStartedEventAttributes {
        self.started.get(&0).cloned().unwrap_or_default()
    }
}

//! What a transition asks of the shell.

use super::state::{MutableState, Parent};
use crate::proto::{common, enums, failure, history, update};
use prost::{Message, Oneof};

/// Everything that has to happen because of one transition. All of it is stored in one transaction with
/// the new state; tasks are offered to workers only once that transaction is durable.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Events to append, ids assigned.
    pub events: Vec<history::HistoryEvent>,
    pub tasks: Vec<Task>,
    pub transfers: Vec<Transfer>,
    /// Activities that were started at once, for the worker that asked to run them itself.
    pub eager_activities: Vec<i64>,
    /// The run that follows this one.
    pub successor: Option<Box<Successor>>,
    /// How far updates have come, for those who wait for them.
    pub updates: Vec<(String, Reached)>,
    /// Only memory has changed: there is nothing to store.
    pub volatile: bool,
}

impl Effects {
    /// Whether nothing outside of the run follows from it.
    pub(crate) fn concern_the_run_alone(&self) -> bool {
        let Self { events: _, tasks, transfers, eager_activities, successor, updates, volatile } = self;
        tasks.is_empty()
            && transfers.is_empty()
            && eager_activities.is_empty()
            && successor.is_none()
            && updates.is_empty()
            && !volatile
    }
}

/// How far an update has come.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on its way to whoever waits for it")]
pub(crate) enum Reached {
    Accepted,
    /// Also when it was rejected: then the outcome is the failure.
    Completed(update::Outcome),
    Aborted(super::update::Abort),
}

/// A new run, created by the transition that closed its predecessor.
#[derive(Debug)]
pub(crate) struct Successor {
    pub state: MutableState,
    pub effects: Effects,
}

/// Work to offer to the pollers of a task queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Workflow { queue: String, sticky: bool, scheduled_event_id: i64, attempt: i32 },
    Activity { queue: String, scheduled_event_id: i64, attempt: i32 },
}

/// Something one run asks of another. Stored with the transition that caused it, deleted with the one
/// that received it, so it happens exactly once.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transfer {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    /// Empty: whichever run is current.
    #[prost(string, tag = "3")]
    pub run_id: String,
    #[prost(message, optional, tag = "4")]
    pub source: Option<Source>,
    #[prost(oneof = "Request", tags = "5, 6, 7, 8, 9, 10, 11, 12")]
    pub request: Option<Request>,
}

/// The run that sent a transfer, and the event of its history that did.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Source {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub workflow_id: String,
    #[prost(string, tag = "3")]
    pub run_id: String,
    #[prost(int64, tag = "4")]
    pub initiated_event_id: i64,
    /// Whether the sender wants to hear how it went.
    #[prost(bool, tag = "5")]
    pub wants_reply: bool,
    /// Whether the receiver must be a child of the sender.
    #[prost(bool, tag = "6")]
    pub child_only: bool,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Request {
    #[prost(message, tag = "5")]
    StartChild(Box<StartChild>),
    #[prost(message, tag = "6")]
    Signal(Signal),
    #[prost(message, tag = "7")]
    Cancel(Cancel),
    #[prost(message, tag = "8")]
    Terminate(Terminate),
    #[prost(message, tag = "9")]
    ChildStarted(ChildStarted),
    #[prost(message, tag = "10")]
    ChildClosed(Box<ChildClosed>),
    #[prost(message, tag = "11")]
    Reply(Reply),
    #[prost(message, tag = "12")]
    BeginChild(BeginChild),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StartChild {
    /// The run id the child gets, drawn when it was initiated.
    #[prost(string, tag = "1")]
    pub run_id: String,
    #[prost(message, optional, tag = "2")]
    pub attributes: Option<history::StartChildWorkflowExecutionInitiatedEventAttributes>,
    #[prost(message, optional, tag = "3")]
    pub parent: Option<Parent>,
    #[prost(message, optional, tag = "4")]
    pub root: Option<common::WorkflowExecution>,
    #[prost(message, optional, tag = "5")]
    pub user_metadata: Option<crate::proto::sdk::UserMetadata>,
    /// The child may run already, started by the run that the sender was reset from.
    #[prost(bool, tag = "6")]
    pub reconnect: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Signal {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub input: Option<common::Payloads>,
    #[prost(message, optional, tag = "3")]
    pub header: Option<common::Header>,
    #[prost(string, tag = "4")]
    pub identity: String,
    /// A second signal with the same id changes nothing; empty means never the same.
    #[prost(string, tag = "5")]
    pub request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Cancel {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(string, tag = "3")]
    pub request_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Terminate {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub identity: String,
    #[prost(message, optional, tag = "3")]
    pub details: Option<common::Payloads>,
}

/// To the parent: how starting the child went.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChildStarted {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    /// Empty if it did not start.
    #[prost(string, tag = "2")]
    pub run_id: String,
    #[prost(enumeration = "enums::StartChildWorkflowExecutionFailedCause", tag = "3")]
    pub failed_cause: i32,
}

/// To the child: its parent has recorded the start (or is gone), so its first workflow task may be offered.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BeginChild {}

/// To the parent: the child's chain of runs has ended.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChildClosed {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    #[prost(enumeration = "enums::WorkflowExecutionStatus", tag = "2")]
    pub status: i32,
    /// Result of a completion, details of a cancellation.
    #[prost(message, optional, tag = "3")]
    pub payloads: Option<common::Payloads>,
    #[prost(message, optional, tag = "4")]
    pub failure: Option<failure::Failure>,
    #[prost(enumeration = "enums::RetryState", tag = "5")]
    pub retry_state: i32,
}

/// To the sender of a signal or cancellation: how it went.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reply {
    #[prost(int64, tag = "1")]
    pub initiated_event_id: i64,
    #[prost(bool, tag = "2")]
    pub is_signal: bool,
    /// Zero if it arrived, otherwise the protocol's cause.
    #[prost(int32, tag = "3")]
    pub failed_cause: i32,
}

impl Transfer {
    /// An answer to the sender of this transfer.
    pub(crate) fn reply(&self, request: Request) -> Option<Self> {
        let source = self.source.as_ref()?;
        Some(Self {
            namespace: source.namespace.clone(),
            workflow_id: source.workflow_id.clone(),
            run_id: source.run_id.clone(),
            source: None,
            request: Some(request),
        })
    }

    /// The answer "it arrived" (`failed_cause` 0) or why not, for transfers that want one.
    pub(crate) fn outcome(&self, failed_cause: i32) -> Option<Self> {
        let source = self.source.as_ref().filter(|source| source.wants_reply)?;
        let is_signal = matches!(self.request, Some(Request::Signal(_)));
        let initiated_event_id = source.initiated_event_id;
        self.reply(Request::Reply(Reply { initiated_event_id, is_signal, failed_cause }))
    }
}

//! What a program says. It is a plain value: whatever goes into a request follows from it alone, so that both sides are
//! asked the same, and what it prints is all there is to know.

use std::fmt;

/// A workflow of a program, and the task queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Workflow(pub u8);

/// An activity of a program, and the task queue of its own: who polls decides which activity starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Activity(pub u8);

impl fmt::Display for Workflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}", self.0)
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    pub seed: u64,
    pub steps: Vec<Step>,
}

/// One thing that a client or a worker does, or waits for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// A client's request, and its answer.
    Ask(Ask),
    /// A request that is answered only after a worker has done something. The step ends when the server has it.
    Begin(Call, Ask),
    /// The answer to what was begun.
    End(Call),
    /// A worker takes the workflow's task and keeps it until it replies.
    Take(Workflow, Queue),
    Reply(Workflow, Reply),
    /// The worker could not replay, say.
    FailTask(Workflow),
    /// Answers a task that is nothing but a query, and came from this queue.
    AnswerQuery(Workflow, Queue, bool),
    /// A worker takes an activity's task and keeps it until it reports the end.
    TakeActivity(Activity),
    Report(Activity, Report),
    /// Until the workflow's current run has so many events of a kind.
    Await(Workflow, Event, usize),
}

/// Which of a workflow's two queues is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Normal,
    Sticky,
}

/// A request that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Call(pub u8);

/// The name of an update; it is its id, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Update(pub u8);

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "u{}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ask {
    Start(Workflow, Start),
    SignalWithStart(Workflow, Start),
    UpdateWithStart(Workflow, Start, Update, Stage),
    Signal(Workflow, Request),
    Cancel(Workflow, Request),
    Terminate(Workflow),
    Query(Workflow),
    Update(Workflow, Update, Stage),
    /// What became of an update.
    PollUpdate(Workflow, Update, Stage),
    /// Back to the end of the n-th workflow task that ended.
    Reset(Workflow, Point),
    Describe(Workflow),
}

/// Requests with the same number have the same request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request(pub u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Accepted,
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    FirstTask,
    LastTask,
    /// An event that ends no workflow task.
    Elsewhere,
}

/// How a workflow is started. Unset is the server's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Start {
    pub request: u8,
    pub reuse: Reuse,
    pub conflict: Conflict,
    pub task_timeout_s: Option<i64>,
    pub run_timeout_s: Option<i64>,
    pub execution_timeout_s: Option<i64>,
    pub delay_s: Option<i64>,
    pub attempts: Option<i32>,
    pub memo: bool,
    pub search_attribute: Option<SearchAttribute>,
    pub cron: bool,
    pub header: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reuse {
    #[default]
    Unspecified,
    AllowDuplicate,
    AllowDuplicateFailedOnly,
    RejectDuplicate,
    TerminateIfRunning,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Conflict {
    #[default]
    Unspecified,
    Fail,
    UseExisting,
    TerminateExisting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchAttribute {
    Keyword,
    Int,
    Double,
    Bool,
    Datetime,
    KeywordList,
    Text,
    /// A value of another type than the attribute's.
    WrongType,
    /// A name that the namespace does not know.
    Unknown,
    /// No value, which removes one.
    Removed,
}

impl SearchAttribute {
    /// One of every type.
    pub(crate) const SET: [Self; 7] =
        [Self::Keyword, Self::Int, Self::Double, Self::Bool, Self::Datetime, Self::KeywordList, Self::Text];
}

/// What a worker answers a workflow task with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reply {
    pub commands: Vec<Command>,
    /// The next task goes to the sticky queue.
    pub sticky: bool,
    /// Asks for a new task although nothing has happened.
    pub again: bool,
    /// Takes the next task with the answer, if there is one.
    pub takes_next: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    Schedule(Activity, Schedule),
    CancelActivity(Activity),
    StartTimer(u8, Span),
    CancelTimer(u8),
    Marker(Marker),
    StartChild(Workflow, Child),
    SignalExternal(Workflow, External),
    CancelExternal(Workflow, External),
    Upsert(SearchAttribute),
    /// Sets a field of the memo, or removes it.
    Memo(bool),
    Accept(Update),
    Reject(Update),
    /// Ends an update, with a failure or without.
    Respond(Update, bool),
    Complete,
    Fail {
        retryable: bool,
    },
    Cancel,
    ContinueAsNew,
    /// Refused as a whole.
    Bad(Bad),
}

impl Command {
    pub(crate) fn is_about(&self, update: Update) -> bool {
        matches!(self, Self::Accept(about) | Self::Reject(about) | Self::Respond(about, _) if *about == update)
    }
}

/// Commands that no SDK sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    NoActivityId,
    NoActivityType,
    NoTimeout,
    NegativeTimeout,
    NoTimerId,
    UnknownTimer,
    UnknownActivity,
    NoMarkerName,
    NoChildId,
    NoSignalName,
    NoFailure,
    EmptyUpsert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Fires at once.
    Unset,
    /// Fires as soon as timers can that wait at all.
    Second,
    /// Does not fire.
    Hour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    LocalActivity { fails: bool },
    Patch { deprecated: bool },
    SideEffect,
}

#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the timeouts have the names that they have everywhere")]
pub(crate) struct Schedule {
    pub schedule_to_close_s: Option<i64>,
    pub schedule_to_start_s: Option<i64>,
    pub start_to_close_s: Option<i64>,
    pub heartbeat_s: Option<i64>,
    /// How often it is tried, a second apart; as often as it takes without.
    pub attempts: Option<i32>,
    /// The policy names the type of the activity's failures.
    pub names_failure: bool,
    pub header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub close: Close,
    pub reuse: Reuse,
    pub extras: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    Terminate,
    Abandon,
    RequestCancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct External {
    pub child_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Complete,
    /// By workflow and activity id instead of by token.
    CompleteById,
    Fail {
        retryable: bool,
    },
    Cancel,
    Heartbeat,
}

/// The kinds of events that programs wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    TaskTimedOut,
    TimerFired,
    ActivityTimedOut,
    ChildInitiationFailed,
    ChildStarted,
    ChildClosed,
    SignalFailed,
    ExternalSignaled,
    CancelFailed,
    CancelRequested,
    ExternalCancelRequested,
    TimedOut,
    Terminated,
}

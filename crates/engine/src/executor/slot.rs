//! The runs of one workflow id, in memory. One lock per workflow id: whatever happens to its runs, or
//! makes a new one, happens one after the other.

use super::held::Held;
use super::tail::{Batch, Tail};
use crate::kernel::{MutableState, Timestamp};
use crate::matching::QueryAnswer;
use crate::proto::query;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio::sync::oneshot;

/// A run, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RunRef {
    pub namespace: String,
    pub workflow_id: String,
    pub run_id: String,
}

/// The runs of one workflow id.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub loaded: bool,
    /// The current run's id: the running one, or the last.
    pub current: Option<String>,
    pub runs: HashMap<String, RunCell>,
}

/// One run in memory.
#[derive(Debug)]
pub(crate) struct RunCell {
    pub run_key: i64,
    pub name: Arc<RunRef>,
    pub state: MutableState,
    pub tail: Tail,
    pub progress: Arc<Progress>,
    /// What is written with the next transition.
    pub(super) held: Held,
    /// Queries that wait for the next workflow task, or ride on the running one.
    pub queries: Vec<BufferedQuery>,
    /// Queries that workers hold as tasks of their own.
    pub asked: Vec<AskedQuery>,
}

/// How far a run's writes are durable.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Transitions handed to the writer, or held back.
    pub submitted: AtomicI64,
    /// Writes handed over, each with everything that was held back.
    pub written: AtomicI64,
    /// Transitions committed.
    pub committed: AtomicI64,
    /// Events before this id are durable.
    pub durable_next_event_id: AtomicI64,
    /// Whether it is durable that the run has closed. What is durable then does not change any more.
    pub durably_closed: AtomicBool,
}

impl Progress {
    pub(crate) fn is_durable(&self) -> bool {
        self.submitted.load(Ordering::Acquire) == self.committed.load(Ordering::Acquire)
    }
}

/// A query that is answered with a workflow task.
#[derive(Debug)]
pub(crate) struct BufferedQuery {
    pub id: String,
    pub query: query::WorkflowQuery,
    pub answer: oneshot::Sender<QueryAnswer>,
}

/// A query that a worker holds, and who waits for its answer.
#[derive(Debug)]
pub(crate) struct AskedQuery {
    pub id: String,
    pub answer: oneshot::Sender<QueryAnswer>,
}

impl RunCell {
    pub(crate) fn new(run_key: i64, state: MutableState) -> Self {
        let core = &state.core;
        let name = Arc::new(RunRef {
            namespace: core.namespace.clone(),
            workflow_id: core.workflow_id.clone(),
            run_id: core.run_id.clone(),
        });
        Self {
            run_key,
            name,
            state,
            tail: Tail::default(),
            progress: Arc::default(),
            held: Held::default(),
            queries: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Keeps new events at hand.
    pub(crate) fn remember(&mut self, batch: Option<Batch>) {
        self.tail.remember(batch, self.progress.durable_next_event_id.load(Ordering::Acquire));
    }

    /// Whether somebody waits for what is only in memory.
    fn is_awaited(&self) -> bool {
        self.queries.iter().any(|query| !query.answer.is_closed())
            || self.asked.iter().any(|query| !query.answer.is_closed())
            || !self.state.requested_updates.is_empty()
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.state.next_deadline()
    }
}

impl Slot {
    /// Whether nothing would be lost by forgetting it.
    pub(crate) fn is_idle(&self) -> bool {
        self.runs.values().all(|run| run.progress.is_durable() && !run.is_awaited())
    }

    /// Forgets closed runs that are not current.
    pub(crate) fn forget_closed(&mut self) {
        let current = self.current.clone();
        self.runs.retain(|run_id, run| {
            current.as_ref() == Some(run_id)
                || run.state.core.is_running()
                || !run.progress.is_durable()
                || run.is_awaited()
        });
    }
}

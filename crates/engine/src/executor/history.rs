//! Reading a run's history, from memory where it is recent and from storage where it is not.

use super::{Executor, RunRef};
use crate::proto::history::HistoryEvent;
use crate::status::Failure;
use prost::Message;
use std::sync::atomic::Ordering;

/// Events in one page of history.
pub(super) const PAGE: usize = 1_000;

/// Where the next page of a history begins; travels as the page token.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Page {
    #[prost(string, tag = "1")]
    pub run_id: String,
    #[prost(int64, tag = "2")]
    pub next_event_id: i64,
    /// The page belongs to a workflow task: events before this id, then `transient`. Zero: up to the end.
    #[prost(int64, tag = "3")]
    pub until: i64,
    /// Events of the workflow task that are not in history.
    #[prost(message, repeated, tag = "4")]
    pub transient: Vec<HistoryEvent>,
}

/// What of a run is durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durable {
    run_key: i64,
    pub next_event_id: i64,
    pub is_closed: bool,
}

impl Executor {
    /// What of a run is durable; `None` where it exists in memory only so far.
    pub(crate) async fn durable(&self, name: &RunRef) -> Result<Option<Durable>, Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, name).await?;
        // In this order: what has closed grows no more.
        let is_closed = run.progress.durably_closed.load(Ordering::Acquire);
        let next_event_id = run.progress.durable_next_event_id.load(Ordering::Acquire);
        Ok((next_event_id > 0).then_some(Durable { run_key: run.run_key, next_event_id, is_closed }))
    }

    /// A page of what is durable of a run, from memory where all of it is there.
    pub(crate) async fn durable_page(
        &self,
        name: &RunRef,
        durable: Durable,
        from: i64,
        limit: usize,
    ) -> Result<Vec<HistoryEvent>, Failure> {
        let (begins, mut events) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            self.run(&mut slot, name).await?.tail.from(from, durable.next_event_id)
        };
        if begins > from {
            return self.page(durable.run_key, from, durable.next_event_id, limit).await;
        }
        events.truncate(page_size(limit));
        Ok(events)
    }

    /// Durable events of a run from `from` on, before `until` where that is not zero, one page at most,
    /// and whether there may be more.
    pub(crate) async fn page(
        &self,
        run_key: i64,
        from: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<HistoryEvent>, Failure> {
        let until = if until == 0 { i64::MAX } else { until };
        Ok(self.storage.readers.events(run_key, from, until, page_size(limit)).await?)
    }

    /// One event of a run that may not be durable yet.
    pub(crate) async fn event(&self, name: &RunRef, id: i64) -> Result<Option<HistoryEvent>, Failure> {
        let (run_key, found) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let run = self.run(&mut slot, name).await?;
            (run.run_key, run.tail.from(id, id + 1).1.pop())
        };
        match found {
            Some(event) => Ok(Some(event)),
            None => Ok(self.storage.readers.events(run_key, id, id + 1, 1).await?.pop()),
        }
    }
}

/// How many events a page may have, where so many were asked for; zero stands for as many as there may be.
pub(crate) fn page_size(asked: usize) -> usize {
    if asked == 0 { PAGE } else { asked.min(PAGE) }
}

//! The schedules of an engine, in memory: all of them, and when each next needs the clock.

use super::{Executor, RunRef, Ticket};
use crate::Error;
use crate::kernel::Timestamp;
use crate::proto::history::history_event::Attributes;
use crate::schedules::{Closed, Running, ScheduleRecord, Spec};
use crate::status::Failure;
use crate::storage::{ScheduleWrite, WriteSet};
use parking_lot::Mutex;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Notify;

/// Runs followed along a chain that a schedule started.
const LONGEST_CHAIN: usize = 10_000;

/// A schedule by namespace and id.
pub(crate) type ScheduleKey = (String, String);

/// A schedule, with its spec read and what of it is stored.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub record: ScheduleRecord,
    pub spec: Spec,
    pub stored: Vec<u8>,
    /// It was deleted while somebody waited for it.
    pub gone: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Schedules {
    all: Mutex<BTreeMap<ScheduleKey, Arc<tokio::sync::Mutex<Scheduled>>>>,
    due: Mutex<Due>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Due {
    by_time: BTreeSet<(Timestamp, ScheduleKey)>,
    by_key: HashMap<ScheduleKey, Timestamp>,
}

impl Schedules {
    pub(crate) fn get(&self, key: &ScheduleKey) -> Option<Arc<tokio::sync::Mutex<Scheduled>>> {
        self.all.lock().get(key).cloned()
    }

    /// Adds a schedule, or gives back the one that has its id.
    pub(crate) fn insert(
        &self,
        key: ScheduleKey,
        scheduled: Scheduled,
    ) -> Result<(), Arc<tokio::sync::Mutex<Scheduled>>> {
        let mut all = self.all.lock();
        if let Some(existing) = all.get(&key) {
            return Err(existing.clone());
        }
        all.insert(key, Arc::new(tokio::sync::Mutex::new(scheduled)));
        Ok(())
    }

    pub(crate) fn remove(&self, key: &ScheduleKey) {
        self.all.lock().remove(key);
        self.set(key, Timestamp::NONE);
    }

    /// The schedules of a namespace whose ids come after this one, in order.
    pub(crate) fn after(
        &self,
        namespace: &str,
        id: &str,
    ) -> Vec<(ScheduleKey, Arc<tokio::sync::Mutex<Scheduled>>)> {
        let from = (namespace.to_owned(), id.to_owned());
        let all = self.all.lock();
        all.range(from.clone()..)
            .take_while(|(key, _)| key.0 == namespace)
            .filter(|(key, _)| id.is_empty() || **key != from)
            .map(|(key, scheduled)| (key.clone(), scheduled.clone()))
            .collect()
    }

    /// Sets when a schedule needs the clock, in place of what was set before.
    pub(crate) fn set(&self, key: &ScheduleKey, at: Timestamp) {
        let mut due = self.due.lock();
        if let Some(before) = due.by_key.remove(key) {
            due.by_time.remove(&(before, key.clone()));
        }
        if at.is_set() {
            due.by_key.insert(key.clone(), at);
            due.by_time.insert((at, key.clone()));
            self.earlier.notify_one();
        }
    }

    /// As [`Schedules::set`], unless it needs the clock earlier already: a workflow that it has just started
    /// may have closed before it was known to run.
    pub(crate) fn set_no_later(&self, key: &ScheduleKey, at: Timestamp) {
        let before = self.due.lock().by_key.get(key).copied().unwrap_or(Timestamp::NONE);
        self.set(key, at.earliest(before));
    }

    /// A workflow it started has closed: it is looked at now. If it is gone, nothing comes of it.
    pub(crate) fn wake(&self, key: &ScheduleKey, now: Timestamp) {
        if self.all.lock().contains_key(key) {
            self.set(key, now);
        }
    }

    /// Takes the schedules that are due, and says when the next one is.
    pub(crate) fn take_due(&self, now: Timestamp) -> (Vec<ScheduleKey>, Option<Timestamp>) {
        let mut due = self.due.lock();
        let mut taken = Vec::new();
        while let Some((at, key)) = due.by_time.first().cloned() {
            if at > now {
                return (taken, Some(at));
            }
            due.by_time.pop_first();
            due.by_key.remove(&key);
            taken.push(key);
        }
        (taken, None)
    }

    /// Resolves when a time was set.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}

impl Executor {
    /// Finds the schedules again. Each is looked at once: what it started may have closed meanwhile.
    pub(crate) fn recover_schedules(&self) -> Result<(), Error> {
        for stored in self.storage.readers.schedules()? {
            let corrupt = |problem: String| Error::Corrupt(format!("a stored schedule: {problem}"));
            let record =
                ScheduleRecord::decode(stored.as_slice()).map_err(|error| corrupt(error.to_string()))?;
            let asked = record.schedule.as_ref().and_then(|schedule| schedule.spec.clone());
            let (spec, _) = Spec::parse(&asked.unwrap_or_default()).map_err(corrupt)?;
            let key = (record.namespace.clone(), record.schedule_id.clone());
            let _ = self.schedules.insert(key.clone(), Scheduled { record, spec, stored, gone: false });
            self.schedules.set(&key, self.now());
        }
        Ok(())
    }

    /// Stores a schedule, durably, if anything of it has changed.
    pub(crate) async fn store_schedule(&self, scheduled: &mut Scheduled) -> Result<(), Failure> {
        let body = scheduled.record.encode_to_vec();
        if body == scheduled.stored {
            return Ok(());
        }
        let (namespace, schedule_id) =
            (scheduled.record.namespace.clone(), scheduled.record.schedule_id.clone());
        let write = ScheduleWrite { namespace, schedule_id, body: Some(body.clone()) };
        self.write_schedule(write).durable().await?;
        scheduled.stored = body;
        Ok(())
    }

    pub(crate) fn write_schedule(&self, write: ScheduleWrite) -> Ticket<'_> {
        self.storage.writer.write(WriteSet { schedule: Some(write), ..WriteSet::default() })
    }

    /// How a chain of runs that a schedule started has ended; `None` while it runs.
    pub(crate) async fn ending(&self, namespace: &str, running: &Running) -> Result<Option<Closed>, Failure> {
        let mut name = RunRef {
            namespace: namespace.to_owned(),
            workflow_id: running.workflow_id.clone(),
            run_id: running.run_id.clone(),
        };
        let (status, last_event_id) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let mut followed = 0;
            loop {
                let core = match self.run(&mut slot, &name).await {
                    Ok(run) => &run.state.core,
                    Err(failure) if failure.is_not_found() => return Ok(Some(Closed::default())),
                    Err(failure) => return Err(failure),
                };
                if core.is_running() {
                    return Ok(None);
                }
                let next =
                    [&core.successor_run_id, &core.reset_run_id].into_iter().find(|next| !next.is_empty());
                match next.filter(|_| followed < LONGEST_CHAIN) {
                    Some(next) => name.run_id.clone_from(next),
                    None => break (core.status, core.next_event_id - 1),
                }
                followed += 1;
            }
        };
        let mut closed = Closed { status, ..Closed::default() };
        match self.event(&name, last_event_id).await?.and_then(|event| event.attributes) {
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => closed.result = a.result,
            Some(Attributes::WorkflowExecutionFailedEventAttributes(a)) => closed.failure = a.failure,
            _ => {}
        }
        Ok(Some(closed))
    }
}

//! Transitions that nobody waits for. A worker usually answers the task that it was given within milliseconds, and
//! then what its start has changed is written with what the answer changes, as one. Until then it is in memory:
//! to lose it in a crash loses nothing that was acknowledged.

use super::slot::Progress;
use super::{Batch, CommitOptions, Executor, RunRef, Slot};
use crate::kernel::{Effects, Rejection, Transition};
use crate::status::Failure;
use crate::storage::Ticket;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a transition may be held back.
const PATIENCE: Duration = Duration::from_millis(25);

/// What of a run is held back.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// How many transitions.
    pub transitions: i64,
    /// Their events as encoded `History` messages, and the id of the first.
    pub first_event_id: i64,
    pub events: Vec<Bytes>,
}

impl Held {
    /// Adds a transition.
    pub(super) fn take(&mut self, batch: Option<Batch>) {
        self.transitions += 1;
        if let Some(batch) = batch {
            if self.events.is_empty() {
                self.first_event_id = batch.first_event_id;
            }
            self.events.push(batch.encoded);
        }
    }
}

/// The runs of which something is held back, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Holding {
    runs: Mutex<VecDeque<Entry>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    run: Arc<RunRef>,
    progress: Arc<Progress>,
    /// How many writes the run had then: where it has had more since, they took along what was held back.
    written: i64,
}

impl Entry {
    fn is_held(&self) -> bool {
        self.progress.written.load(Ordering::Acquire) == self.written
    }
}

impl Holding {
    fn put(&self, entry: Entry) {
        let mut runs = self.runs.lock();
        runs.push_back(entry);
        if runs.len() == 1 {
            self.arrived.notify_one();
        }
    }

    /// Takes the runs that have waited since `since`, and says since when the next one has.
    fn take(&self, since: Instant) -> (Vec<Arc<RunRef>>, Option<Instant>) {
        let mut runs = self.runs.lock();
        let mut taken = Vec::new();
        while let Some(entry) = runs.pop_front_if(|entry| entry.since <= since || !entry.is_held()) {
            if entry.is_held() {
                taken.push(entry.run);
            }
        }
        (taken, runs.front().map(|entry| entry.since))
    }
}

impl Executor {
    /// Makes one transition of a loaded run that is written with the run's next one, or a little later. Nobody may
    /// rely on it before.
    pub(super) fn apply_held<R>(
        &self,
        slot: &mut Slot,
        run_id: &str,
        change: impl FnOnce(&mut Transition<'_>) -> Result<R, Rejection>,
    ) -> Result<R, Failure> {
        let (result, effects) = self.transition(slot, run_id, change)?;
        if !effects.concern_the_run_alone() {
            drop(self.commit(slot, run_id, effects, CommitOptions::KNOWN));
            return Ok(result);
        }
        let run = slot.runs.get_mut(run_id).ok_or_else(Failure::stopped)?;
        let batch = Batch::of(effects.events);
        run.remember(batch.clone());
        run.held.take(batch);
        run.progress.submitted.fetch_add(1, Ordering::AcqRel);
        let written = run.progress.written.load(Ordering::Acquire);
        let (run, progress) = (run.name.clone(), run.progress.clone());
        self.holding.put(Entry { since: Instant::now(), run, progress, written });
        Ok(result)
    }

    /// Hands over what is held back of a run.
    fn release(&self, slot: &mut Slot, run_id: &str) -> Option<Ticket<'_>> {
        let run = slot.runs.get(run_id)?;
        (run.held.transitions > 0)
            .then(|| self.commit(slot, run_id, Effects::default(), CommitOptions::KNOWN))
    }

    /// Waits until all transitions of a run so far are durable.
    pub(crate) async fn flush_run(&self, name: &RunRef) -> Result<(), Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let ticket = self.release(&mut slot, &name.run_id);
        drop(slot);
        self.durable_or_flushed(ticket).await
    }

    /// As [`Executor::flush_run`], under the lock of the workflow's id.
    pub(super) async fn flush_locked(&self, slot: &mut Slot, run_id: &str) -> Result<(), Failure> {
        let ticket = self.release(slot, run_id);
        self.durable_or_flushed(ticket).await
    }

    async fn durable_or_flushed(&self, released: Option<Ticket<'_>>) -> Result<(), Failure> {
        match released {
            Some(ticket) => Ok(ticket.durable().await?),
            None => self.flush().await,
        }
    }

    /// Hands over what has been held back for long enough, until the engine closes.
    pub(crate) async fn run_held(self: Arc<Self>) {
        loop {
            let (due, next) = self.holding.take(Instant::now() - PATIENCE);
            for name in due {
                self.release_run(&name).await;
            }
            match next {
                Some(since) => tokio::time::sleep_until(since + PATIENCE).await,
                None => self.holding.arrived.notified().await,
            }
        }
    }

    /// Hands over all that is held back: nothing waits for an engine that closes.
    pub(crate) async fn release_all(&self) {
        for name in self.holding.take(Instant::now()).0 {
            self.release_run(&name).await;
        }
    }

    async fn release_run(&self, name: &RunRef) {
        // What is held back is in memory, so it is there.
        if let Ok(mut slot) = self.slot(&name.namespace, &name.workflow_id).await {
            drop(self.release(&mut slot, &name.run_id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs by number, of which something is held back.
    struct World {
        holding: Holding,
        runs: Vec<Arc<Progress>>,
        begun: Instant,
    }

    impl World {
        fn new(runs: usize) -> Self {
            let runs = std::iter::repeat_with(Arc::default).take(runs).collect();
            Self { holding: Holding::default(), runs, begun: Instant::now() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.begun + Duration::from_millis(millis)
        }

        fn hold(&self, millis: u64, run: usize) {
            let progress = self.runs[run].clone();
            let written = progress.written.load(Ordering::Acquire);
            let name =
                RunRef { namespace: String::new(), workflow_id: String::new(), run_id: run.to_string() };
            self.holding.put(Entry { since: self.at(millis), run: Arc::new(name), progress, written });
        }

        /// A transition that is written takes along what is held back.
        fn write(&self, run: usize) {
            self.runs[run].written.fetch_add(1, Ordering::AcqRel);
        }

        /// The runs that have waited long enough, and since when the next one has.
        fn take(&self, millis: u64) -> (Vec<String>, Option<Instant>) {
            let (runs, next) = self.holding.take(self.at(millis));
            (runs.iter().map(|run| run.run_id.clone()).collect(), next)
        }
    }

    fn runs(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_oldest_is_handed_over_first_and_nothing_too_early() {
        let world = World::new(3);
        world.hold(0, 0);
        world.hold(10, 1);
        world.hold(20, 2);
        assert_eq!(world.take(10), (runs(&["0", "1"]), Some(world.at(20))));
        assert_eq!(world.take(19), (runs(&[]), Some(world.at(20))));
        assert_eq!(world.take(20), (runs(&["2"]), None));
    }

    #[test]
    fn what_was_written_with_its_run_is_passed_over() {
        let world = World::new(2);
        world.hold(0, 0);
        world.hold(1, 1);
        world.write(0);
        // Held back anew, it waits anew.
        world.hold(2, 0);
        assert_eq!(world.take(1), (runs(&["1"]), Some(world.at(2))));
        world.write(0);
        assert_eq!(world.take(1), (runs(&[]), None), "nobody is woken for it");
    }
}

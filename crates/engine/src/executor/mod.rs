//! Applies the kernel to runs: finds the run, makes the transition in memory, hands what it wrote to the
//! writer, and publishes its consequences once they are durable.
//!
//! The lock of a workflow id is held while a transition is made, not while it is committed: transitions of
//! one run follow each other in memory at once and share commits. That is safe because commits happen in
//! the same order, because nobody is answered and no task is offered before its own commit, and because a
//! commit that fails stops the engine for good.

mod backlog;
mod deletion;
mod held;
mod history;
mod queries;
mod recovery;
mod reset;
mod schedules;
mod slot;
mod start;
mod tail;
mod tasks;
mod transfers;
mod updates;

pub(crate) use history::{Durable, Page, page_size};
pub(crate) use reset::ResetRequest;
pub(crate) use schedules::{ScheduleKey, Scheduled, Schedules};
pub(crate) use slot::{RunCell, RunRef, Slot};
pub(crate) use start::{SignalOnStart, StartRequest};
use tail::Batch;
pub(crate) use tasks::{ActivityToken, WorkflowTask, WorkflowToken};
pub(crate) use updates::{Asked, Progress, Refused, Unanswered};

use crate::Error;
use crate::clock::Clock;
use crate::kernel::effects::Reached;
use crate::kernel::state::RunCore;
use crate::kernel::{Effects, Entropy, Rejection, Rules, Task, Timestamp, Transfer, Transition};
use crate::limits::Limits;
use crate::matching::{Matching, Offer, QueueKey, TaskKind};
use crate::namespaces::Namespaces;
use crate::options::EngineOptions;
use crate::status::Failure;
use crate::storage::{Job, RunWrite, Storage, Ticket, WriteSet};
use crate::timers::Timers;
use crate::watchers::Watchers;
use parking_lot::Mutex;
use prost::Message;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{OwnedMutexGuard, mpsc};

/// The one that applies transitions.
#[derive(Debug)]
pub(crate) struct Executor {
    pub storage: Storage,
    pub clock: Arc<dyn Clock>,
    pub matching: Arc<Matching>,
    pub timers: Arc<Timers>,
    pub schedules: Arc<Schedules>,
    pub watchers: Arc<Watchers>,
    pub updates: Arc<updates::UpdateWaiters>,
    pub namespaces: Namespaces,
    pub limits: Limits,
    slots: Mutex<Slots>,
    transfers: mpsc::UnboundedSender<(i64, Transfer)>,
    entropy: Mutex<Entropy>,
    publisher: Arc<Publisher>,
    holding: held::Holding,
}

/// The workflow ids in memory.
#[derive(Debug, Default)]
struct Slots {
    /// How many there may be before idle ones are forgotten.
    most: usize,
    /// By namespace and workflow id.
    by_name: HashMap<String, HashMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
    count: usize,
    /// How many were left when idle ones were last forgotten.
    busy: usize,
}

impl Slots {
    fn get_or_create(&mut self, namespace: &str, workflow_id: &str) -> Arc<tokio::sync::Mutex<Slot>> {
        if let Some(slot) = self.by_name.get(namespace).and_then(|slots| slots.get(workflow_id)) {
            return slot.clone();
        }
        // Forgetting costs a read later and looks at all of them, so it happens rarely: when there are again
        // as many as could not be forgotten the last time.
        if self.count >= self.most.max(2 * self.busy) {
            let is_busy = |slot: &Arc<tokio::sync::Mutex<Slot>>| {
                Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|slot| !slot.is_idle())
            };
            self.by_name.retain(|_, slots| {
                slots.retain(|_, slot| is_busy(slot));
                !slots.is_empty()
            });
            self.busy = self.by_name.values().map(HashMap::len).sum();
            self.count = self.busy;
        }
        self.count += 1;
        let slots = self.by_name.entry(namespace.to_owned()).or_default();
        slots.entry(workflow_id.to_owned()).or_default().clone()
    }
}

/// What is due when a transition is durable.
pub(crate) type SlotGuard = OwnedMutexGuard<Slot>;

/// How a transition is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitOptions {
    pub is_new: bool,
    pub received: Option<i64>,
}

impl CommitOptions {
    /// A run that is stored already.
    pub(crate) const KNOWN: Self = Self { is_new: false, received: None };
    pub(crate) const NEW: Self = Self { is_new: true, received: None };
}

impl Executor {
    pub(crate) fn new(
        storage: Storage,
        namespaces: Namespaces,
        options: &EngineOptions,
        entropy: Entropy,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<(i64, Transfer)>) {
        let (transfers, received) = mpsc::unbounded_channel();
        let publisher = Arc::new(Publisher {
            matching: Arc::default(),
            timers: Arc::default(),
            schedules: Arc::default(),
            watchers: Arc::default(),
            updates: Arc::default(),
            clock: options.clock.clone(),
        });
        let executor = Arc::new(Self {
            storage,
            clock: options.clock.clone(),
            matching: publisher.matching.clone(),
            timers: publisher.timers.clone(),
            schedules: publisher.schedules.clone(),
            watchers: publisher.watchers.clone(),
            updates: publisher.updates.clone(),
            namespaces,
            limits: options.limits,
            slots: Mutex::new(Slots { most: options.workflows_in_memory, ..Slots::default() }),
            transfers,
            entropy: Mutex::new(entropy),
            publisher,
            holding: held::Holding::default(),
        });
        (executor, received)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh identifier.
    pub(crate) fn uuid(&self) -> String {
        self.entropy.lock().uuid()
    }

    /// The runs of a workflow id, locked, with its current run loaded if there is one.
    pub(crate) async fn slot(&self, namespace: &str, workflow_id: &str) -> Result<SlotGuard, Failure> {
        let cell = self.slots.lock().get_or_create(namespace, workflow_id);
        let mut slot = cell.lock_owned().await;
        if !slot.loaded {
            let stored =
                self.storage.readers.current_run(namespace.to_owned(), workflow_id.to_owned()).await?;
            if let Some(stored) = stored {
                slot.current = Some(stored.state.core.run_id.clone());
                insert_stored(&mut slot, stored);
            }
            slot.loaded = true;
        }
        Ok(slot)
    }

    /// The named run of a locked workflow id; an empty run id means the current one.
    pub(crate) async fn run<'a>(
        &self,
        slot: &'a mut Slot,
        name: &RunRef,
    ) -> Result<&'a mut RunCell, Failure> {
        let run_id = if name.run_id.is_empty() {
            slot.current.clone().ok_or_else(|| Failure::workflow_not_found(name))?
        } else {
            name.run_id.clone()
        };
        if !slot.runs.contains_key(&run_id) {
            let stored = self
                .storage
                .readers
                .run(name.namespace.clone(), name.workflow_id.clone(), run_id.clone())
                .await?
                .ok_or_else(|| Failure::workflow_not_found(name))?;
            insert_stored(slot, stored);
        }
        slot.runs.get_mut(&run_id).ok_or_else(|| Failure::workflow_not_found(name))
    }

    /// Finds a run, makes one transition, and waits until it is durable.
    pub(crate) async fn transact<R>(
        &self,
        name: &RunRef,
        change: impl FnOnce(&mut Transition<'_>) -> Result<R, Rejection>,
    ) -> Result<R, Failure> {
        let (result, ticket) = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let run_id = self.run(&mut slot, name).await?.name.run_id.clone();
            let applied = self.apply(&mut slot, &run_id, CommitOptions::KNOWN, change)?;
            Self::drop_queries(&mut slot, &run_id);
            applied
        };
        ticket.durable().await?;
        Ok(result)
    }

    /// Makes one transition of a loaded run and hands it to the writer. What the kernel refuses changes
    /// nothing and is not written.
    pub(crate) fn apply<R>(
        &self,
        slot: &mut Slot,
        run_id: &str,
        options: CommitOptions,
        change: impl FnOnce(&mut Transition<'_>) -> Result<R, Rejection>,
    ) -> Result<(R, Ticket<'_>), Failure> {
        let (result, effects) = self.transition(slot, run_id, change)?;
        let ticket = self.commit(slot, run_id, effects, options);
        Ok((result, ticket))
    }

    /// Makes one transition of a loaded run in memory.
    fn transition<R>(
        &self,
        slot: &mut Slot,
        run_id: &str,
        change: impl FnOnce(&mut Transition<'_>) -> Result<R, Rejection>,
    ) -> Result<(R, Effects), Failure> {
        let run = slot.runs.get_mut(run_id).ok_or_else(Failure::stopped)?;
        let now = self.now();
        let mut entropy = self.draw();
        let mut tx = Transition::new(&mut run.state, now, &mut entropy);
        tx.rules = self.rules(&tx.state.core.namespace);
        let result = change(&mut tx)?;
        Ok((result, tx.finish()))
    }

    /// What transitions of a namespace's runs are checked against.
    pub(crate) fn rules(&self, namespace: &str) -> Rules {
        Rules { limits: self.limits, attributes: self.namespaces.attributes(namespace) }
    }

    /// A generator for one transition, seeded from the engine's own.
    pub(crate) fn draw(&self) -> Entropy {
        self.entropy.lock().split()
    }

    /// Stores what a transition did and arranges for its consequences.
    pub(crate) fn commit(
        &self,
        slot: &mut Slot,
        run_id: &str,
        mut effects: Effects,
        options: CommitOptions,
    ) -> Ticket<'_> {
        let mut write = WriteSet { received: options.received, ..WriteSet::default() };
        let mut published = Vec::new();
        let mut sent = Vec::new();
        let successor = effects.successor.take();
        self.stage(slot, run_id, effects, options.is_new, &mut write, &mut published, &mut sent);
        if let Some(successor) = successor {
            let run_key = self.storage.allocate_run_key();
            let next_id = successor.state.core.run_id.clone();
            slot.runs.insert(next_id.clone(), RunCell::new(run_key, successor.state));
            slot.current = Some(next_id.clone());
            self.stage(slot, &next_id, successor.effects, true, &mut write, &mut published, &mut sent);
            slot.forget_closed();
        }
        write.sent.extend(sent.iter().map(|(key, transfer)| (*key, transfer.encode_to_vec())));
        let consequences = self.publisher.clone();
        let publish = move || published.into_iter().for_each(|run| consequences.publish(run));
        let ticket = self.storage.writer.leave(Job { write, waiting: vec![Box::new(publish)] });
        // Delivered in memory at once: their own writes come after this one, so they cannot survive it.
        for transfer in sent {
            let _ = self.transfers.send(transfer);
        }
        ticket
    }

    #[expect(clippy::too_many_arguments, reason = "the three lists are the parts of one commit being built")]
    fn stage(
        &self,
        slot: &mut Slot,
        run_id: &str,
        effects: Effects,
        is_new: bool,
        write: &mut WriteSet,
        published: &mut Vec<Published>,
        sent: &mut Vec<(i64, Transfer)>,
    ) {
        let Some(run) = slot.runs.get_mut(run_id) else { return };
        let batch = Batch::of(effects.events);
        let mut transitions = 1;
        if !effects.volatile {
            let mut held = std::mem::take(&mut run.held);
            held.take(batch.clone());
            transitions = held.transitions;
            run.progress.written.fetch_add(1, Ordering::AcqRel);
            let attributes = |namespace: &str| self.namespaces.attributes(namespace);
            let events = (held.first_event_id, held.events);
            write.runs.push(RunWrite::of(run.run_key, is_new, &mut run.state, events, attributes));
        }
        if is_new {
            let core = &run.state.core;
            write.current = Some((core.namespace.clone(), core.workflow_id.clone(), run.run_key));
        }
        run.remember(batch);
        run.progress.submitted.fetch_add(1, Ordering::AcqRel);
        let core = &run.state.core;
        published.push(Published {
            name: run.name.clone(),
            task_queue: if effects.tasks.is_empty() { String::new() } else { core.task_queue.clone() },
            tasks: effects.tasks,
            deadline: run.deadline(),
            progress: run.progress.clone(),
            transitions,
            next_event_id: core.next_event_id,
            is_closed: !core.is_running(),
            updates: effects.updates,
            closed_schedule: closed_schedule(core),
        });
        sent.extend(
            effects.transfers.into_iter().map(|transfer| (self.storage.allocate_transfer_key(), transfer)),
        );
    }

    /// Waits until everything handed to the writer so far is durable.
    pub(crate) async fn flush(&self) -> Result<(), Failure> {
        Ok(self.storage.writer.write(WriteSet::default()).durable().await?)
    }

    /// Fires everything that is due in a run.
    pub(crate) async fn fire(&self, name: &RunRef) -> Result<(), Failure> {
        let ticket = {
            let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
            let run = match self.run(&mut slot, name).await {
                Ok(run) => run,
                Err(failure) if failure.is_not_found() => return Ok(()),
                Err(failure) => return Err(failure),
            };
            let deadline = run.deadline();
            if !deadline.is_set() || deadline > self.now() {
                self.timers.set(&run.name, deadline);
                return Ok(());
            }
            let run_id = run.name.run_id.clone();
            let ((), ticket) = self.apply(&mut slot, &run_id, CommitOptions::KNOWN, |tx| {
                tx.fire_due();
                Ok(())
            })?;
            Self::drop_queries(&mut slot, &run_id);
            ticket
        };
        Ok(ticket.durable().await?)
    }
}

fn insert_stored(slot: &mut Slot, stored: crate::storage::StoredRun) {
    let run_id = stored.state.core.run_id.clone();
    let run = RunCell::new(stored.run_key, stored.state);
    run.progress.durable_next_event_id.store(run.state.core.next_event_id, Ordering::Release);
    run.progress.durably_closed.store(!run.state.core.is_running(), Ordering::Release);
    slot.runs.insert(run_id, run);
}

fn closed_schedule(core: &RunCore) -> Option<ScheduleKey> {
    (!core.is_running() && !core.schedule_id.is_empty())
        .then(|| (core.namespace.clone(), core.schedule_id.clone()))
}

/// What becomes visible of one run when a transition is durable.
#[derive(Debug)]
struct Published {
    name: Arc<RunRef>,
    /// The run's own, where there are tasks.
    task_queue: String,
    tasks: Vec<Task>,
    deadline: Timestamp,
    progress: Arc<slot::Progress>,
    /// How many transitions of it are durable at once.
    transitions: i64,
    next_event_id: i64,
    is_closed: bool,
    updates: Vec<(String, Reached)>,
    /// The schedule that started the run, if the run has closed.
    closed_schedule: Option<ScheduleKey>,
}

/// Makes it visible. Runs on the writer's thread, so it does nothing that waits.
#[derive(Debug)]
struct Publisher {
    matching: Arc<Matching>,
    timers: Arc<Timers>,
    schedules: Arc<Schedules>,
    watchers: Arc<Watchers>,
    updates: Arc<updates::UpdateWaiters>,
    clock: Arc<dyn Clock>,
}

impl Publisher {
    fn publish(&self, run: Published) {
        run.progress.durable_next_event_id.fetch_max(run.next_event_id, Ordering::AcqRel);
        run.progress.durably_closed.fetch_or(run.is_closed, Ordering::AcqRel);
        run.progress.committed.fetch_add(run.transitions, Ordering::AcqRel);
        self.timers.set(&run.name, run.deadline);
        let now = self.clock.now();
        for task in run.tasks {
            offer(&self.matching, &run.name, &run.task_queue, task, now);
        }
        self.updates.tell(&run.name.run_id, run.updates);
        self.watchers.notify(&run.name.run_id, run.is_closed);
        if let Some(schedule) = run.closed_schedule {
            self.schedules.wake(&schedule, now);
        }
    }
}

/// Puts a task where its workers wait.
fn offer(matching: &Matching, run: &Arc<RunRef>, normal_queue: &str, task: Task, now: Timestamp) {
    let key = |name: String, kind| QueueKey { namespace: run.namespace.clone(), name, kind };
    let run = run.clone();
    match task {
        Task::Workflow { queue, sticky, scheduled_event_id, attempt } => {
            let fallback = sticky.then(|| key(normal_queue.to_owned(), TaskKind::Workflow));
            let offer = Offer::Task { run: run.clone(), scheduled_event_id, attempt };
            matching.offer(key(queue, TaskKind::Workflow), fallback, offer, now);
        }
        Task::Activity { queue, scheduled_event_id, attempt } => {
            let offer = Offer::Task { run: run.clone(), scheduled_event_id, attempt };
            matching.offer(key(queue, TaskKind::Activity), None, offer, now);
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Full => Failure::storage_full(),
            Error::Stopped(_) => Failure::stopped(),
            error => Failure::unavailable(error.to_string()),
        }
    }
}

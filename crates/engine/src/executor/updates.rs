//! Updates: asking a run, and waiting until its workflow has answered.
//!
//! What is asked is in the run's memory; see [`crate::kernel::update`]. Here are those who wait: each is
//! told when what they wait for is durable.

use super::start::{StartRequest, Started};
use super::{CommitOptions, Executor, RunRef, Slot};
use crate::kernel::effects::Reached;
use crate::kernel::update::{self as kernel, Abort, Standing};
use crate::proto::{EventAttributes, enums, update};
use crate::status::Failure;
use enums::UpdateWorkflowExecutionLifecycleStage as Stage;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

type Key = (String, String);

/// Who waits for which update of which run.
#[derive(Debug, Default)]
pub(crate) struct UpdateWaiters {
    waiting: Mutex<HashMap<Key, watch::Sender<Option<Reached>>>>,
}

/// One waiter's place.
#[derive(Debug)]
pub(crate) struct Waiter {
    key: Key,
    reached: watch::Receiver<Option<Reached>>,
    waiters: Arc<UpdateWaiters>,
}

impl UpdateWaiters {
    fn wait_for(self: &Arc<Self>, run_id: &str, update_id: &str) -> Waiter {
        let key = (run_id.to_owned(), update_id.to_owned());
        let mut waiting = self.waiting.lock();
        let sender = waiting.entry(key.clone()).or_insert_with(|| watch::channel(None).0);
        Waiter { reached: sender.subscribe(), key, waiters: self.clone() }
    }

    /// An update has durably come this far.
    pub(super) fn tell(&self, run_id: &str, updates: Vec<(String, Reached)>) {
        if updates.is_empty() {
            return;
        }
        let waiting = self.waiting.lock();
        for (update_id, reached) in updates {
            if let Some(sender) = waiting.get(&(run_id.to_owned(), update_id)) {
                sender.send_replace(Some(reached));
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting.lock();
        // This waiter's own receiver is still among them.
        if waiting.get(&self.key).is_some_and(|sender| sender.receiver_count() <= 1) {
            waiting.remove(&self.key);
        }
    }
}

/// How far an update had come when its caller was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    pub run: RunRef,
    pub stage: Stage,
    pub outcome: Option<update::Outcome>,
}

/// Why an update has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It ended before the workflow accepted or rejected it.
    Aborted(Abort),
    Failure(Failure),
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Failure(failure) => failure,
            Unanswered::Aborted(Abort::RunClosed) => {
                Self::not_found("workflow update was aborted by closing workflow")
            }
            Unanswered::Aborted(Abort::RunContinued) => Self::workflow_closing(),
            Unanswered::Aborted(Abort::TaskRefused) => Self::workflow_not_ready(
                "Unable to perform workflow execution update due to unexpected workflow task failure.",
            ),
        }
    }
}

/// Which half of an update-with-start was refused. Nothing came of the other half, either.
#[derive(Debug)]
pub(crate) enum Refused {
    Start(Failure),
    Update(Failure),
}

/// An update that was asked for or found, and is waited for.
#[derive(Debug)]
pub(crate) struct Asked {
    run: RunRef,
    standing: Standing,
    waiter: Waiter,
}

impl Executor {
    /// Asks a run, by its name, for an update.
    pub(crate) async fn ask_update(&self, name: &RunRef, request: update::Request) -> Result<Asked, Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run_id = self.run(&mut slot, name).await?.name.run_id.clone();
        self.admit_update(&mut slot, &run_id, request)
    }

    /// As [`Executor::ask_update`], under the lock of the workflow's id.
    pub(super) fn admit_update(
        &self,
        slot: &mut Slot,
        run_id: &str,
        request: update::Request,
    ) -> Result<Asked, Failure> {
        let update_id = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
        let run = slot.runs.get(run_id).ok_or_else(Failure::stopped)?;
        let (run, waiter) = ((*run.name).clone(), self.updates.wait_for(run_id, &update_id));
        let (standing, _) =
            self.apply(slot, run_id, CommitOptions::KNOWN, |tx| kernel::admit(tx, request))?;
        Ok(Asked { run, standing, waiter })
    }

    /// Asks the run that is current for an update, or starts one and asks that, as the start's policies say.
    pub(crate) async fn update_with_start(
        &self,
        start: StartRequest,
        request: update::Request,
    ) -> Result<(Started, Asked), Refused> {
        let (namespace, workflow_id) = (start.new.namespace.clone(), start.new.started.workflow_id.clone());
        let (started, asked, ticket) = {
            let mut slot = self.slot(&namespace, &workflow_id).await.map_err(Refused::Start)?;
            if let Some(run) = slot.current.as_ref().and_then(|current| slot.runs.get(current)) {
                let update_id = request.meta.as_ref().map(|meta| meta.update_id.as_str()).unwrap_or_default();
                let standing = kernel::standing(&run.state, update_id);
                let core = &run.state.core;
                let same_request =
                    !start.new.request_id.is_empty() && start.new.request_id == core.create_request_id;
                let existing = Started::existing(core, false);
                if let (Some(Standing::Completed(_)), Some(asked)) =
                    (standing, self.known_update(run, update_id))
                {
                    return Ok((existing, asked));
                }
                let uses_existing = start.conflict == enums::WorkflowIdConflictPolicy::UseExisting;
                if core.is_running() && (same_request || standing.is_some() || uses_existing) {
                    let run_id = core.run_id.clone();
                    let asked = self.admit_update(&mut slot, &run_id, request).map_err(Refused::Update)?;
                    return Ok((existing, asked));
                }
            }
            let (started, ticket) =
                self.start_in(&mut slot, start, CommitOptions::NEW).map_err(Refused::Start)?;
            let Some(ticket) = ticket else {
                return Err(Refused::Start(Failure::unavailable("the workflow was not started")));
            };
            let run_id = started.name.run_id.clone();
            let asked = self.admit_update(&mut slot, &run_id, request).map_err(Refused::Update)?;
            (started, asked, ticket)
        };
        ticket.durable().await.map_err(|error| Refused::Start(error.into()))?;
        Ok((started, asked))
    }

    /// Finds an update that was asked for before.
    pub(crate) async fn find_update(&self, name: &RunRef, update_id: &str) -> Result<Asked, Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, name).await?;
        self.known_update(run, update_id)
            .ok_or_else(|| Failure::not_found(format!("update {update_id:?} not found")))
    }

    pub(super) fn known_update(&self, run: &super::RunCell, update_id: &str) -> Option<Asked> {
        let standing = kernel::standing(&run.state, update_id)?;
        let waiter = self.updates.wait_for(&run.name.run_id, update_id);
        Some(Asked { run: (*run.name).clone(), standing, waiter })
    }

    /// Waits until an update has come as far as `stage`, or for as long as `patience` lasts; then it is
    /// said how far it has come. An unspecified stage does not wait.
    pub(crate) async fn await_update(
        &self,
        asked: Asked,
        stage: Stage,
        patience: Duration,
    ) -> Result<Progress, Unanswered> {
        let Asked { run, standing, mut waiter } = asked;
        let update_id = waiter.key.1.clone();
        let mut reached = Stage::Admitted;
        if standing != Standing::Admitted {
            // It stands so in memory; nobody is told before it is durable.
            self.flush().await?;
            reached = Stage::Accepted;
        }
        match standing {
            Standing::Completed(event_id) => {
                let outcome = Some(self.update_outcome(&run, event_id, &update_id).await?);
                return Ok(Progress { run, stage: Stage::Completed, outcome });
            }
            Standing::Failed => {
                return Ok(Progress { run, stage: Stage::Completed, outcome: Some(kernel::outlived()) });
            }
            Standing::Admitted | Standing::Accepted => {}
        }
        let enough = |reached: Stage| reached as i32 >= stage as i32;
        let timeout = tokio::time::sleep(patience);
        tokio::pin!(timeout);
        while !enough(reached) {
            tokio::select! {
                biased;
                // What was told before this waiter came is of an earlier update with the same id.
                told = waiter.reached.changed() => told.map_err(|_| Failure::stopped())?,
                () = &mut timeout => break,
            }
            match waiter.reached.borrow_and_update().clone() {
                Some(Reached::Completed(outcome)) => {
                    return Ok(Progress { run, stage: Stage::Completed, outcome: Some(outcome) });
                }
                Some(Reached::Aborted(abort)) => return Err(Unanswered::Aborted(abort)),
                Some(Reached::Accepted) => reached = Stage::Accepted,
                None => {}
            }
        }
        Ok(Progress { run, stage: reached, outcome: None })
    }

    async fn update_outcome(
        &self,
        run: &RunRef,
        event_id: i64,
        update_id: &str,
    ) -> Result<update::Outcome, Failure> {
        let event = self.event(run, event_id).await?;
        match event.and_then(|event| event.attributes) {
            Some(EventAttributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                Ok(completed.outcome.unwrap_or_default())
            }
            _ => Err(Failure::unavailable(format!(
                "event {event_id} of run {} is not the completion of update {update_id:?}; the database is \
                 damaged",
                run.run_id
            ))),
        }
    }
}

//! Resetting runs: the run that is reset, the one that runs now, and the new one change together.

use super::{CommitOptions, Executor, RunCell, RunRef, Slot};
use crate::kernel::effects::Terminate;
use crate::kernel::reset::{Exclude, RESETTER, Reset, reset};
use crate::kernel::{Transition, effects::Successor, inbound};
use crate::proto::history::{HistoryEvent, history_event::Attributes};
use crate::status::Failure;

/// Runs followed along a chain of continue-as-new for what has to be put to the new run again.
const LONGEST_CHAIN: usize = 1_000;

/// A request to reset a run.
#[derive(Debug)]
pub(crate) struct ResetRequest {
    pub name: RunRef,
    pub finish_event_id: i64,
    pub request_id: String,
    pub reason: String,
    pub exclude: Exclude,
}

impl Executor {
    /// Resets a run, durably. Returns the new run's id; the same one for the same request.
    pub(crate) async fn reset(&self, request: ResetRequest) -> Result<String, Failure> {
        let (run_id, ticket) = {
            let mut slot = self.slot(&request.name.namespace, &request.name.workflow_id).await?;
            let current = self.current_run_id(&mut slot, &request.name).await?;
            if !request.request_id.is_empty()
                && slot.runs[&current].state.core.create_request_id == request.request_id
            {
                (current, None)
            } else {
                let (run_id, ticket) = self.reset_in(&mut slot, &current, request).await?;
                (run_id, Some(ticket))
            }
        };
        match ticket {
            Some(ticket) => ticket.durable().await?,
            None => self.flush().await?,
        }
        Ok(run_id)
    }

    async fn current_run_id(&self, slot: &mut Slot, name: &RunRef) -> Result<String, Failure> {
        let current = RunRef { run_id: String::new(), ..name.clone() };
        Ok(self.run(slot, &current).await?.name.run_id.clone())
    }

    async fn reset_in(
        &self,
        slot: &mut Slot,
        current: &str,
        request: ResetRequest,
    ) -> Result<(String, super::Ticket<'_>), Failure> {
        let ResetRequest { name, finish_event_id, request_id, reason, exclude } = request;
        let base = self.run(slot, &name).await?;
        let base_run_id = base.name.run_id.clone();
        if finish_event_id <= 1 || finish_event_id >= base.state.core.next_event_id {
            return Err(Failure::invalid(
                "Workflow task finish ID must be > 1 && <= workflow last event ID.",
            ));
        }
        let mut kept = self.all_events(slot, &name, &base_run_id).await?;
        let mut later = kept.split_off(finish_event_id as usize - 1);
        let mut last_visited = base_run_id.clone();
        for _ in 0..LONGEST_CHAIN {
            let Some(next) = later.last().and_then(continued_as) else { break };
            match self.all_events(slot, &name, &next).await {
                Ok(events) => later.extend(events),
                Err(failure) if failure.is_not_found() => break,
                Err(failure) => return Err(failure),
            }
            last_visited = next;
        }
        let new_run_id = self.uuid();
        let now = self.now();
        let mut entropy = self.draw();
        // On a copy: if the reset turns out to be impossible, the current run goes on.
        let mut state = slot.runs[current].state.clone();
        let mut ending = None;
        if state.core.is_running() {
            if current == base_run_id {
                state.core.reset_run_id.clone_from(&new_run_id);
            }
            let mut tx = Transition::new(&mut state, now, &mut entropy);
            let terminate = Terminate { reason: reason.clone(), identity: RESETTER.into(), details: None };
            inbound::terminate(&mut tx, terminate)?;
            let effects = tx.finish();
            if last_visited == current {
                later.extend(effects.events.iter().cloned());
            }
            ending = Some((state, effects));
        }
        let namespace = name.namespace.clone();
        let asked = Reset {
            namespace,
            base_run_id: base_run_id.clone(),
            new_run_id: new_run_id.clone(),
            request_id,
            reason,
            kept,
            later,
            exclude,
        };
        let (state, effects) = reset(asked, now, &mut entropy)?;
        let mut ticket = if let Some((ended, mut ending)) = ending {
            if let Some(run) = slot.runs.get_mut(current) {
                run.state = ended;
            }
            ending.successor = Some(Box::new(Successor { state, effects }));
            self.commit(slot, current, ending, CommitOptions::KNOWN)
        } else {
            let run = RunCell::new(self.storage.allocate_run_key(), state);
            slot.runs.insert(new_run_id.clone(), run);
            slot.current = Some(new_run_id.clone());
            self.commit(slot, &new_run_id, effects, CommitOptions::NEW)
        };
        if slot.runs.get(&base_run_id).is_some_and(|base| base.state.core.reset_run_id != new_run_id) {
            ((), ticket) = self.apply(slot, &base_run_id, CommitOptions::KNOWN, |tx| {
                tx.state.core.reset_run_id.clone_from(&new_run_id);
                Ok(())
            })?;
        }
        slot.forget_closed();
        Ok((new_run_id, ticket))
    }

    /// A run's whole history, also what is not durable yet.
    async fn all_events(
        &self,
        slot: &mut Slot,
        name: &RunRef,
        run_id: &str,
    ) -> Result<Vec<HistoryEvent>, Failure> {
        let name = RunRef { run_id: run_id.to_owned(), ..name.clone() };
        let (run_key, until) = {
            let run = self.run(slot, &name).await?;
            (run.run_key, run.state.core.next_event_id)
        };
        self.flush_locked(slot, run_id).await?;
        let mut events = Vec::new();
        loop {
            let next = events.last().map_or(1, |event: &HistoryEvent| event.event_id + 1);
            let page = self.page(run_key, next, until, 0).await?;
            if page.is_empty() {
                return Ok(events);
            }
            events.extend(page);
        }
    }
}

/// The run that an event continues the chain with.
fn continued_as(event: &HistoryEvent) -> Option<String> {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => {
            Some(a.new_execution_run_id.clone())
        }
        _ => None,
    }
}

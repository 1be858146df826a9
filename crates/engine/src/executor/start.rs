//! Starting workflows, with or without a signal.

use super::{CommitOptions, Executor, RunRef, Slot, Ticket};
use crate::kernel::admission::{Admission, admit, with_signal};
use crate::kernel::effects::{Effects, Signal, Terminate};
use crate::kernel::lifecycle::{NewRun, new_state};
use crate::kernel::state::{RunCore, Seen};
use crate::kernel::workflow_task::Take;
use crate::kernel::{Transfer, Transition, inbound, payload, workflow_task};
use crate::proto::enums;
use crate::status::Failure;

/// A request to start a workflow.
#[derive(Clone, Debug)]
pub(crate) struct StartRequest {
    pub new: NewRun,
    pub reuse: enums::WorkflowIdReusePolicy,
    pub conflict: enums::WorkflowIdConflictPolicy,
    pub signal: Option<SignalOnStart>,
    /// The worker that wants the first workflow task with the answer.
    pub eager_for: Option<String>,
    /// What is sent, in the same transaction, if a run is created.
    pub announce: Option<Transfer>,
}

/// The signal of SignalWithStart: delivered to the running workflow, or to the one that is started.
#[derive(Clone, Debug)]
pub(crate) struct SignalOnStart(pub Signal);

/// How a start ended.
#[derive(Debug)]
pub(crate) struct Started {
    pub name: RunRef,
    pub first_run_id: String,
    /// False if an existing run is the answer.
    pub created: bool,
    pub status: i32,
    pub eager: Option<workflow_task::Started>,
}

impl Executor {
    /// Starts a workflow, durably.
    pub(crate) async fn start(&self, request: StartRequest) -> Result<Started, Failure> {
        let namespace = request.new.namespace.clone();
        let workflow_id = request.new.started.workflow_id.clone();
        let outcome = {
            let mut slot = self.slot(&namespace, &workflow_id).await?;
            self.start_in(&mut slot, request, CommitOptions::NEW)
        };
        match outcome {
            Ok((started, Some(ticket))) => {
                ticket.durable().await?;
                Ok(started)
            }
            // The answer is a run that may have been made a moment ago: nobody is told of it before it is durable.
            Ok((started, None)) => self.flush().await.map(|()| started),
            Err(failure) if failure.is_already_exists() => {
                self.flush().await?;
                Err(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Starts a workflow under its id's lock.
    pub(super) fn start_in(
        &self,
        slot: &mut Slot,
        request: StartRequest,
        options: CommitOptions,
    ) -> Result<(Started, Option<Ticket<'_>>), Failure> {
        let StartRequest { new, reuse, conflict, signal, eager_for, announce } = request;
        let current =
            slot.current.as_ref().and_then(|id| slot.runs.get(id)).map(|run| run.state.core.clone());
        let conflict = if signal.is_some() { with_signal(reuse, conflict) } else { conflict };
        match admit(current.as_ref(), &new.request_id, reuse, conflict) {
            Admission::Create => {}
            Admission::Replace => {
                if let Some(current) = &current {
                    self.apply(slot, &current.run_id, CommitOptions::KNOWN, |tx| {
                        let reason = "TerminateIfRunning WorkflowIdReusePolicy".into();
                        let details = payload::text(&format!("terminated by new runID: {}", new.run_id));
                        inbound::terminate(
                            tx,
                            Terminate { reason, identity: "history-service".into(), details: Some(details) },
                        )
                    })?;
                }
            }
            Admission::Duplicate => return Ok((existing(current.as_ref(), true), None)),
            Admission::UseExisting => {
                let answer = existing(current.as_ref(), false);
                let ticket = match signal {
                    Some(SignalOnStart(signal)) => Some(
                        self.apply(slot, &answer.name.run_id, CommitOptions::KNOWN, |tx| {
                            inbound::signal(tx, signal, None)
                        })?
                        .1,
                    ),
                    None => None,
                };
                return Ok((answer, ticket));
            }
            Admission::AlreadyStarted => {
                let current = current.unwrap_or_default();
                return Err(Failure::already_started(
                    current.create_request_id,
                    current.run_id,
                    current.first_run_id,
                ));
            }
        }
        Ok(self.create(slot, new, signal, eager_for.as_deref(), announce, options))
    }

    fn create(
        &self,
        slot: &mut Slot,
        new: NewRun,
        signal: Option<SignalOnStart>,
        eager_for: Option<&str>,
        announce: Option<Transfer>,
        options: CommitOptions,
    ) -> (Started, Option<Ticket<'_>>) {
        let now = self.now();
        let mut entropy = self.draw();
        let (mut state, effects) = new_state(new, now, &mut entropy);
        let mut tx = Transition::new(&mut state, now, &mut entropy);
        tx.effects = effects;
        if let Some(SignalOnStart(signal)) = signal {
            if !signal.request_id.is_empty() {
                tx.state.signal_requests.insert(signal.request_id.clone(), Seen {});
            }
            inbound::record_signal(&mut tx, signal, None);
        }
        workflow_task::schedule(&mut tx);
        let eager = eager_for.and_then(|worker| start_eagerly(&mut tx, worker));
        tx.effects.transfers.extend(announce);
        let effects: Effects = std::mem::take(&mut tx.effects);

        let run_key = self.storage.allocate_run_key();
        let run = super::RunCell::new(run_key, state);
        let name = (*run.name).clone();
        let core = &run.state.core;
        let started = Started {
            name: name.clone(),
            first_run_id: core.first_run_id.clone(),
            created: true,
            status: core.status,
            eager,
        };
        slot.current = Some(name.run_id.clone());
        slot.runs.insert(name.run_id.clone(), run);
        slot.forget_closed();
        let ticket = self.commit(slot, &name.run_id, effects, CommitOptions { is_new: true, ..options });
        (started, Some(ticket))
    }
}

/// Starts the first workflow task for the worker that started the workflow.
fn start_eagerly(tx: &mut Transition<'_>, worker: &str) -> Option<workflow_task::Started> {
    let task = tx.state.core.workflow_task.clone()?;
    let started = workflow_task::start(tx, &Take::of(&task, worker))?;
    tx.effects.tasks.clear();
    Some(started)
}

impl Started {
    /// An existing run is the answer.
    pub(super) fn existing(core: &RunCore, created: bool) -> Self {
        Self {
            name: RunRef {
                namespace: core.namespace.clone(),
                workflow_id: core.workflow_id.clone(),
                run_id: core.run_id.clone(),
            },
            first_run_id: core.first_run_id.clone(),
            created,
            status: core.status,
            eager: None,
        }
    }
}

fn existing(current: Option<&RunCore>, created: bool) -> Started {
    Started::existing(current.unwrap_or(&RunCore::default()), created)
}

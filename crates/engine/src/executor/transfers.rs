//! Delivering what runs ask of each other, in the order in which it was asked.

use super::backlog::Backlog;
use super::start::StartRequest;
use super::{CommitOptions, Executor, RunRef};
use crate::kernel::effects::{ChildStarted, Request, Source, StartChild};
use crate::kernel::lifecycle::NewRun;
use crate::kernel::state::Parent;
use crate::kernel::transfer::{self, TARGET_NOT_FOUND};
use crate::kernel::{Transfer, cron};
use crate::proto::{enums, history};
use crate::status::Failure;
use crate::storage::{Job, WriteSet};
use enums::StartChildWorkflowExecutionFailedCause as ChildFailure;
use prost::Message;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

impl Executor {
    /// Delivers transfers until the engine closes.
    pub(crate) async fn deliver_transfers(
        self: Arc<Self>,
        mut transfers: mpsc::UnboundedReceiver<(i64, Transfer)>,
    ) {
        let mut backlog = Backlog::default();
        let mut again = Instant::now();
        loop {
            self.storage.writer.room().await;
            let ready = tokio::select! {
                // First, so that new transfers cannot keep those that wait from being tried again.
                biased;
                () = tokio::time::sleep_until(again), if !backlog.is_empty() => backlog.take_firsts(),
                received = transfers.recv() => match received {
                    None => return,
                    Some(item) => backlog.queue_behind(item).into_iter().collect(),
                },
            };
            for item in ready {
                self.deliver_in_turn(item, &mut backlog).await;
            }
            if again <= Instant::now() {
                again = Instant::now() + backlog.pause();
            }
        }
    }

    /// Delivers a transfer and those that waited behind it, up to the first that fails.
    async fn deliver_in_turn(&self, first: (i64, Transfer), backlog: &mut Backlog) {
        let mut next = Some(first);
        while let Some((key, transfer)) = next.take() {
            match self.deliver(key, &transfer).await {
                Ok(()) => next = backlog.next_after(&transfer),
                Err(failure) => {
                    // Its row stays until it is delivered, now or after the engine has opened again.
                    tracing::warn!(?failure, workflow_id = transfer.workflow_id, "a delivery is put off");
                    backlog.keep((key, transfer));
                }
            }
        }
    }

    async fn deliver(&self, key: i64, transfer: &Transfer) -> Result<(), Failure> {
        let options = CommitOptions { is_new: false, received: Some(key) };
        let name = RunRef {
            namespace: transfer.namespace.clone(),
            workflow_id: transfer.workflow_id.clone(),
            run_id: transfer.run_id.clone(),
        };
        if !self.namespaces.contains(&name.namespace) {
            self.forward(key, refuse_namespace(transfer));
            return Ok(());
        }
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        if let Some(Request::StartChild(child)) = &transfer.request {
            return self.start_child(&mut slot, transfer, child, options);
        }
        let run_id = match self.run(&mut slot, &name).await {
            Ok(run) => run.name.run_id.clone(),
            Err(failure) if failure.is_not_found() => {
                let answer = transfer.outcome(TARGET_NOT_FOUND).or_else(|| transfer::begin_child(transfer));
                self.forward(key, answer);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.apply(&mut slot, &run_id, options, |tx| {
            transfer::receive(tx, transfer);
            Ok(())
        })?;
        Ok(())
    }

    /// Settles a transfer that reached no run, passing its answer on.
    fn forward(&self, key: i64, answer: Option<Transfer>) {
        let answer = answer.map(|answer| (self.storage.allocate_transfer_key(), answer));
        let sent = answer.iter().map(|(key, transfer)| (*key, transfer.encode_to_vec())).collect();
        self.storage.writer.submit(Job {
            write: WriteSet { received: Some(key), sent, ..WriteSet::default() },
            waiting: Vec::new(),
        });
        if let Some(answer) = answer {
            let _ = self.transfers.send(answer);
        }
    }

    fn start_child(
        &self,
        slot: &mut super::Slot,
        transfer: &Transfer,
        child: &StartChild,
        options: CommitOptions,
    ) -> Result<(), Failure> {
        let key = options.received.unwrap_or_default();
        let initiated_event_id = transfer.source.as_ref().map_or(0, |source| source.initiated_event_id);
        let report = |run_id: String, cause: ChildFailure| {
            let child = Source {
                namespace: transfer.namespace.clone(),
                workflow_id: transfer.workflow_id.clone(),
                run_id: run_id.clone(),
                ..Source::default()
            };
            let request = Request::ChildStarted(ChildStarted {
                initiated_event_id,
                run_id,
                failed_cause: cause as i32,
            });
            transfer.reply(request).map(|report| Transfer { source: Some(child), ..report })
        };
        let now = self.now();
        let attributes = child.attributes.clone().unwrap_or_default();
        let reuse = attributes.workflow_id_reuse_policy();
        let request = StartRequest {
            new: NewRun {
                backoff: cron::backoff(&attributes.cron_schedule, now, now).unwrap_or_default(),
                ..new_child(transfer, child, attributes)
            },
            reuse,
            conflict: enums::WorkflowIdConflictPolicy::Fail,
            signal: None,
            eager_for: None,
            announce: report(child.run_id.clone(), ChildFailure::Unspecified),
        };
        match self.start_in(slot, request, options) {
            Ok((_, Some(_))) => Ok(()),
            Ok((existing, None)) => {
                self.forward(key, report(existing.name.run_id, ChildFailure::Unspecified));
                Ok(())
            }
            Err(failure) if failure.is_already_exists() => {
                if child.reconnect
                    && let Some(existing) = running_child(slot, child)
                {
                    self.forward(key, report(existing, ChildFailure::Unspecified));
                    return Ok(());
                }
                self.forward(key, report(String::new(), ChildFailure::WorkflowAlreadyExists));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }
}

/// The answer to a transfer into a namespace that does not exist.
fn refuse_namespace(transfer: &Transfer) -> Option<Transfer> {
    if !matches!(transfer.request, Some(Request::StartChild(_))) {
        return transfer.outcome(enums::SignalExternalWorkflowExecutionFailedCause::NamespaceNotFound as i32);
    }
    let initiated_event_id = transfer.source.as_ref()?.initiated_event_id;
    transfer.reply(Request::ChildStarted(ChildStarted {
        initiated_event_id,
        run_id: String::new(),
        failed_cause: ChildFailure::NamespaceNotFound as i32,
    }))
}

/// The run of a child that was started by the same event of its parent's history, before that was reset.
fn running_child(slot: &super::Slot, child: &StartChild) -> Option<String> {
    let current = &slot.runs.get(slot.current.as_ref()?)?.state.core;
    let (theirs, ours) = (current.parent.as_ref()?, child.parent.as_ref()?);
    let workflow_id = |parent: &Parent| parent.execution.as_ref().map(|named| named.workflow_id.clone());
    (current.is_running()
        && theirs.initiated_event_id == ours.initiated_event_id
        && workflow_id(theirs) == workflow_id(ours))
    .then(|| current.run_id.clone())
}

fn new_child(
    transfer: &Transfer,
    child: &StartChild,
    attributes: history::StartChildWorkflowExecutionInitiatedEventAttributes,
) -> NewRun {
    NewRun {
        namespace: transfer.namespace.clone(),
        run_id: child.run_id.clone(),
        started: history::WorkflowExecutionStartedEventAttributes {
            workflow_id: attributes.workflow_id,
            workflow_type: attributes.workflow_type,
            task_queue: attributes.task_queue,
            input: attributes.input,
            workflow_execution_timeout: attributes.workflow_execution_timeout,
            workflow_run_timeout: attributes.workflow_run_timeout,
            workflow_task_timeout: attributes.workflow_task_timeout,
            retry_policy: attributes.retry_policy,
            cron_schedule: attributes.cron_schedule,
            header: attributes.header,
            memo: attributes.memo,
            search_attributes: attributes.search_attributes,
            priority: attributes.priority,
            root_workflow_execution: child.root.clone(),
            ..Default::default()
        },
        request_id: child.run_id.clone(),
        awaits_parent: true,
        user_metadata: child.user_metadata.clone(),
        parent: child.parent.clone(),
        ..NewRun::default()
    }
}

//! Deleting runs: on request, when their retention has passed, and with their namespace.

use super::{CommitOptions, Executor, RunRef};
use crate::Error;
use crate::kernel::effects::Terminate;
use crate::kernel::{Timestamp, inbound};
use crate::namespaces::is_deleted;
use crate::status::Failure;
use crate::storage::{Deletion, Job, NamespaceRecord, WriteSet};
use std::sync::Arc;

/// Runs deleted between two looks at what else is to do.
const BATCH: usize = 64;
/// How long to wait after a failure before trying again, nanoseconds.
const PATIENCE: i64 = 10_000_000_000;

impl Executor {
    /// Deletes a run, terminating it first if it is running.
    pub(crate) async fn delete(&self, name: &RunRef) -> Result<(), Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, name).await?;
        let (run_id, run_key) = (run.name.run_id.clone(), run.run_key);
        if run.state.core.is_running() {
            self.apply(&mut slot, &run_id, CommitOptions::KNOWN, |tx| {
                let reason = "Delete workflow execution".into();
                inbound::terminate(
                    tx,
                    Terminate { reason, identity: "history-service".into(), details: None },
                )
            })?;
        }
        slot.runs.remove(&run_id);
        if slot.current.as_ref() == Some(&run_id) {
            slot.current = None;
        }
        let hide = Deletion::Hide {
            run_key,
            namespace: name.namespace.clone(),
            workflow_id: name.workflow_id.clone(),
        };
        // The workflow id stays locked until this is durable, also if whoever asked is gone by then: a run that
        // was loaded before would come back to life.
        let release = move || drop(slot);
        let job = Job {
            write: WriteSet { deletions: vec![hide], ..WriteSet::default() },
            waiting: vec![Box::new(release)],
        };
        self.storage.writer.leave(job).durable().await?;
        self.namespaces.changed.notify_one();
        Ok(())
    }

    /// Deletes what is to go, until the engine closes.
    pub(crate) async fn run_retention(self: Arc<Self>) {
        loop {
            let next = match self.sweep(self.now()).await {
                Ok(next) => next,
                Err(failure) => {
                    tracing::warn!(?failure, "deleting old workflows is put off");
                    Some(self.now().plus(PATIENCE))
                }
            };
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = sleep => {}
                () = self.namespaces.changed.notified() => {}
            }
        }
    }

    /// Deletes every run that is due at `now`, batch by batch, and says when the next one may be.
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let mut next: Option<Timestamp> = None;
        for record in self.namespaces.all() {
            let due = if is_deleted(&record) {
                self.remove_namespace(&record).await?;
                None
            } else if record.retention > 0 {
                Some(self.sweep_namespace(&record, now).await?)
            } else {
                None
            };
            next = next.into_iter().chain(due).min();
        }
        self.purge().await?;
        Ok(next)
    }

    /// Deletes what a namespace kept long enough. A run that closes from now on is not due before what is
    /// returned either.
    async fn sweep_namespace(&self, record: &NamespaceRecord, now: Timestamp) -> Result<Timestamp, Failure> {
        loop {
            let closed_by = now.0.saturating_sub(record.retention);
            let runs = self.storage.readers.closed_by(record.name.clone(), i64::MAX - 1, BATCH).await?;
            let (due, later): (Vec<_>, Vec<_>) =
                runs.into_iter().partition(|run| run.close_time <= closed_by);
            for run in &due {
                self.delete_if_there(&record.name, &run.workflow_id, &run.run_id).await?;
            }
            if due.is_empty() || !later.is_empty() {
                let oldest = later.first().map_or(now, |run| Timestamp(run.close_time));
                return Ok(oldest.plus(record.retention));
            }
        }
    }

    /// Deletes everything in a namespace, and then the namespace.
    async fn remove_namespace(&self, record: &NamespaceRecord) -> Result<(), Failure> {
        loop {
            let runs = self.storage.readers.closed_by(record.name.clone(), i64::MAX, BATCH).await?;
            if runs.is_empty() {
                break;
            }
            for run in &runs {
                self.delete_if_there(&record.name, &run.workflow_id, &run.run_id).await?;
            }
        }
        let gone = WriteSet { namespace_gone: Some(record.name.clone()), ..WriteSet::default() };
        self.storage.writer.write(gone).durable().await?;
        self.namespaces.remove(&record.name);
        Ok(())
    }

    async fn delete_if_there(&self, namespace: &str, workflow_id: &str, run_id: &str) -> Result<(), Failure> {
        let name = RunRef {
            namespace: namespace.to_owned(),
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
        };
        match self.delete(&name).await {
            Err(failure) if failure.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Removes what deleted runs left, a slice per commit.
    async fn purge(&self) -> Result<(), Failure> {
        loop {
            let keys = self
                .storage
                .readers
                .deleted_runs(BATCH)
                .await
                .map_err(|error: Error| Failure::from(error))?;
            if keys.is_empty() {
                return Ok(());
            }
            for run_key in keys {
                let write = WriteSet { deletions: vec![Deletion::Purge { run_key }], ..WriteSet::default() };
                self.storage.writer.write(write).durable().await?;
            }
        }
    }
}

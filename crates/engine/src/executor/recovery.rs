//! Finding everything again when the engine opens, and driving it while it is open.

use super::{CommitOptions, Executor, RunRef, offer};
use crate::Error;
use crate::kernel::time::SECOND;
use crate::kernel::{Timestamp, Transfer, recovery};
use crate::options::LostTasks;
use crate::status::Failure;
use prost::Message;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Runs fired at once: enough to keep the writer's groups large, few enough to bound memory when a hundred
/// thousand timers are due together.
const FIRED_AT_ONCE: usize = 64;

/// How soon a timer is tried again whose run could not be read or written, nanoseconds.
const FIRE_AGAIN: i64 = SECOND;

impl Executor {
    /// Sets every open run's timer, offers every waiting task, and takes up what runs asked of each other.
    pub(crate) async fn recover(&self, lost_tasks: LostTasks) -> Result<(), Error> {
        for run in self.storage.readers.open_runs()? {
            let name = Arc::new(RunRef {
                namespace: run.namespace,
                workflow_id: run.workflow_id,
                run_id: run.run_id,
            });
            self.timers.set(&name, Timestamp(run.deadline));
            if run.has_tasks {
                self.recover_tasks(&name, lost_tasks)
                    .await
                    .map_err(|failure| Error::Stopped(failure.into_status().message().to_owned()))?;
            }
        }
        for (key, body) in self.storage.readers.outbox()? {
            let transfer =
                Transfer::decode(body.as_slice()).map_err(|error| Error::Corrupt(error.to_string()))?;
            let _ = self.transfers.send((key, transfer));
        }
        Ok(())
    }

    async fn recover_tasks(&self, name: &Arc<RunRef>, lost_tasks: LostTasks) -> Result<(), Failure> {
        let mut slot = self.slot(&name.namespace, &name.workflow_id).await?;
        let run = self.run(&mut slot, name).await?;
        let normal_queue = run.state.core.task_queue.clone();
        let outstanding = recovery::outstanding_tasks(&run.state);
        let lost = lost_tasks == LostTasks::RetryAtOpen && recovery::has_started_tasks(&run.state);
        for task in outstanding {
            offer(&self.matching, name, &normal_queue, task, self.now());
        }
        if lost {
            self.apply(&mut slot, &name.run_id, CommitOptions::KNOWN, |tx| {
                recovery::lose_workers(tx);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Fires timers as they come due, until the engine closes.
    pub(crate) async fn run_timers(self: Arc<Self>) {
        let permits = Arc::new(Semaphore::new(FIRED_AT_ONCE));
        loop {
            self.storage.writer.room().await;
            let (due, next) = self.timers.take_due(self.now());
            for name in due {
                let Ok(permit) = permits.clone().acquire_owned().await else { return };
                let executor = self.clone();
                tokio::spawn(async move {
                    if let Err(failure) = executor.fire(&name).await {
                        tracing::warn!(?failure, run_id = name.run_id, "a timer fires later");
                        executor.timers.set(&name, executor.now().plus(FIRE_AGAIN));
                    }
                    drop(permit);
                });
            }
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = sleep => {}
                () = self.timers.earlier() => {}
            }
        }
    }
}

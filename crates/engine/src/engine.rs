//! The engine: opening it, reaching it, closing it.

use crate::executor::Executor;
use crate::namespaces::Namespaces;
use crate::options::EngineOptions;
use crate::service::Service;
use crate::storage::{Commit, Job, NamespaceRecord, Storage, WriteSet};
use crate::{Error, transport};
use std::sync::Arc;
use temporalio_client::{Connection, ConnectionOptions};
use tokio_util::sync::CancellationToken;

/// An open engine. Cheap to clone; it stays open until [`Engine::shutdown`] or until the last clone and the
/// last connection are dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    service: Arc<Service>,
}

impl Engine {
    /// Opens the database, finds open workflows, their timers and their tasks again, and starts serving.
    ///
    /// Must be called within a tokio runtime. Fails if another process has the file open.
    pub async fn open(options: EngineOptions) -> Result<Self, Error> {
        let path = options.path.clone();
        let storage = tokio::task::spawn_blocking(move || Storage::open(&path))
            .await
            .map_err(|_| Error::Stopped("opening was cancelled".into()))??;
        let namespaces = Namespaces::new(storage.readers.namespaces()?);
        let (executor, transfers) = Executor::new(storage, options.clock.clone(), namespaces);
        for name in &options.namespaces {
            if !executor.namespaces.contains(name) {
                let id = executor.uuid();
                let record = NamespaceRecord { name: name.clone(), id, ..NamespaceRecord::default() };
                store_namespace(&executor, record).await?;
            }
        }
        executor.recover(options.lost_tasks).await?;
        let shutdown = CancellationToken::new();
        let drivers = vec![
            tokio::spawn(executor.clone().run_timers()),
            tokio::spawn(executor.clone().deliver_transfers(transfers)),
        ];
        Ok(Self { service: Arc::new(Service::new(executor, shutdown, &options, drivers)) })
    }

    /// Options with which `temporalio_client::Connection::connect` reaches this engine in memory.
    pub fn connection_options(&self) -> ConnectionOptions {
        transport::connection_options(&self.service)
    }

    /// A connection to this engine in memory.
    pub async fn connect(&self) -> Result<Connection, Error> {
        Connection::connect(self.connection_options())
            .await
            .map_err(|error| Error::Connect(error.to_string()))
    }

    /// Resolves when the engine has stopped because storage failed, with the reason, or was shut down.
    /// After a failure nothing is acknowledged any more; the process should end and open the file again.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.service.executor.storage.writer.stopped();
        match stopped.wait_for(Option::is_some).await {
            Ok(reason) => reason.as_deref().unwrap_or_default().to_owned(),
            Err(_) => "the writer thread is gone".to_owned(),
        }
    }

    /// Ends long polls, refuses new requests, commits what was accepted and closes the database. Workers
    /// should be shut down first. Workflows continue when the engine is opened again.
    pub async fn shutdown(&self) {
        let service = self.service.clone();
        service.begin_shutdown();
        let closed = tokio::task::spawn_blocking(move || service.executor.storage.close());
        if closed.await.is_err() {
            tracing::warn!("closing the engine's database was interrupted; nothing committed is lost");
        }
    }
}

pub(crate) async fn store_namespace(executor: &Executor, record: NamespaceRecord) -> Result<(), Error> {
    let (done, durable) = tokio::sync::oneshot::channel();
    executor.storage.writer.submit(Job {
        write: WriteSet { namespace: Some(record.clone()), ..WriteSet::default() },
        commit: Commit::Now,
        done: Box::new(move || {
            let _ = done.send(());
        }),
    });
    durable.await.map_err(|_| Error::Stopped("a namespace could not be stored".into()))?;
    executor.namespaces.insert(record);
    Ok(())
}

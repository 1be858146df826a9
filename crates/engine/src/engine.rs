//! The engine: opening it, reaching it, closing it.

use crate::executor::Executor;
use crate::kernel::Entropy;
use crate::namespaces::Namespaces;
use crate::options::EngineOptions;
use crate::proto::enums::NamespaceState;
use crate::service::Service;
use crate::storage::{Faults, Health, NamespaceRecord, Storage, WriteSet};
use crate::{Error, transport};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use temporalio_client::{Connection, ConnectionOptions};
use tokio_util::sync::CancellationToken;

/// An open engine. Cheap to clone; it stays open until [`Engine::shutdown`] or until the last clone and the
/// last connection are dropped.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) service: Arc<Service>,
}

impl Engine {
    /// Opens the database, finds open workflows, their timers and their tasks again, and starts serving.
    ///
    /// Must be called within a tokio runtime. Fails if another process has the file open.
    pub async fn open(options: EngineOptions) -> Result<Self, Error> {
        Self::open_with(options, Faults::default()).await
    }

    /// As [`Engine::open`], on storage that fails as it is told.
    pub(crate) async fn open_with(options: EngineOptions, faults: Faults) -> Result<Self, Error> {
        let path = options.path.clone();
        let storage = tokio::task::spawn_blocking(move || Storage::open(&path, faults))
            .await
            .map_err(|_| Error::Stopped("opening was cancelled".into()))??;
        let seed = RandomState::new().build_hasher().finish() ^ options.clock.now().0 as u64;
        Self::serve(options, storage, Entropy::from_seed(seed)).await
    }

    /// Serves what is stored. All identifiers follow from `entropy`.
    pub(crate) async fn serve(
        options: EngineOptions,
        storage: Storage,
        entropy: Entropy,
    ) -> Result<Self, Error> {
        let namespaces = Namespaces::new(storage.readers.namespaces()?);
        let (executor, transfers) = Executor::new(storage, namespaces, &options, entropy);
        for name in &options.namespaces {
            if executor.namespaces.find(name, "").is_none() && !executor.namespaces.is_going(name) {
                let record = NamespaceRecord {
                    name: name.clone(),
                    id: executor.uuid(),
                    state: NamespaceState::Registered as i32,
                    retention: options.retention.map_or(0, |retention| retention.as_nanos() as i64),
                    ..NamespaceRecord::default()
                };
                store_namespace(&executor, record).await?;
            }
        }
        executor.recover(options.lost_tasks).await?;
        executor.recover_schedules()?;
        let shutdown = CancellationToken::new();
        let drivers = vec![
            tokio::spawn(executor.clone().run_timers()),
            tokio::spawn(executor.clone().run_held()),
            tokio::spawn(executor.clone().run_retention()),
            tokio::spawn(executor.clone().deliver_transfers(transfers)),
        ];
        let service = Arc::new(Service::new(executor, shutdown, &options, drivers));
        service.drive(tokio::spawn(Service::run_schedules(Arc::downgrade(&service))));
        Ok(Self { service })
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
        let mut health = self.service.executor.storage.writer.health();
        let stopped = health.wait_for(|health| matches!(health, Health::Stopped(_))).await;
        match stopped.as_deref() {
            Ok(Health::Stopped(reason)) => reason.to_string(),
            _ => "the writer thread is gone".to_owned(),
        }
    }

    /// Ends long polls, refuses new requests, commits what was accepted and closes the database. Workers
    /// should be shut down first. Workflows continue when the engine is opened again.
    pub async fn shutdown(&self) {
        let service = self.service.clone();
        service.begin_shutdown();
        service.executor.release_all().await;
        let closed = tokio::task::spawn_blocking(move || service.executor.storage.close());
        if closed.await.is_err() {
            tracing::warn!("closing the engine's database was interrupted; nothing committed is lost");
        }
    }
}

pub(crate) async fn store_namespace(executor: &Executor, record: NamespaceRecord) -> Result<(), Error> {
    let write = WriteSet { namespace: Some(record.clone()), ..WriteSet::default() };
    executor.storage.writer.write(write).durable().await?;
    executor.namespaces.insert(record);
    Ok(())
}

#[cfg(test)]
mod tests;

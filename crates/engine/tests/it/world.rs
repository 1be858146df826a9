//! An engine in a temporary directory with SDK workers and clients on it.

use std::path::PathBuf;
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{Client, ClientOptions};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

/// Nothing a test waits for takes longer than this; it only bounds a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    _directory: tempfile::TempDir,
    pub(crate) path: PathBuf,
    pub(crate) engine: Engine,
    pub(crate) client: Client,
}

pub(crate) async fn client(engine: &Engine) -> Client {
    let connection = engine.connect().await.expect("the engine accepts connections");
    Client::new(connection, ClientOptions::new("default").build()).expect("a client")
}

impl World {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("engine.db");
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("the engine opens");
        let client = client(&engine).await;
        Self { _directory: directory, path, engine, client }
    }

    /// Runs a worker for as long as the body takes.
    pub(crate) async fn work<T>(&self, options: WorkerOptions, body: impl Future<Output = T>) -> T {
        work(self.client.clone(), options, body).await
    }
}

pub(crate) async fn work<T>(client: Client, options: WorkerOptions, body: impl Future<Output = T>) -> T {
    let runtime = Runtime::from_current_tokio(Default::default()).expect("a runtime");
    let mut worker = Worker::new(&runtime, client, options).expect("a worker");
    let stop = worker.shutdown_handle();
    let body = async {
        let out = tokio::time::timeout(PATIENCE, body).await;
        stop();
        out.expect("the test body ends in time")
    };
    let (ran, out) = tokio::join!(worker.run(), body);
    ran.expect("the worker ends cleanly");
    out
}

//! An engine in a temporary directory with SDK workers and clients on it.

use crate::rpc;
use crate::script::{self, Script, Step};
use std::path::PathBuf;
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions};
use temporalio_client::{
    Client, ClientOptions, WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHandle,
    WorkflowStartOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

/// Nothing a test waits for takes longer than this; it only bounds a hang.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub const QUEUE: &str = "queue";

pub type Handle = WorkflowHandle<Client, script::ScriptRun>;

pub struct World {
    _directory: tempfile::TempDir,
    pub path: PathBuf,
    pub engine: Engine,
    pub client: Client,
}

pub async fn client(engine: &Engine) -> Client {
    let connection = engine.connect().await.expect("the engine accepts connections");
    Client::new(connection, ClientOptions::new("default").build()).expect("a client")
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("engine.db");
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("the engine opens");
        rpc::add_search_attribute(&engine, script::KEYWORD_NAME, IndexedValueType::Keyword).await;
        let client = client(&engine).await;
        Self { _directory: directory, path, engine, client }
    }

    /// Opens the file again after the engine and its clients are gone.
    pub async fn reopen(&mut self) {
        self.engine = Engine::open(EngineOptions::new(&self.path)).await.expect("the engine opens again");
        self.client = client(&self.engine).await;
    }

    /// Runs a worker for as long as the body takes.
    pub async fn work<T>(&self, options: WorkerOptions, body: impl Future<Output = T>) -> T {
        work(self.client.clone(), options, body).await
    }

    pub async fn start(&self, id: &str, steps: &[Step]) -> Handle {
        self.start_with(WorkflowStartOptions::new(QUEUE, id).build(), steps).await
    }

    pub async fn start_with(&self, options: WorkflowStartOptions, steps: &[Step]) -> Handle {
        self.client.start_workflow(Script::run, steps.to_vec(), options).await.expect("it starts")
    }

    /// Runs a script to its end: what it said, and the types of its events.
    pub async fn run(&self, id: &str, steps: &[Step]) -> String {
        let handle = self.start(id, steps).await;
        outcome(&handle).await
    }
}

pub async fn result(handle: &Handle) -> String {
    match handle.get_result(WorkflowGetResultOptions::default()).await {
        Ok(log) => log.join("\n"),
        Err(error) => format!("{error}"),
    }
}

/// What the workflow said and what its history holds, one event a line. Workflow tasks are left out: how
/// many there are depends on what happens to arrive together.
pub async fn outcome(handle: &Handle) -> String {
    let result = result(handle).await;
    let mut events = events(handle).await;
    events.retain(|name| !name.starts_with("workflow_task_"));
    format!("{result}\n--\n{}", events.join("\n"))
}

/// The names of the events, checked to be numbered without a gap.
pub async fn events(handle: &Handle) -> Vec<String> {
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let events = history.into_events().await.expect("a history");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.event_id, index as i64 + 1, "event ids have no gap");
    }
    events
        .iter()
        .map(|event| event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase())
        .collect()
}

pub async fn work<T>(client: Client, options: WorkerOptions, body: impl Future<Output = T>) -> T {
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).expect("a runtime");
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

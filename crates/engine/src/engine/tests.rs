//! What becomes of the engine when its storage fails.

use super::*;
use crate::options::LostTasks;
use crate::proto::{common, taskqueue, workflowservice as ws};
use crate::status::Failure;
use crate::storage::Stepped;
use prost::Message;
use rusqlite::ffi;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tonic::Code;

/// An engine whose commits fail with a code of SQLite's while one is set.
struct World {
    _directory: tempfile::TempDir,
    path: PathBuf,
    failure: Arc<AtomicI32>,
    engine: Engine,
}

async fn open(path: &Path, failure: &Arc<AtomicI32>) -> Engine {
    let failure = failure.clone();
    let faults = Faults::injected(move || match failure.load(Ordering::SeqCst) {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    });
    Engine::open_with(EngineOptions::new(path), faults).await.expect("the engine opens")
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("engine.db");
        let failure = Arc::new(AtomicI32::new(ffi::SQLITE_OK));
        let engine = open(&path, &failure).await;
        Self { _directory: directory, path, failure, engine }
    }

    /// An engine that commits when it is told to.
    async fn stepped() -> (Self, Stepped) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("engine.db");
        let (storage, mut steps) = Storage::open_stepped(&path).expect("storage opens");
        let opening = Engine::serve(EngineOptions::new(&path), storage, Entropy::from_seed(1));
        let (engine, ()) = tokio::join!(opening, async {
            assert!(steps.wait().await, "a namespace is stored");
            steps.commit(1).expect("it is committed").acknowledge();
        });
        let engine = engine.expect("it opens");
        (Self { _directory: directory, path, failure: Arc::default(), engine }, steps)
    }

    async fn start(&self, id: &str) -> Result<(), Code> {
        let request = ws::StartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: id.into(),
            workflow_type: Some(common::WorkflowType { name: "any".into() }),
            task_queue: Some(taskqueue::TaskQueue { name: "queue".into(), ..Default::default() }),
            request_id: id.into(),
            ..Default::default()
        };
        self.call("StartWorkflowExecution", &request).await
    }

    async fn describe(&self, id: &str) -> Result<(), Code> {
        let execution = common::WorkflowExecution { workflow_id: id.into(), run_id: String::new() };
        let request =
            ws::DescribeWorkflowExecutionRequest { namespace: "default".into(), execution: Some(execution) };
        self.call("DescribeWorkflowExecution", &request).await
    }

    async fn delete(&self, id: &str) -> Result<(), Code> {
        let execution = common::WorkflowExecution { workflow_id: id.into(), run_id: String::new() };
        let request = ws::DeleteWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: Some(execution),
        };
        self.call("DeleteWorkflowExecution", &request).await
    }

    async fn signal(&self, id: &str) -> Result<(), Code> {
        let request = ws::SignalWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: Some(common::WorkflowExecution {
                workflow_id: id.into(),
                run_id: String::new(),
            }),
            signal_name: "signal".into(),
            ..Default::default()
        };
        self.call("SignalWorkflowExecution", &request).await
    }

    /// How many events a workflow's history has.
    async fn history(&self, id: &str) -> Result<usize, Code> {
        let request = ws::GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: Some(common::WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
            ..Default::default()
        };
        let answer = self.answer("GetWorkflowExecutionHistory", &request).await?;
        let answer = ws::GetWorkflowExecutionHistoryResponse::decode(&*answer).expect("it is an answer");
        Ok(answer.history.map_or(0, |history| history.events.len()))
    }

    /// Takes the task that waits, and returns its token.
    async fn poll(&self) -> Result<Vec<u8>, Code> {
        let request = ws::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: Some(taskqueue::TaskQueue { name: "queue".into(), ..Default::default() }),
            ..Default::default()
        };
        let answer = self.answer("PollWorkflowTaskQueue", &request).await?;
        let task = ws::PollWorkflowTaskQueueResponse::decode(&*answer).expect("it is an answer");
        Ok(task.task_token)
    }

    /// Answers a task with nothing.
    async fn complete(&self, task_token: Vec<u8>) -> Result<(), Code> {
        let request = ws::RespondWorkflowTaskCompletedRequest { task_token, ..Default::default() };
        self.call("RespondWorkflowTaskCompleted", &request).await
    }

    async fn call(&self, rpc: &str, request: &impl Message) -> Result<(), Code> {
        self.answer(rpc, request).await.map(drop)
    }

    async fn answer(&self, rpc: &str, request: &impl Message) -> Result<Vec<u8>, Code> {
        let service = "temporal.api.workflowservice.v1.WorkflowService";
        let answer = self.engine.service.call(service, rpc, request.encode_to_vec().into()).await;
        answer.map_err(|failure: Failure| failure.into_status().code())
    }

    async fn reopen(&mut self) {
        self.engine.shutdown().await;
        self.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
        self.engine = open(&self.path, &self.failure).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_work_until_there_is_room() {
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_SHMSIZE] {
        refuses_new_work_until_there_is_room(code).await;
    }
}

async fn refuses_new_work_until_there_is_room(code: i32) {
    let mut world = World::new().await;
    assert_eq!(world.start("before").await, Ok(()));
    world.failure.store(code, Ordering::SeqCst);
    assert_eq!(world.start("first refused").await, Err(Code::ResourceExhausted));
    assert_eq!(world.start("second refused").await, Err(Code::ResourceExhausted));
    assert_eq!(world.describe("before").await, Ok(()), "what is stored can be read");
    world.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(30), world.engine.service.executor.storage.writer.room())
        .await
        .expect("it notices that there is room");
    assert_eq!(world.start("after").await, Ok(()));
    assert_eq!(world.start("first refused").await, Ok(()), "asked again with the same request id");
    world.reopen().await;
    for id in ["before", "after", "first refused"] {
        assert_eq!(world.describe(id).await, Ok(()), "{id}");
    }
    assert_eq!(world.describe("second refused").await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_file_from_before_the_journal_is_taken_over() {
    let mut world = World::new().await;
    assert_eq!(world.start("before").await, Ok(()));
    world.engine.shutdown().await;
    let file = rusqlite::Connection::open(&world.path).expect("the file opens");
    file.execute_batch(
        "ALTER TABLE run DROP COLUMN journal_position; DROP TABLE journal; PRAGMA user_version = 3;",
    )
    .expect("it is as it was then");
    drop(file);
    world.reopen().await;
    assert_eq!(world.describe("before").await, Ok(()));
    assert_eq!(world.signal("before").await, Ok(()), "it goes on");
    world.reopen().await;
    assert_eq!(world.history("before").await, Ok(3), "started, a task scheduled, signalled");
}

#[tokio::test]
async fn what_is_only_in_the_journal_is_read_when_there_is_room() {
    let world = World::new().await;
    assert_eq!(world.start("workflow").await, Ok(()));
    assert_eq!(world.signal("workflow").await, Ok(()));
    world.failure.store(ffi::SQLITE_FULL, Ordering::SeqCst);
    assert_eq!(world.start("refused").await, Err(Code::ResourceExhausted));
    assert_eq!(world.history("workflow").await, Err(Code::ResourceExhausted), "its rows are behind");
    world.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
    world.engine.service.executor.storage.writer.room().await;
    assert_eq!(world.history("workflow").await, Ok(3));
}

#[tokio::test]
async fn a_full_disk_does_not_keep_the_engine_from_closing() {
    let mut world = World::new().await;
    world.failure.store(ffi::SQLITE_FULL, Ordering::SeqCst);
    assert_eq!(world.start("refused").await, Err(Code::ResourceExhausted));
    world.reopen().await;
    assert_eq!(world.describe("refused").await, Err(Code::NotFound));
}

#[tokio::test(start_paused = true)]
async fn a_start_is_not_answered_from_memory_when_it_is_repeated() {
    let (world, mut steps) = World::stepped().await;
    let (first, repeated) = (world.start("workflow"), world.start("workflow"));
    tokio::pin!(first, repeated);
    // Time is only passed when nothing else can happen.
    let patience = Duration::from_secs(1);
    assert!(tokio::time::timeout(patience, &mut first).await.is_err(), "it is not durable");
    assert!(tokio::time::timeout(patience, &mut repeated).await.is_err(), "nor is this");
    let waiting = steps.waiting();
    steps.commit(waiting).expect("they are committed").acknowledge();
    assert_eq!(tokio::join!(first, repeated), (Ok(()), Ok(())));
}

/// Commits whatever an answer waits for.
async fn answered<T>(steps: &mut Stepped, answer: impl Future<Output = T>) -> T {
    tokio::pin!(answer);
    loop {
        // Time is only passed when nothing else can happen.
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(5), &mut answer).await {
            return answer;
        }
        let waiting = steps.waiting();
        assert!(waiting > 0, "it waits for a commit");
        steps.commit(waiting).expect("they are committed").acknowledge();
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_task_was_taken_is_written_with_its_answer() {
    let (world, mut steps) = World::stepped().await;
    assert_eq!(answered(&mut steps, world.start("workflow")).await, Ok(()));
    let token = world.poll().await.expect("there is a task");
    assert_eq!(steps.waiting(), 0, "nobody waits for it");
    let answer = world.complete(token);
    tokio::pin!(answer);
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut answer).await.is_err(), "it is not durable");
    assert_eq!(steps.waiting(), 1, "both as one");
    assert_eq!(answered(&mut steps, answer).await, Ok(()));
    let history = answered(&mut steps, world.history("workflow")).await;
    assert_eq!(history, Ok(4), "started; a task scheduled, started, completed");
}

#[tokio::test(start_paused = true)]
async fn that_a_task_was_taken_is_written_when_it_is_asked_for_or_a_little_later() {
    let (world, mut steps) = World::stepped().await;
    for id in ["asked for", "later"] {
        assert_eq!(answered(&mut steps, world.start(id)).await, Ok(()));
        world.poll().await.expect("there is a task");
        assert_eq!(steps.waiting(), 0, "nobody waits for it");
        if id == "later" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(steps.waiting(), 1);
        }
        assert_eq!(answered(&mut steps, world.history(id)).await, Ok(3), "{id}");
    }
}

#[tokio::test]
async fn a_worker_keeps_its_task_when_the_engine_is_closed_and_opened_again() {
    let mut world = World::new().await;
    assert_eq!(world.start("workflow").await, Ok(()));
    let token = world.poll().await.expect("there is a task");
    world.engine.shutdown().await;
    let options = EngineOptions::new(&world.path).lost_tasks(LostTasks::AwaitWorkers);
    world.engine = Engine::open(options).await.expect("it opens again");
    assert_eq!(world.complete(token).await, Ok(()));
    assert_eq!(world.history("workflow").await, Ok(4));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_found_again_because_whoever_deletes_it_has_gone() {
    let (world, mut steps) = World::stepped().await;
    let mut commit = || {
        let waiting = steps.waiting();
        steps.commit(waiting).expect("they are committed").acknowledge();
    };
    // Time is only passed when nothing else can happen.
    let patience = Duration::from_secs(1);
    let started = world.start("workflow");
    tokio::pin!(started);
    assert!(tokio::time::timeout(patience, &mut started).await.is_err(), "it is not durable");
    commit();
    assert_eq!(started.await, Ok(()));

    let gone = tokio::time::timeout(patience, world.delete("workflow")).await;
    assert!(gone.is_err(), "the deletion is not durable");
    let next = world.delete("workflow");
    tokio::pin!(next);
    assert!(tokio::time::timeout(patience, &mut next).await.is_err(), "nobody finds what is on its way out");
    commit();
    assert_eq!(next.await, Err(Code::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_stops_the_engine_and_nothing_is_acknowledged_after_it() {
    let mut world = World::new().await;
    assert_eq!(world.start("before").await, Ok(()));
    world.failure.store(ffi::SQLITE_IOERR_FSYNC, Ordering::SeqCst);
    assert_eq!(world.start("lost").await, Err(Code::Unavailable));
    assert!(!world.engine.stopped().await.is_empty());
    world.failure.store(ffi::SQLITE_OK, Ordering::SeqCst);
    assert_eq!(world.start("after").await, Err(Code::Unavailable), "it does not try again");
    world.reopen().await;
    assert_eq!(world.describe("before").await, Ok(()));
    assert_eq!(world.describe("lost").await, Err(Code::NotFound));
    assert_eq!(world.describe("after").await, Err(Code::NotFound));
}

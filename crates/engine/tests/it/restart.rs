//! Closing and opening again: everything that was acknowledged is there, and goes on.

use crate::script::{Act, Acts, Close, Script, Step, Then, worker, worker_with};
use crate::world::{QUEUE, World, client, events, result, work};
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions, Error};
use temporalio_client::WorkflowSignalOptions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_go_on_where_they_were() {
    let mut world = World::new().await;
    let steps = [
        Step::Activity(Act { key: "first".into(), ..Act::default() }),
        Step::Timer(300),
        Step::Child {
            id: "child".into(),
            steps: vec![Step::Signals(1)],
            close: Close::Terminate,
            then: Then::Await,
        },
        Step::Activity(Act { key: "last".into(), ..Act::default() }),
    ];
    let waiting = world.start("waiting", &[Step::Signals(2)]).await;
    let acts = Acts::default();
    world
        .work(worker_with(QUEUE, acts.clone()), async {
            let handle = world.start("long", &steps).await;
            // Until the timer runs, so that the engine goes down in the middle of it.
            while !events(&handle).await.contains(&"timer_started".to_owned()) {
                tokio::task::yield_now().await;
            }
            waiting
                .signal(Script::tell, "before".into(), WorkflowSignalOptions::default())
                .await
                .expect("it is taken");
        })
        .await;
    // This workflow's first task has not been taken by any worker.
    world.start("queued", &[Step::Timer(1)]).await;
    world.engine.shutdown().await;
    world.reopen().await;

    let handle = |id: &str| world.client.get_workflow_handle::<crate::script::ScriptRun>(id);
    world
        .work(worker_with(QUEUE, acts.clone()), async {
            assert_eq!(result(&handle("queued")).await, "slept");
            let tell = async |id: &str, word: &str| {
                let options = WorkflowSignalOptions::default();
                while handle(id).signal(Script::tell, word.into(), options.clone()).await.is_err() {
                    tokio::task::yield_now().await;
                }
            };
            tell("waiting", "after").await;
            assert_eq!(result(&handle("waiting")).await, "2 signals\ntold before\ntold after");
            tell("child", "go on").await;
            let expected = "done first\nslept\nchild said [\"1 signals\", \"told go on\"]\ndone last";
            assert_eq!(result(&handle("long")).await, expected);
        })
        .await;
    let runs = acts.runs.lock().expect("not poisoned").clone();
    assert_eq!((runs["first"], runs["last"]), (1, 1), "no activity was repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_dropped_without_shutdown_lost_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("engine.db");
    {
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
        let client = client(&engine).await;
        let options = temporalio_client::WorkflowStartOptions::new(QUEUE, "subject").build();
        client.start_workflow(Script::run, vec![Step::Timer(10)], options).await.expect("it starts");
    }
    let engine = loop {
        // The lock goes with the last connection, which the client's tasks may hold a moment longer.
        match Engine::open(EngineOptions::new(&path)).await {
            Ok(engine) => break engine,
            Err(Error::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let client = client(&engine).await;
    let handle = client.get_workflow_handle::<crate::script::ScriptRun>("subject");
    assert_eq!(work(client.clone(), worker(QUEUE), result(&handle)).await, "slept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_engine_on_the_same_file_is_refused() {
    let world = World::new().await;
    let refused = Engine::open(EngineOptions::new(&world.path)).await.expect_err("it is in use");
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    assert!(refused.is_retryable());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_file_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "this is no database, and long enough to be looked at as one".repeat(100))
        .expect("it is written");
    let refused = Engine::open(EngineOptions::new(&path)).await.expect_err("it is no database");
    assert!(matches!(refused, Error::Open { .. }), "{refused:?}");
    assert!(
        std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with("this is no")),
        "it is unchanged"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_after_shutdown_fail_and_polls_end() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Signals(1)]).await;
    let waiting = result(&handle);
    let ((), said) = tokio::join!(
        async {
            tokio::task::yield_now().await;
            world.engine.shutdown().await;
        },
        waiting
    );
    assert!(said.contains("the engine has stopped"), "{said}");
}

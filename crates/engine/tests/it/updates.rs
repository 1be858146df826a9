//! Updates through Temporal's own SDK: handlers with validators, synchronous and waiting.

use crate::bare::bare;
use crate::script::{Script, ScriptRun, Step, worker};
use crate::world::{Handle, QUEUE, World, events, outcome, result};
use expect_test::expect;
use temporalio_client::{
    RpcOptions, WorkflowExecuteUpdateOptions, WorkflowIdConflictPolicy, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartUpdateOptions, WorkflowUpdateWithStartOptions,
};

async fn push(handle: &Handle, word: &str) -> String {
    let options = WorkflowExecuteUpdateOptions::default();
    match handle.execute_update(Script::push, word.to_owned(), options).await {
        Ok(count) => count.to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_answers_with_what_its_handler_returns() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Words(3)]).await;
    let outcome = world
        .work(worker(QUEUE), async {
            assert_eq!(push(&handle, "one").await, "1");
            assert_eq!(push(&handle, "two").await, "2");
            let heard = handle.query(Script::heard, (), WorkflowQueryOptions::default()).await;
            assert!(heard.is_ok_and(|heard| heard.len() == 2), "a query sees what was answered before");
            assert_eq!(push(&handle, "three").await, "3");
            outcome(&handle).await
        })
        .await;
    expect![[r#"
        3 words
        pushed one
        pushed two
        pushed three
        --
        workflow_execution_started
        workflow_execution_update_accepted
        workflow_execution_update_completed
        workflow_execution_update_accepted
        workflow_execution_update_completed
        workflow_execution_update_accepted
        workflow_execution_update_completed
        workflow_execution_completed"#]]
    .assert_eq(&outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_validator_refuses_is_not_in_the_history() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Words(1)]).await;
    world
        .work(worker(QUEUE), async {
            let options = WorkflowExecuteUpdateOptions::default();
            for _ in 0..20 {
                let refused = handle.execute_update(Script::push, String::new(), options.clone()).await;
                let refused = refused.expect_err("the word is empty").to_string();
                assert!(refused.contains("a word is not empty"), "{refused}");
            }
            assert_eq!(events(&handle).await.len(), 4, "only the workflow's first task is there");
            assert_eq!(push(&handle, "word").await, "1");
            assert_eq!(result(&handle).await, "1 words\npushed word");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_update_is_waited_for_with_a_handle() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Words(1)]).await;
    world
        .work(worker(QUEUE), async {
            let options = WorkflowStartUpdateOptions::builder().update_id("u".to_owned()).build();
            let update = handle.start_update(Script::push_when_told, "word".to_owned(), options).await;
            let update = update.expect("it is accepted");
            handle
                .signal(Script::tell, "go".into(), WorkflowSignalOptions::default())
                .await
                .expect("it is taken");
            assert_eq!(update.get_result(RpcOptions::default()).await.expect("it completes"), 1);
            let options = WorkflowExecuteUpdateOptions::builder().update_id("u".to_owned()).build();
            let again = handle.execute_update(Script::push_when_told, "other".to_owned(), options).await;
            assert_eq!(again.expect("the same update"), 1, "the same id is the same update");
            assert_eq!(result(&handle).await, "1 words\npushed word\ntold go");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_update_survives_a_restart() {
    let mut world = World::new().await;
    let handle = world.start("subject", &[Step::Words(1)]).await;
    world
        .work(worker(QUEUE), async {
            let options = WorkflowStartUpdateOptions::builder().update_id("u".to_owned()).build();
            handle
                .start_update(Script::push_when_told, "word".to_owned(), options)
                .await
                .expect("it is accepted");
        })
        .await;
    world.engine.shutdown().await;
    world.reopen().await;
    let handle = world.client.get_workflow_handle::<ScriptRun>("subject");
    world
        .work(worker(QUEUE), async {
            let told = handle.signal(Script::tell, "go".into(), WorkflowSignalOptions::default());
            let update = handle.get_update_handle(Script::push_when_told, "u");
            let (told, pushed) = tokio::join!(told, update.get_result(RpcOptions::default()));
            told.expect("it is taken");
            assert_eq!(pushed.expect("it completes"), 1);
            assert_eq!(result(&handle).await, "1 words\npushed word\ntold go");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_signals_and_queries_at_once() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Words(40), Step::Signals(40)]).await;
    world
        .work(worker(QUEUE), async {
            let updates = async {
                // Eight at a time: ten is the most that a workflow takes.
                for round in 0..5 {
                    let batch = (0..8).map(|n| {
                        let handle = &handle;
                        async move { push(handle, &format!("{round}.{n}")).await }
                    });
                    for answer in futures::future::join_all(batch).await {
                        assert!(answer.parse::<usize>().is_ok(), "{answer}");
                    }
                }
            };
            let signals = async {
                for n in 0..40 {
                    let options = WorkflowSignalOptions::default();
                    handle.signal(Script::tell, n.to_string(), options).await.expect("it is taken");
                }
            };
            let refusals = async {
                for _ in 0..10 {
                    let options = WorkflowExecuteUpdateOptions::default();
                    let refused = handle.execute_update(Script::push, String::new(), options).await;
                    assert!(refused.is_err());
                }
            };
            tokio::join!(updates, signals, refusals);
            assert_eq!(result(&handle).await.lines().count(), 82);
        })
        .await;
    let names = events(&handle).await;
    let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
    assert_eq!(count("workflow_execution_update_accepted"), 40);
    assert_eq!(count("workflow_execution_update_completed"), 40);
    assert_eq!(count("workflow_task_failed"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_puts_updates_to_the_new_run_again() {
    let world = World::new().await;
    let handle = world.start("subject", &[Step::Words(2)]).await;
    world
        .work(worker(QUEUE), async {
            let options = WorkflowExecuteUpdateOptions::builder().update_id("one".to_owned()).build();
            let first = handle.execute_update(Script::push, "one".to_owned(), options).await;
            assert_eq!(first.expect("it completes"), 1);
            bare(&world.client).reset("subject", 4).await;
            let handle = world.client.get_workflow_handle::<ScriptRun>("subject");
            let again = handle.get_update_handle(Script::push, "one").get_result(RpcOptions::default()).await;
            assert_eq!(again.expect("it completes in the new run, too"), 1);
            assert_eq!(push(&handle, "two").await, "2");
            assert_eq!(result(&handle).await, "2 words\npushed one\npushed two");
            let mut names = events(&handle).await;
            names.retain(|name| name.contains("update"));
            expect![[r#"
                workflow_execution_update_admitted
                workflow_execution_update_accepted
                workflow_execution_update_completed
                workflow_execution_update_accepted
                workflow_execution_update_completed"#]]
            .assert_eq(&names.join("\n"));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_with_start_through_the_sdk() {
    let world = World::new().await;
    world
        .work(worker(QUEUE), async {
            for (word, expected) in [("one", 1), ("two", 2)] {
                let options = WorkflowUpdateWithStartOptions::new(
                    QUEUE,
                    "subject",
                    WorkflowIdConflictPolicy::UseExisting,
                )
                .build();
                let count = world
                    .client
                    .execute_update_with_start_workflow(
                        Script::run,
                        vec![Step::Words(2)],
                        Script::push,
                        word.to_owned(),
                        options,
                    )
                    .await
                    .expect("both operations succeed");
                assert_eq!(count, expected);
            }
            let handle = world.client.get_workflow_handle::<ScriptRun>("subject");
            assert_eq!(result(&handle).await, "2 words\npushed one\npushed two");
        })
        .await;
}

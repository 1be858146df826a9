//! Updates on the bare protocol: exact histories, and every answer a client can get.

use crate::bare::{
    Reply, Stage, bare, carried, lines, operations, refusal, start_request, told, told_later, update_request,
};
use crate::world::{QUEUE, World};
use expect_test::expect;
use temporalio_protos::temporal::api::enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy};
use temporalio_protos::temporal::api::workflowservice::v1::execute_multi_operation_response::response::Response;

const STICKY: &str = "sticky";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_update_of_an_idle_workflow_leaves_no_trace() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default()).await;

    let (asking, task) = bare.update_and_poll(update_request("w", "u", Stage::Completed), QUEUE).await;
    assert_eq!(carried(&task), ["u"]);
    assert_eq!((task.previous_started_event_id, task.started_event_id), (3, 6));
    expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled
        3 workflow_task_started
        4 workflow_task_completed
        5 workflow_task_scheduled
        6 workflow_task_started"#]]
    .assert_eq(&lines(&task.history.clone().unwrap_or_default()));
    let response = bare.reply(&task, Reply::default().rejects("u")).await.expect("it is the task");
    assert_eq!(response.reset_history_event_id, 3, "the worker forgets what will not be");
    assert_eq!(told(asking.await.expect("it ends")), "Completed: no");
    expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled
        3 workflow_task_started
        4 workflow_task_completed"#]]
    .assert_eq(&bare.history("w").await);
    expect![[r#"NotFound [NotFoundFailure] update "u" not found"#]]
        .assert_eq(&told_later(bare.poll_update("w", "u", Stage::Completed).await));
    let late = bare.reply(&task, Reply::default()).await.expect_err("it is over");
    expect!["NotFound [NotFoundFailure] Workflow task not found."].assert_eq(&refusal(&late));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_now_and_completed_later_across_a_restart() {
    let mut world = World::new().await;
    {
        let bare = bare(&world.client);
        bare.start_idle("w", Reply::default()).await;
        let (asking, task) = bare.update_and_poll(update_request("w", "u", Stage::Accepted), QUEUE).await;
        bare.reply(&task, Reply::default().accepts("u")).await.expect("it is the task");
        assert_eq!(told(asking.await.expect("it ends")), "Accepted");
        assert_eq!(told(bare.update(update_request("w", "u", Stage::Accepted)).await), "Accepted");
        assert_eq!(told_later(bare.poll_update("w", "u", Stage::Unspecified).await), "Accepted");
    }
    world.engine.shutdown().await;
    world.reopen().await;
    let bare = bare(&world.client);
    assert_eq!(told_later(bare.poll_update("w", "u", Stage::Accepted).await), "Accepted");
    let asking = bare.ask(update_request("w", "u", Stage::Completed));
    bare.signal("w").await.expect("it is open");
    let task = bare.poll(QUEUE).await;
    assert!(carried(&task).is_empty(), "the worker replays it from the history");
    bare.reply(&task, Reply::default().responds("u").completes()).await.expect("it is the task");
    assert_eq!(told(asking.await.expect("it ends")), "Completed: success");
    assert_eq!(told_later(bare.poll_update("w", "u", Stage::Completed).await), "Completed: success");
    let again = bare.update(update_request("w", "u", Stage::Completed)).await;
    assert_eq!(told(again), "Completed: success", "also now that the workflow has closed");
    expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled
        3 workflow_task_started
        4 workflow_task_completed
        5 workflow_task_scheduled
        6 workflow_task_started
        7 workflow_task_completed
        8 workflow_execution_update_accepted
        9 workflow_execution_signaled
        10 workflow_task_scheduled
        11 workflow_task_started
        12 workflow_task_completed
        13 workflow_execution_update_completed
        14 workflow_execution_completed"#]]
    .assert_eq(&bare.history("w").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_forgets_what_was_not_accepted() {
    let mut world = World::new().await;
    {
        let bare = bare(&world.client);
        bare.start_idle("w", Reply::default()).await;
        let (asking, _task) = bare.update_and_poll(update_request("w", "u", Stage::Completed), QUEUE).await;
        world.engine.shutdown().await;
        expect!["Unavailable [] the engine has stopped"].assert_eq(&told(asking.await.expect("it ends")));
    }
    world.reopen().await;
    let bare = bare(&world.client);
    assert_eq!(bare.history("w").await.lines().count(), 4, "the speculative task is simply gone");
    let (asking, task) = bare.update_and_poll(update_request("w", "u", Stage::Completed), QUEUE).await;
    bare.reply(&task, Reply::default().accepts("u").responds("u")).await.expect("it is the task");
    assert_eq!(told(asking.await.expect("it ends")), "Completed: success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_that_come_during_a_task_ride_on_the_next_one_which_its_answer_brings() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let first = bare.poll(QUEUE).await;
    let asking = bare.ask(update_request("w", "u", Stage::Completed));
    while told_later(bare.poll_update("w", "u", Stage::Unspecified).await) != "Admitted" {
        tokio::task::yield_now().await;
    }
    let response = bare.reply(&first, Reply::default().sticky(STICKY)).await.expect("it is the task");
    let task = response.workflow_task.expect("the answer brings the next task");
    assert_eq!(carried(&task), ["u"]);
    assert_eq!((task.previous_started_event_id, task.started_event_id), (3, 6));
    let response = bare.reply(&task, Reply::default().rejects("u")).await.expect("it is the task");
    assert!(response.workflow_task.is_none());
    assert_eq!(told(asking.await.expect("it ends")), "Completed: no");
    assert_eq!(bare.history("w").await.lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_of_a_workflow_that_ends_first() {
    let world = World::new().await;
    let bare = bare(&world.client);
    for end in ["completes", "terminated"] {
        bare.start(end).await;
        let first = bare.poll(QUEUE).await;
        let asking = bare.ask(update_request(end, "u", Stage::Completed));
        while told_later(bare.poll_update(end, "u", Stage::Unspecified).await) != "Admitted" {
            tokio::task::yield_now().await;
        }
        if end == "completes" {
            bare.reply(&first, Reply::default().completes()).await.expect("it is the task");
        } else {
            bare.terminate(end).await;
        }
        expect!["NotFound [NotFoundFailure] workflow update was aborted by closing workflow"]
            .assert_eq(&told(asking.await.expect("it ends")));
        expect!["NotFound [NotFoundFailure] workflow execution already completed"]
            .assert_eq(&told(bare.update(update_request(end, "v", Stage::Completed)).await));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_update_that_its_workflow_leaves_behind_fails() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default()).await;
    let (asking, task) = bare.update_and_poll(update_request("w", "u", Stage::Completed), QUEUE).await;
    bare.reply(&task, Reply::default().accepts("u").completes()).await.expect("it is the task");
    let outlived =
        "Completed: Workflow Update failed because the Workflow completed before the Update completed.";
    assert_eq!(told(asking.await.expect("it ends")), outlived);
    assert_eq!(told_later(bare.poll_update("w", "u", Stage::Accepted).await), outlived);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_follows_a_workflow_that_continues_as_new() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let first = bare.poll(QUEUE).await;
    let asking = bare.ask(update_request("w", "u", Stage::Completed));
    while told_later(bare.poll_update("w", "u", Stage::Unspecified).await) != "Admitted" {
        tokio::task::yield_now().await;
    }
    bare.reply(&first, Reply::default().continues_as_new()).await.expect("it is the task");
    let mut task = bare.poll(QUEUE).await;
    if carried(&task).is_empty() {
        // The client had not asked again when the new run's first task was taken.
        let response = bare.reply(&task, Reply::default()).await.expect("it is the task");
        task = match response.workflow_task {
            Some(next) => next,
            None => bare.poll(QUEUE).await,
        };
    }
    assert_eq!(carried(&task), ["u"]);
    bare.reply(&task, Reply::default().accepts("u").responds("u")).await.expect("it is the task");
    assert_eq!(told(asking.await.expect("it ends")), "Completed: success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_answered_badly_takes_its_update_with_it() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start_idle("w", Reply::default()).await;
    let (asking, task) = bare.update_and_poll(update_request("w", "u", Stage::Completed), QUEUE).await;
    let refused = bare.reply(&task, Reply::default().responds("u")).await.expect_err("it was not accepted");
    expect!["InvalidArgument [] invalid state transition attempted for Update u: received *update.Response message while in state Sent"]
        .assert_eq(&refusal(&refused));
    expect!["FailedPrecondition [WorkflowNotReadyFailure] Unable to perform workflow execution update due to unexpected workflow task failure."]
        .assert_eq(&told(asking.await.expect("it ends")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_may_not_say() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let with = |change: fn(
        &mut temporalio_protos::temporal::api::workflowservice::v1::UpdateWorkflowExecutionRequest,
    )| {
        let mut request = update_request("w", "u", Stage::Completed);
        change(&mut request);
        bare.update(request)
    };
    let answers = [
        told(with(|request| request.wait_policy.get_or_insert_default().lifecycle_stage = 1).await),
        told(with(|request| request.request = None).await),
        told(with(|request| request.request.get_or_insert_default().meta = None).await),
        told(with(|request| request.request.get_or_insert_default().input = None).await),
        told(
            with(|request| {
                request.request.get_or_insert_default().input.get_or_insert_default().name.clear();
            })
            .await,
        ),
        told(
            with(|request| {
                request.request.get_or_insert_default().meta.get_or_insert_default().update_id =
                    "x".repeat(1001);
            })
            .await,
        ),
        told(
            with(|request| request.workflow_execution.get_or_insert_default().workflow_id = "nobody".into())
                .await,
        ),
        told(with(|request| request.first_execution_run_id = "another".into()).await),
        told(with(|request| request.namespace = "nowhere".into()).await),
        told_later(bare.poll_update("w", "unknown", Stage::Completed).await),
    ];
    expect![[r#"
        PermissionDenied [PermissionDeniedFailure] UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.
        InvalidArgument [] Update meta is not set on request.
        InvalidArgument [] Update meta is not set on request.
        InvalidArgument [] Update input is not set on request.
        InvalidArgument [] Update name is not set on request.
        InvalidArgument [] UpdateId length exceeds limit.
        NotFound [NotFoundFailure] workflow not found for ID: nobody
        NotFound [NotFoundFailure] workflow not found for ID: w
        NotFound [NamespaceNotFoundFailure] Namespace nowhere is not found.
        NotFound [NotFoundFailure] update "unknown" not found"#]]
    .assert_eq(&answers.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_eleventh_update_at_once_is_refused() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let asking: Vec<_> =
        (0..10).map(|n| bare.ask(update_request("w", &n.to_string(), Stage::Completed))).collect();
    for n in 0..10 {
        while told_later(bare.poll_update("w", &n.to_string(), Stage::Unspecified).await) != "Admitted" {
            tokio::task::yield_now().await;
        }
    }
    expect!["ResourceExhausted [ResourceExhaustedFailure] limit on number of concurrent in-flight updates has been reached (10)"]
        .assert_eq(&told(bare.update(update_request("w", "eleventh", Stage::Completed)).await));
    let task = bare.poll(QUEUE).await;
    assert_eq!(carried(&task).len(), 10, "the first task carries them all");
    let reply =
        (0..10).fold(Reply::default(), |reply, n| reply.accepts(&n.to_string()).responds(&n.to_string()));
    bare.reply(&task, reply).await.expect("it is the task");
    for asking in asking {
        assert_eq!(told(asking.await.expect("it ends")), "Completed: success");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_with_start_starts_once_and_then_uses_what_runs() {
    let world = World::new().await;
    let bare = bare(&world.client);
    let starts = || {
        let mut start = start_request("w");
        start.workflow_id_conflict_policy = WorkflowIdConflictPolicy::UseExisting as i32;
        start
    };
    for (update_id, expected) in [("first", true), ("second", false)] {
        let client = bare.clone();
        let start = starts();
        let asking = tokio::spawn(async move {
            client.update_with_start(start, update_request("w", update_id, Stage::Completed)).await
        });
        let task = bare.poll(QUEUE).await;
        assert_eq!(carried(&task), [update_id]);
        bare.reply(&task, Reply::default().accepts(update_id).responds(update_id)).await.expect("the task");
        let responses = asking.await.expect("it ends").expect("both succeed");
        let [Response::StartWorkflow(start), Response::UpdateWorkflow(update)] = responses.as_slice() else {
            panic!("two responses, in order");
        };
        assert_eq!(start.started, expected);
        assert_eq!(told(Ok(update.clone())), "Completed: success");
    }
    // The same update again is answered from the history, whatever the start's policies are.
    let again =
        bare.update_with_start(start_request("w"), update_request("w", "first", Stage::Completed)).await;
    assert_eq!(again.expect("both are answered").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn update_with_start_says_which_operation_failed() {
    let world = World::new().await;
    let bare = bare(&world.client);
    bare.start("w").await;
    let update = || update_request("w", "u", Stage::Completed);
    let started = bare.update_with_start(start_request("w"), update()).await.expect_err("it runs");
    expect![[r#"
        AlreadyExists [MultiOperationExecutionFailure] Update-with-Start could not be executed.
        AlreadyExists [WorkflowExecutionAlreadyStartedFailure] Workflow execution is already running or has run with this id.
        Aborted [MultiOperationExecutionAborted] Operation was aborted."#]]
    .assert_eq(&operations(&started));

    let mut admitted = update();
    admitted.wait_policy.get_or_insert_default().lifecycle_stage = Stage::Admitted as i32;
    let refused = bare.update_with_start(start_request("w"), admitted).await.expect_err("no such stage");
    expect![[r#"
        PermissionDenied [MultiOperationExecutionFailure] Update-with-Start could not be executed.
        Aborted [MultiOperationExecutionAborted] Operation was aborted.
        PermissionDenied [PermissionDeniedFailure] UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported."#]]
    .assert_eq(&operations(&refused));

    let other = update_request("other", "u", Stage::Completed);
    let refused = bare.update_with_start(start_request("w"), other).await.expect_err("two workflows");
    expect![[r#"
        InvalidArgument [MultiOperationExecutionFailure] Update-with-Start could not be executed.
        Aborted [MultiOperationExecutionAborted] Operation was aborted.
        InvalidArgument [] WorkflowId is not consistent with previous operation(s)."#]]
    .assert_eq(&operations(&refused));

    let mut cron = start_request("w");
    cron.cron_schedule = "@hourly".into();
    let refused = bare.update_with_start(cron, update()).await.expect_err("cron is not allowed here");
    expect![[r#"
        InvalidArgument [MultiOperationExecutionFailure] Update-with-Start could not be executed.
        InvalidArgument [] CronSchedule is not allowed.
        Aborted [MultiOperationExecutionAborted] Operation was aborted."#]]
    .assert_eq(&operations(&refused));

    // The workflow that takes the update ends before it accepts it, and may not be started again.
    let mut uses = start_request("w");
    uses.workflow_id_conflict_policy = WorkflowIdConflictPolicy::UseExisting as i32;
    uses.workflow_id_reuse_policy = WorkflowIdReusePolicy::RejectDuplicate as i32;
    let task = bare.poll(QUEUE).await;
    let client = bare.clone();
    let asking = tokio::spawn(async move { client.update_with_start(uses, update()).await });
    while told_later(bare.poll_update("w", "u", Stage::Unspecified).await) != "Admitted" {
        tokio::task::yield_now().await;
    }
    bare.reply(&task, Reply::default().completes()).await.expect("it is the task");
    let refused = asking.await.expect("it ends").expect_err("nothing may be started");
    expect![[r#"
        AlreadyExists [MultiOperationExecutionFailure] Update-with-Start could not be executed.
        AlreadyExists [WorkflowExecutionAlreadyStartedFailure] Workflow execution is already running or has run with this id.
        Aborted [MultiOperationExecutionAborted] Operation was aborted."#]]
    .assert_eq(&operations(&refused));
}

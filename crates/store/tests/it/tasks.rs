//! Tasks, reviews and runs.

use syndarix_core::blob::BlobHash;
use syndarix_core::task::{Check, CheckReceipt, Receipt, TaskKind, TaskState};
use syndarix_core::time::Timestamp;
use syndarix_store::{Error, RunRecord};

use crate::support::{dave, fixture, kate, new_project, new_task, project_id, team};

fn receipt(exit_code: Option<i32>) -> Receipt {
    let check = exit_code.map(|exit_code| CheckReceipt {
        command: "cargo test".to_owned(),
        exit_code,
        output: BlobHash::of(b"ok"),
        duration_ms: 1,
        accepted_red: None,
    });
    Receipt {
        check,
        others: Vec::new(),
        commit: Some("abc".to_owned()),
        diff_stat: None,
        content: None,
        at: Timestamp(7),
    }
}

#[tokio::test]
async fn tasks_are_numbered_per_project_and_known_by_their_slug() {
    let f = fixture().await;
    let first = f.task("parse").await;
    let again = f.task("parse").await;
    let mut dependent = new_task(&f.project, "print");
    dependent.depends_on = vec![first.id.clone()];
    dependent.sprint = Some(1);
    let second = f.store.create_task(dependent).await.expect("a task");
    assert_eq!((first.id.key(), again.id.key(), second.id.key()), ("T-1", "T-1", "T-2"));
    assert_eq!((first.state, second.state), (TaskState::Backlog, TaskState::Planned));
    assert_eq!(second.depends_on, std::slice::from_ref(&first.id));
    f.store.create_project(new_project("q"), team()).await.expect("another");
    let other = f.store.create_task(new_task(&project_id("q"), "parse")).await.expect("a task");
    assert_eq!(other.id.as_str(), "q/T-1");
    let mut foreign = new_task(&project_id("q"), "foreign");
    foreign.depends_on = vec![first.id];
    let error = f.store.create_task(foreign).await.expect_err("another project's task");
    assert_eq!(error.to_string(), "p/T-1 is not a task of q");
    assert_eq!(f.store.tasks(&f.project).await.expect("tasks").len(), 2);
    let found = f.store.task_by_slug(&f.project, "print").await.expect("reads");
    assert_eq!(found.map(|task| task.id), Some(second.id));
    assert_eq!(f.store.task_by_slug(&f.project, "none").await.expect("reads"), None);
}

#[tokio::test]
async fn concurrent_proposals_of_one_task_create_it_once() {
    let f = fixture().await;
    let tasks = (0..50).map(|_| {
        let (store, new) = (f.store.clone(), new_task(&f.project, "same"));
        tokio::spawn(async move { store.create_task(new).await.expect("a task").id })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.expect("ends").key(), "T-1");
    }
    assert_eq!(f.story().await, ["task_created"]);
}

#[tokio::test]
async fn a_task_becomes_done_only_by_a_receipt_that_proves_it() {
    let f = fixture().await;
    let mut new = new_task(&f.project, "parse");
    new.check = Some(Check { command: vec!["cargo".to_owned(), "test".to_owned()] });
    let id = f.store.create_task(new).await.expect("a task").id;
    let early = f.store.complete_task(&id, receipt(Some(0))).await.expect_err("not begun");
    assert_eq!(early.to_string(), "task p/T-1 is backlog and cannot become done");
    f.store.set_task_state(&id, TaskState::InProgress, None).await.expect("begins");
    let said = f.store.set_task_state(&id, TaskState::Done, None).await.expect_err("said, not proven");
    assert!(matches!(said, Error::Unproven { .. }));
    let unchecked = f.store.complete_task(&id, receipt(None)).await.expect_err("no check");
    assert_eq!(unchecked.to_string(), "task p/T-1 is not proven done: its check `cargo test` was not run");
    let failing = f.store.complete_task(&id, receipt(Some(101))).await.expect_err("a failing check");
    assert_eq!(failing.to_string(), "task p/T-1 is not proven done: `cargo test` ended with exit code 101");
    for _ in 0..2 {
        let done = f.store.complete_task(&id, receipt(Some(0))).await.expect("done");
        assert_eq!((done.state, done.receipt), (TaskState::Done, Some(receipt(Some(0)))));
    }
    let after = f.store.set_task_state(&id, TaskState::Planned, None).await.expect_err("final");
    assert!(matches!(after, Error::IllegalTaskState { from: TaskState::Done, .. }));
    assert_eq!(f.story().await, ["task_created", "task_state_changed", "task_done"]);
}

#[tokio::test]
async fn assignment_sprint_and_branch_are_told_once() {
    let f = fixture().await;
    let id = f.task("parse").await.id;
    for _ in 0..2 {
        f.store.assign_task(&id, &dave(&f.project), "knows rust").await.expect("assigns");
        f.store.set_task_sprint(&id, Some(2)).await.expect("plans");
        f.store.set_task_branch(&id, "task/T-1").await.expect("branches");
    }
    let task = f.store.task(&id).await.expect("stored");
    assert_eq!((task.assignee, task.sprint), (Some(dave(&f.project)), Some(2)));
    assert_eq!(task.branch.as_deref(), Some("task/T-1"));
    assert_eq!(f.story().await, ["task_created", "task_assigned", "task_planned"]);
    f.store.create_project(new_project("q"), team()).await.expect("another");
    let stranger = dave(&project_id("q"));
    let error = f.store.assign_task(&id, &stranger, "helps out").await.expect_err("not in the team");
    assert_eq!(error.to_string(), "q/dave is not in the team of p");
}

#[tokio::test]
async fn a_review_round_has_one_verdict() {
    let f = fixture().await;
    let id = f.task("parse").await.id;
    let kate = kate(&f.project);
    for approved in [false, true] {
        let review = f.store.record_review(&id, &kate, approved, "no tests", 1).await.expect("a verdict");
        assert!(!review.approved, "the first verdict stays");
    }
    f.store.record_review(&id, &kate, true, "good", 2).await.expect("a verdict");
    assert_eq!(f.store.task(&id).await.expect("stored").review_rounds, 1);
    let comments: Vec<_> =
        f.store.reviews(&id).await.expect("reviews").into_iter().map(|review| review.comment).collect();
    assert_eq!(comments, ["no tests", "good"]);
    assert_eq!(f.story().await, ["task_created", "review_verdict", "review_verdict"]);
}

#[tokio::test]
async fn runs_are_listed_in_the_order_in_which_they_began() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let run = |number, stage: &str| RunRecord {
        run: task.run(number),
        task: task.clone(),
        agent: dave(&f.project),
        stage: stage.to_owned(),
        round: 1,
    };
    let runs = [run(2, "review"), run(1, "develop")];
    for record in runs.iter().chain(&runs) {
        f.store.record_run(record.clone()).await.expect("noted");
    }
    assert_eq!(f.store.runs(&task).await.expect("runs"), runs);
}

#[tokio::test]
async fn an_agenda_is_everything_or_else_what_is_still_to_be_done() {
    let f = fixture().await;
    let mut all = Vec::new();
    for number in 1..=4 {
        let mut task = new_task(&f.project, &format!("t-{number}"));
        if number == 2 {
            task.kind = TaskKind::Vision;
        }
        all.push(f.store.create_task(task).await.expect("a task"));
    }
    f.store.set_task_state(&all[0].id, TaskState::Cancelled, None).await.expect("cancelled");
    let agenda = |at_most| {
        let (store, project) = (f.store.clone(), f.project.clone());
        async move {
            let tasks = store.agenda(&project, at_most).await.expect("tasks");
            tasks.iter().map(|task| task.id.key().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(agenda(4).await, ["T-1", "T-3", "T-4"], "all of them, save what changes no code");
    assert_eq!(agenda(3).await, ["T-3", "T-4"], "too many: what is over is left out");
    assert_eq!(agenda(1).await, ["T-3"]);
    let missing = f.project.task(9);
    let wanted = vec![all[3].id.clone(), missing, all[1].id.clone()];
    let found = f.store.tasks_by_id(wanted).await.expect("tasks");
    assert_eq!(found.iter().map(|task| task.id.key()).collect::<Vec<_>>(), ["T-4", "T-2"]);
}

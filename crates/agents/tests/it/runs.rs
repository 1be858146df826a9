//! What runs come to when the model does what it should.

use serde_json::json;
use syndarix_agents::{RunOutcome, RunResult, Stage};
use syndarix_core::agent::AgentState;
use syndarix_core::event::EventKind;
use syndarix_core::message::MessageKind;

use crate::world::{World, scene, scene_of};

#[tokio::test]
async fn a_task_is_developed_and_finished() {
    let script = [
        scene_of(
            0,
            &[
                ("read_file", json!({ "path": "src/lib.rs" })),
                ("write_file", json!({ "path": "src/lib.rs" })),
            ],
        ),
        scene(1, "run_command", json!({ "command": ["cargo", "test"] })),
        scene(2, "finish", json!({ "summary": "The flag is parsed." })),
    ];
    let world = World::new(&script.concat()).await;
    let outcome = world.develop().await;
    let summary = "The flag is parsed.".to_owned();
    assert_eq!(outcome, RunOutcome::Finished { summary, result: RunResult::Done });
    assert_eq!(world.performed().len(), 3);
    assert_eq!(world.store.calls(&world.project).await.expect("calls").len(), 3);
    let dave = world.store.agent(&world.agent("dave")).await.expect("dave");
    assert_eq!(dave.state, AgentState::Completed);
    let states: Vec<String> = world
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::AgentStateChanged { to, .. } => Some(to.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(states.join(" "), "thinking executing thinking executing thinking completed");

    // Asking again for what is finished tells the same and does nothing.
    let before = world.events().await.len();
    assert_eq!(world.develop().await, outcome);
    assert_eq!(world.events().await.len(), before);
}

#[tokio::test]
async fn a_stage_cannot_be_finished_before_its_document_is_written() {
    let script = [
        scene(0, "finish", json!({ "summary": "All done" })),
        scene(1, "write_artifact", json!({ "name": "vision.md", "content": "# Vision" })),
        scene(2, "finish", json!({ "summary": "Now it is" })),
    ];
    let world = World::new(&script.concat()).await;
    let outcome = world.run(world.request("olivia", Stage::Vision)).await;
    assert_eq!(outcome, RunOutcome::Finished { summary: "Now it is".into(), result: RunResult::Done });
    let complaints = world.complaints().await;
    assert_eq!(
        complaints,
        ["malformed: finish: `vision.md` is not written yet; write it with write_artifact, then finish"]
    );
    let artifacts = world.store.artifacts(&world.project).await.expect("artifacts");
    assert_eq!(artifacts[0].name, "vision.md");
}

#[tokio::test]
async fn a_backlog_is_proposed_and_a_sprint_planned() {
    let tasks = json!({ "tasks": [
        { "slug": "output", "title": "Print JSON", "description": "…", "depends_on": ["flag"] },
        { "slug": "flag", "title": "Parse", "description": "…", "check": ["cargo", "test"] }
    ] });
    let script = [
        scene(0, "propose_tasks", tasks),
        scene(1, "write_artifact", json!({ "name": "requirements.md", "content": "R1" })),
        scene(2, "finish", json!({ "summary": "Two tasks" })),
    ];
    let world = World::new(&script.concat()).await;
    world.run(world.request("bianca", Stage::Requirements)).await;
    let stored = world.store.tasks(&world.project).await.expect("tasks");
    let slugs: Vec<&str> = stored.iter().map(|task| task.slug.as_str()).collect();
    assert_eq!(slugs, ["parse-flag", "flag", "output"]);
    assert_eq!(stored[2].depends_on, [stored[1].id.clone()]);

    let script = [
        scene(0, "plan_sprint", json!({ "goal": "JSON", "tasks": ["output"] })),
        scene(1, "plan_sprint", json!({ "goal": "JSON", "tasks": ["parse-flag"] })),
        scene(2, "finish", json!({ "summary": "Planned" })),
    ];
    let world = World::new(&script.concat()).await;
    let outcome = world.run(world.request("priya", Stage::Plan)).await;
    let result = RunResult::Planned { tasks: vec![world.task.clone()], goal: "JSON".into() };
    assert_eq!(outcome, RunOutcome::Finished { summary: "Planned".into(), result });
    assert_eq!(
        world.complaints().await,
        ["malformed: plan_sprint: there is no task `output`; there is parse-flag"]
    );
}

#[tokio::test]
async fn a_review_is_recorded_and_told_to_the_author() {
    let script = [scene(
        0,
        "submit_review",
        json!({ "verdict": "send_back", "comments": "src/cli.rs:48 ignores it" }),
    )];
    let world = World::new(&script.concat()).await;
    world.store.assign_task(&world.task, &world.agent("dave"), "test").await.expect("assigned");
    let outcome = world.run(world.request("ellis", Stage::Review)).await;
    let RunOutcome::Finished { result: RunResult::Review { approved, .. }, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(!approved);
    let task = world.store.task(&world.task).await.expect("the task");
    assert_eq!(task.review_rounds, 1);
    let inbox = world.store.inbox(&world.agent("dave")).await.expect("an inbox");
    assert_eq!(inbox[0].summary, "Review 1 of parse-flag: the change must be changed");
    assert_eq!(inbox[0].kind, MessageKind::Feedback);
}

#[tokio::test]
async fn nobody_reviews_their_own_work() {
    let verdict = scene(0, "submit_review", json!({ "verdict": "approve", "comments": "Fine." }));
    let script: String = (0..8).map(|turn| verdict.replace("turn = 0", &format!("turn = {turn}"))).collect();
    let world = World::new(&script).await;
    world.store.assign_task(&world.task, &world.agent("dave"), "test").await.expect("assigned");
    let outcome = world.run(world.request("dave", Stage::Review)).await;
    assert!(matches!(outcome, RunOutcome::Failed { .. }), "{outcome:?}");
    assert_eq!(world.store.reviews(&world.task).await.expect("reviews"), []);
}

#[tokio::test]
async fn findings_become_defects() {
    let finding =
        json!({ "slug": "empty-input", "title": "Empty input panics", "description": "It panics." });
    let script = [scene(0, "report_qa", json!({ "passed": false, "findings": [finding] }))];
    let world = World::new(&script.concat()).await;
    let outcome = world.run(world.request("quinn", Stage::Qa)).await;
    let RunOutcome::Finished { result: RunResult::Qa { passed, defects }, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let defect = world.store.task(&defects[0]).await.expect("the defect");
    assert_eq!((passed, defect.slug.as_str(), defect.kind.as_str()), (false, "empty-input", "defect"));
}

#[tokio::test]
async fn a_hand_off_ends_the_run_and_tells_the_other() {
    let script = [
        scene(0, "hand_off", json!({ "to": "Oscar", "summary": "x", "reason": "y" })),
        scene(
            1,
            "hand_off",
            json!({ "to": "DevOps", "summary": "The script is missing.", "reason": "Not mine" }),
        ),
    ];
    let world = World::new(&script.concat()).await;
    let summary = "The script is missing.".to_owned();
    let expected = RunOutcome::HandedOff { to: world.agent("omar"), summary: summary.clone() };
    assert_eq!(world.develop().await, expected);
    assert_eq!(
        world.complaints().await,
        ["malformed: hand_off: there is nobody called `Oscar` in the team; did you mean `Omar`?"]
    );
    let inbox = world.store.inbox(&world.agent("omar")).await.expect("an inbox");
    assert_eq!((inbox[0].kind, inbox[0].summary.clone()), (MessageKind::TaskHandoff, summary));
}

#[tokio::test]
async fn messages_reach_the_conversation_and_memory_the_next_run() {
    let script = [
        scene_of(
            0,
            &[
                (
                    "send_message",
                    json!({ "to": "Bianca", "kind": "query", "summary": "R5?", "body": "R5 contradicts R2" }),
                ),
                ("remember", json!({ "key": "test", "value": "cargo test", "ttl_minutes": 60 })),
            ],
        ),
        scene(1, "finish", json!({ "summary": "Done" })),
    ];
    let world = World::new(&script.concat()).await;
    let text = "Please keep the old flag.";
    world.store.give_feedback(&world.project, "Ann", text).await.expect("feedback");
    world.develop().await;
    let inbox = world.store.inbox(&world.agent("dave")).await.expect("an inbox");
    assert!(inbox.is_empty(), "what was read is acknowledged: {inbox:?}");
    let asked = world.store.inbox(&world.agent("bianca")).await.expect("an inbox");
    assert_eq!(asked.last().map(|message| message.summary.as_str()), Some("R5?"));
    let now = syndarix_core::time::Clock::now(&syndarix_core::time::SystemClock);
    let memory = world.store.recall(&world.agent("dave"), now).await.expect("memory");
    assert_eq!(memory, [("test".to_owned(), "cargo test".to_owned())]);
}

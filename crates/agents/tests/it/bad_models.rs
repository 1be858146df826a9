//! Models that do not do what they should: told what was wrong, a bounded number of times, never fatal to more than
//! the run.

use serde_json::json;
use syndarix_agents::{RunOutcome, RunResult};

use crate::world::{Setup, World, scene, scene_line};

/// Repeats a scene for every turn that a run may come to.
fn always(scene: &str) -> String {
    (0..30).map(|turn| scene.replace("turn = 0", &format!("turn = {turn}"))).collect()
}

fn error(outcome: RunOutcome) -> String {
    match outcome {
        RunOutcome::Failed { error } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_bad_answer_of_each_kind_is_survived() {
    let bad = [
        ("text", scene_line(0, "text = \"I would now edit the file.\"")),
        ("empty", scene_line(0, "fault = \"empty\"\nfault_times = 99")),
        ("refusal", scene_line(0, "fault = \"refusal\"\nfault_times = 99")),
        ("too long", scene_line(0, "fault = \"too_long\"\nfault_times = 99")),
        ("unknown tool", scene(0, "raed_file", json!({ "path": "x" }))),
        ("missing argument", scene(0, "read_file", json!({}))),
        ("arguments that are no object", "[[scene]]\nturn = 0\n[[scene.tool_calls]]\nname = \"read_file\"\narguments = \"{\\\"path\\\": \"\n".to_owned()),
        ("wrong ending", scene(0, "report_qa", json!({ "passed": true, "findings": [] }))),
    ];
    for (name, scene_of_it) in bad {
        let script = scene_of_it + &scene(1, "finish", json!({ "summary": "Done" }));
        let world = World::new(&script).await;
        let outcome = world.develop().await;
        let expected = RunOutcome::Finished { summary: "Done".into(), result: RunResult::Done };
        assert_eq!(outcome, expected, "{name}");
        assert_eq!(world.complaints().await.len(), 1, "{name}: {:?}", world.complaints().await);
    }
}

#[tokio::test]
async fn bad_answers_without_end_fail_the_run() {
    let bad = [
        ("text", scene_line(0, "text = \"Let me think about it.\"")),
        ("empty", scene_line(0, "fault = \"empty\"\nfault_times = 99")),
        ("refusal", scene_line(0, "fault = \"refusal\"\nfault_times = 99")),
        ("unknown tool", scene(0, "raed_file", json!({ "path": "x" }))),
        ("malformed", scene(0, "finish", json!({ "sumary": "x" }))),
    ];
    for (name, scene) in bad {
        let world = World::new(&always(&scene)).await;
        let error = error(world.develop().await);
        assert!(
            error.contains("could not be acted on") && error.contains(" 4 times in a row"),
            "{name}: {error}"
        );
        let complaints = world.complaints().await;
        assert_eq!(complaints.len(), 5, "{name}: {complaints:?}");
        assert_eq!(complaints[4], "guard malformed_actions", "{name}");
        let calls = world.store.calls(&world.project).await.expect("calls");
        assert_eq!(calls.len(), 4, "{name}");
    }
}

#[tokio::test]
async fn endless_identical_calls_are_told_once_and_then_stopped() {
    let world = World::new(&always(&scene(0, "read_file", json!({ "path": "src/lib.rs" })))).await;
    let error = error(world.develop().await);
    assert!(error.contains("went in circles: it called read_file 6 times"), "{error}");
    assert_eq!(world.complaints().await, ["guard loop"]);
}

#[tokio::test]
async fn steps_are_capped() {
    let script: String =
        (0..9).map(|turn| scene(turn, "read_file", json!({ "path": format!("src/{turn}.rs") }))).collect();
    let setup = Setup { dave: "limits = { steps = 4 }", ..Setup::default() };
    let world = World::with(&script, setup).await;
    assert_eq!(error(world.develop().await), "the agent used all 4 model calls of a run without finishing");
    assert_eq!(world.complaints().await, ["guard steps"]);
}

#[tokio::test]
async fn ten_megabytes_are_no_answer() {
    let script = scene_line(0, &format!("text = \"{}\"", "x".repeat(10 << 20)))
        + &scene(1, "finish", json!({ "summary": "Done" }));
    let world = World::new(&script).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    let complaints = world.complaints().await;
    assert!(complaints[0].contains("the limit is 1048576"), "{complaints:?}");
}

#[tokio::test]
async fn models_that_cannot_be_reached_are_waited_for() {
    for fault in ["overloaded", "rate_limited", "timeout", "cut_stream", "server_error"] {
        let script = scene_line(0, &format!("fault = \"{fault}\"\nfault_times = 99"));
        let world = World::new(&script).await;
        let error = error(world.develop().await);
        assert!(
            error.contains("no model answered; the last, scripted/main, failed with"),
            "{fault}: {error}"
        );
        let calls = world.store.calls(&world.project).await.expect("calls");
        assert_eq!(calls.len(), 6, "{fault}: one call and five more after waiting");
    }
}

#[tokio::test]
async fn a_wrong_key_fails_the_run_at_once_and_says_what_to_do() {
    let world = World::new(&always(&scene_line(0, "fault = \"unauthorized\"\nfault_times = 99"))).await;
    let error = error(world.develop().await);
    assert!(error.contains("unauthorized") && error.contains("check the provider's API key"), "{error}");
}

#[tokio::test]
async fn tools_that_cannot_work_here_fail_the_run_with_what_to_do() {
    let world = World::new(&scene(0, "run_command", json!({ "command": ["sandbox"] }))).await;
    let error = error(world.develop().await);
    assert!(error.contains("there is no Landlock; use a Linux kernel with Landlock"), "{error}");
}

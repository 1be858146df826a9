//! What bounds a run beside money: how long a thought and a tool may take, and how much a run may use.

use serde_json::json;
use syndarix_agents::RunOutcome;

use crate::world::{NEVER_DONE, Setup, World, scene, scene_line, scene_of};

fn edits_and_finishes(path: &str) -> String {
    let edit = scene_of(0, &[("write_file", json!({ "path": path }))]);
    [edit, scene(1, "finish", json!({ "summary": "Done" }))].concat()
}

#[tokio::test]
async fn a_thought_that_takes_too_long_is_thought_again() {
    let setup = Setup { stored: Some(("thinking_minutes = 5", "thinking_minutes = 0")), ..Setup::default() };
    // An hour, so that no answer can come before a limit of no minutes is looked at.
    let world = World::with(&scene_line(0, "delay_ms = 3600000\ntext = \"late\""), setup).await;
    for _ in 0..2 {
        let error =
            world.try_run(world.request("dave", syndarix_agents::Stage::Develop)).await.expect_err("late");
        assert!(error.retryable(), "{error}");
    }
    assert_eq!(world.complaints().await, ["guard thinking_timeout"; 2]);
    assert_eq!(world.performed(), [""; 0]);
}

#[tokio::test]
async fn a_tool_that_takes_too_long_is_stopped_and_the_agent_is_told() {
    let setup =
        Setup { stored: Some(("execution_minutes = 10", "execution_minutes = 0")), ..Setup::default() };
    let world = World::with(&edits_and_finishes(NEVER_DONE), setup).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }), "it goes on");
    assert_eq!(world.complaints().await, ["guard execution_timeout"]);
    let told = world.tool_results(&world.task.run(1)).await;
    assert_eq!(told, ["write_file ran for more than 0 minutes and was stopped"]);
}

#[tokio::test]
async fn a_run_that_has_used_what_it_may_ends_before_its_next_thought() {
    for (limits, guard, said) in [
        ("limits = { run_tokens = 1 }", "guard tokens", "tokens in one run; the limit is 1"),
        ("limits = { steps = 1 }", "guard steps", "used all 1 model calls of a run"),
    ] {
        let world = World::with(&edits_and_finishes("a"), Setup { dave: limits, ..Setup::default() }).await;
        let RunOutcome::Failed { error } = world.develop().await else { panic!("{limits} does not stop it") };
        assert!(error.contains(said), "{error}");
        assert_eq!(world.complaints().await, [guard]);
        assert_eq!(world.performed().len(), 1, "what came before it was done");
    }
}

//! A run that is dropped at any of its commits and begun again comes to the same end, and does nothing twice.

use serde_json::json;
use syndarix_agents::{RunOutcome, Stage};

use crate::world::{World, scene, scene_of};

fn script() -> String {
    [
        scene_of(
            0,
            &[
                ("write_file", json!({ "path": "a" })),
                ("write_artifact", json!({ "name": "vision.md", "content": "# Vision" })),
            ],
        ),
        scene_of(
            1,
            &[
                (
                    "send_message",
                    json!({ "kind": "context_share", "summary": "Written", "body": "See vision.md" }),
                ),
                ("deploy_nothing", json!({})),
            ],
        ),
        scene(2, "finish", json!({ "summary": "" })),
        scene(3, "finish", json!({ "summary": "Done" })),
    ]
    .concat()
}

/// What may not differ between a run that crashed and one that did not.
async fn footprint(world: &World) -> (Vec<String>, usize, Vec<String>, Vec<String>, Vec<String>) {
    let artifacts = world.store.artifacts(&world.project).await.expect("artifacts");
    let artifacts =
        artifacts.iter().map(|artifact| format!("{} v{}", artifact.name, artifact.version)).collect();
    let messages = world.store.messages(&world.project).await.expect("messages");
    let messages = messages.iter().map(|message| message.id.to_string()).collect();
    let calls = world.store.calls(&world.project).await.expect("calls").len();
    (world.performed(), calls, artifacts, messages, world.complaints().await)
}

#[tokio::test]
async fn a_run_that_is_dropped_anywhere_comes_to_the_same_end() {
    let whole = World::new(&script()).await;
    let before = whole.events().await.len() as u64;
    let expected = whole.run(whole.request("olivia", Stage::Vision)).await;
    assert!(matches!(expected, RunOutcome::Finished { .. }), "{expected:?}");
    let commits = whole.events().await.len() as u64 - before;
    let expected_footprint = footprint(&whole).await;
    assert_eq!(expected_footprint.1, 4);

    let mut crashes = 0;
    for crash_after in 1..commits {
        let world = World::new(&script()).await;
        let request = world.request("olivia", Stage::Vision);
        let mut journal = world.store.subscribe();
        // The second attempt is dropped as well, later.
        for crash_at in [before + crash_after, before + crash_after + 3] {
            tokio::select! {
                biased;
                _ = journal.wait_for(|seq| *seq >= crash_at) => crashes += 1,
                _ = world.try_run(request.clone()) => {}
            }
        }
        assert_eq!(world.run(request).await, expected, "dropped after {crash_after} facts");
        assert_eq!(footprint(&world).await, expected_footprint, "dropped after {crash_after} facts");
    }
    assert!(crashes > commits, "the run was dropped only {crashes} times");
}

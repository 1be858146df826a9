//! Runs that stop for a human and go on with what they said.

use std::time::Duration;

use serde_json::json;
use syndarix_agents::{PendingApproval, RunOutcome, Stage};
use syndarix_core::agent::AgentState;
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::autonomy::Autonomy;
use syndarix_core::budget::BudgetScope;
use syndarix_core::event::EventKind;
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::Blobs;
use syndarix_core::validity::Validity;

use crate::world::{Setup, World, scene, scene_of};

fn pending(outcome: RunOutcome) -> PendingApproval {
    match outcome {
        RunOutcome::Interrupted { mut approvals, .. } if approvals.len() == 1 => approvals.remove(0),
        other => panic!("{other:?}"),
    }
}

fn deployment() -> String {
    [
        scene_of(
            0,
            &[
                ("write_file", json!({ "path": "a" })),
                ("deploy", json!({ "target": "one" })),
                ("deploy", json!({ "target": "two" })),
            ],
        ),
        scene(1, "finish", json!({ "summary": "Done" })),
    ]
    .concat()
}

#[tokio::test]
async fn risky_calls_wait_for_a_human_one_by_one() {
    let world = World::new(&deployment()).await;
    let first = pending(world.develop().await);
    assert_eq!(world.performed().len(), 1, "only the harmless call was made");
    let dave = world.store.agent(&world.agent("dave")).await.expect("dave");
    assert_eq!(dave.state, AgentState::WaitingInput);

    // Asking again before the decision arrives at the same approval.
    assert_eq!(pending(world.develop().await), first);

    world.decide(&first.approval, true, None).await;
    let second = pending(world.develop().await);
    assert_ne!(second.approval, first.approval);
    world.decide(&second.approval, false, Some("not this one")).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    let performed = world.performed();
    assert_eq!(performed.len(), 2, "{performed:?}");
    assert!(performed[1].contains("one"), "{performed:?}");
}

#[tokio::test]
async fn what_is_allowed_for_always_is_not_asked_about_again() {
    let world = World::new(&deployment()).await;
    let first = pending(world.develop().await);
    let approval = world.store.approval(&first.approval).await.expect("the approval");
    let shown = Blobs::get(&world.store, &approval.shown).await.expect("what is shown");
    let shown = String::from_utf8(shown).expect("text");
    assert!(shown.contains("about every call of `mcp.site.deploy`, with whatever arguments."), "{shown}");
    world.allow_always(&first.approval).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    assert_eq!(world.performed().len(), 3);
    let used = world.events().await.into_iter().filter_map(|event| match event.kind {
        EventKind::CallPermitted { tool, approval, .. } => Some((tool, approval)),
        _ => None,
    });
    assert_eq!(used.collect::<Vec<_>>(), [("deploy".to_owned(), first.approval)], "the second one only");
}

#[tokio::test]
async fn an_autonomous_team_does_not_ask() {
    let setup = Setup { autonomy: Autonomy::Autonomous, ..Setup::default() };
    let world = World::with(&deployment(), setup).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    assert_eq!(world.performed().len(), 3);
}

#[tokio::test]
async fn a_question_is_answered_by_the_human() {
    let script = [
        scene(0, "ask_human", json!({ "question": "Keep the old flag?" })),
        scene(1, "write_artifact", json!({ "name": "vision.md", "content": "# Vision" })),
        scene(2, "finish", json!({ "summary": "Done" })),
    ];
    let world = World::new(&script.concat()).await;
    let request = world.request("olivia", Stage::Vision);
    let question = pending(world.run(request.clone()).await);
    let approval = world.store.approval(&question.approval).await.expect("the approval");
    assert_eq!(approval.title, "Olivia asks: Keep the old flag?");
    world.decide(&question.approval, true, Some("Yes, keep it.")).await;
    assert!(matches!(world.run(request).await, RunOutcome::Finished { .. }));
}

#[tokio::test]
async fn a_refused_budget_waits_and_a_raised_one_goes_on() {
    let script = [scene(0, "finish", json!({ "summary": "Done" }))];
    let setup = || Setup { budget: Some(NanoUsd(1_000)), ..Setup::default() };

    let world = World::with(&script.concat(), setup()).await;
    let asked = pending(world.develop().await);
    let dave = world.store.agent(&world.agent("dave")).await.expect("dave");
    assert_eq!(dave.state, AgentState::Blocked);
    let scope = BudgetScope::Project { project: world.project.clone() };
    world.store.set_budget(scope, NanoUsd(50_000_000_000)).await.expect("raised");
    world.decide(&asked.approval, true, None).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));

    let world = World::with(&script.concat(), setup()).await;
    let asked = pending(world.develop().await);
    world.decide(&asked.approval, false, Some("enough")).await;
    let RunOutcome::Failed { error } = world.develop().await else { panic!("it must fail") };
    assert!(error.contains("a human refused to raise it (enough)"), "{error}");

    // Approving without raising asks again, and not without end.
    let world = World::with(&script.concat(), setup()).await;
    for _ in 0..20 {
        let asked = pending(world.develop().await);
        world.decide(&asked.approval, true, None).await;
    }
    let RunOutcome::Failed { error } = world.develop().await else { panic!("it must fail") };
    assert!(error.contains("approved 20 times and not raised"), "{error}");
}

#[tokio::test]
async fn a_call_that_is_too_dear_by_itself_is_a_question_about_money() {
    let script = [scene(0, "finish", json!({ "summary": "Done" }))];
    let setup = Setup { dave: "call_budget = \"0.01\"", ..Setup::default() };
    let world = World::with(&script.concat(), setup).await;
    let asked = pending(world.develop().await);
    let approval = world.store.approval(&asked.approval).await.expect("stored");
    assert_eq!(approval.kind, ApprovalKind::Budget);
    assert!(approval.title.starts_with("Dave's next call is too dear: the budget of one call of agent"));
    let refused = world.events().await.into_iter().find_map(|event| match event.kind {
        EventKind::BudgetRefused { refusal } => Some(refusal),
        _ => None,
    });
    let refused = refused.expect("the refusal is an event");
    assert_eq!((refused.limit, refused.spent), (NanoUsd(10_000_000), NanoUsd::ZERO));

    world.store.set_budget(refused.scope, refused.requested).await.expect("raised");
    world.decide(&asked.approval, true, None).await;
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    let budgets = world.store.budgets(&world.project).await.expect("readable");
    let own = budgets.iter().find(|line| !line.scope.adds_up()).expect("the limit for one call");
    assert_eq!((own.spent, own.reserved), (NanoUsd::ZERO, NanoUsd::ZERO), "calls do not add up");
}

#[tokio::test]
async fn a_call_that_may_have_happened_is_put_to_a_human() {
    use syndarix_core::effect::{EffectIntent, EffectKey, Repeatability};
    use syndarix_core::ports::Effects;

    for (repeat, performed) in [(true, 1), (false, 0)] {
        let script = [
            scene(0, "deploy", json!({ "target": "one" })),
            scene(1, "finish", json!({ "summary": "Done" })),
        ];
        let setup = Setup { autonomy: Autonomy::Autonomous, ..Setup::default() };
        let world = World::with(&script.concat(), setup).await;
        // What a process that died in the middle of the call leaves behind.
        let intent = EffectIntent {
            key: EffectKey { run: world.task.run(1), superstep: 2, index: 0 },
            name: "tool:deploy".into(),
            request: json!({ "target": "one" }).to_string().into_bytes(),
            repeatability: Repeatability::Once,
        };
        world.store.begin(&intent).await.expect("begun");
        let asked = pending(world.develop().await);
        world.decide(&asked.approval, repeat, None).await;
        assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
        assert_eq!(world.performed().len(), performed);
    }
}

#[tokio::test]
async fn what_nobody_allows_in_time_is_refused_and_the_agent_is_told() {
    let script = [
        scene_of(0, &[("deploy", json!({ "target": "one" }))]),
        scene(1, "ask_human", json!({ "question": "Keep the old flag?" })),
        scene(2, "finish", json!({ "summary": "Done" })),
    ];
    let setup = Setup { approvals: Validity::of(Duration::from_millis(1)), ..Setup::default() };
    let world = World::with(&script.concat(), setup).await;
    for _ in ["the call", "the question"] {
        let asked = pending(world.develop().await);
        let expires_at = asked.expires_at.expect("it expires");
        world.store.expire_due(expires_at).await.expect("expires");
        let state = world.store.approval(&asked.approval).await.expect("the approval").state;
        assert_eq!(state, ApprovalState::Expired);
    }
    assert!(matches!(world.develop().await, RunOutcome::Finished { .. }));
    assert_eq!(world.performed(), [""; 0], "the risky call was not made");
    let told = world.tool_results(&world.task.run(1)).await;
    assert!(told[0].contains("Nobody allowed this call in time"), "{told:?}");
    assert!(told[1].contains("Nobody answered in time"), "{told:?}");
}

#[tokio::test]
async fn money_waits_for_as_long_as_it_takes() {
    let script = [scene(0, "finish", json!({ "summary": "Done" }))];
    let setup = Setup {
        budget: Some(NanoUsd(1_000)),
        approvals: Validity::of(Duration::from_millis(1)),
        ..Setup::default()
    };
    let world = World::with(&script.concat(), setup).await;
    assert_eq!(pending(world.develop().await).expires_at, None);
}

//! Projects and agents.

use syndarix_core::agent::{AgentState, AgentTransition};
use syndarix_core::approval::{ApprovalKind, ApprovalState};
use syndarix_core::money::NanoUsd;
use syndarix_core::project::{Phase, ProjectState};
use syndarix_store::{Error, NewApproval};

use crate::support::{dave, ellis, fixture, kate, names, new_agent, new_project, project_id, team};

#[tokio::test]
async fn a_project_is_created_once_with_its_team() {
    let f = fixture().await;
    f.clock.set(2_000);
    let again = f.store.create_project(new_project("p"), team()).await.expect("the same");
    assert_eq!(again, f.store.project(&f.project).await.expect("stored"));
    assert_eq!(
        (again.created_at.0, again.phase, again.state),
        (1_000, Phase::Discovery, ProjectState::Created)
    );
    assert_eq!(names(&f.events().await), ["project_created", "agent_joined", "agent_joined", "agent_joined"]);
    let team = f.store.agents(&f.project).await.expect("a team");
    assert_eq!(team.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["Dave", "Ellis", "Kate"]);
    assert_eq!(team[0].reports_to, Some(ellis(&f.project)));
    assert_eq!(team[1].reports_to, None);
    assert_eq!(f.store.projects().await.expect("projects").len(), 1);
}

#[tokio::test]
async fn a_team_that_contradicts_itself_is_refused_whole() {
    let f = fixture().await;
    let twins = vec![new_agent("Dave", None), new_agent("dave", None)];
    let orphan = vec![new_agent("Dave", Some("Nobody"))];
    for (team, says) in [(twins, "two agents of q are called dave"), (orphan, "who is not in the team")] {
        let error = f.store.create_project(new_project("q"), team).await.expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.retryable());
    }
    assert!(matches!(f.store.project(&project_id("q")).await, Err(Error::NotFound { kind: "project", .. })));
    assert_eq!(f.story().await, [""; 0]);
}

#[tokio::test]
async fn a_budget_that_cannot_be_stored_is_refused() {
    let f = fixture().await;
    let mut new = new_project("q");
    new.budget = NanoUsd(u64::MAX);
    let error = f.store.create_project(new, team()).await.expect_err("refused");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[tokio::test]
async fn phases_and_states_are_told_once() {
    let f = fixture().await;
    for phase in [Phase::Discovery, Phase::Discovery, Phase::Sprint(1), Phase::Sprint(1)] {
        f.store.enter_phase(&f.project, phase).await.expect("enters");
    }
    for _ in 0..2 {
        f.store.set_project_state(&f.project, ProjectState::Running, None).await.expect("runs");
    }
    let project = f.store.set_project_state(&f.project, ProjectState::Completed, None).await.expect("ends");
    assert_eq!((project.phase, project.state), (Phase::Sprint(1), ProjectState::Completed));
    let error = f.store.set_project_state(&f.project, ProjectState::Running, None).await.expect_err("final");
    assert_eq!(error.to_string(), "project p is completed and cannot become running");
    assert_eq!(
        f.story().await,
        ["phase_entered", "phase_entered", "project_state_changed", "project_state_changed"]
    );
}

#[tokio::test]
async fn a_project_that_ends_asks_nothing_any_more() {
    let f = fixture().await;
    let new = NewApproval {
        project: f.project.clone(),
        kind: ApprovalKind::Question,
        title: "Which colour?".to_owned(),
        shown: b"red or blue".to_vec(),
        subject: "colour".to_owned(),
        task: None,
        workflow_id: "project:p".to_owned(),
        expires_at: None,
        checkpoint: None,
    };
    let asked = f.store.request_approval(new).await.expect("asks");
    f.store.set_project_state(&f.project, ProjectState::Cancelled, None).await.expect("cancels");
    let asked = f.store.approval(&asked.id).await.expect("stored");
    assert_eq!(asked.state, ApprovalState::Superseded);
}

#[tokio::test]
async fn agents_move_only_as_their_state_machine_allows() {
    use AgentTransition as T;
    let f = fixture().await;
    let dave = dave(&f.project);
    let steps = [
        (T::Think, Ok(AgentState::Thinking)),
        (T::Think, Ok(AgentState::Thinking)),
        (T::Execute, Ok(AgentState::Executing)),
        (T::Release, Err("an agent that is executing cannot Release")),
        (T::AwaitReview, Ok(AgentState::WaitingReview)),
        (T::Complete, Ok(AgentState::Completed)),
        (T::Release, Ok(AgentState::Idle)),
    ];
    for (transition, expected) in steps {
        let result = f.store.transition_agent(&dave, transition, None).await;
        match (result, expected) {
            (Ok(state), Ok(expected)) => assert_eq!(state, expected, "{transition:?}"),
            (Err(Error::IllegalTransition { source, .. }), Err(expected)) => {
                assert_eq!(source.to_string(), expected);
            }
            (result, expected) => panic!("{transition:?}: {result:?} instead of {expected:?}"),
        }
    }
    assert_eq!(f.story().await, ["agent_state_changed"; 5], "what changes nothing is not told");
    assert_eq!(f.store.agent(&kate(&f.project)).await.expect("kate").state, AgentState::Idle);
}

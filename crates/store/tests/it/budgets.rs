//! Limits, warnings and refusals.

use syndarix_core::budget::{BudgetScope, ReservationRequest, Reserved};
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::Ledger;
use syndarix_store::Error;

use crate::support::{
    begin, dave, effect, fixture, new_agent, new_project, project_id, reservation, success, warnings,
};

#[tokio::test]
async fn each_mark_is_told_once_and_again_after_a_raise() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let project = BudgetScope::Project { project: f.project.clone() };
    let reserve = async |step, amount| {
        f.store.reserve(&reservation(&f.project, &task, step, 0, amount)).await.expect("answered")
    };
    assert_eq!(reserve(1, 499).await, Reserved::Granted);
    assert_eq!(warnings(&f.events().await), []);
    for step in 2..10 {
        assert_eq!(reserve(step, 1).await, Reserved::Granted);
    }
    assert_eq!(reserve(10, 450).await, Reserved::Granted);
    let marks =
        |events: Vec<(String, u8)>| events.into_iter().map(|(_, percent)| percent).collect::<Vec<_>>();
    assert_eq!(marks(warnings(&f.events().await)), [50, 95], "the highest mark that is passed is told");
    f.store.set_budget(project.clone(), NanoUsd(2_000)).await.expect("raised");
    assert_eq!(reserve(11, 1).await, Reserved::Granted);
    assert_eq!(marks(warnings(&f.events().await)), [50, 95], "48 percent are below every mark");
    assert_eq!(reserve(12, 700).await, Reserved::Granted);
    assert_eq!(marks(warnings(&f.events().await)), [50, 95, 80]);
    assert_eq!(warnings(&f.events().await)[0].0, "project p");
    f.store.set_budget(project, NanoUsd(2_000)).await.expect("the same");
    let changes = f.story().await.into_iter().filter(|name| *name == "budget_changed").count();
    assert_eq!(changes, 1);
    assert_eq!(f.store.project(&f.project).await.expect("stored").budget, NanoUsd(2_000));
}

#[tokio::test]
async fn the_smallest_budget_above_a_call_refuses_it_and_none_is_touched() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let scopes = [
        (BudgetScope::Task { task: task.clone() }, 50),
        (BudgetScope::Agent { agent: dave(&f.project) }, 60),
        (BudgetScope::Sprint { project: f.project.clone(), sprint: 1 }, 70),
        (BudgetScope::Project { project: f.project.clone() }, 80),
    ];
    for (scope, limit) in &scopes {
        f.store.set_budget(scope.clone(), NanoUsd(*limit)).await.expect("set");
    }
    for (step, (scope, limit)) in (1_u32..).zip(&scopes) {
        let request = reservation(&f.project, &task, step, 0, limit + 1);
        match f.store.reserve(&request).await.expect("answered") {
            Reserved::Refused(refusal) => {
                assert_eq!((&refusal.scope, refusal.limit), (scope, NanoUsd(*limit)));
                assert_eq!(refusal.requested, NanoUsd(limit + 1));
            }
            other => panic!("{scope} answered {other:?} to {}", limit + 1),
        }
        f.store.set_budget(scope.clone(), NanoUsd(1_000)).await.expect("raised");
    }
    let lines = f.store.budgets(&f.project).await.expect("budgets");
    assert!(lines.iter().all(|line| line.reserved == NanoUsd::ZERO), "{lines:?}");
    assert_eq!(lines.len(), 4);
    let refusals = f.story().await.into_iter().filter(|name| *name == "budget_refused").count();
    assert_eq!(refusals, 4);
}

#[tokio::test]
async fn what_may_fit_later_is_told_to_wait_and_journalled_only_when_it_is_refused() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    f.store.set_budget(BudgetScope::Project { project: f.project.clone() }, NanoUsd(100)).await.expect("set");
    for step in 1..=4 {
        begin(&f.store, &effect(&task, step)).await;
    }
    let patient = |step, amount| ReservationRequest {
        patient: true,
        ..reservation(&f.project, &task, step, 0, amount)
    };
    assert_eq!(f.store.reserve(&patient(1, 60)).await.expect("answered"), Reserved::Granted);
    let Reserved::Later(refusal) = f.store.reserve(&patient(2, 60)).await.expect("answered") else {
        panic!()
    };
    assert_eq!(
        (refusal.spent, refusal.reserved, refusal.may_fit_later()),
        (NanoUsd::ZERO, NanoUsd(60), true)
    );
    // What cannot fit whatever the other costs; a smaller budget that never can comes before a larger that may.
    assert!(matches!(f.store.reserve(&patient(3, 101)).await.expect("answered"), Reserved::Refused(_)));
    f.store.set_budget(BudgetScope::Task { task: task.clone() }, NanoUsd(200)).await.expect("set");
    f.store.set_budget(BudgetScope::Call { agent: dave(&f.project) }, NanoUsd(50)).await.expect("set");
    let Reserved::Refused(refusal) = f.store.reserve(&patient(3, 60)).await.expect("answered") else {
        panic!()
    };
    assert_eq!(refusal.scope, BudgetScope::Call { agent: dave(&f.project) });
    f.store.set_budget(BudgetScope::Call { agent: dave(&f.project) }, NanoUsd(500)).await.expect("set");
    let refused = f.store.reserve(&reservation(&f.project, &task, 2, 0, 60)).await.expect("answered");
    assert!(matches!(refused, Reserved::Refused(_)), "{refused:?}");
    let told = f.story().await.into_iter().filter(|name| *name == "budget_refused").count();
    assert_eq!(told, 3);
    f.store.settle(&success(&patient(1, 60).call, 5), Vec::new()).await.expect("settled");
    assert_eq!(f.store.reserve(&patient(2, 60)).await.expect("answered"), Reserved::Granted);
}

#[tokio::test]
async fn a_worst_case_beyond_all_numbers_is_refused_and_not_wrapped() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    begin(&f.store, &effect(&task, 1)).await;
    let request = reservation(&f.project, &task, 1, 0, u64::MAX);
    assert!(matches!(f.store.reserve(&request).await.expect("answered"), Reserved::Refused(_)));
}

#[tokio::test]
async fn agents_may_have_their_own_budget_from_the_beginning() {
    let f = fixture().await;
    let mut eve = new_agent("Eve", None);
    eve.budget = Some(NanoUsd(30));
    f.store.create_project(new_project("q"), vec![eve]).await.expect("a project");
    let lines = f.store.budgets(&project_id("q")).await.expect("budgets");
    let limits: Vec<_> = lines.iter().map(|line| (line.scope.to_string(), line.limit)).collect();
    assert_eq!(
        limits,
        [("project q".to_owned(), Some(NanoUsd(1_000))), ("agent q/eve".to_owned(), Some(NanoUsd(30)))]
    );
    let nobody = BudgetScope::Agent { agent: project_id("q").agent("nobody").expect("valid") };
    let error = f.store.set_budget(nobody, NanoUsd(1)).await.expect_err("nobody");
    assert!(matches!(error, Error::NotFound { kind: "agent", .. }));
}

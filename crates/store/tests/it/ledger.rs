//! Reserve, then settle.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use syndarix_core::budget::{AttemptState, BudgetScope, CallKey, ReservationRequest, Reserved};
use syndarix_core::effect::EffectBegin;
use syndarix_core::id::ProjectId;
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::{Effects, Ledger};
use syndarix_core::project::ProjectState;
use syndarix_store::{BudgetLine, Store};

use crate::support::{
    assert_gapless, begin, effect, failure, fixture, intent, new_project, new_task, project_id, reservation,
    success, team,
};

async fn project_line(store: &Store, project: &ProjectId) -> BudgetLine {
    let scope = BudgetScope::Project { project: project.clone() };
    let lines = store.budgets(project).await.expect("budgets");
    lines.into_iter().find(|line| line.scope == scope).expect("the project's own")
}

#[tokio::test]
async fn a_call_is_reserved_once_settled_once_and_its_effect_completed() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let key = effect(&task, 1);
    begin(&f.store, &key).await;
    let failing = reservation(&f.project, &task, 1, 0, 100);
    let working = reservation(&f.project, &task, 1, 1, 200);
    assert_eq!(f.store.reserve(&failing).await.expect("answered"), Reserved::Granted);
    f.store.reserve(&failing).await.expect_err("reserved once");
    for _ in 0..2 {
        f.store.settle(&failure(&failing.call, 5), Vec::new()).await.expect("settled");
    }
    assert_eq!(f.store.reserve(&working).await.expect("answered"), Reserved::Granted);
    let line = project_line(&f.store, &f.project).await;
    assert_eq!((line.spent, line.reserved), (NanoUsd(5), NanoUsd(200)));
    assert_eq!(f.store.begin(&intent(&key, b"request")).await.expect("known"), EffectBegin::Orphaned);
    for cost in [250, 1] {
        f.store.settle(&success(&working.call, cost), Vec::new()).await.expect("settled");
    }
    let line = project_line(&f.store, &f.project).await;
    assert_eq!((line.spent, line.reserved), (NanoUsd(255), NanoUsd::ZERO), "the truth, even above the guess");
    let replay = f.store.begin(&intent(&key, b"request")).await.expect("known");
    assert_eq!(replay, EffectBegin::Recorded(b"reply".to_vec()));
    assert_eq!(f.story().await, ["task_created", "model_call_failed", "model_call_succeeded"]);
    let costs = f.store.costs(&f.project).await.expect("costs");
    assert_eq!(costs.len(), 1);
    assert_eq!((costs[0].calls, costs[0].failed_calls, costs[0].cost), (2, 1, NanoUsd(255)));
    assert_eq!(costs[0].usage.input_tokens, 20);
    let calls = f.store.calls(&f.project).await.expect("calls");
    let outcomes: Vec<_> = calls.iter().map(|call| call.outcome.as_deref()).collect();
    assert_eq!(outcomes, [Some("rate_limited"), Some("succeeded")]);
    assert_eq!(calls[1].call, working.call);
    f.store.reserve(&failing).await.expect_err("settled calls are not reserved again");
    let never = CallKey { effect: key, attempt: 9 };
    f.store.settle(&failure(&never, 1), Vec::new()).await.expect_err("never reserved");
}

#[tokio::test]
async fn a_call_that_is_taken_up_again_learns_what_was_tried() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let (first, second) =
        (reservation(&f.project, &task, 1, 0, 100), reservation(&f.project, &task, 1, 1, 100));
    f.store.reserve(&first).await.expect("answered");
    f.store.settle(&failure(&first.call, 0), Vec::new()).await.expect("settled");
    f.store.reserve(&ReservationRequest { if_interrupted: NanoUsd(60), ..second }).await.expect("answered");
    let failed = AttemptState::Failed {
        kind: "rate_limited".to_owned(),
        message: "slow down".to_owned(),
        retryable: true,
    };
    for _ in 0..2 {
        let attempts = f.store.take_up(&effect(&task, 1)).await.expect("attempts");
        let states: Vec<_> = attempts.into_iter().map(|attempt| (attempt.attempt, attempt.state)).collect();
        assert_eq!(states, [(0, failed.clone()), (1, AttemptState::Interrupted)]);
        let line = project_line(&f.store, &f.project).await;
        assert_eq!((line.spent, line.reserved), (NanoUsd(60), NanoUsd::ZERO));
    }
    assert_eq!(f.story().await, ["task_created", "model_call_failed", "model_call_failed"]);
    assert_eq!(f.store.take_up(&effect(&task, 2)).await.expect("attempts"), []);
}

#[tokio::test]
async fn a_project_that_ends_leaves_no_call_open() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let open = reservation(&f.project, &task, 1, 0, 100);
    f.store.reserve(&open).await.expect("answered");
    f.store.set_project_state(&f.project, ProjectState::Cancelled, None).await.expect("ends");
    let line = project_line(&f.store, &f.project).await;
    assert_eq!((line.spent, line.reserved), (NanoUsd(100), NanoUsd::ZERO));
    f.store.settle(&success(&open.call, 7), Vec::new()).await.expect("what comes late changes nothing");
    assert_eq!(project_line(&f.store, &f.project).await.spent, NanoUsd(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_concurrent_calls_never_overspend() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let done = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (store, project, done) = (f.store.clone(), f.project.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let line = project_line(&store, &project).await;
                assert!(line.spent + line.reserved <= NanoUsd(1_000), "overspent: {line:?}");
            }
        })
    };
    let spent = Arc::new(AtomicU64::new(0));
    let granted = Arc::new(AtomicU64::new(0));
    let calls = (1..=200).map(|step| {
        let (store, spent, granted) = (f.store.clone(), Arc::clone(&spent), Arc::clone(&granted));
        let request = reservation(&f.project, &task, step, 0, 7);
        tokio::spawn(async move {
            begin(&store, &request.call.effect).await;
            if store.reserve(&request).await.expect("answered") == Reserved::Granted {
                granted.fetch_add(1, Ordering::SeqCst);
                // Every third call costs its worst case, the others less.
                let cost = if step % 3 == 0 { 7 } else { u64::from(step % 7) };
                store.settle(&success(&request.call, cost), Vec::new()).await.expect("settled");
                spent.fetch_add(cost, Ordering::SeqCst);
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("ends");
    }
    done.store(true, Ordering::SeqCst);
    watcher.await.expect("never overspent");
    let line = project_line(&f.store, &f.project).await;
    assert_eq!((line.spent.0, line.reserved), (spent.load(Ordering::SeqCst), NanoUsd::ZERO));
    assert!(granted.load(Ordering::SeqCst) >= 1_000 / 7);
    assert_gapless(&f.store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_reservations_exactly_those_that_fit_are_granted() {
    let f = fixture().await;
    let task = f.task("parse").await.id;
    let calls = (1..=200).map(|step| {
        let (store, request) = (f.store.clone(), reservation(&f.project, &task, step, 0, 7));
        tokio::spawn(async move { store.reserve(&request).await.expect("answered") == Reserved::Granted })
    });
    let mut granted = 0;
    for call in calls.collect::<Vec<_>>() {
        granted += u64::from(call.await.expect("ends"));
    }
    assert_eq!(granted, 1_000 / 7);
    assert_eq!(project_line(&f.store, &f.project).await.reserved, NanoUsd(1_000 / 7 * 7));
}

#[derive(Debug, Clone)]
enum Step {
    Reserve { call: u32, amount: u64 },
    Settle { call: u32, cost: u64 },
    Limit { amount: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u32..6, 0_u64..600).prop_map(|(call, amount)| Step::Reserve { call, amount }),
        3 => (1_u32..6, 0_u64..700).prop_map(|(call, cost)| Step::Settle { call, cost }),
        1 => (0_u64..3_000).prop_map(|amount| Step::Limit { amount }),
    ]
}

/// What the ledger should say, kept in the plainest way.
#[derive(Debug)]
struct Oracle {
    limit: u64,
    open: HashMap<u32, u64>,
    settled: HashMap<u32, u64>,
}

impl Oracle {
    fn spent(&self) -> u64 {
        self.settled.values().sum()
    }

    fn reserved(&self) -> u64 {
        self.open.values().sum()
    }
}

async fn agrees_with_the_oracle(store: &Store, project: &ProjectId, steps: &[Step]) {
    let mut oracle = Oracle { limit: 1_000, open: HashMap::new(), settled: HashMap::new() };
    let task = store.create_task(new_task(project, "parse")).await.expect("a task").id;
    for step in steps {
        match *step {
            Step::Reserve { call, amount } => {
                let request = reservation(project, &task, call, 0, amount);
                let answer = store.reserve(&request).await;
                if oracle.settled.contains_key(&call) || oracle.open.contains_key(&call) {
                    answer.expect_err("reserved before");
                } else {
                    let fits = oracle.spent() + oracle.reserved() + amount <= oracle.limit;
                    let granted = answer.expect("answered") == Reserved::Granted;
                    assert_eq!(granted, fits, "{step:?} on {oracle:?}");
                    if granted {
                        oracle.open.insert(call, amount);
                    }
                }
            }
            Step::Settle { call, cost } => {
                let key = CallKey { effect: effect(&task, call), attempt: 0 };
                let answer = store.settle(&failure(&key, cost), Vec::new()).await;
                if oracle.open.remove(&call).is_some() {
                    answer.expect("settled");
                    oracle.settled.insert(call, cost);
                } else {
                    assert_eq!(answer.is_ok(), oracle.settled.contains_key(&call));
                }
            }
            Step::Limit { amount } => {
                let scope = BudgetScope::Project { project: project.clone() };
                store.set_budget(scope, NanoUsd(amount)).await.expect("set");
                oracle.limit = amount;
            }
        }
        let line = project_line(store, project).await;
        assert_eq!((line.spent.0, line.reserved.0), (oracle.spent(), oracle.reserved()), "after {step:?}");
    }
}

#[test]
fn any_sequence_agrees_with_the_oracle() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let f = runtime.block_on(fixture());
    let case = AtomicU64::new(0);
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let steps = proptest::collection::vec(step(), 1..25);
    let result = runner.run(&steps, |steps| {
        let project = project_id(&format!("case-{}", case.fetch_add(1, Ordering::SeqCst)));
        runtime.block_on(async {
            f.store.create_project(new_project(project.as_str()), team()).await.expect("a project");
            agrees_with_the_oracle(&f.store, &project, &steps).await;
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

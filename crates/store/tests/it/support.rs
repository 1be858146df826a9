//! A store in a temporary folder with one project and its team.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use syndarix_core::autonomy::Autonomy;
use syndarix_core::budget::{Attribution, CallKey, CallOutcome, CallSettlement, ReservationRequest};
use syndarix_core::effect::{EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::{Event, EventKind};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::Effects;
use syndarix_core::role::Role;
use syndarix_core::task::{Task, TaskKind};
use syndarix_core::time::{Clock, Timestamp};
use syndarix_core::usage::TokenUsage;
use syndarix_store::{EventQuery, NewAgent, NewProject, NewTask, Store, StoreOptions};
use tempfile::TempDir;

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn set(&self, at: i64) {
        self.0.store(at, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dir: TempDir,
    pub(crate) project: ProjectId,
}

pub(crate) async fn open(dir: &Path) -> Store {
    let clock = Arc::new(ManualClock::default());
    Store::open(StoreOptions { data_dir: dir.to_owned(), clock }).await.expect("opens")
}

/// A project `p` with Dave and Kate, who report to Ellis, and a budget of 1000 nano-dollars.
pub(crate) async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::default());
    clock.set(1_000);
    let options =
        StoreOptions { data_dir: dir.path().to_owned(), clock: Arc::clone(&clock) as Arc<dyn Clock> };
    let store = Store::open(options).await.expect("opens");
    let project = project_id("p");
    store.create_project(new_project("p"), team()).await.expect("a project");
    Fixture { store, clock, dir, project }
}

impl Fixture {
    pub(crate) async fn events(&self) -> Vec<Event> {
        events(&self.store).await
    }

    /// The names of the events after the team has joined.
    pub(crate) async fn story(&self) -> Vec<&'static str> {
        let joined = 1 + team().len();
        self.events().await.iter().skip(joined).map(|event| event.kind.name()).collect()
    }

    pub(crate) async fn task(&self, slug: &str) -> Task {
        self.store.create_task(new_task(&self.project, slug)).await.expect("a task")
    }
}

pub(crate) async fn events(store: &Store) -> Vec<Event> {
    let query = EventQuery { after: 0, limit: 1_000_000, project: None };
    store.events(query).await.expect("events")
}

/// Fails unless the journal counts from one without a gap.
pub(crate) async fn assert_gapless(store: &Store) -> usize {
    let events = events(store).await;
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as u64 + 1, "the journal has a gap before {event:?}");
    }
    assert_eq!(store.last_seq().await.expect("a number"), events.len() as u64);
    events.len()
}

pub(crate) fn project_id(name: &str) -> ProjectId {
    ProjectId::new(name).expect("a valid id")
}

pub(crate) fn dave(project: &ProjectId) -> AgentId {
    project.agent("Dave").expect("a valid id")
}

pub(crate) fn kate(project: &ProjectId) -> AgentId {
    project.agent("Kate").expect("a valid id")
}

pub(crate) fn ellis(project: &ProjectId) -> AgentId {
    project.agent("Ellis").expect("a valid id")
}

pub(crate) fn new_project(id: &str) -> NewProject {
    NewProject {
        id: project_id(id),
        title: "A project".to_owned(),
        brief: b"# A project".to_vec(),
        team_toml: b"[team]".to_vec(),
        autonomy: Autonomy::Milestone,
        budget: NanoUsd(1_000),
        check: None,
        environment: None,
        source_repository: None,
        base_commit: None,
        repository: "/data/projects/p/repository".to_owned(),
        branch: "syndarix/p".to_owned(),
    }
}

pub(crate) fn new_agent(name: &str, reports_to: Option<&str>) -> NewAgent {
    NewAgent {
        name: name.to_owned(),
        role: Role::Engineer,
        agent_type: "engineer".to_owned(),
        reports_to: reports_to.map(str::to_owned),
        capabilities: vec!["rust".to_owned()],
        budget: None,
        call_budget: None,
    }
}

pub(crate) fn team() -> Vec<NewAgent> {
    vec![new_agent("Dave", Some("Ellis")), new_agent("Ellis", None), new_agent("Kate", Some("Ellis"))]
}

pub(crate) fn new_task(project: &ProjectId, slug: &str) -> NewTask {
    NewTask {
        project: project.clone(),
        kind: TaskKind::Development,
        slug: slug.to_owned(),
        title: format!("Do {slug}"),
        description: "In full.".to_owned(),
        role: Role::Engineer,
        needs: vec!["rust".to_owned()],
        depends_on: Vec::new(),
        check: None,
        must_pass: Vec::new(),
        sprint: None,
    }
}

pub(crate) fn effect(task: &TaskId, superstep: u32) -> EffectKey {
    EffectKey { run: task.run(1), superstep, index: 0 }
}

pub(crate) fn intent(key: &EffectKey, request: &[u8]) -> EffectIntent {
    EffectIntent {
        key: key.clone(),
        name: "model".to_owned(),
        request: request.to_vec(),
        repeatability: Repeatability::Idempotent,
    }
}

pub(crate) async fn begin(store: &Store, key: &EffectKey) {
    store.begin(&intent(key, b"request")).await.expect("begins");
}

pub(crate) fn reservation(
    project: &ProjectId,
    task: &TaskId,
    superstep: u32,
    attempt: u32,
    worst_case: u64,
) -> ReservationRequest {
    ReservationRequest {
        call: CallKey { effect: effect(task, superstep), attempt },
        attribution: Attribution {
            project: project.clone(),
            sprint: Some(1),
            agent: dave(project),
            task: task.clone(),
        },
        model: "scripted/main".to_owned(),
        worst_case: NanoUsd(worst_case),
        if_interrupted: NanoUsd(worst_case),
        patient: false,
    }
}

pub(crate) fn success(call: &CallKey, cost: u64) -> CallSettlement {
    settlement(call, CallOutcome::Succeeded { reply: b"reply".to_vec() }, cost)
}

pub(crate) fn failure(call: &CallKey, cost: u64) -> CallSettlement {
    let outcome = CallOutcome::Failed {
        kind: "rate_limited".to_owned(),
        message: "slow down".to_owned(),
        retryable: true,
    };
    settlement(call, outcome, cost)
}

fn settlement(call: &CallKey, outcome: CallOutcome, cost: u64) -> CallSettlement {
    CallSettlement {
        call: call.clone(),
        outcome,
        usage: TokenUsage { input_tokens: 10, output_tokens: 3, ..TokenUsage::default() },
        cost: NanoUsd(cost),
        latency_ms: 40,
    }
}

pub(crate) fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

/// The percentages of the budget warnings, in order.
pub(crate) fn warnings(events: &[Event]) -> Vec<(String, u8)> {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::BudgetWarning { budget, percent, .. } => Some((budget.to_string(), *percent)),
            _ => None,
        })
        .collect()
}

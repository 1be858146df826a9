//! A project with the default team, a scripted model and counting tools.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use syndarix_agents::run::{AgentRunner, AgentRunnerOptions, OpenTools, RunTools};
use syndarix_agents::{Models, RunOutcome, RunRequest, Stage, Surroundings, Team};
use syndarix_core::approval::Decision;
use syndarix_core::autonomy::Autonomy;
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::{Event, EventKind};
use syndarix_core::id::{AgentId, ApprovalId, ProjectId, RunId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::permission::CallScope;
use syndarix_core::ports::{Blobs, Checkpoints, Effects, Ledger};
use syndarix_core::role::Role;
use syndarix_core::task::TaskKind;
use syndarix_core::time::SystemClock;
use syndarix_core::tool::{Risk, ToolCall, ToolOutput, ToolSpec};
use syndarix_core::validity::Validity;
use syndarix_llm::gateway::{BreakerPolicy, RetryPolicy};
use syndarix_llm::prices::ModelPrice;
use syndarix_llm::providers::Providers;
use syndarix_llm::scripted::{Script, ScriptedProvider};
use syndarix_llm::{Gateway, GatewayOptions, ModelCatalog, ModelRef, Prices};
use syndarix_store::{EventQuery, NewAgent, NewProject, NewTask, Store, StoreOptions};
use syndarix_tools::{Error as ToolError, Orphan, SessionRequest};
use tokio_util::sync::CancellationToken;

/// Everything a test needs. The folder goes with it.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) project: ProjectId,
    pub(crate) task: TaskId,
    pub(crate) performed: Arc<Mutex<Vec<String>>>,
    runner: AgentRunner,
    _folder: tempfile::TempDir,
}

/// How a world differs from the usual one.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) autonomy: Autonomy,
    pub(crate) budget: Option<NanoUsd>,
    /// Lines added to the first engineer, Dave, in the team file.
    pub(crate) dave: &'static str,
    /// How long outages are waited for.
    pub(crate) outage_wait: Duration,
    /// How long what a human is asked can be decided.
    pub(crate) approvals: Validity,
    /// Replaced in the stored team: a limit of no minutes at all, which no team file may have.
    pub(crate) stored: Option<(&'static str, &'static str)>,
}

impl World {
    pub(crate) async fn new(script: &str) -> Self {
        Self::with(script, Setup::default()).await
    }

    pub(crate) async fn with(script: &str, setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(SystemClock);
        let options = StoreOptions { data_dir: folder.path().join("data"), clock: clock.clone() };
        let store = Store::open(options).await.expect("the store opens");
        let model: ModelRef = "scripted/main".parse().expect("a model's name");
        let models =
            Models::new(ModelCatalog::of(["scripted/main"]).expect("valid")).with_every_tier(&[model]);
        let file = format!(
            "version = 1\nextends = \"default\"\n[[agents]]\nname = \"Dave\"\ntype = \"engineer\"\n{}\n",
            setup.dave
        );
        let team = Team::parse("team.toml", &file, &models).expect("a good team file");
        let (project, task) = create(&store, &team, &setup).await;
        let script = Script::parse("script.toml", script).expect("a good script");
        let providers = Providers::new().with(ScriptedProvider::new("scripted", script)).expect("one");
        let price = ModelPrice {
            input: NanoUsd(3_000_000_000),
            output: NanoUsd(15_000_000_000),
            cache_read: None,
            cache_write: None,
        };
        let gateway = Gateway::new(GatewayOptions {
            providers,
            prices: Prices::new([("scripted/main".to_owned(), price)]),
            retry: RetryPolicy { max_retries: 0, base_delay: Duration::ZERO, max_delay: Duration::ZERO },
            breaker: BreakerPolicy { failures_to_open: 1_000, ..BreakerPolicy::default() },
            ledger: Arc::new(store.clone()) as Arc<dyn Ledger>,
            effects: Arc::new(store.clone()),
            clock: clock.clone(),
        });
        let performed = Arc::new(Mutex::new(Vec::new()));
        let runner = AgentRunner::new(AgentRunnerOptions {
            store: store.clone(),
            gateway: Arc::new(gateway),
            models,
            toolbox: Arc::new(CountingTools { store: store.clone(), performed: Arc::clone(&performed) }),
            clock,
            network: false,
            outage_wait: setup.outage_wait,
            approvals: setup.approvals,
        });
        Self { store, project, task, performed, runner, _folder: folder }
    }

    pub(crate) fn agent(&self, name: &str) -> AgentId {
        self.project.agent(name).expect("a name")
    }

    pub(crate) fn request(&self, agent: &str, stage: Stage) -> RunRequest {
        RunRequest {
            run: self.task.run(1),
            project: self.project.clone(),
            agent: self.agent(agent),
            task: self.task.clone(),
            stage,
            round: 1,
            sprint: None,
            workspace: Some(PathBuf::from("/nowhere")),
            read_only: Vec::new(),
            scratch: PathBuf::from("/nowhere/scratch"),
            workflow_id: "task:test".to_owned(),
            resume: Vec::new(),
            prepared: syndarix_tools::workspace_server::Prepared::default(),
            set_up_allowed: false,
            signature: syndarix_tools::git::Signature::default(),
            surroundings: Surroundings::default(),
        }
    }

    pub(crate) async fn run(&self, request: RunRequest) -> RunOutcome {
        self.try_run(request)
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
    }

    pub(crate) async fn try_run(&self, request: RunRequest) -> Result<RunOutcome, syndarix_agents::Error> {
        self.runner.run(request, CancellationToken::new()).await
    }

    pub(crate) async fn develop(&self) -> RunOutcome {
        self.run(self.request("dave", Stage::Develop)).await
    }

    pub(crate) async fn decide(&self, approval: &ApprovalId, approved: bool, comment: Option<&str>) {
        let shown = self.store.approval(approval).await.expect("it is there").shown;
        let comment = comment.map(str::to_owned);
        let decision = Decision { approved, comment, decided_by: "test".to_owned(), shown };
        self.store.decide(approval, decision).await.expect("it can be decided");
    }

    pub(crate) async fn allow_always(&self, approval: &ApprovalId) {
        let shown = self.store.approval(approval).await.expect("it is there").shown;
        let decision = Decision { approved: true, comment: None, decided_by: "test".to_owned(), shown };
        self.store.approve_always(approval, decision).await.expect("it is offered");
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let query = EventQuery { after: 0, limit: 10_000, project: Some(self.project.clone()) };
        self.store.events(query).await.expect("the journal can be read")
    }

    /// Guards that tripped and malformed actions, one line each.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let complaint = |event: Event| match event.kind {
            EventKind::GuardTripped { guard, .. } => Some(format!("guard {guard}")),
            EventKind::MalformedAction { problem } => Some(format!("malformed: {problem}")),
            _ => None,
        };
        self.events().await.into_iter().filter_map(complaint).collect()
    }

    /// What the tools of a run gave its agent to read, in order.
    pub(crate) async fn tool_results(&self, run: &RunId) -> Vec<String> {
        let stored = Checkpoints::latest(&self.store, run).await.expect("readable").expect("a checkpoint");
        let checkpoint: Value = serde_json::from_slice(&stored.state).expect("JSON");
        let entries = find(&checkpoint, "conversation").and_then(Value::as_array).expect("a conversation");
        let mut results = Vec::new();
        for entry in entries.iter().filter(|entry| entry.get("call_id").is_some()) {
            let hash = serde_json::from_value(entry["blob"].clone()).expect("a hash");
            let bytes = Blobs::get(&self.store, &hash).await.expect("stored");
            results.push(String::from_utf8(bytes).expect("text"));
        }
        results
    }

    pub(crate) fn performed(&self) -> Vec<String> {
        self.performed.lock().expect("no panic while locked").clone()
    }
}

fn stored_team(team: &Team, setup: &Setup) -> String {
    let team = team.to_toml();
    let Some((from, to)) = setup.stored else { return team };
    assert!(team.contains(from), "{team}");
    team.replace(from, to)
}

/// The first field of this name, at whatever depth.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name)))
        }
        _ => None,
    }
}

async fn create(store: &Store, team: &Team, setup: &Setup) -> (ProjectId, TaskId) {
    let id = ProjectId::new("demo-000001").expect("valid");
    let members = team.staff().iter().map(|agent| NewAgent {
        name: agent.name.clone(),
        role: agent.role,
        agent_type: agent.agent_type.clone(),
        reports_to: agent.reports_to.clone(),
        capabilities: agent.capabilities.clone(),
        budget: agent.budget,
        call_budget: agent.call_budget,
    });
    let project = NewProject {
        id: id.clone(),
        title: "Demo".into(),
        brief: b"# Demo\n\nAdd a flag.".to_vec(),
        team_toml: stored_team(team, setup).into_bytes(),
        autonomy: setup.autonomy,
        budget: setup.budget.unwrap_or(NanoUsd(100_000_000_000)),
        check: None,
        environment: None,
        source_repository: None,
        base_commit: None,
        repository: "/nowhere/repository".into(),
        branch: "main".into(),
    };
    store.create_project(project, members.collect()).await.expect("a project");
    let task = store
        .create_task(NewTask {
            project: id.clone(),
            kind: TaskKind::Development,
            slug: "parse-flag".into(),
            title: "Parse the flag".into(),
            description: "Accept --json.".into(),
            role: Role::Engineer,
            needs: Vec::new(),
            depends_on: Vec::new(),
            check: None,
            must_pass: Vec::new(),
            sprint: None,
        })
        .await
        .expect("a task");
    (id, task.id)
}

/// A path that no tool is ever done with.
pub(crate) const NEVER_DONE: &str = "never-done";

/// Tools that do nothing but count, under the same effect keys as the real ones.
#[derive(Debug, Clone)]
struct CountingTools {
    store: Store,
    performed: Arc<Mutex<Vec<String>>>,
}

impl OpenTools for CountingTools {
    fn open(&self, _: SessionRequest) -> Result<Box<dyn RunTools>, ToolError> {
        Ok(Box::new(self.clone()))
    }
}

const TOOLS: [(&str, &str, Repeatability); 4] = [
    ("read_file", "path", Repeatability::ReadOnly),
    ("write_file", "path", Repeatability::Idempotent),
    ("run_command", "command", Repeatability::Idempotent),
    ("deploy", "target", Repeatability::Once),
];

#[async_trait]
impl RunTools for CountingTools {
    fn specs(&self) -> Vec<ToolSpec> {
        let spec = |(name, argument, repeatability): (&str, &str, Repeatability)| ToolSpec {
            name: name.to_owned(),
            description: "A tool for tests".to_owned(),
            input_schema: json!({ "type": "object", "properties": { argument: {} }, "required": [argument] }),
            repeatability,
            risk: Risk::Low,
        };
        TOOLS.into_iter().map(spec).collect()
    }

    fn risk(&self, call: &ToolCall) -> Risk {
        if call.name == "deploy" { Risk::High } else { Risk::Low }
    }

    fn scope(&self, call: &ToolCall) -> Option<CallScope> {
        (call.name == "deploy").then(|| CallScope::Tool { tool: "mcp.site.deploy".to_owned() })
    }

    async fn call(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        orphan: Option<Orphan>,
    ) -> Result<ToolOutput, ToolError> {
        if call.arguments.to_string().contains("sandbox") {
            return Err(ToolError::Sandbox("there is no Landlock".to_owned()));
        }
        if call.arguments.to_string().contains(NEVER_DONE) {
            std::future::pending::<()>().await;
        }
        let repeatability = TOOLS.iter().find(|tool| tool.0 == call.name).expect("specified").2;
        let intent = EffectIntent {
            key: key.clone(),
            name: format!("tool:{}", call.name),
            request: call.arguments.to_string().into_bytes(),
            repeatability,
        };
        let output = match (self.store.begin(&intent).await?, orphan) {
            (EffectBegin::Recorded(bytes), _) => return Ok(serde_json::from_slice(&bytes).expect("recorded")),
            (EffectBegin::Orphaned, None) if repeatability == Repeatability::Once => {
                let (tool, arguments) = (call.name.clone(), call.arguments.to_string());
                return Err(ToolError::UnknownEffect { key: key.clone(), tool, arguments });
            }
            (EffectBegin::Orphaned, Some(Orphan::AssumeDone)) => ToolOutput::ok("taken as done"),
            _ => {
                let line = format!("{key} {} {}", call.name, call.arguments);
                let mut performed = self.performed.lock().expect("no panic while locked");
                // Repeating an idempotent effect that was never recorded is what its name allows.
                if !performed.contains(&line) {
                    performed.push(line);
                }
                ToolOutput::ok(format!("{} is done", call.name))
            }
        };
        let bytes = serde_json::to_vec::<ToolOutput>(&output).expect("plain data");
        self.store.complete(key, &bytes, Vec::new()).await?;
        Ok(output)
    }

    async fn close(self: Box<Self>) {}
}

/// A scene of one tool call.
pub(crate) fn scene(turn: u32, tool: &str, arguments: Value) -> String {
    scene_of(turn, &[(tool, arguments)])
}

/// A scene of several tool calls.
pub(crate) fn scene_of(turn: u32, calls: &[(&str, Value)]) -> String {
    let calls = calls.iter().map(|(tool, arguments)| {
        format!("[[scene.tool_calls]]\nname = \"{tool}\"\narguments = {}\n", toml_value(arguments))
    });
    format!("[[scene]]\nturn = {turn}\n{}", calls.collect::<String>())
}

/// A scene of text, or of a fault.
pub(crate) fn scene_line(turn: u32, line: &str) -> String {
    format!("[[scene]]\nturn = {turn}\n{line}\n")
}

fn toml_value(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key} = {}", toml_value(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml_value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

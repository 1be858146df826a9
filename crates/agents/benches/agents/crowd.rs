//! A project in which everyone works at once: the real store and gateway, a scripted model, and no tools but the
//! team's own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syndarix_agents::run::{OpenTools, RunTools};
use syndarix_agents::{
    AgentRunner, AgentRunnerOptions, Models, RunOutcome, RunRequest, Stage, Surroundings, Team,
};
use syndarix_core::autonomy::Autonomy;
use syndarix_core::effect::EffectKey;
use syndarix_core::id::{ProjectId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::ports::Ledger;
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
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Outcome;

/// What the model takes for each answer.
pub(crate) const ANSWER: Duration = Duration::from_millis(100);
/// Model calls of one agent: a document, things kept in mind, and the end.
pub(crate) const CALLS: u32 = 10;
/// How many members the default team has; the rest of a crowd are further engineers.
const DEFAULT_TEAM: u32 = 9;

/// Agents have the team's own tools only: what a command or a file costs is not the question here.
#[derive(Debug)]
struct NoTools;

impl OpenTools for NoTools {
    fn open(&self, _: SessionRequest) -> Result<Box<dyn RunTools>, ToolError> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl RunTools for NoTools {
    fn specs(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    fn risk(&self, _: &ToolCall) -> Risk {
        Risk::Low
    }

    async fn call(&self, _: &EffectKey, call: &ToolCall, _: Option<Orphan>) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::error(format!("there is no tool `{}`", call.name)))
    }

    async fn close(self: Box<Self>) {}
}

/// What every agent's model says, call by call.
fn script() -> String {
    let scene = |turn: u32, tool: &str, arguments: &str| {
        format!(
            "[[scene]]\nturn = {turn}\ndelay_ms = {}\nusage = {{ input_tokens = 3000, output_tokens = 200 }}\n\
             tool_calls = [{{ name = \"{tool}\", arguments = {arguments} }}]\n",
            ANSWER.as_millis()
        )
    };
    let document = "What was found out, sentence by sentence. ".repeat(50);
    let mut scenes =
        scene(0, "write_artifact", &format!("{{ name = \"notes.md\", content = \"{document}\" }}"));
    for turn in 1..CALLS - 1 {
        let kept = format!("{{ key = \"finding-{turn}\", value = \"The parser accepts form {turn}.\" }}");
        scenes += &scene(turn, "remember", &kept);
    }
    scenes + &scene(CALLS - 1, "finish", "{ summary = \"The notes are written.\" }")
}

/// A project with a task for each of its agents, ready to begin.
pub(crate) struct Crowd {
    store: Store,
    runner: Arc<AgentRunner>,
    requests: Vec<RunRequest>,
    project: ProjectId,
    data_dir: PathBuf,
}

impl Crowd {
    pub(crate) async fn new(folder: &Path, agents: u32) -> Outcome<Self> {
        let clock = Arc::new(SystemClock);
        let data_dir = folder.join("data");
        let store = Store::open(StoreOptions { data_dir: data_dir.clone(), clock: clock.clone() }).await?;
        let model: ModelRef = "scripted/main".parse()?;
        let models = Models::new(ModelCatalog::of(["scripted/main"])?).with_every_tier(&[model]);
        let engineers = agents.saturating_sub(DEFAULT_TEAM);
        let mut team = "version = 1\nextends = \"default\"\n".to_owned();
        if engineers > 0 {
            let _ = write!(team, "[[agents]]\ntype = \"engineer\"\ncount = {engineers}\n");
        }
        let team = Team::parse("team.toml", &team, &models)?;
        let project = create_project(&store, &team, folder).await?;
        let mut requests = Vec::new();
        let mut staff: Vec<_> = team.staff().iter().collect();
        staff.sort_by_key(|agent| agent.role != Role::Engineer);
        for (number, agent) in staff.into_iter().take(agents as usize).enumerate() {
            let task = create_task(&store, &project, number).await?;
            requests.push(RunRequest {
                run: task.run(1),
                project: project.clone(),
                agent: project.agent(&agent.name)?,
                workflow_id: format!("task:{task}"),
                task,
                stage: Stage::Develop,
                round: 1,
                sprint: None,
                workspace: None,
                read_only: Vec::new(),
                scratch: folder.join("scratch"),
                resume: Vec::new(),
                prepared: syndarix_tools::workspace_server::Prepared::default(),
                set_up_allowed: false,
                signature: syndarix_tools::git::Signature::default(),
                surroundings: Surroundings::default(),
            });
        }
        let provider = ScriptedProvider::new("scripted", Script::parse("script.toml", &script())?);
        let price = ModelPrice {
            input: NanoUsd(3_000_000_000),
            output: NanoUsd(15_000_000_000),
            cache_read: None,
            cache_write: None,
        };
        let gateway = Gateway::new(GatewayOptions {
            providers: Providers::new().with(provider)?,
            prices: Prices::new([("scripted/main".to_owned(), price)]),
            retry: RetryPolicy { max_retries: 0, base_delay: Duration::ZERO, max_delay: Duration::ZERO },
            breaker: BreakerPolicy::default(),
            ledger: Arc::new(store.clone()) as Arc<dyn Ledger>,
            effects: Arc::new(store.clone()),
            clock: clock.clone(),
        });
        let runner = AgentRunner::new(AgentRunnerOptions {
            store: store.clone(),
            gateway: Arc::new(gateway),
            models,
            toolbox: Arc::new(NoTools),
            clock,
            network: false,
            outage_wait: Duration::ZERO,
            approvals: Validity::NEVER,
        });
        Ok(Self { store, runner: Arc::new(runner), requests, project, data_dir })
    }

    /// Everyone works; returns when the last has ended.
    pub(crate) async fn work(&self) -> Outcome<()> {
        let mut runs = JoinSet::new();
        for request in self.requests.clone() {
            let runner = Arc::clone(&self.runner);
            runs.spawn(async move { runner.run(request, CancellationToken::new()).await });
        }
        while let Some(ended) = runs.join_next().await {
            let outcome = ended??;
            assert!(matches!(outcome, RunOutcome::Finished { .. }), "a run came to another end: {outcome:?}");
        }
        let calls = self.store.calls(&self.project).await?.len();
        assert_eq!(calls, self.requests.len() * CALLS as usize, "the ledger has every call once");
        Ok(())
    }

    /// How many events the journal has.
    pub(crate) async fn events(&self) -> Outcome<usize> {
        let query = EventQuery { after: 0, limit: 1_000_000, project: Some(self.project.clone()) };
        Ok(self.store.events(query).await?.len())
    }

    /// Writes something that is none of the agents' work.
    pub(crate) async fn begin_something(&self) -> Outcome<()> {
        create_task(&self.store, &self.project, self.requests.len()).await?;
        Ok(())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.data_dir.join("syndarix.db")
    }

    /// The database's write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.data_dir.join("syndarix.db-wal")
    }
}

async fn create_project(store: &Store, team: &Team, folder: &Path) -> Outcome<ProjectId> {
    let id = ProjectId::new("crowd-000001")?;
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
        title: "Crowd".into(),
        brief: b"# Crowd\n\nFind out what the parser accepts.".to_vec(),
        team_toml: team.to_toml().into_bytes(),
        autonomy: Autonomy::Autonomous,
        // More than anyone can spend here: budgets are kept, and refuse nothing.
        budget: NanoUsd(1_000_000_000_000_000),
        check: None,
        environment: None,
        source_repository: None,
        base_commit: None,
        repository: folder.join("repository").display().to_string(),
        branch: "main".into(),
    };
    store.create_project(project, members.collect()).await?;
    Ok(id)
}

async fn create_task(store: &Store, project: &ProjectId, number: usize) -> Outcome<TaskId> {
    let task = NewTask {
        project: project.clone(),
        kind: TaskKind::Development,
        slug: format!("form-{number}"),
        title: format!("Find out about form {number}"),
        description: "Read it, try it, and keep what you found.".into(),
        role: Role::Engineer,
        needs: Vec::new(),
        depends_on: Vec::new(),
        check: None,
        must_pass: Vec::new(),
        sprint: None,
    };
    Ok(store.create_task(task).await?.id)
}

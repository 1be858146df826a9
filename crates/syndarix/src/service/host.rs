//! The service itself: everything that works on one data directory, started in order and stopped in reverse.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use syndarix_agents::run::{AgentRunner, AgentRunnerOptions, DEFAULT_OUTAGE_WAIT};
use syndarix_core::blob::BlobHash;
use syndarix_core::id::ProjectId;
use syndarix_core::ports::{Effects, Journal, Ledger};
use syndarix_core::project::Project;
use syndarix_core::time::{Clock, SystemClock};
use syndarix_engine::{Engine, EngineOptions, Port, PortOptions};
use syndarix_llm::gateway::{BreakerPolicy, RetryPolicy};
use syndarix_llm::{Gateway, GatewayOptions};
use syndarix_store::{NewAgent, NewProject, Store, StoreOptions};
use syndarix_tools::Launcher;
use syndarix_tools::mcp::ServerReport;
use syndarix_workflows::{
    ActivitiesOptions, Environments, Host, HostOptions, Layout, Limits, project_workflow,
};
use temporalio_client::Connection;

use super::control::ControlSocket;
use super::models::Callable;
use super::{busy, port, private, tools, workshop};
use crate::config::Config;
use crate::failure::Failure;
use crate::input::room::room;
use crate::records::refused;

/// The namespace of our workflows in the engine.
const NAMESPACE: &str = "default";

/// How long a workflow whose project is over is waited for.
const CLOSING: Duration = Duration::from_secs(5);

/// What a service is made of.
#[derive(Debug)]
pub(crate) struct ServiceOptions<'a> {
    /// Where its records are.
    pub(crate) data_dir: &'a Path,
    /// What is configured.
    pub(crate) config: &'a Config,
    /// The models it can call.
    pub(crate) callable: Callable,
    /// Commands that may be repeated beside the built-in and configured ones.
    pub(crate) repeatable_commands: &'a [&'a [&'a str]],
    /// The engine's port, where it is to be opened.
    pub(crate) port: Option<PortOptions>,
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Service {
    store: Store,
    layout: Layout,
    host: Host,
    engine: Engine,
    port: Option<Port>,
    connection: Connection,
    control: ControlSocket,
    mcp_servers: Vec<ServerReport>,
}

impl Service {
    /// Takes the data directory and starts everything on it. What fails because of the directory, the
    /// configuration or the machine fails here, before a project is created.
    pub(crate) async fn start(options: ServiceOptions<'_>) -> Result<Self, Failure> {
        let ServiceOptions { data_dir, config, callable, repeatable_commands, port } = options;
        let data_dir = std::path::absolute(data_dir)
            .map_err(|error| Failure::bad_input("the data directory has no absolute path").because(error))?;
        let policy = tools::policy(config, repeatable_commands);
        let servers = tools::servers(config, &crate::config::process_environment)?;
        let launcher = launcher()?;
        let kept_policy = policy.clone();
        // Servers are connected to before the data directory is touched: one that does not start changes nothing.
        let toolbox = tools::connect(servers, policy, launcher.clone()).await?;

        let work = work_directory(&data_dir, &crate::config::process_environment);
        room(&data_dir, "free some space, or choose another --data-dir")?;
        room(&work, "free some space, or set XDG_STATE_HOME to a folder on another disk")?;
        private::data(&data_dir)?;
        let layout = Layout::new(&data_dir, work.clone());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Store::open(StoreOptions { data_dir: data_dir.clone(), clock: Arc::clone(&clock) })
            .await
            .map_err(refused)?;
        let engine = Engine::open(EngineOptions::new(layout.engine())).await.map_err(|error| {
            Failure::bad_input(format!("the workflows in {} cannot be opened", layout.engine().display()))
                .because(error)
                .hint("restore the data directory from a backup, or choose another --data-dir")
        })?;
        let port = match port {
            Some(options) => Some(engine.listen(options).await.map_err(port::refused)?),
            None => None,
        };

        private::files(&data_dir)?;
        // Nothing is made outside of the data directory before that is known to be good.
        private::state(&work)?;
        let (workshop, machine) =
            workshop::open(config, &kept_policy, launcher, &layout.environments()).await;

        let shared = Arc::new(store.clone());
        let (effects, journal, ledger): (Arc<dyn Effects>, Arc<dyn Journal>, Arc<dyn Ledger>) =
            (shared.clone(), shared.clone(), shared);
        let limits = config.file.limits;
        let gateway = Arc::new(Gateway::new(GatewayOptions {
            providers: callable.providers,
            prices: callable.prices,
            retry: RetryPolicy { max_retries: limits.model_retries, ..RetryPolicy::default() },
            breaker: BreakerPolicy::default(),
            ledger,
            effects: Arc::clone(&effects),
            clock: Arc::clone(&clock),
        }));
        let (swept, at) = (workshop.clone(), Duration::from_millis(clock.now().0.max(0).cast_unsigned()));
        tokio::task::spawn_blocking(move || {
            // What cannot be looked through now is looked through the next time.
            let _ = swept.sweep(SystemTime::UNIX_EPOCH + at);
        });
        let environments = Environments::new(store.clone(), workshop, machine);
        let toolbox = toolbox.over(effects, journal).with_set_up(Arc::new(environments.clone()));
        let toolbox = Arc::new(toolbox);
        let mcp_servers = toolbox.mcp_servers();
        let runner = AgentRunner::new(AgentRunnerOptions {
            store: store.clone(),
            gateway,
            toolbox,
            models: callable.models,
            clock: Arc::clone(&clock),
            network: config.file.tools.network,
            outage_wait: DEFAULT_OUTAGE_WAIT,
            approvals: config.file.approvals.valid_for,
        });
        let connection = engine
            .connect()
            .await
            .map_err(|error| Failure::internal("the embedded engine cannot be reached").because(error))?;
        let host = Host::start(HostOptions {
            connection: connection.clone(),
            namespace: NAMESPACE.to_owned(),
            store: store.clone(),
            activities: ActivitiesOptions {
                store: store.clone(),
                runner: Arc::new(runner),
                layout: layout.clone(),
                environments,
                authorship: config.file.git.clone(),
                documents: config.file.results.documents.clone(),
                clock,
                limits: Limits { max_rounds: limits.review_rounds, ..Limits::default() },
                approvals: config.file.approvals.valid_for,
            },
            max_concurrent_activities: limits.agents_at_once,
        })
        .await
        .map_err(|error| Failure::internal("the workflows cannot be started").because(error))?;
        let control = ControlSocket::open(&store)?;
        Ok(Self { store, layout, host, engine, port, connection, control, mcp_servers })
    }

    /// The records.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// What became of connecting to the MCP servers.
    pub(crate) fn mcp_servers(&self) -> &[ServerReport] {
        &self.mcp_servers
    }

    /// Where the engine's port is, if it is open.
    pub(crate) fn port(&self) -> Option<SocketAddr> {
        self.port.as_ref().map(Port::address)
    }

    /// Where a project's own repository is, or will be.
    pub(crate) fn repository(&self, project: &ProjectId) -> PathBuf {
        self.layout.repository(project)
    }

    /// Records a project and starts its workflow.
    pub(crate) async fn begin(&self, new: NewProject, team: Vec<NewAgent>) -> Result<Project, Failure> {
        let project = self.store.create_project(new, team).await.map_err(refused)?;
        self.host.start_project(&project.id).await.map_err(unstartable)?;
        Ok(project)
    }

    /// Starts, or finds running, the workflow of every project that is not over. Returns how many there are.
    pub(crate) async fn resume(&self) -> Result<usize, Failure> {
        self.host.continue_projects().await.map_err(unstartable)
    }

    /// Whether a project's workflows have anything under way.
    pub(crate) async fn is_busy(&self, project: &ProjectId) -> Result<bool, Failure> {
        busy::is_busy(&self.connection, NAMESPACE, project_workflow(project)).await
    }

    /// Waits until a project that is over has nothing left to do, so that stopping leaves nothing open.
    pub(crate) async fn closed(&self, project: &ProjectId) {
        // A last transition; without its end there is only something to tidy up for the next service.
        let _ = tokio::time::timeout(CLOSING, self.host.closed(project)).await;
    }

    /// Resolves when something that must run has ended by itself, with what it was.
    pub(crate) async fn broken(&self) -> String {
        tokio::select! {
            () = self.host.worker_ended() => "the workflow worker ended".to_owned(),
            reason = self.engine.stopped() => format!("the engine stopped: {reason}"),
        }
    }

    /// Stops taking work, lets what is under way reach a checkpoint, and lets the data directory go.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        drop(self.control);
        let stopped = self.host.shutdown().await;
        self.engine.shutdown().await;
        if let Some(port) = self.port {
            port.close().await;
        }
        stopped.map_err(|error| Failure::internal("the service did not stop cleanly").because(error))
    }
}

fn unstartable(error: syndarix_workflows::Error) -> Failure {
    Failure::internal("the project's workflow cannot be started")
        .because(error)
        .hint("what was recorded is safe; try `syndarix up`")
}

/// Where agents work: among the user's state (a cache may be emptied at any time), in a folder that is this data
/// directory's alone. Where there is no home, in the data directory itself.
pub(crate) fn work_directory(data_dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    match state {
        Some(state) => {
            state.join("syndarix").join(BlobHash::of(data_dir.as_os_str().as_encoded_bytes()).short())
        }
        None => data_dir.join("work"),
    }
}

/// How this program starts its own confined tool process.
pub(crate) fn launcher() -> Result<Launcher, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::internal("this program does not know where it is").because(error))?;
    Ok(Launcher { program, args: vec!["workspace-server".to_owned()] })
}

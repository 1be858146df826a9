//! The toolbox: what every session of a service shares.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use syndarix_core::id::{AgentId, ProjectId, RunId, TaskId};
use syndarix_core::ports::{Effects, Journal};
use syndarix_core::tool::ToolSpec;

use crate::check::CheckOptions;
use crate::error::Error;
use crate::git::Signature;
use crate::mcp::{Holder, McpServerConfig, Server, ServerReport};
use crate::policy::{Pattern, Policy};
use crate::session::Session;
use crate::set_up::SetUp;
use crate::workspace_server::{Prepared, WorkspaceTool, probe};

/// How this program starts its own workspace server, `program args… --options JSON`, and other programs without a terminal,
/// `program args… --launch PROGRAM ARGUMENT…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launcher {
    /// The program, usually this one.
    pub program: PathBuf,
    /// Its arguments before those, such as `workspace-server`.
    pub args: Vec<String>,
}

/// What a toolbox is made of.
pub struct ToolboxOptions {
    /// Where intents and results are recorded.
    pub effects: Arc<dyn Effects>,
    /// Where refusals are recorded.
    pub journal: Arc<dyn Journal>,
    /// How the workspace server is started.
    pub launcher: Launcher,
    /// The MCP servers named in configuration.
    pub mcp_servers: Vec<McpServerConfig>,
    /// What is allowed, and how risky it is.
    pub policy: Policy,
}

impl std::fmt::Debug for ToolboxOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolboxOptions")
            .field("launcher", &self.launcher)
            .field("mcp_servers", &self.mcp_servers)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// For whom and where tools are called.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// The project; never taken from a model.
    pub project: ProjectId,
    /// The agent; never taken from a model.
    pub agent: AgentId,
    /// The task, if the run has one; never taken from a model.
    pub task: Option<TaskId>,
    /// The run.
    pub run: RunId,
    /// The agent's own worktree. Without one there are no workspace tools.
    pub root: Option<PathBuf>,
    /// A folder of its own for temporary files, caches and build output; created when missing.
    pub scratch: PathBuf,
    /// Folders beside the system's own that it may read, above all [`crate::git::TaskClone::read_only`].
    pub read_only: Vec<PathBuf>,
    /// What was prepared for its commands.
    pub prepared: Prepared,
    /// The tools its type allows, such as `workspace.read_file`, `workspace.*`, `mcp.git.*`. Those of the MCP servers that
    /// are meant for `holder` are added.
    pub scopes: Vec<String>,
    /// Who the agent is, in the words of configuration.
    pub holder: Holder,
    /// Whether commands may use the network.
    pub network: bool,
    /// Whether what is committed may be installed without a question.
    pub set_up_allowed: bool,
    /// Whose names its commits carry.
    pub signature: Signature,
    /// Commands that may be repeated when their result was lost, beside the policy's own, as prefixes:
    /// `["cargo", "test"]`.
    pub repeatable_commands: Vec<Vec<String>>,
}

/// The tools of a service: its policy and its MCP connections.
#[derive(Debug)]
pub struct Toolbox {
    options: ToolboxOptions,
    servers: Vec<Arc<Server>>,
    set_up: Option<Arc<dyn SetUp>>,
    /// Whether this machine denies commands all that they are to be denied.
    enforces: bool,
}

impl Toolbox {
    /// Connects to every configured MCP server; fails with the first that does not start.
    pub async fn new(mut options: ToolboxOptions) -> Result<Self, Error> {
        for pattern in &options.policy.denied {
            Pattern::parse(pattern).map_err(|error| Error::Configuration(error.to_string()))?;
        }
        let mut names = HashSet::new();
        for server in &options.mcp_servers {
            let valid = !server.name.is_empty()
                && server.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if !valid {
                return Err(Error::Configuration(format!(
                    "`{}` cannot be the name of an MCP server; use letters, digits, - and _",
                    server.name
                )));
            }
            if !names.insert(server.name.clone()) {
                return Err(Error::Configuration(format!("two MCP servers are named `{}`", server.name)));
            }
        }
        let mut taken: HashSet<String> =
            WorkspaceTool::ALL.into_iter().map(|tool| tool.name().to_owned()).collect();
        let mut servers = Vec::new();
        for config in std::mem::take(&mut options.mcp_servers) {
            servers.push(Arc::new(Server::start(config, options.launcher.clone(), &mut taken).await?));
        }
        let enforces = probe().missing.is_none();
        Ok(Self { options, servers, set_up: None, enforces })
    }

    /// Opens the tools of one run. The workspace server is started with the first call that needs it and
    /// ended, with everything it started, when the session is closed or dropped.
    pub fn open(&self, request: SessionRequest) -> Result<Session, Error> {
        Session::open(&self.options, (&self.servers, self.set_up.as_ref()), self.enforces, request)
    }

    /// What is allowed, and how risky it is.
    pub fn policy(&self) -> &Policy {
        &self.options.policy
    }

    /// How a check is run under this toolbox's policy. `root` and `scratch` are the check's own; `read_only` is
    /// as in [`SessionRequest`].
    pub fn check_options(&self, root: PathBuf, scratch: PathBuf, read_only: Vec<PathBuf>) -> CheckOptions {
        let policy = &self.options.policy;
        CheckOptions {
            launcher: self.options.launcher.clone(),
            root,
            folder: String::new(),
            scratch,
            read_only: policy.read_only.iter().cloned().chain(read_only).collect(),
            prepared: Prepared::default(),
            network: false,
            sandbox: policy.sandbox,
            limits: policy.limits.clone(),
        }
    }

    /// The same toolbox, with its connections, over other ports.
    #[must_use]
    pub fn over(mut self, effects: Arc<dyn Effects>, journal: Arc<dyn Journal>) -> Self {
        self.options.effects = effects;
        self.options.journal = journal;
        self
    }

    /// The same toolbox, whose sessions can have dependencies installed.
    #[must_use]
    pub fn with_set_up(mut self, set_up: Arc<dyn SetUp>) -> Self {
        self.set_up = Some(set_up);
        self
    }

    /// What became of connecting to each MCP server.
    pub fn mcp_servers(&self) -> Vec<ServerReport> {
        self.servers.iter().map(|server| server.report()).collect()
    }

    /// Every MCP tool there is, by its name in policy, for `doctor` and `config check`.
    pub fn mcp_tools(&self) -> impl Iterator<Item = (&str, &ToolSpec)> {
        self.servers.iter().flat_map(|server| &server.tools).map(|tool| (tool.qualified.as_str(), &tool.spec))
    }
}

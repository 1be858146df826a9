//! The toolbox: what every session of a service shares.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use syndarix_core::id::{AgentId, ProjectId, RunId, TaskId};
use syndarix_core::ports::{Effects, Journal};

use crate::error::Error;
use crate::mcp::McpServerConfig;
use crate::policy::Policy;
use crate::session::Session;

/// How this program starts its own workspace server: `program args… --options JSON`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launcher {
    /// The program, usually this one.
    pub program: PathBuf,
    /// Its arguments before `--options JSON`, such as `workspace-server`.
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
    /// The tools its role allows, such as `workspace.read_file`, `workspace.*`, `mcp.git.*`.
    pub scopes: Vec<String>,
    /// Whether commands may use the network.
    pub network: bool,
    /// Commands that may be repeated when their result was lost, beside the policy's own, as prefixes:
    /// `["cargo", "test"]`.
    pub repeatable_commands: Vec<Vec<String>>,
}

/// The tools of a service: its policy and its MCP connections. Cheap to clone behind an [`Arc`].
pub struct Toolbox {
    pub(crate) options: ToolboxOptions,
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Toolbox").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Toolbox {
    /// Connects to every configured MCP server; fails with the first that does not start.
    #[expect(clippy::unused_async, reason = "servers are connected here")]
    pub async fn new(options: ToolboxOptions) -> Result<Self, Error> {
        Ok(Self { options })
    }

    /// Opens the tools of one run. The workspace server is started with the first call that needs it and
    /// ended, with everything it started, when the session is closed or dropped.
    pub fn open(&self, request: SessionRequest) -> Result<Session, Error> {
        Session::open(&self.options, request)
    }
}

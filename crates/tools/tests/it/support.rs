//! A worktree with its session, and storage in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, ProjectId, RunId, TaskId};
use syndarix_core::ports::{Effects, Journal, PortError};
use syndarix_core::tool::{ToolCall, ToolOutput};
use syndarix_tools::git::{Authorship, Signature};
use syndarix_tools::mcp::{Holder, McpServerConfig};
use syndarix_tools::policy::Policy;
use syndarix_tools::set_up::SetUp;
use syndarix_tools::workspace_server::Prepared;
use syndarix_tools::{Launcher, Session, SessionRequest, Toolbox, ToolboxOptions};
use tempfile::TempDir;

pub(crate) const LAUNCHER: &str = env!("CARGO_BIN_EXE_syndarix-tools-launcher");

/// Where the tests' own program is for a user who may not reach it where it was built.
pub(crate) const LAUNCHER_VARIABLE: &str = "SYNDARIX_TEST_LAUNCHER";

pub(crate) fn launcher() -> Launcher {
    let program = std::env::var_os(LAUNCHER_VARIABLE).map_or_else(|| LAUNCHER.into(), PathBuf::from);
    Launcher { program, args: vec!["workspace".into()] }
}

/// A request and, once it is known, its result.
type Effect = (Vec<u8>, Option<Vec<u8>>);

/// Effects and journal as `store` keeps them, in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    effects: Mutex<HashMap<EffectKey, Effect>>,
    pub(crate) events: Mutex<Vec<EventKind>>,
}

impl Memory {
    /// Forgets an effect's result, as a crash right before it was recorded does.
    pub(crate) fn lose_result(&self, key: &EffectKey) {
        self.effects.lock().unwrap().get_mut(key).expect("an effect").1 = None;
    }

    pub(crate) fn event_names(&self) -> Vec<&'static str> {
        self.events.lock().unwrap().iter().map(EventKind::name).collect()
    }
}

#[async_trait]
impl Effects for Memory {
    async fn begin(&self, intent: &EffectIntent) -> Result<EffectBegin, PortError> {
        let mut effects = self.effects.lock().unwrap();
        match effects.get(&intent.key) {
            Some((request, _)) if *request != intent.request => Err(PortError::permanent("another request")),
            Some((_, Some(result))) => Ok(EffectBegin::Recorded(result.clone())),
            Some((_, None)) => Ok(EffectBegin::Orphaned),
            None => {
                effects.insert(intent.key.clone(), (intent.request.clone(), None));
                Ok(EffectBegin::Fresh)
            }
        }
    }

    async fn complete(&self, key: &EffectKey, result: &[u8], events: Vec<NewEvent>) -> Result<(), PortError> {
        self.effects.lock().unwrap().get_mut(key).expect("a begun effect").1 = Some(result.to_vec());
        self.events.lock().unwrap().extend(events.into_iter().map(|event| event.kind));
        Ok(())
    }
}

#[async_trait]
impl Journal for Memory {
    async fn append(&self, events: Vec<NewEvent>) -> Result<(), PortError> {
        self.events.lock().unwrap().extend(events.into_iter().map(|event| event.kind));
        Ok(())
    }
}

/// What a test wants different.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) mcp_servers: Vec<McpServerConfig>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) holder: Holder,
    pub(crate) network: bool,
    pub(crate) read_only: Vec<PathBuf>,
    pub(crate) prepared: Prepared,
    pub(crate) set_up: Option<Arc<dyn SetUp>>,
    pub(crate) set_up_allowed: bool,
    pub(crate) signature: Option<Signature>,
    /// A worktree that is there already, instead of a new one.
    pub(crate) root: Option<PathBuf>,
}

/// A worktree under git with a session on it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) memory: Arc<Memory>,
    pub(crate) toolbox: Toolbox,
    pub(crate) session: Session,
    calls: Mutex<u32>,
    request: SessionRequest,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = setup.root.unwrap_or_else(|| worktree(&folder.path().join("root")));
        let memory = Arc::new(Memory::default());
        let toolbox = Toolbox::new(ToolboxOptions {
            effects: memory.clone(),
            journal: memory.clone(),
            launcher: launcher(),
            mcp_servers: setup.mcp_servers,
            policy: setup.policy,
        });
        let mut toolbox = toolbox.await.expect("a toolbox");
        if let Some(set_up) = setup.set_up {
            toolbox = toolbox.with_set_up(set_up);
        }
        let request = SessionRequest {
            project: ProjectId::new("p-1").unwrap(),
            agent: AgentId::new("p-1/dave").unwrap(),
            task: Some(TaskId::new("p-1/T-1").unwrap()),
            run: RunId::new("p-1/T-1/run-1").unwrap(),
            root: Some(root),
            scratch: folder.path().join("scratch"),
            read_only: setup.read_only,
            prepared: setup.prepared,
            scopes: setup.scopes.unwrap_or_else(|| vec!["*".into()]),
            holder: setup.holder,
            network: setup.network,
            set_up_allowed: setup.set_up_allowed,
            signature: setup.signature.or_else(|| Authorship::default().signature("dave", None)).unwrap(),
            repeatable_commands: vec![vec!["repeatable".into()]],
        };
        let session = toolbox.open(request.clone()).expect("a session");
        Self { folder, memory, toolbox, session, calls: Mutex::new(0), request }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// A session on the same worktree, as a run that continues after a crash opens it.
    pub(crate) fn reopen(&mut self) {
        self.session = self.toolbox.open(self.request.clone()).expect("a session");
    }

    /// Calls a tool under a key of its own.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> ToolOutput {
        let index = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        self.session.call(&key(index), &call(tool, arguments)).await.expect("an answer")
    }

    pub(crate) async fn run(&self, command: &[&str]) -> ToolOutput {
        self.call("run_command", serde_json::json!({"command": command})).await
    }

    pub(crate) async fn shell(&self, script: &str) -> ToolOutput {
        self.run(&["sh", "-c", script]).await
    }
}

/// The folder of the tests' own program, so that a confined command can be it.
pub(crate) fn programs() -> Vec<PathBuf> {
    vec![Path::new(LAUNCHER).parent().expect("a folder").to_owned()]
}

pub(crate) fn key(index: u32) -> EffectKey {
    EffectKey { run: RunId::new("p-1/T-1/run-1").unwrap(), superstep: 1, index }
}

pub(crate) fn call(tool: &str, arguments: Value) -> ToolCall {
    ToolCall { id: "call-1".into(), name: tool.into(), arguments }
}

fn worktree(root: &Path) -> PathBuf {
    std::fs::create_dir(root).unwrap();
    git(root, &["init", "-q", "-b", "main"]);
    std::fs::write(root.join("README.md"), "one\ntwo\nthree\n").unwrap();
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "-m", "Begin"]);
    root.to_owned()
}

/// Runs git as a user would, and returns what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=User", "-c", "user.email=user@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether a process with this word in its command line runs.
pub(crate) fn runs(word: &str) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap();
    entries.filter_map(Result::ok).any(|entry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    })
}

/// Waits for something that happens soon, or fails.
pub(crate) async fn eventually(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..400 {
        if happened() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("it did not happen: {what}");
}

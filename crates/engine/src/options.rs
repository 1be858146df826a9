//! How an engine is opened.

use crate::clock::{Clock, SystemClock};
use crate::limits::Limits;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Options of [`crate::Engine::open`].
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The database file. Created if it does not exist; a `-wal`, a `-shm` and a `.lock` file lie beside it
    /// while the engine is open.
    pub path: PathBuf,
    /// Namespaces that exist from the start, beside those in the file.
    pub namespaces: Vec<String>,
    /// How long those keep closed workflows; `None` for as long as the file. Namespaces that are registered
    /// later say for themselves.
    pub retention: Option<Duration>,
    /// How much of everything is allowed.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What becomes of tasks that workers held when the engine last went down.
    pub lost_tasks: LostTasks,
    /// Workflow ids held in memory before idle ones are forgotten, until they are needed again: some kilobytes each.
    pub workflows_in_memory: usize,
    /// How long a poll for a task waits before it returns empty.
    pub task_poll_timeout: Duration,
    /// How long a poll for history waits before it returns empty.
    pub history_poll_timeout: Duration,
}

/// What becomes of tasks that workers held when the engine went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostTasks {
    /// The workers lived in the same process and are gone: workflow tasks are offered again at once, and
    /// activity attempts count as timed out, so that their retry policies decide.
    RetryAtOpen,
    /// Workers live elsewhere and may still answer: their tasks run on until their own timeouts.
    AwaitWorkers,
}

impl EngineOptions {
    /// The defaults for an engine whose workers live in its process, with the one namespace `default`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            namespaces: vec!["default".into()],
            retention: None,
            limits: Limits::default(),
            clock: Arc::new(SystemClock::new()),
            lost_tasks: LostTasks::RetryAtOpen,
            workflows_in_memory: 2_048,
            task_poll_timeout: Duration::from_mins(1),
            history_poll_timeout: Duration::from_secs(20),
        }
    }

    /// With these namespaces instead.
    #[must_use]
    pub fn namespaces(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.namespaces = names.into_iter().map(Into::into).collect();
        self
    }

    /// With this retention instead.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// With these limits instead.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With this clock instead.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With this treatment of lost tasks instead.
    #[must_use]
    pub fn lost_tasks(mut self, lost_tasks: LostTasks) -> Self {
        self.lost_tasks = lost_tasks;
        self
    }

    /// With so many workflow ids in memory instead.
    #[must_use]
    pub fn workflows_in_memory(mut self, most: usize) -> Self {
        self.workflows_in_memory = most;
        self
    }
}

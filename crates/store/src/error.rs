//! What can go wrong in the store, whether trying again may help, and what a person can do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use syndarix_core::agent::IllegalTransition;
use syndarix_core::approval::Approval;
use syndarix_core::blob::BlobHash;
use syndarix_core::id::{AgentId, ApprovalId, TaskId};
use syndarix_core::ports::PortError;
use syndarix_core::task::TaskState;

/// Why the store did not do what it was asked. Nothing was written, save where a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process holds the data directory.
    #[error("the data directory {path} is in use{by}", path = path.display(), by = by_process(*pid))]
    InUse {
        /// The process that holds it, if it has said so.
        pid: Option<u32>,
        /// The data directory.
        path: PathBuf,
    },
    /// The database was written by a newer Syndarix.
    #[error(
        "{path} has format {found}, which is newer than the format {supported} that this version knows",
        path = path.display()
    )]
    NewerFormat {
        /// The format of the file.
        found: u32,
        /// The newest format this version reads.
        supported: u32,
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged, or is not a Syndarix database.
    #[error("{path} cannot be read as a Syndarix database: {detail}", path = path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// There is no database to read.
    #[error("there is no Syndarix data in {path}", path = path.display())]
    NoData {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory cannot be written to.
    #[error("the data directory {path} cannot be written to", path = path.display())]
    ReadOnlyDirectory {
        /// The data directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full. Nothing of the call was kept; it may be repeated once there is space.
    #[error("there is no space left for {path}", path = path.display())]
    StorageFull {
        /// The database file.
        path: PathBuf,
    },
    /// The system refused something else.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// This handle was opened for reading.
    #[error("the data was opened for reading only")]
    OpenedReadOnly,
    /// A write failed in a way that leaves in doubt what is on disk, so no more are accepted.
    #[error("the store stopped accepting writes: {reason}")]
    Stopped {
        /// What failed.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// What was looked for, in words.
        kind: &'static str,
        /// Under which id.
        id: String,
    },
    /// What was asked contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// What was asked makes no sense by itself.
    #[error("{0}")]
    Invalid(String),
    /// The agent's state machine has no such transition.
    #[error("agent {agent} cannot do that in its present state")]
    IllegalTransition {
        /// The agent.
        agent: AgentId,
        /// What was tried.
        source: IllegalTransition,
    },
    /// The task cannot go from the one state to the other.
    #[error("task {task} is {from} and cannot become {to}")]
    IllegalTaskState {
        /// The task.
        task: TaskId,
        /// The state it is in.
        from: TaskState,
        /// The state that was asked for.
        to: TaskState,
    },
    /// A task was to become done without a proof.
    #[error("task {task} is not proven done: {reason}")]
    Unproven {
        /// The task.
        task: TaskId,
        /// What is missing.
        reason: String,
    },
    /// Somebody has decided this approval before.
    #[error("approval {} is already {}{}", .0.id, .0.state.as_str(), decided_by(.0))]
    AlreadyDecided(Box<Approval>),
    /// The time to decide is over.
    #[error("approval {id} has expired")]
    Expired {
        /// The approval.
        id: ApprovalId,
    },
    /// What the approval was about has changed, or is over.
    #[error("approval {id} is superseded")]
    Superseded {
        /// The approval.
        id: ApprovalId,
    },
    /// An agent was to wait for one that waits for it.
    #[error("{} would wait for one another in a circle", in_words(.circle))]
    WaitsInCircle {
        /// Everybody in it, from whoever was asked to whoever asked: each waits for the next.
        circle: Vec<AgentId>,
    },
    /// The decision is about something other than what the approval shows.
    #[error("approval {id} shows {shown}, and the decision is about {decided}", shown = shown.short(),
        decided = decided.short())]
    ShownChanged {
        /// The approval.
        id: ApprovalId,
        /// What it shows.
        shown: BlobHash,
        /// What the decision is bound to.
        decided: BlobHash,
    },
    /// SQLite failed in another way.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
}

fn in_words(circle: &[AgentId]) -> String {
    circle.iter().map(AgentId::as_str).collect::<Vec<_>>().join(", ")
}

fn by_process(pid: Option<u32>) -> String {
    pid.map_or_else(|| " by another process".to_owned(), |pid| format!(" by process {pid}"))
}

fn decided_by(approval: &Approval) -> String {
    approval.decided_by.as_ref().map_or_else(String::new, |who| format!(" by {who}"))
}

impl Error {
    pub(crate) fn not_found(kind: &'static str, id: impl Into<String>) -> Self {
        Self::NotFound { kind, id: id.into() }
    }

    /// Whether the same call may succeed later without anything being changed in it.
    pub fn retryable(&self) -> bool {
        match self {
            Self::StorageFull { .. } | Self::InUse { .. } => true,
            Self::Database(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            _ => false,
        }
    }

    /// What a person can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::InUse { pid, .. } => match pid {
                Some(pid) => format!(
                    "process {pid} is running on this data; use it, stop it, or choose another --data-dir"
                ),
                None => "stop the other process, or choose another --data-dir".to_owned(),
            },
            Self::NewerFormat { .. } => {
                "use the newer version of Syndarix that wrote it, or choose another --data-dir".to_owned()
            }
            Self::Corrupt { path, .. } => format!(
                "restore {} from a backup, or move it away to begin anew; nothing was changed",
                path.display()
            ),
            Self::NoData { .. } => {
                "start a project with `syndarix run`, or point --data-dir at existing data".to_owned()
            }
            Self::ReadOnlyDirectory { .. } => {
                "make the directory writable, or choose another --data-dir".to_owned()
            }
            Self::StorageFull { .. } => {
                "free some space and try again; nothing that was acknowledged is lost".to_owned()
            }
            Self::Io { path, .. } => format!("check {} and its permissions", path.display()),
            Self::Stopped { .. } => {
                "check the disk, then start Syndarix again; it continues from what was acknowledged"
                    .to_owned()
            }
            Self::AlreadyDecided(_) => "an approval is decided once; see `syndarix approvals`".to_owned(),
            Self::Expired { .. } => {
                "what still matters is asked again: see `syndarix approvals`, after `syndarix up` if no service runs"
                    .to_owned()
            }
            Self::Superseded { .. } => {
                "what it was about has changed or is over; see `syndarix approvals` for what waits now".to_owned()
            }
            Self::ShownChanged { .. } => "look at the approval again, then decide".to_owned(),
            Self::Unproven { .. } => "complete the task with the receipt of its passing check".to_owned(),
            Self::OpenedReadOnly
            | Self::NotFound { .. }
            | Self::Conflict(_)
            | Self::Invalid(_)
            | Self::WaitsInCircle { .. }
            | Self::IllegalTransition { .. }
            | Self::IllegalTaskState { .. }
            | Self::Database(_) => return None,
        };
        Some(hint)
    }

    /// Tells what SQLite reported about the file at `path` in the store's own terms.
    pub(crate) fn located(self, path: &Path) -> Self {
        let Self::Database(error) = self else { return self };
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::StorageFull { path: path.to_owned() },
            // The file beside the database in which its readers and its writer meet could not be made as large as it
            // has to be.
            _ if error
                .sqlite_error()
                .is_some_and(|raw| raw.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                Self::StorageFull { path: path.to_owned() }
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt { path: path.to_owned(), detail: error.to_string() }
            }
            _ => Self::Database(error),
        }
    }

    /// Whether this is the disk failing, after which it is unknown what a later write would rest on.
    pub(crate) fn is_disk_failure(&self) -> bool {
        match self {
            Self::Database(error) => {
                matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                )
            }
            _ => false,
        }
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Database(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            _ => false,
        }
    }

    /// Whether a row was refused because something it refers to does not exist.
    pub(crate) fn is_missing_reference(&self) -> bool {
        match self {
            Self::Database(rusqlite::Error::SqliteFailure(failure, _)) => {
                failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY
            }
            _ => false,
        }
    }
}

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        Self { message: error.to_string(), retryable: error.retryable(), source: Some(Box::new(error)) }
    }
}

//! Projects and their phases.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::autonomy::Autonomy;
use crate::blob::BlobHash;
use crate::id::ProjectId;
use crate::money::NanoUsd;
use crate::task::Check;
use crate::time::Timestamp;

/// Where in its life a project is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase", content = "number")]
pub enum Phase {
    /// The brief becomes requirements and a backlog.
    #[default]
    Discovery,
    /// The shape of the solution is decided.
    Architecture,
    /// The sprint with this number, from 1.
    Sprint(u32),
    /// The result is prepared and handed over.
    Delivery,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery => f.write_str("discovery"),
            Self::Architecture => f.write_str("architecture"),
            Self::Sprint(number) => write!(f, "sprint {number}"),
            Self::Delivery => f.write_str("delivery"),
        }
    }
}

/// How a project stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectState {
    /// Stored, its workflow about to start.
    #[default]
    Created,
    /// The team works.
    Running,
    /// Waits for a human.
    Waiting,
    /// Delivered.
    Completed,
    /// Ended without a delivery, with the reason in the journal.
    Failed,
    /// Stopped by a human.
    Cancelled,
}

impl ProjectState {
    /// The state's name in files and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a project never leaves this state.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for ProjectState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One engagement, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// One line for people, taken from the brief's first heading.
    pub title: String,
    /// The brief's text.
    pub brief: BlobHash,
    /// The resolved team file it was started with, as TOML.
    pub team: BlobHash,
    /// How much the team may do without asking.
    pub autonomy: Autonomy,
    /// The most it may spend.
    pub budget: NanoUsd,
    /// The check that must pass on the result.
    pub check: Option<Check>,
    /// The environment it began in, as JSON; `None` where it began with nothing.
    #[serde(default)]
    pub environment: Option<BlobHash>,
    /// The user's repository it works on a clone of; `None` for a new one.
    pub source_repository: Option<String>,
    /// The commit of the user's repository the work begins at.
    pub base_commit: Option<String>,
    /// The project's own repository, absolute, inside the data directory.
    pub repository: String,
    /// The branch that the team's work is merged into.
    pub branch: String,
    /// Where in its life it is.
    pub phase: Phase,
    /// How it stands.
    pub state: ProjectState,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

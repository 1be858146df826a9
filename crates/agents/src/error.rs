//! Why a run could not be carried out. What an agent does wrong is an outcome, not an error.

use syndarix_core::id::AgentId;
use syndarix_core::ports::PortError;
use syndarix_graph::{GraphError, RunError};

use crate::team::TeamError;

/// Why a run could not be carried out. What was stored stays: the same run, asked for again, goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] syndarix_store::Error),
    /// A port of the store failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The graph stopped.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The graph is not sound.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The tools could not be opened.
    #[error(transparent)]
    Tools(#[from] syndarix_tools::Error),
    /// The project's team cannot be read.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// The agent is stored, and not in the team that the project was started with.
    #[error("{0} is not a member of the team that the project was started with")]
    NotInTeam(AgentId),
    /// What was stored for the run cannot be read.
    #[error("{what} of the run cannot be read")]
    Unreadable {
        /// What, in words.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// Whether asking for the same run again may help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::Port(error) => error.retryable,
            Self::Run(error) => error.retryable(),
            Self::Tools(error) => error.retryable(),
            Self::Graph(_) | Self::Team(_) | Self::NotInTeam(_) | Self::Unreadable { .. } => false,
        }
    }

    /// What a person can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Tools(error) => error.hint(),
            Self::Team(error) => error.hint().map(str::to_owned),
            Self::NotInTeam(_) => Some("start the project anew with the team it is to have".to_owned()),
            _ => None,
        }
    }
}

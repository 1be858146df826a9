//! Why the host could not do what it was asked.

/// A host's error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workflow service could not be reached.
    #[error("the workflow service cannot be reached")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The worker could not start, or stopped by itself.
    #[error("the worker stopped: {0}")]
    Worker(String),
    /// A workflow could not be started.
    #[error("the workflow {workflow} could not be started")]
    Start {
        /// Its id.
        workflow: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A workflow could not be signalled or asked.
    #[error("the workflow {workflow} could not be reached")]
    Reach {
        /// Its id.
        workflow: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] syndarix_store::Error),
}

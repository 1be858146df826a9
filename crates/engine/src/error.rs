//! What can go wrong with the engine itself; what a caller of an RPC gets is in [`crate::status`].

use std::path::PathBuf;

/// The engine could not be opened, or has stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database file cannot be opened or read.
    #[error("cannot open the engine's database {path}", path = path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// The lock file beside the database cannot be made.
    #[error("cannot lock the engine's database {path}", path = path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file was written by a newer build.
    #[error(
        "the engine's database {path} has format {found}, this build knows {known}; use the newer build",
        path = path.display()
    )]
    NewerFormat { path: PathBuf, found: i64, known: i64 },
    /// The file belongs to something else.
    #[error("{path} is a database, but not the engine's", path = path.display())]
    ForeignDatabase { path: PathBuf },
    /// Another engine has the file open.
    #[error("the engine's database {path} is in use by another process", path = path.display())]
    InUse { path: PathBuf },
    /// A stored record does not read back. Restoring a backup is the only remedy.
    #[error("the engine's database is damaged: {0}")]
    Corrupt(String),
    /// Storage failed while running. Nothing was acknowledged after that; reopen to continue.
    #[error("the engine stopped: {0}")]
    Stopped(String),
    /// There is no room on the disk for what has to be written before this can be read.
    #[error("the disk is full: what was written last can be read when there is room")]
    Full,
    /// The SDK's client did not accept the in-memory connection.
    #[error("cannot connect to the engine in memory: {0}")]
    Connect(String),
    /// An address that is not the machine's own, without what keeps strangers out.
    #[cfg(feature = "port")]
    #[error("{address} can be reached by others: without {missing} the engine does not listen there")]
    PublicPort { address: std::net::SocketAddr, missing: &'static str },
    /// The address cannot be had.
    #[cfg(feature = "port")]
    #[error("cannot listen on {address}")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// A certificate or its key cannot be used.
    #[cfg(feature = "port")]
    #[error("cannot use the certificate {path}: {reason}", path = certificate.display())]
    Tls { certificate: PathBuf, reason: String },
}

impl Error {
    /// Whether opening the engine again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InUse { .. } | Self::Stopped(_) | Self::Full)
    }
}

//! Ports: what `graph`, `llm` and `tools` need from storage, without seeing it. `store` implements them all.

use async_trait::async_trait;

use crate::blob::BlobHash;
use crate::budget::{CallSettlement, PastAttempt, ReservationRequest, Reserved};
use crate::effect::{EffectBegin, EffectIntent, EffectKey};
use crate::event::NewEvent;
use crate::id::RunId;

/// Why a port could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    /// What happened, for people.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// What lies beneath it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// An error that another attempt cannot mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: false, source: None }
    }
}

/// Content-addressed storage.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores bytes once and returns their address.
    async fn put(&self, bytes: Vec<u8>) -> Result<BlobHash, PortError>;

    /// The bytes at an address; an error where there are none.
    async fn get(&self, hash: &BlobHash) -> Result<Vec<u8>, PortError>;
}

/// The journal.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records facts, all or none, in this order.
    async fn append(&self, events: Vec<NewEvent>) -> Result<(), PortError>;
}

/// Effects that happen once.
#[async_trait]
pub trait Effects: Send + Sync {
    /// Records the intent, or says what is known of an earlier attempt. It is an error to come back with
    /// the same key and another request.
    async fn begin(&self, intent: &EffectIntent) -> Result<EffectBegin, PortError>;

    /// Records the result and the facts that go with it in one transaction. Recording a result twice
    /// keeps the first.
    async fn complete(&self, key: &EffectKey, result: &[u8], events: Vec<NewEvent>) -> Result<(), PortError>;
}

/// Money: reserve, then settle.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Sets the worst case aside against every budget above the call, or against none. Budget warnings and
    /// refusals are journalled in the same transaction.
    async fn reserve(&self, request: &ReservationRequest) -> Result<Reserved, PortError>;

    /// Replaces the reservation by the truth, once; with a success, completes the call's effect in the
    /// same transaction. Journals how the call ended, and then the given events. Settling twice changes
    /// nothing.
    async fn settle(&self, settlement: &CallSettlement, events: Vec<NewEvent>) -> Result<(), PortError>;

    /// Takes a call up again: settles the attempts whose end nobody saw with what was reserved for that, and returns
    /// every attempt so far, in order.
    async fn take_up(&self, effect: &EffectKey) -> Result<Vec<PastAttempt>, PortError>;
}

/// A graph's state after a superstep, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The superstep it follows, from 0 for the input.
    pub superstep: u32,
    /// The serialised state, opaque to storage.
    pub state: Vec<u8>,
}

/// Checkpoints of graph runs.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// Stores a checkpoint. Storing the same superstep again replaces it.
    async fn put(&self, run: &RunId, checkpoint: StoredCheckpoint) -> Result<(), PortError>;

    /// The checkpoint with the highest superstep, if any.
    async fn latest(&self, run: &RunId) -> Result<Option<StoredCheckpoint>, PortError>;

    /// Every checkpoint of a run, the oldest first.
    async fn list(&self, run: &RunId) -> Result<Vec<StoredCheckpoint>, PortError>;

    /// Stores what a node of an unfinished superstep came to, so that a finished node is not repeated when
    /// its superstep is. `node` is unique in the superstep; storing the same one again replaces its write.
    async fn put_write(
        &self,
        run: &RunId,
        superstep: u32,
        node: &str,
        write: Vec<u8>,
    ) -> Result<(), PortError>;

    /// What nodes of this superstep came to, each once, in the order of their names' bytes.
    async fn writes(&self, run: &RunId, superstep: u32) -> Result<Vec<(String, Vec<u8>)>, PortError>;
}

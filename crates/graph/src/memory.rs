//! Checkpoints in memory: for tests, for runs that need not survive, and as the oracle of the
//! [conformance suite](crate::checkpoints_conformance!).

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, PortError, StoredCheckpoint};

/// Checkpoints that live as long as this value.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints {
    runs: Mutex<BTreeMap<RunId, Run>>,
}

#[derive(Debug, Default)]
struct Run {
    checkpoints: BTreeMap<u32, Vec<u8>>,
    writes: BTreeMap<(u32, String), Vec<u8>>,
}

impl MemoryCheckpoints {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Checkpoints for MemoryCheckpoints {
    async fn put(&self, run: &RunId, checkpoint: StoredCheckpoint) -> Result<(), PortError> {
        let mut runs = self.runs.lock();
        let run = runs.entry(run.clone()).or_default();
        run.checkpoints.insert(checkpoint.superstep, checkpoint.state);
        Ok(())
    }

    async fn latest(&self, run: &RunId) -> Result<Option<StoredCheckpoint>, PortError> {
        let runs = self.runs.lock();
        let last = runs.get(run).and_then(|run| run.checkpoints.last_key_value());
        Ok(last.map(|(&superstep, state)| StoredCheckpoint { superstep, state: state.clone() }))
    }

    async fn list(&self, run: &RunId) -> Result<Vec<StoredCheckpoint>, PortError> {
        let runs = self.runs.lock();
        let checkpoints = runs.get(run).map(|run| &run.checkpoints).into_iter().flatten();
        let stored =
            |(&superstep, state): (&u32, &Vec<u8>)| StoredCheckpoint { superstep, state: state.clone() };
        Ok(checkpoints.map(stored).collect())
    }

    async fn put_write(
        &self,
        run: &RunId,
        superstep: u32,
        node: &str,
        write: Vec<u8>,
    ) -> Result<(), PortError> {
        let mut runs = self.runs.lock();
        runs.entry(run.clone()).or_default().writes.insert((superstep, node.to_owned()), write);
        Ok(())
    }

    async fn writes(&self, run: &RunId, superstep: u32) -> Result<Vec<(String, Vec<u8>)>, PortError> {
        let runs = self.runs.lock();
        let writes = runs.get(run).map(|run| &run.writes).into_iter().flatten();
        let of_superstep = writes.filter(|((number, _), _)| *number == superstep);
        Ok(of_superstep.map(|((_, node), write)| (node.clone(), write.clone())).collect())
    }
}

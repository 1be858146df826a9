//! Working memory: what an agent told itself to remember, each key for a while.

use rusqlite::params;
use syndarix_core::id::AgentId;
use syndarix_core::time::Timestamp;

use crate::agents;
use crate::error::Error;
use crate::store::Store;

impl Store {
    /// Remembers a value under a key, in place of the one that was there, until `expires_at`. This is an
    /// agent's private business and no event.
    pub async fn remember(
        &self,
        agent: &AgentId,
        key: impl Into<String>,
        value: impl Into<String>,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let (agent, key, value) = (agent.clone(), key.into(), value.into());
        self.write(move |tx| {
            agents::get(tx, &agent)?;
            tx.prepare_cached("DELETE FROM memory WHERE agent = ?1 AND expires_at <= ?2")?
                .execute(params![agent.as_str(), tx.now().0])?;
            tx.prepare_cached(
                "INSERT INTO memory (agent, key, value, expires_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (agent, key) DO UPDATE SET value = excluded.value,
                     expires_at = excluded.expires_at, updated_at = excluded.updated_at",
            )?
            .execute(params![
                agent.as_str(),
                key,
                value,
                expires_at.map(|at| at.0),
                tx.now().0
            ])?;
            Ok(())
        })
        .await
    }

    /// What an agent remembers at `now`, by key.
    pub async fn recall(&self, agent: &AgentId, now: Timestamp) -> Result<Vec<(String, String)>, Error> {
        let agent = agent.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key, value FROM memory WHERE agent = ?1 AND (expires_at IS NULL OR expires_at > ?2)
                 ORDER BY key",
            )?;
            let rows = statement
                .query_map(params![agent.as_str(), now.0], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

//! Checkpoints of graph runs, and what nodes of an unfinished superstep wrote.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use syndarix_core::blob::BlobHash;
use syndarix_core::id::RunId;
use syndarix_core::ports::{Checkpoints, PortError, StoredCheckpoint};

use crate::blobs::{self, Content};
use crate::columns::hash;
use crate::error::Error;
use crate::store::Store;

/// Reads the content of what a query found.
fn load<K>(connection: &Connection, rows: Vec<(K, BlobHash)>) -> Result<Vec<(K, Vec<u8>)>, Error> {
    rows.into_iter().map(|(key, hash)| Ok((key, blobs::get(connection, &hash)?))).collect()
}

/// The checkpoints of a run that a query selects by superstep and state.
fn read(connection: &Connection, sql: &str, run: &RunId) -> Result<Vec<StoredCheckpoint>, Error> {
    let rows: Vec<(u32, BlobHash)> = connection
        .prepare_cached(sql)?
        .query_map([run.as_str()], |row| Ok((row.get(0)?, hash(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    let loaded = load(connection, rows)?;
    Ok(loaded.into_iter().map(|(superstep, state)| StoredCheckpoint { superstep, state }).collect())
}

#[async_trait]
impl Checkpoints for Store {
    async fn put(&self, run: &RunId, checkpoint: StoredCheckpoint) -> Result<(), PortError> {
        let run = run.clone();
        let state = Content::new(checkpoint.state).await?;
        let stored = self.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO checkpoints (run, superstep, state, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (run, superstep) DO UPDATE SET state = excluded.state, at = excluded.at",
            )?
            .execute(params![
                run.as_str(),
                checkpoint.superstep,
                blobs::put(tx, &state)?.as_str(),
                tx.now().0
            ])?;
            Ok(())
        });
        Ok(stored.await?)
    }

    async fn latest(&self, run: &RunId) -> Result<Option<StoredCheckpoint>, PortError> {
        let run = run.clone();
        let found = self.read(move |connection| {
            let sql =
                "SELECT superstep, state FROM checkpoints WHERE run = ?1 ORDER BY superstep DESC LIMIT 1";
            Ok(read(connection, sql, &run)?.pop())
        });
        Ok(found.await?)
    }

    async fn list(&self, run: &RunId) -> Result<Vec<StoredCheckpoint>, PortError> {
        let run = run.clone();
        let found = self.read(move |connection| {
            read(
                connection,
                "SELECT superstep, state FROM checkpoints WHERE run = ?1 ORDER BY superstep",
                &run,
            )
        });
        Ok(found.await?)
    }

    async fn put_write(
        &self,
        run: &RunId,
        superstep: u32,
        node: &str,
        write: Vec<u8>,
    ) -> Result<(), PortError> {
        let (run, node) = (run.clone(), node.to_owned());
        let write = Content::new(write).await?;
        let stored = self.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO node_writes (run, superstep, node, write) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (run, superstep, node) DO UPDATE SET write = excluded.write",
            )?
            .execute(params![
                run.as_str(),
                superstep,
                node,
                blobs::put(tx, &write)?.as_str()
            ])?;
            Ok(())
        });
        Ok(stored.await?)
    }

    async fn writes(&self, run: &RunId, superstep: u32) -> Result<Vec<(String, Vec<u8>)>, PortError> {
        let run = run.clone();
        let found = self.read(move |connection| {
            let rows: Vec<(String, BlobHash)> = connection
                .prepare_cached(
                    "SELECT node, write FROM node_writes WHERE run = ?1 AND superstep = ?2 ORDER BY node",
                )?
                .query_map(params![run.as_str(), superstep], |row| Ok((row.get(0)?, hash(row, 1)?)))?
                .collect::<Result<_, _>>()?;
            load(connection, rows)
        });
        Ok(found.await?)
    }
}

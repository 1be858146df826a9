//! Effects: the intent before, the result after, each once.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use syndarix_core::blob::BlobHash;
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey};
use syndarix_core::event::NewEvent;
use syndarix_core::ports::{Effects, PortError};

use crate::blobs::{self, Content};
use crate::columns::{Word, hash};
use crate::error::Error;
use crate::journal;
use crate::store::Store;
use crate::writer::Tx;

struct Stored {
    name: String,
    request: BlobHash,
    result: Option<BlobHash>,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let has_result: bool = row.get("has_result")?;
    Ok(Stored {
        name: row.get("name")?,
        request: hash(row, "request")?,
        result: if has_result { Some(hash(row, "result")?) } else { None },
    })
}

fn find(connection: &Connection, key: &EffectKey) -> Result<Option<Stored>, Error> {
    Ok(connection
        .prepare_cached(
            "SELECT name, request, result, result IS NOT NULL AS has_result FROM effects
             WHERE run = ?1 AND superstep = ?2 AND \"index\" = ?3",
        )?
        .query_row(params![key.run.as_str(), key.superstep, key.index], stored)
        .optional()?)
}

fn begin(tx: &Tx<'_>, intent: &EffectIntent, request: &Content) -> Result<EffectBegin, Error> {
    let key = &intent.key;
    if let Some(earlier) = find(tx, key)? {
        if earlier.name != intent.name || earlier.request != *request.hash() {
            return Err(Error::Conflict(format!(
                "effect {key} came back with another request: it was {} ({}) and is {} ({})",
                earlier.name,
                earlier.request.short(),
                intent.name,
                request.hash().short()
            )));
        }
        return match earlier.result {
            Some(result) => Ok(EffectBegin::Recorded(blobs::get(tx, &result)?)),
            None => Ok(EffectBegin::Orphaned),
        };
    }
    tx.prepare_cached(
        "INSERT INTO effects (run, superstep, \"index\", name, request, repeatability, begun_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        key.run.as_str(),
        key.superstep,
        key.index,
        intent.name,
        blobs::put(tx, request)?.as_str(),
        Word(intent.repeatability),
        tx.now().0,
    ])?;
    Ok(EffectBegin::Fresh)
}

/// Records a result and the facts that go with it, unless the effect has a result already.
pub(crate) fn complete(
    tx: &Tx<'_>,
    key: &EffectKey,
    result: &Content,
    events: &[NewEvent],
) -> Result<(), Error> {
    let begun = find(tx, key)?.ok_or_else(|| Error::not_found("effect", key.to_string()))?;
    if begun.result.is_some() {
        return Ok(());
    }
    tx.prepare_cached(
        "UPDATE effects SET result = ?4, completed_at = ?5
         WHERE run = ?1 AND superstep = ?2 AND \"index\" = ?3",
    )?
    .execute(params![
        key.run.as_str(),
        key.superstep,
        key.index,
        blobs::put(tx, result)?.as_str(),
        tx.now().0
    ])?;
    journal::record_all(tx, events)
}

#[async_trait]
impl Effects for Store {
    async fn begin(&self, intent: &EffectIntent) -> Result<EffectBegin, PortError> {
        let intent = intent.clone();
        let request = Content::new(intent.request.clone()).await?;
        Ok(self.write(move |tx| begin(tx, &intent, &request)).await?)
    }

    async fn complete(&self, key: &EffectKey, result: &[u8], events: Vec<NewEvent>) -> Result<(), PortError> {
        let key = key.clone();
        let result = Content::new(result.to_vec()).await?;
        Ok(self.write(move |tx| complete(tx, &key, &result, &events)).await?)
    }
}

//! Content, stored once under its hash.

use std::ops::Range;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use syndarix_core::blob::BlobHash;
use syndarix_core::ports::{Blobs, PortError};

use crate::chunking;
use crate::columns::integer;
use crate::error::Error;
use crate::store::Store;
use crate::writer::Tx;

/// From this length on, hashing leaves the async threads: at about 1 ms per MiB it would be felt there.
const HASHED_IN_PLACE_BYTES: usize = 256 << 10;

/// Hexadecimal digits of a hash.
const HASH_LENGTH: usize = 64;

/// Content that is hashed and cut, ready to be stored, so that the writer only writes.
#[derive(Debug)]
pub(crate) struct Content {
    hash: BlobHash,
    bytes: Vec<u8>,
    parts: Vec<(BlobHash, Range<usize>)>,
}

impl Content {
    pub(crate) async fn new(bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() < HASHED_IN_PLACE_BYTES {
            return Ok(Self::new_blocking(bytes));
        }
        tokio::task::spawn_blocking(|| Self::new_blocking(bytes))
            .await
            .map_err(|_| Error::Stopped { reason: "hashing ended unexpectedly".to_owned() })
    }

    fn new_blocking(bytes: Vec<u8>) -> Self {
        let hash = BlobHash::of(&bytes);
        let ranges = chunking::parts(&bytes);
        let parts = if ranges.len() > 1 {
            ranges.into_iter().map(|range| (BlobHash::of(&bytes[range.clone()]), range)).collect()
        } else {
            Vec::new()
        };
        Self { hash, bytes, parts }
    }

    pub(crate) fn hash(&self) -> &BlobHash {
        &self.hash
    }
}

/// Stores content unless it is there already.
pub(crate) fn put<'a>(tx: &Tx<'_>, content: &'a Content) -> Result<&'a BlobHash, Error> {
    if content.parts.is_empty() {
        put_whole(tx, &content.hash, &content.bytes)?;
    } else if !is_stored(tx, &content.hash)? {
        let mut parts = String::with_capacity(content.parts.len() * HASH_LENGTH);
        for (hash, range) in &content.parts {
            put_whole(tx, hash, &content.bytes[range.clone()])?;
            parts.push_str(hash.as_str());
        }
        tx.prepare_cached("INSERT INTO blobs (hash, size, parts) VALUES (?1, ?2, ?3)")?.execute(params![
            content.hash.as_str(),
            integer("content", content.bytes.len() as u64)?,
            parts
        ])?;
    }
    Ok(&content.hash)
}

fn is_stored(connection: &Connection, hash: &BlobHash) -> Result<bool, Error> {
    Ok(connection.prepare_cached("SELECT 1 FROM blobs WHERE hash = ?1")?.exists([hash.as_str()])?)
}

fn put_whole(tx: &Tx<'_>, hash: &BlobHash, bytes: &[u8]) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO blobs (hash, size, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING",
    )?
    .execute(params![hash.as_str(), integer("content", bytes.len() as u64)?, bytes])?;
    Ok(())
}

/// The content at an address.
pub(crate) fn get(connection: &Connection, hash: &BlobHash) -> Result<Vec<u8>, Error> {
    let (size, bytes, parts) = row(connection, hash.as_str())?;
    if let Some(bytes) = bytes {
        return Ok(bytes);
    }
    let mut joined = Vec::with_capacity(size);
    for part in parts.unwrap_or_default().as_bytes().chunks(HASH_LENGTH) {
        let part = std::str::from_utf8(part).unwrap_or_default();
        joined.extend(row(connection, part)?.1.unwrap_or_default());
    }
    Ok(joined)
}

type BlobRow = (usize, Option<Vec<u8>>, Option<String>);

fn row(connection: &Connection, hash: &str) -> Result<BlobRow, Error> {
    connection
        .prepare_cached("SELECT size, bytes, parts FROM blobs WHERE hash = ?1")?
        .query_row([hash], |row| Ok((row.get::<_, i64>(0)?.max(0) as usize, row.get(1)?, row.get(2)?)))
        .optional()?
        .ok_or_else(|| Error::not_found("stored content", hash))
}

#[async_trait]
impl Blobs for Store {
    async fn put(&self, bytes: Vec<u8>) -> Result<BlobHash, PortError> {
        let content = Content::new(bytes).await?;
        Ok(self.write(move |tx| put(tx, &content).cloned()).await?)
    }

    async fn get(&self, hash: &BlobHash) -> Result<Vec<u8>, PortError> {
        let hash = hash.clone();
        Ok(self.read(move |connection| get(connection, &hash)).await?)
    }
}

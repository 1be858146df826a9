//! How values lie in columns: ids and states as words, lists and records as JSON, amounts and times as
//! integers.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, RowIndex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use syndarix_core::blob::BlobHash;
use syndarix_core::money::NanoUsd;
use syndarix_core::time::Timestamp;

use crate::error::Error;

/// A value whose serde form is a string, stored as that string: an id, or an enum without fields.
#[derive(Debug)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Serialize> ToSql for Word<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match serde_json::to_value(&self.0).map_err(encoding)? {
            serde_json::Value::String(text) => Ok(text.into()),
            serde_json::Value::Null => Ok(rusqlite::types::Null.into()),
            other => Err(encoding(format!("`{other}` is not a word"))),
        }
    }
}

impl<T: DeserializeOwned> FromSql for Word<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?.to_owned();
        serde_json::from_value(serde_json::Value::String(text)).map(Self).map_err(FromSqlError::other)
    }
}

/// A value stored as JSON text.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(serde_json::to_string(&self.0).map_err(encoding)?.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

/// A blob's address, checked when read.
pub(crate) struct Address(pub(crate) BlobHash);

impl FromSql for Address {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        BlobHash::from_str(value.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

fn encoding(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

pub(crate) fn word<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T> {
    Ok(row.get::<_, Word<T>>(column)?.0)
}

pub(crate) fn optional_word<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl RowIndex,
) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<Word<T>>>(column)?.map(|word| word.0))
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T> {
    Ok(row.get::<_, Json<T>>(column)?.0)
}

pub(crate) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl RowIndex,
) -> rusqlite::Result<Option<T>> {
    Ok(row.get::<_, Option<Json<T>>>(column)?.map(|json| json.0))
}

pub(crate) fn hash(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<BlobHash> {
    Ok(row.get::<_, Address>(column)?.0)
}

pub(crate) fn time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(crate) fn optional_time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// A count or an amount. SQLite's integers are signed; what is stored never was negative.
pub(crate) fn unsigned(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).unsigned_abs())
}

pub(crate) fn money(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<NanoUsd> {
    unsigned(row, column).map(NanoUsd)
}

/// A count or an amount as SQLite's signed integer.
pub(crate) fn integer(what: impl Display, value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::Invalid(format!("{what} is too large to be stored: {value}")))
}

pub(crate) fn nanos(what: impl Display, amount: NanoUsd) -> Result<i64, Error> {
    i64::try_from(amount.0).map_err(|_| Error::Invalid(format!("{what} is too large to be stored: {amount}")))
}

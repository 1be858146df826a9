//! The recorded result of a model call, as stored.

use serde::{Deserialize, Serialize};
use syndarix_core::money::NanoUsd;

use crate::reply::ModelReply;

/// The version of the stored form.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    pub(super) model: String,
    pub(super) cost: NanoUsd,
    pub(super) reply: ModelReply,
}

impl Record {
    pub(super) fn new(model: &str, cost: NanoUsd, reply: ModelReply) -> Self {
        Self { version: VERSION, model: model.to_owned(), cost, reply }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a reply is plain data with string keys")
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

//! Effects: what a run does to the world, each under a key that makes it happen once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::RunId;

/// The identity of one effect: the same step of the same run, tried again, has the same key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EffectKey {
    /// The run that performs it.
    pub run: RunId,
    /// The superstep of that run, from 1.
    pub superstep: u32,
    /// Which of the superstep's effects it is, from 0.
    pub index: u32,
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}.{}", self.run, self.superstep, self.index)
    }
}

/// Whether an effect whose result was lost may be performed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeatability {
    /// It changes nothing.
    ReadOnly,
    /// Performing it twice is the same as performing it once.
    Idempotent,
    /// Only a human can say.
    Once,
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectIntent {
    /// Its identity.
    pub key: EffectKey,
    /// The kind of effect and its target, such as `tool:write_file`.
    pub name: String,
    /// The request, in full; a key that comes back with another request is a bug and is refused.
    pub request: Vec<u8>,
    /// Whether it may be repeated when its result is lost.
    pub repeatability: Repeatability,
}

/// What [`crate::ports::Effects::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectBegin {
    /// Never seen: perform it.
    Fresh,
    /// Performed before: this is its result, do not perform it again.
    Recorded(Vec<u8>),
    /// Begun before, and whether it happened is not known.
    Orphaned,
}

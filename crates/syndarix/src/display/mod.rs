//! What a person sees. Everything here is read from the journal and the records, by pure functions from
//! values to text, so that `run`, `demo`, `up`, `status` and `events` say the same thing about the same
//! facts; [`live`] is the thin part that writes.

mod action;
pub(crate) mod board;
pub(crate) mod documents;
pub(crate) mod line;
pub(crate) mod live;
pub(crate) mod patch;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod wrap;

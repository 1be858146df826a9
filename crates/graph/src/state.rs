//! What a graph works on, and how updates become part of it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state of a run. Nodes read it whole and return updates; the updates of a superstep are applied one
/// after another, in the order in which the superstep was planned, never in the order in which nodes finished.
///
/// [`state!`](crate::state!) writes an implementation from a list of fields and their reducers.
pub trait State: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What one node changes.
    type Update: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Makes an update part of the state.
    fn apply(&mut self, update: Self::Update);

    /// The fields this update writes that only one node may write in a superstep, because the result would
    /// otherwise depend on their order. A second writer of one of them is an error that names the field.
    fn last_value_fields(update: &Self::Update) -> Vec<&'static str> {
        let _ = update;
        Vec::new()
    }
}

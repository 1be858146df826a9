//! How much of everything: the limits of Temporal's server, under the names it has for them.

use std::time::Duration;

/// The limits of an engine. The defaults are those of Temporal's server 1.32 (`common/dynamicconfig`), whose
/// names are in the comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events in a run's history; a run with more is terminated. `limit.historyCount.error`.
    pub history_events: i64,
    /// Bytes of a run's history; a run with more is terminated. `limit.historySize.error`.
    pub history_bytes: i64,
    /// Events from which workflows are told to continue as new. `limit.historyCount.suggestContinueAsNew`.
    pub suggested_history_events: i64,
    /// Bytes from which workflows are told to continue as new. `limit.historySize.suggestContinueAsNew`.
    pub suggested_history_bytes: i64,
    /// Bytes of one input, result, failure or the like. `limit.blobSize.error`.
    pub blob_bytes: usize,
    /// Bytes of a memo. `limit.memoSize.error`.
    pub memo_bytes: usize,
    /// Bytes of an id or a name. `limit.maxIDLength`.
    pub id_bytes: usize,
    /// Activities of a run that have not closed. `limit.numPendingActivities.error`.
    pub pending_activities: usize,
    /// Children of a run that have not closed. `limit.numPendingChildExecutions.error`.
    pub pending_children: usize,
    /// Signals of a run on their way to other workflows. `limit.numPendingSignals.error`.
    pub pending_signals: usize,
    /// Cancellations of a run on their way to other workflows. `limit.numPendingCancelRequests.error`.
    pub pending_cancels: usize,
    /// Signals that a run receives in its life. `history.maximumSignalsPerExecution`.
    pub signals: i64,
    /// The least time between the begin of a run and that of the one that follows it, by continue-as-new, retry or
    /// cron. `history.workflowIdReuseMinimalInterval`.
    pub run_spacing: Duration,
    /// Search attributes of a run. `frontend.searchAttributesNumberOfKeysLimit`.
    pub search_attributes: usize,
    /// Bytes of one search attribute's value. `frontend.searchAttributesSizeOfValueLimit`.
    pub search_attribute_value_bytes: usize,
    /// Bytes of all search attributes of a run. `frontend.searchAttributesTotalSizeLimit`.
    pub search_attributes_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_events: 50 * 1024,
            history_bytes: 50 * 1024 * 1024,
            suggested_history_events: 4 * 1024,
            suggested_history_bytes: 4 * 1024 * 1024,
            blob_bytes: 2 * 1024 * 1024,
            memo_bytes: 2 * 1024 * 1024,
            id_bytes: 1_000,
            pending_activities: 2_000,
            pending_children: 2_000,
            pending_signals: 2_000,
            pending_cancels: 2_000,
            signals: 10_000,
            run_spacing: Duration::from_secs(1),
            search_attributes: 100,
            search_attribute_value_bytes: 2 * 1024,
            search_attributes_bytes: 40 * 1024,
        }
    }
}

//! What differs on purpose, or is nobody's business: every line has its reason. What programs leave out because the
//! sides would part: a signal during a delayed start (the protocol says that it ends the delay, which the engine does and
//! server 1.29 does not), a signal-with-start of a run that waits for its cron schedule (the server wakes it; it does not
//! for a signal), a cron workflow that continues as new (the server ends its schedule and still has the next run wait for
//! it, the engine goes on with it), and a retry policy in a command that no server takes or an activity without a task queue (the
//! server leaves the task to time out, the engine fails it and says why).

use std::sync::atomic::{AtomicUsize, Ordering};

/// A field that may differ where the step or event is of a kind.
struct Known {
    /// A part of the step or the event.
    what: &'static str,
    /// A part of the field's path.
    path: &'static str,
    reason: &'static str,
    seen: AtomicUsize,
}

const fn known(what: &'static str, path: &'static str, reason: &'static str) -> Known {
    Known { what, path, reason, seen: AtomicUsize::new(0) }
}

static KNOWN: [Known; 19] = [
    known("step", "/message", "programs match on codes and details, not on words"),
    known(
        "Start",
        "/first_execution_run_id",
        "the engine answers as server 1.32 does; 1.29, which is compared with, has no such field",
    ),
    known("step", "/link", "links between events belong to Nexus, which is off"),
    known(
        "TakeActivity",
        "/poller_scaling_decision",
        "advice to workers that scale their polls; the engine gives none",
    ),
    known(
        "workflow_task_failed",
        "/failure/message",
        "the words are each server's own; the cause is compared",
    ),
    known(
        "workflow_task_started",
        "/identity",
        "the server forgets who has the task of an update when something makes it an ordinary one",
    ),
    known(
        "workflow_execution_signaled",
        "/request_id",
        "a newer field: the engine keeps in it what a signal is deduplicated by after a reset",
    ),
    known(
        "Describe",
        "/auto_reset_points",
        "points to go back to after a bad build: worker versioning is off",
    ),
    known(
        "workflow_execution_started",
        "/prev_auto_reset_points",
        "points to go back to after a bad build: worker versioning is off",
    ),
    known(
        "workflow_execution_started",
        "/first_workflow_task_backoff",
        "what is left of the second that runs keep between them: a time",
    ),
    known("Describe", "/BuildIds", "worker versioning is off"),
    known("Describe", "/request_id_infos", "who asked for which event: a link, for Nexus"),
    known("Describe", "/execution_duration", "a time"),
    known("Describe", "/run_expiration_time", "the server gives the year 1 for never"),
    known("Describe", "/last_reset_time", "when it was reset is in the history, in the event that says so"),
    known("Describe", "/pending_workflow_task", "the server shows the task of a run that has closed"),
    known(
        "Describe",
        "/pending_activities",
        "the server shows activities of a run that has closed, and intervals of attempts that have not failed",
    ),
    known("Describe", "/pending_children", "the server shows children of a run that has closed"),
    known(
        "Describe",
        "/search_attributes/indexedFields/ProgramKeyword",
        "the server shows one that was set to null; a listing of neither does",
    ),
];

/// Whether the difference is on purpose.
pub(crate) fn is_known(what: &str, path: &str) -> bool {
    let path = format!("{path}/");
    let known =
        KNOWN.iter().find(|known| what.contains(known.what) && path.contains(&format!("{}/", known.path)));
    known.map(|known| known.seen.fetch_add(1, Ordering::Relaxed)).is_some()
}

/// The lines that were needed, and how often.
pub(crate) fn report() -> Vec<String> {
    let needed = KNOWN.iter().filter_map(|known| {
        let seen = known.seen.load(Ordering::Relaxed);
        (seen > 0).then(|| format!("{seen} times {} {}: {}", known.what, known.path, known.reason))
    });
    needed.collect()
}

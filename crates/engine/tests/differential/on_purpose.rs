//! What differs on purpose, or is nobody's business: every line has its reason. What programs leave out because the
//! sides would part: a signal during a delayed start (the protocol says that it ends the delay, which the engine does and
//! server 1.29 does not), a signal-with-start of a run that waits for its cron schedule (the server wakes it; it does not
//! for a signal), a cron workflow that continues as new (the server ends its schedule and still has the next run wait for
//! it, the engine goes on with it), a retry policy in a command that no server takes or an activity without a task
//! queue (the server leaves the task to time out, the engine fails it and says why), and the end of a retry's wait while
//! a task that only carries updates is open (the engine makes it an ordinary task, as before anything that it stores).

use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use temporalio_protos::temporal::api::enums::v1 as enums;

/// Fields of an answer or an event that are not compared.
struct Known {
    /// A part of the step or the event.
    what: &'static str,
    path: &'static str,
    /// Whether it is so in this one: asked of the whole, or of an item of a list that a star in the path stands for.
    applies: fn(&Value) -> bool,
    reason: &'static str,
    seen: AtomicUsize,
}

const fn known(
    what: &'static str,
    path: &'static str,
    applies: fn(&Value) -> bool,
    reason: &'static str,
) -> Known {
    Known { what, path, applies, reason, seen: AtomicUsize::new(0) }
}

static LEFT_OUT: [Known; 21] = [
    known("step", "message", is_failure, "programs match on codes and details, not on words"),
    known(
        "Start(",
        "first_execution_run_id",
        always,
        "the engine answers as server 1.32 does; 1.29, which is compared with, has no such field",
    ),
    known(
        "End(",
        "responses/*/response/StartWorkflow/first_execution_run_id",
        always,
        "the same, of an update with a start",
    ),
    known("step", "link", always, "links between events belong to Nexus, which is off"),
    known(
        "End(",
        "responses/*/response/StartWorkflow/link",
        always,
        "links between events belong to Nexus, which is off",
    ),
    known("SignalWithStart", "signal_link", always, "links between events belong to Nexus, which is off"),
    known(
        "TakeActivity",
        "poller_scaling_decision",
        always,
        "advice to workers that scale their polls; the engine gives none",
    ),
    known(
        "workflow_task_failed",
        "attributes/WorkflowTaskFailedEventAttributes/failure/message",
        was_failed_by_the_server,
        "the words are each server's own; the cause is compared",
    ),
    known(
        "workflow_execution_started",
        "attributes/WorkflowExecutionStartedEventAttributes/prev_auto_reset_points",
        always,
        "points to go back to after a bad build: worker versioning is off",
    ),
    known(
        "workflow_execution_started",
        "attributes/WorkflowExecutionStartedEventAttributes/first_workflow_task_backoff",
        follows_a_run,
        "what is left of the second that runs keep between them: a time",
    ),
    known(
        "Describe",
        "workflow_execution_info/auto_reset_points",
        always,
        "points to go back to after a bad build: worker versioning is off",
    ),
    known(
        "Describe",
        "workflow_execution_info/search_attributes/indexedFields/BuildIds",
        always,
        "worker versioning is off",
    ),
    known(
        "Describe",
        "workflow_extended_info/request_id_infos",
        always,
        "who asked for which event: a link, for Nexus",
    ),
    known("Describe", "workflow_execution_info/execution_duration", always, "a time"),
    known(
        "Describe",
        "pending_workflow_task",
        is_closed,
        "the server shows the task of a run that has closed",
    ),
    known(
        "Describe",
        "pending_activities",
        is_closed,
        "the server shows activities of a run that has closed",
    ),
    known("Describe", "pending_children", is_closed, "the server shows children of a run that has closed"),
    known(
        "Describe",
        "pending_activities/*/next_attempt_schedule_time",
        was_tried,
        "whether the wait before an attempt is over yet: a time",
    ),
    known(
        "Describe",
        "pending_activities/*/current_retry_interval",
        was_tried,
        "the wait before an attempt, or the next one's once it is over: a time",
    ),
    known(
        "Describe",
        "workflow_execution_info/search_attributes/indexedFields/ProgramKeyword",
        keyword_is_null,
        "the server shows one that was set to null; a listing of neither does",
    ),
    known(
        "Describe",
        "workflow_execution_info/search_attributes",
        has_no_attributes,
        "the server shows that there are none",
    ),
];

/// Fields of which the server does not know what the engine knows. What it has instead is asked.
static ONLY_HERE: [Known; 2] = [
    known(
        "workflow_task_started",
        "/attributes/WorkflowTaskStartedEventAttributes/identity",
        is_nobody,
        "the server forgets who has the task of an update when something makes it an ordinary one",
    ),
    known(
        "workflow_execution_signaled",
        "/attributes/WorkflowExecutionSignaledEventAttributes/request_id",
        Value::is_null,
        "a newer field: the engine keeps in it what a signal is deduplicated by after a reset",
    ),
];

fn always(_: &Value) -> bool {
    true
}

fn is_failure(answer: &Value) -> bool {
    answer.get("code").is_some()
}

fn is_closed(description: &Value) -> bool {
    description["workflow_execution_info"]["status"] != enums::WorkflowExecutionStatus::Running as i32
}

fn was_failed_by_the_server(event: &Value) -> bool {
    let cause = &event["attributes"]["WorkflowTaskFailedEventAttributes"]["cause"];
    *cause != enums::WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure as i32
}

fn follows_a_run(event: &Value) -> bool {
    event["attributes"]["WorkflowExecutionStartedEventAttributes"].get("continued_execution_run_id").is_some()
}

fn was_tried(activity: &Value) -> bool {
    activity["attempt"] != 1
}

fn is_nobody(identity: &Value) -> bool {
    identity.is_null() || identity == "history-service"
}

fn indexed(description: &Value) -> &Value {
    &description["workflow_execution_info"]["search_attributes"]["indexedFields"]
}

fn keyword_is_null(description: &Value) -> bool {
    indexed(description)["ProgramKeyword"]["data"] == "null"
}

fn has_no_attributes(description: &Value) -> bool {
    indexed(description).as_object().is_none_or(serde_json::Map::is_empty)
}

/// Takes out what is not compared.
pub(crate) fn leave_out(what: &str, value: &mut Value) {
    for known in LEFT_OUT.iter().filter(|known| what.contains(known.what)) {
        let removed = match known.path.split_once("/*/") {
            Some((list, field)) => value.get_mut(list).and_then(Value::as_array_mut).map_or(0, |items| {
                let items = items.iter_mut().filter(|item| (known.applies)(item));
                items.filter_map(|item| remove(item, field)).count()
            }),
            None => usize::from((known.applies)(value) && remove(value, known.path).is_some()),
        };
        known.seen.fetch_add(removed, Ordering::Relaxed);
    }
}

/// Whether the server does not know what the engine does, and has this instead.
pub(crate) fn is_only_here(what: &str, path: &str, server: &Value) -> bool {
    let known = ONLY_HERE.iter().find(|known| what.contains(known.what) && path == known.path);
    let known = known.filter(|known| (known.applies)(server));
    known.map(|known| known.seen.fetch_add(1, Ordering::Relaxed)).is_some()
}

fn remove(value: &mut Value, path: &str) -> Option<Value> {
    let (parents, field) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parents = parents.split('/').filter(|parent| !parent.is_empty());
    let parent = parents.try_fold(value, |value, parent| value.get_mut(parent))?;
    parent.as_object_mut()?.remove(field)
}

/// The lines that were needed, and how often.
pub(crate) fn report() -> Vec<String> {
    let needed = LEFT_OUT.iter().chain(&ONLY_HERE).filter_map(|known| {
        let seen = known.seen.load(Ordering::Relaxed);
        (seen > 0).then(|| format!("{seen} times {} {}: {}", known.what, known.path, known.reason))
    });
    needed.collect()
}

#[cfg(test)]
mod tests {
    use super::leave_out;
    use serde_json::json;

    #[test]
    fn what_is_pending_is_left_out_of_closed_runs_only() {
        for (status, left) in [(1, true), (2, false)] {
            let mut description = json!({
                "workflow_execution_info": { "status": status },
                "pending_children": [{ "workflow_id": "child" }],
            });
            leave_out("step 3: Ask(Describe(Workflow(1)))", &mut description);
            assert_eq!(description.get("pending_children").is_some(), left);
        }
    }
}

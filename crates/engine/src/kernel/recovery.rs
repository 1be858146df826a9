//! What a run needs after the engine was away.

use super::state::Activity;
use super::{MutableState, Task, Transition, activity, workflow_task};
use crate::proto::enums::TimeoutType;

/// The tasks that wait for a worker.
pub(crate) fn outstanding_tasks(state: &MutableState) -> Vec<Task> {
    if !state.core.is_running() {
        return Vec::new();
    }
    let workflow_task =
        state.core.workflow_task.iter().filter(|task| task.started_event_id == 0).map(|task| {
            Task::Workflow {
                queue: task.queue.clone(),
                sticky: task.sticky,
                scheduled_event_id: task.scheduled_event_id,
                attempt: task.attempt,
            }
        });
    let activities =
        state.activities.values().filter(|activity| activity.is_offered()).map(|activity| Task::Activity {
            queue: activity.task_queue.clone(),
            scheduled_event_id: activity.scheduled_event_id,
            attempt: activity.attempt,
        });
    workflow_task.chain(activities).collect()
}

/// Whether a worker held something of this run.
pub(crate) fn has_started_tasks(state: &MutableState) -> bool {
    state.core.is_running()
        && (state.core.workflow_task_started() || state.activities.values().any(Activity::is_started))
}

/// The workers are known to be gone: what they held times out now, as it would later.
pub(crate) fn lose_workers(tx: &mut Transition<'_>) {
    if let Some(task) = tx.state.core.workflow_task.clone()
        && task.started_event_id != 0
    {
        workflow_task::time_out(tx, &task);
    }
    let held: Vec<_> = tx.state.activities.values().filter(|a| a.is_started()).cloned().collect();
    for held in held {
        let timeout = if held.heartbeat > 0 { TimeoutType::Heartbeat } else { TimeoutType::StartToClose };
        activity::time_out(tx, &held, timeout);
    }
}

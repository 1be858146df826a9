//! Describing one run.

use super::Service;
use crate::kernel::state::{Activity, Annotations, Pause, RunCore};
use crate::kernel::time::{Timestamp, span_to_proto};
use crate::kernel::{MutableState, activity_control, retry};
use crate::proto::{common, enums, workflow, workflowservice as ws};
use crate::status::Failure;
use crate::visibility::{Attributes, check};

impl Service {
    pub(super) async fn describe_workflow(
        &self,
        request: ws::DescribeWorkflowExecutionRequest,
    ) -> Result<ws::DescribeWorkflowExecutionResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        let (run, description, progress) = {
            let mut slot = self.executor.slot(&name.namespace, &name.workflow_id).await?;
            let run = self.executor.run(&mut slot, &name).await?;
            (
                run.name.clone(),
                describe(&run.state, &self.executor.namespaces.attributes(&name.namespace)),
                run.progress.clone(),
            )
        };
        // What is described may not be durable yet, and a description is an answer like any other.
        while !progress.is_durable() {
            self.executor.flush_run(&run).await?;
        }
        Ok(description)
    }
}

fn describe(state: &MutableState, attributes: &Attributes) -> ws::DescribeWorkflowExecutionResponse {
    let core = &state.core;
    let started = state.started_attributes();
    let was_reset = started.original_execution_run_id != core.run_id;
    let annotations = state.annotations.get(&0).cloned().unwrap_or_default();
    ws::DescribeWorkflowExecutionResponse {
        execution_config: Some(workflow::WorkflowExecutionConfig {
            task_queue: started.task_queue,
            workflow_execution_timeout: started.workflow_execution_timeout,
            workflow_run_timeout: started.workflow_run_timeout,
            default_workflow_task_timeout: span_to_proto(core.workflow_task_timeout),
            user_metadata: annotations.user_metadata.clone(),
        }),
        workflow_execution_info: Some(info(core, annotations, attributes)),
        pending_activities: state.activities.values().map(pending_activity).collect(),
        pending_children: state
            .children
            .values()
            .map(|child| workflow::PendingChildExecutionInfo {
                workflow_id: child.workflow_id.clone(),
                run_id: child.run_id.clone(),
                workflow_type_name: child.workflow_type.clone(),
                initiated_id: child.initiated_event_id,
                parent_close_policy: child.parent_close_policy,
            })
            .collect(),
        pending_workflow_task: core.workflow_task.as_ref().map(|task| workflow::PendingWorkflowTaskInfo {
            state: if task.started_event_id == 0 {
                enums::PendingWorkflowTaskState::Scheduled as i32
            } else {
                enums::PendingWorkflowTaskState::Started as i32
            },
            scheduled_time: Timestamp(task.scheduled_time).to_proto(),
            original_scheduled_time: Timestamp(task.original_scheduled_time).to_proto(),
            started_time: Timestamp(task.started_time).to_proto(),
            attempt: task.attempt,
        }),
        workflow_extended_info: Some(workflow::WorkflowExecutionExtendedInfo {
            execution_expiration_time: Timestamp(core.execution_deadline).to_proto(),
            run_expiration_time: Timestamp(core.run_deadline).to_proto(),
            cancel_requested: core.cancel_requested,
            original_start_time: Timestamp(core.start_time).to_proto(),
            last_reset_time: Timestamp(core.start_time).to_proto().filter(|_| was_reset),
            reset_run_id: core.reset_run_id.clone(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A run as listings and descriptions show it.
pub(super) fn info(
    core: &RunCore,
    annotations: Annotations,
    attributes: &Attributes,
) -> workflow::WorkflowExecutionInfo {
    let closed = core.close_time != 0;
    let lasted = Timestamp(core.close_time).since(Timestamp(core.execution_time));
    workflow::WorkflowExecutionInfo {
        execution: Some(core.execution()),
        r#type: Some(common::WorkflowType { name: core.workflow_type.clone() }),
        start_time: Timestamp(core.start_time).to_proto(),
        close_time: Timestamp(core.close_time).to_proto(),
        status: core.status,
        history_length: core.next_event_id - 1,
        parent_execution: core.parent.as_ref().and_then(|parent| parent.execution.clone()),
        execution_time: Timestamp(core.execution_time).to_proto(),
        memo: annotations.memo,
        search_attributes: annotations.search_attributes.and_then(|set| check::shown(set, attributes)),
        task_queue: core.task_queue.clone(),
        state_transition_count: core.state_transitions,
        history_size_bytes: core.history_bytes,
        execution_duration: if closed { span_to_proto(lasted) } else { None },
        root_execution: core.root.clone(),
        first_run_id: core.first_run_id.clone(),
        ..Default::default()
    }
}

fn pending_activity(activity: &Activity) -> workflow::PendingActivityInfo {
    use enums::PendingActivityState as State;
    let paused = activity.pause.is_some();
    let state = match (activity.is_started(), activity.cancel_requested_event_id != 0) {
        (false, _) if paused => State::Paused,
        (false, _) => State::Scheduled,
        (true, true) => State::CancelRequested,
        (true, false) if paused => State::PauseRequested,
        (true, false) => State::Started,
    };
    let waits_for_retry = activity.backoff_until != 0 && !activity.is_started() && !paused;
    let beaten = activity.last_heartbeat_time != 0;
    let next_attempt = if waits_for_retry { activity.backoff_until } else { 0 };
    let retry_interval = match state {
        _ if waits_for_retry => Timestamp(next_attempt).since(Timestamp(activity.last_attempt_close_time)),
        // The wait after the attempt that is on offer, should it fail.
        State::Scheduled => {
            activity.retry_policy.as_ref().map_or(0, |policy| retry::backoff(policy, activity.attempt.max(1)))
        }
        _ => 0,
    };
    workflow::PendingActivityInfo {
        activity_id: activity.activity_id.clone(),
        activity_type: Some(common::ActivityType { name: activity.activity_type.clone() }),
        state: state as i32,
        heartbeat_details: activity.heartbeat_details.clone().filter(|_| beaten),
        last_heartbeat_time: Timestamp(activity.last_heartbeat_time).to_proto(),
        last_started_time: Timestamp(activity.started_time).to_proto(),
        attempt: if activity.reset { 1 } else { activity.attempt.max(1) },
        maximum_attempts: activity.retry_policy.as_ref().map_or(0, |policy| policy.maximum_attempts),
        scheduled_time: Timestamp(activity.attempt_scheduled_time).to_proto(),
        expiration_time: Timestamp(activity.scheduled_time)
            .plus_if_set(activity.schedule_to_close)
            .to_proto(),
        last_failure: activity.last_failure.clone(),
        last_worker_identity: activity.identity.clone(),
        last_attempt_complete_time: Timestamp(activity.last_attempt_close_time).to_proto(),
        next_attempt_schedule_time: Timestamp(next_attempt).to_proto(),
        current_retry_interval: span_to_proto(retry_interval).filter(|_| retry_interval > 0),
        paused,
        pause_info: activity.pause.as_ref().map(pause_info),
        priority: activity.priority.clone(),
        activity_options: Some(activity_control::options_of(activity)),
        ..Default::default()
    }
}

fn pause_info(pause: &Pause) -> workflow::pending_activity_info::PauseInfo {
    use workflow::pending_activity_info::{PauseInfo, pause_info};
    PauseInfo {
        pause_time: Timestamp(pause.time).to_proto(),
        paused_by: Some(pause_info::PausedBy::Manual(pause_info::Manual {
            identity: pause.identity.clone(),
            reason: pause.reason.clone(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, pending_activity};
    use crate::kernel::retry;
    use crate::kernel::time::SECOND;

    #[test]
    fn an_activity_shows_the_wait_before_its_next_attempt() {
        let offered =
            Activity { attempt: 2, retry_policy: Some(retry::with_defaults(None)), ..Activity::default() };
        let failed_at = 5 * SECOND;
        let waiting = Activity {
            backoff_until: failed_at + 3 * SECOND,
            last_attempt_close_time: failed_at,
            ..offered.clone()
        };
        let started = Activity { started_time: failed_at, ..offered.clone() };
        let shown = |activity: &Activity| {
            pending_activity(activity).current_retry_interval.map(|interval| interval.seconds)
        };
        assert_eq!(shown(&offered), Some(2), "the second attempt's own wait, should it fail");
        assert_eq!(shown(&waiting), Some(3), "the wait that it is in");
        assert_eq!(shown(&started), None);
    }
}

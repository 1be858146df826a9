//! Starting workflows.

use super::Service;
use crate::executor::{Executor, SignalOnStart, StartRequest};
use crate::kernel::effects::Signal;
use crate::kernel::lifecycle::NewRun;
use crate::kernel::time::span;
use crate::kernel::{cron, retry};
use crate::limits::Limits;
use crate::proto::{common, enums, history, taskqueue, workflowservice as ws};
use crate::status::Failure;
use crate::visibility::check;
use prost::Message;

impl Service {
    pub(super) async fn start_workflow(
        &self,
        request: ws::StartWorkflowExecutionRequest,
    ) -> Result<ws::StartWorkflowExecutionResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let (reuse, conflict) = (request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy());
        check_policies(reuse, conflict)?;
        let backoff = span(request.workflow_start_delay.as_ref());
        let eager_for = (request.request_eager_execution && backoff == 0).then(|| request.identity.clone());
        let new = self.new_run(request)?;
        let started = self
            .executor
            .start(StartRequest { new, reuse, conflict, signal: None, eager_for, announce: None })
            .await?;
        let mut response = ws::StartWorkflowExecutionResponse {
            run_id: started.name.run_id.clone(),
            first_execution_run_id: started.first_run_id,
            started: started.created,
            status: started.status,
            ..Default::default()
        };
        if let Some(task) = started.eager {
            let name = &started.name;
            let dispatch = {
                let mut slot = self.executor.slot(&name.namespace, &name.workflow_id).await?;
                self.executor.run(&mut slot, name).await?;
                Executor::dispatch(&mut slot, name, task)?
            };
            let task = self.executor.complete_dispatch(name, dispatch).await?;
            response.eager_workflow_task = Some(task.into_message());
        }
        Ok(response)
    }

    pub(super) async fn signal_with_start(
        &self,
        request: ws::SignalWithStartWorkflowExecutionRequest,
    ) -> Result<ws::SignalWithStartWorkflowExecutionResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        if request.signal_name.is_empty() {
            return Err(Failure::invalid("SignalName is not set on request."));
        }
        self.check_blob(request.signal_input.as_ref())?;
        let (reuse, conflict) = (request.workflow_id_reuse_policy(), request.workflow_id_conflict_policy());
        check_policies(reuse, conflict)?;
        if conflict == enums::WorkflowIdConflictPolicy::Fail {
            return Err(Failure::invalid(
                "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this \
                 operation.",
            ));
        }
        let signal = SignalOnStart(Signal {
            name: request.signal_name,
            input: request.signal_input,
            header: request.header.clone(),
            identity: request.identity.clone(),
            request_id: request.request_id.clone(),
        });
        let new = self.new_run(ws::StartWorkflowExecutionRequest {
            namespace: request.namespace,
            workflow_id: request.workflow_id,
            workflow_type: request.workflow_type,
            task_queue: request.task_queue,
            input: request.input,
            workflow_execution_timeout: request.workflow_execution_timeout,
            workflow_run_timeout: request.workflow_run_timeout,
            workflow_task_timeout: request.workflow_task_timeout,
            identity: request.identity,
            request_id: request.request_id,
            retry_policy: request.retry_policy,
            cron_schedule: request.cron_schedule,
            memo: request.memo,
            search_attributes: request.search_attributes,
            header: request.header,
            workflow_start_delay: request.workflow_start_delay,
            user_metadata: request.user_metadata,
            priority: request.priority,
            ..Default::default()
        })?;
        let request =
            StartRequest { new, reuse, conflict, signal: Some(signal), eager_for: None, announce: None };
        let started = self.executor.start(request).await?;
        Ok(ws::SignalWithStartWorkflowExecutionResponse {
            run_id: started.name.run_id,
            started: started.created,
            ..Default::default()
        })
    }

    pub(super) fn new_run(&self, request: ws::StartWorkflowExecutionRequest) -> Result<NewRun, Failure> {
        let limits = &self.executor.limits;
        check_id(limits, "WorkflowId", &request.workflow_id)?;
        check_id(limits, "WorkflowType", &request.workflow_type.clone().unwrap_or_default().name)?;
        let queue = request.task_queue.unwrap_or_default().name;
        check_id(limits, "TaskQueue", &queue)?;
        if request.request_id.len() > limits.id_bytes {
            return Err(Failure::invalid("RequestId length exceeds limit."));
        }
        self.check_blob(request.input.as_ref())?;
        if request.memo.as_ref().map_or(0, Message::encoded_len) > limits.memo_bytes {
            return Err(Failure::invalid("Memo size exceeds limit."));
        }
        if let Some(set) = &request.search_attributes {
            let attributes = self.executor.namespaces.attributes(&request.namespace);
            check::check(set, &attributes, limits).map_err(Failure::invalid)?;
        }
        if let Some(policy) = &request.retry_policy {
            retry::validate(policy).map_err(Failure::invalid)?;
        }
        let now = self.executor.now();
        cron::validate(&request.cron_schedule, now).map_err(Failure::invalid)?;
        let start_delay = span(request.workflow_start_delay.as_ref());
        if !request.cron_schedule.is_empty() && start_delay > 0 {
            return Err(Failure::invalid("CronSchedule and WorkflowStartDelay may not be used together."));
        }
        let cron_backoff = cron::backoff(&request.cron_schedule, now, now);
        let run_id = self.executor.uuid();
        Ok(NewRun {
            namespace: request.namespace,
            run_id: run_id.clone(),
            started: history::WorkflowExecutionStartedEventAttributes {
                workflow_id: request.workflow_id,
                workflow_type: request.workflow_type,
                task_queue: Some(taskqueue::TaskQueue {
                    name: queue,
                    kind: enums::TaskQueueKind::Normal as i32,
                    normal_name: String::new(),
                }),
                input: request.input,
                workflow_execution_timeout: request.workflow_execution_timeout,
                workflow_run_timeout: request.workflow_run_timeout,
                workflow_task_timeout: request.workflow_task_timeout,
                continued_failure: request.continued_failure,
                last_completion_result: request.last_completion_result,
                identity: request.identity,
                first_execution_run_id: run_id,
                retry_policy: request.retry_policy.map(|policy| retry::with_defaults(Some(policy))),
                cron_schedule: request.cron_schedule,
                initiator: cron_initiator(cron_backoff),
                memo: request.memo,
                search_attributes: request.search_attributes,
                header: request.header.filter(|header: &common::Header| !header.fields.is_empty()),
                priority: request.priority,
                ..Default::default()
            },
            request_id: request.request_id,
            user_metadata: request.user_metadata,
            parent: None,
            backoff: cron_backoff.unwrap_or(start_delay),
            backoff_breakable: cron_backoff.is_none(),
            ..NewRun::default()
        })
    }
}

/// The first run of a cron schedule waits for its time as the later ones do, and says so.
fn cron_initiator(backoff: Option<i64>) -> i32 {
    backoff.map_or(0, |_| enums::ContinueAsNewInitiator::CronSchedule as i32)
}

fn check_id(limits: &Limits, what: &str, value: &str) -> Result<(), Failure> {
    if value.is_empty() {
        return Err(Failure::invalid(format!("{what} is not set on request.")));
    }
    if value.len() > limits.id_bytes {
        return Err(Failure::invalid(format!("{what} length exceeds limit.")));
    }
    Ok(())
}

pub(super) fn check_policies(
    reuse: enums::WorkflowIdReusePolicy,
    conflict: enums::WorkflowIdConflictPolicy,
) -> Result<(), Failure> {
    use enums::{WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse};
    if reuse == Reuse::TerminateIfRunning && conflict != Conflict::Unspecified {
        return Err(Failure::invalid(
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together \
             with a WorkflowIDConflictPolicy.",
        ));
    }
    if reuse == Reuse::RejectDuplicate && conflict == Conflict::TerminateExisting {
        return Err(Failure::invalid(
            "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with \
             WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING.",
        ));
    }
    Ok(())
}

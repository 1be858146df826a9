//! What makes schedules act: looks at each when its time has come or a workflow it started has closed.

use super::Service;
use crate::executor::{ScheduleKey, Scheduled, StartRequest};
use crate::kernel::effects::{Cancel, Terminate};
use crate::kernel::lifecycle::NewRun;
use crate::kernel::time::SECOND;
use crate::kernel::{Timestamp, inbound};
use crate::proto::{enums, schedule, workflow, workflowservice as ws};
use crate::schedules::{LARGEST_BUFFER, Plan, Running, ScheduleRecord, Start, plan};
use crate::status::Failure;
use crate::visibility::value::{datetime_payload, keyword_payload};
use futures::StreamExt;
use std::sync::{Arc, Weak};

/// Schedules looked at at once.
const AT_ONCE: usize = 16;
/// How soon a schedule is looked at again that could not act, nanoseconds.
const AGAIN: i64 = SECOND;

impl Service {
    /// Looks at schedules as they come due, until the engine closes.
    pub(crate) async fn run_schedules(service: Weak<Self>) {
        let Some(executor) = service.upgrade().map(|service| service.executor.clone()) else { return };
        loop {
            executor.storage.writer.room().await;
            let (due, next) = executor.schedules.take_due(executor.now());
            if !due.is_empty() {
                let Some(service) = service.upgrade() else { return };
                let service = &service;
                futures::stream::iter(due)
                    .for_each_concurrent(AT_ONCE, |key| async move {
                        if let Err(failure) = service.look_at(&key).await {
                            tracing::warn!(?failure, schedule_id = key.1, "a schedule acts later");
                            service.executor.schedules.set_no_later(&key, service.executor.now().plus(AGAIN));
                        }
                    })
                    .await;
                continue;
            }
            let sleep = async {
                match next {
                    Some(at) => executor.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = sleep => {}
                () = executor.schedules.earlier() => {}
            }
        }
    }

    /// Brings a schedule up to date and does what follows.
    async fn look_at(self: &Arc<Self>, key: &ScheduleKey) -> Result<(), Failure> {
        let Some(scheduled) = self.executor.schedules.get(key) else { return Ok(()) };
        let mut scheduled = scheduled.lock().await;
        if scheduled.gone || !self.executor.namespaces.contains(&key.0) {
            return Ok(());
        }
        loop {
            for running in scheduled.record.running.clone() {
                if let Some(closed) = self.executor.ending(&key.0, &running).await? {
                    scheduled.record.closed(&running.run_id, closed);
                }
            }
            let now = self.executor.now();
            let Scheduled { record, spec, .. } = &mut *scheduled;
            record.advance(spec, now);
            if !record.buffer.is_empty() {
                // With their request ids, so that after a crash the same starts are made, not others.
                self.executor.store_schedule(&mut scheduled).await?;
            }
            let planned = plan(&mut scheduled.record);
            let all_made = self.carry_out(&mut scheduled, planned).await;
            self.executor.store_schedule(&mut scheduled).await?;
            let Scheduled { record, spec, .. } = &*scheduled;
            if !all_made {
                self.executor.schedules.set_no_later(key, now.plus(AGAIN));
                return Ok(());
            }
            if record.backfills.is_empty() || record.buffer.len() >= LARGEST_BUFFER {
                self.executor.schedules.set_no_later(key, record.wake_at(spec));
                return Ok(());
            }
        }
    }

    /// Ends what has to end and makes the starts. False if some have to be tried again; those are back in
    /// the buffer.
    async fn carry_out(&self, scheduled: &mut Scheduled, plan: Plan) -> bool {
        for running in scheduled.record.running.clone() {
            if plan.terminate || plan.cancel {
                self.end(&scheduled.record.namespace, &running, plan.terminate).await;
            }
        }
        let mut failed = Vec::new();
        for (start, overlapping) in plan.starts {
            match self.make_start(&scheduled.record, &start).await {
                Ok(running) => {
                    let now = self.executor.now();
                    scheduled.record.started(&start, overlapping, running, now);
                }
                Err(failure) if failure.is_retryable() => failed.push(start),
                Err(failure) => {
                    let schedule_id = &scheduled.record.schedule_id;
                    tracing::warn!(?failure, schedule_id, "a scheduled workflow did not start");
                }
            }
        }
        let all_made = failed.is_empty();
        scheduled.record.buffer.splice(0..0, failed);
        all_made
    }

    async fn end(&self, namespace: &str, running: &Running, terminate: bool) {
        let name = crate::executor::RunRef {
            namespace: namespace.to_owned(),
            workflow_id: running.workflow_id.clone(),
            // Whichever run of its chain is current.
            run_id: String::new(),
        };
        let identity = "temporal-scheduler".to_owned();
        let reason = if terminate {
            "terminated by schedule overlap policy".to_owned()
        } else {
            "cancelled by schedule overlap policy".to_owned()
        };
        let request_id = format!("{}-cancel", running.run_id);
        let ended = self
            .executor
            .transact(&name, |tx| {
                if terminate {
                    inbound::terminate(tx, Terminate { reason, identity, details: None })
                } else {
                    inbound::cancel(tx, Cancel { reason, identity, request_id }, None);
                    Ok(())
                }
            })
            .await;
        if let Err(failure) = ended {
            // It has closed meanwhile, or is ended when the schedule is looked at again.
            tracing::debug!(
                ?failure,
                workflow_id = running.workflow_id,
                "a scheduled workflow was not ended"
            );
        }
    }

    async fn make_start(&self, record: &ScheduleRecord, start: &Start) -> Result<Running, Failure> {
        let new = self.scheduled_run(record, start)?;
        let workflow_id = new.started.workflow_id.clone();
        let reuse = if start.manual {
            enums::WorkflowIdReusePolicy::AllowDuplicate
        } else {
            enums::WorkflowIdReusePolicy::RejectDuplicate
        };
        let conflict = enums::WorkflowIdConflictPolicy::Fail;
        let request = StartRequest { new, reuse, conflict, signal: None, eager_for: None, announce: None };
        let started = self.executor.start(request).await?;
        Ok(Running { workflow_id, run_id: started.name.run_id, overlapping: false })
    }

    /// The run that a start makes. Also says what is wrong with an action before any start is made.
    pub(super) fn scheduled_run(&self, record: &ScheduleRecord, start: &Start) -> Result<NewRun, Failure> {
        let action = action(record)?.clone();
        let seconds = start.nominal_time.div_euclid(SECOND);
        let nominal = jiff::Timestamp::from_second(seconds)
            .map_err(|_| Failure::invalid("a scheduled time is out of range"))?;
        let allow_all = enums::ScheduleOverlapPolicy::AllowAll as i32;
        let policy = record.policies();
        let keep = policy.keep_original_workflow_id
            && ![start.overlap_policy, policy.overlap_policy].contains(&allow_all);
        let workflow_id = if keep { action.workflow_id } else { format!("{}-{nominal}", action.workflow_id) };
        let allowed_overlap = start.overlap_policy == allow_all;
        let mut new = self.new_run(ws::StartWorkflowExecutionRequest {
            namespace: record.namespace.clone(),
            workflow_id,
            workflow_type: action.workflow_type,
            task_queue: action.task_queue,
            input: action.input,
            workflow_execution_timeout: action.workflow_execution_timeout,
            workflow_run_timeout: action.workflow_run_timeout,
            workflow_task_timeout: action.workflow_task_timeout,
            identity: format!("temporal-scheduler-{}-{}", record.namespace, record.schedule_id),
            request_id: start.request_id.clone(),
            retry_policy: action.retry_policy,
            memo: action.memo,
            search_attributes: action.search_attributes,
            header: action.header,
            user_metadata: action.user_metadata,
            priority: action.priority,
            last_completion_result: record.last_completion_result.clone().filter(|_| !allowed_overlap),
            continued_failure: record.continued_failure.clone().filter(|_| !allowed_overlap),
            ..Default::default()
        })?;
        let fields = &mut new.started.search_attributes.get_or_insert_default().indexed_fields;
        fields.insert("TemporalScheduledStartTime".into(), datetime_payload(&nominal.to_string()));
        fields.insert("TemporalScheduledById".into(), keyword_payload(&record.schedule_id));
        new.schedule_id.clone_from(&record.schedule_id);
        Ok(new)
    }

    /// Refuses a schedule whose action could never start.
    pub(super) fn check_action(&self, record: &ScheduleRecord) -> Result<(), Failure> {
        let action = action(record)?;
        if !action.cron_schedule.is_empty() {
            return Err(Failure::invalid("CronSchedule cannot be used in a schedule's action."));
        }
        let now: Timestamp = self.executor.now();
        let start = Start { nominal_time: now.0, actual_time: now.0, ..Start::default() };
        self.scheduled_run(record, &start).map(drop)
    }
}

fn action(record: &ScheduleRecord) -> Result<&workflow::NewWorkflowExecutionInfo, Failure> {
    use schedule::schedule_action::Action;
    let action = record.schedule.as_ref().and_then(|schedule| schedule.action.as_ref());
    match action.and_then(|action| action.action.as_ref()) {
        Some(Action::StartWorkflow(start)) => Ok(start),
        None => Err(Failure::invalid("A schedule's action must start a workflow.")),
    }
}

//! Schedules: making, describing, changing, patching, deleting and listing them.

use super::Service;
use crate::executor::{ScheduleKey, Scheduled};
use crate::kernel::Timestamp;
use crate::proto::{schedule, workflowservice as ws};
use crate::schedules::{FUTURE_ACTIONS, ScheduleRecord, Spec, completed, patch};
use crate::status::Failure;
use crate::storage::ScheduleWrite;
use crate::visibility::attributes::{Attribute, Source};
use crate::visibility::filter::Filter;
use crate::visibility::value::Value;
use crate::visibility::{Attributes, Query, check};
use std::sync::Arc;

/// Times that one listing of matching times holds at most.
const MOST_MATCHING_TIMES: usize = 1_000;
/// Times and actions that a list shows of each schedule.
const LISTED_TIMES: usize = 5;
/// Schedules on one page of a list where the client does not say.
const PAGE: usize = 1_000;

impl Service {
    pub(super) async fn create_schedule(
        &self,
        request: ws::CreateScheduleRequest,
    ) -> Result<ws::CreateScheduleResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        check_id(&request.schedule_id)?;
        let now = self.executor.now();
        let (spec, schedule) = canonical(request.schedule)?;
        let mut record = ScheduleRecord {
            namespace: request.namespace,
            schedule_id: request.schedule_id,
            schedule: Some(schedule),
            memo: request.memo,
            search_attributes: request.search_attributes,
            request_id: request.request_id,
            processed_until: now.0,
            create_time: now.0,
            version: 1,
            unique: self.executor.uuid(),
            ..ScheduleRecord::default()
        };
        self.check_action(&record)?;
        if let Some(asked) = request.initial_patch {
            patch(&mut record, asked, now);
        }
        let key = (record.namespace.clone(), record.schedule_id.clone());
        let token = token(&record);
        let request_id = record.request_id.clone();
        let scheduled = Scheduled { record, spec, stored: Vec::new(), gone: false };
        if let Err(existing) = self.executor.schedules.insert(key.clone(), scheduled) {
            let existing = existing.lock().await;
            if !request_id.is_empty() && existing.record.request_id == request_id {
                return Ok(ws::CreateScheduleResponse { conflict_token: token });
            }
            return Err(Failure::already_started(
                existing.record.request_id.clone(),
                String::new(),
                String::new(),
            ));
        }
        let scheduled = self.scheduled(&key)?;
        let mut scheduled = scheduled.lock().await;
        if let Err(failure) = self.executor.store_schedule(&mut scheduled).await {
            scheduled.gone = true;
            self.executor.schedules.remove(&key);
            return Err(failure);
        }
        self.executor.schedules.set(&key, now);
        Ok(ws::CreateScheduleResponse { conflict_token: token })
    }

    pub(super) async fn describe_schedule(
        &self,
        request: ws::DescribeScheduleRequest,
    ) -> Result<ws::DescribeScheduleResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let scheduled = self.scheduled(&(request.namespace, request.schedule_id))?;
        let scheduled = scheduled.lock().await;
        let Scheduled { record, spec, .. } = &*scheduled;
        Ok(ws::DescribeScheduleResponse {
            schedule: record.schedule.clone(),
            info: Some(info(record, spec, self.executor.now())),
            memo: record.memo.clone(),
            search_attributes: record.search_attributes.clone(),
            conflict_token: token(record),
        })
    }

    pub(super) async fn update_schedule(
        &self,
        request: ws::UpdateScheduleRequest,
    ) -> Result<ws::UpdateScheduleResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let (spec, schedule) = canonical(request.schedule)?;
        let key = (request.namespace, request.schedule_id);
        self.change(&key, |scheduled, now| {
            let record = &scheduled.record;
            if !request.conflict_token.is_empty() && request.conflict_token != token(record) {
                return Err(Failure::precondition("mismatched conflict token"));
            }
            let mut changed = ScheduleRecord { schedule: Some(schedule), ..record.clone() };
            changed.search_attributes = request.search_attributes.or(changed.search_attributes);
            changed.memo = request.memo.or(changed.memo);
            changed.version += 1;
            changed.update_time = now.0;
            // Times of the new spec that lie before the change are not made up for.
            changed.processed_until = changed.processed_until.max(now.0);
            self.check_action(&changed)?;
            (scheduled.record, scheduled.spec) = (changed, spec);
            Ok(())
        })
        .await?;
        Ok(ws::UpdateScheduleResponse::default())
    }

    pub(super) async fn patch_schedule(
        &self,
        request: ws::PatchScheduleRequest,
    ) -> Result<ws::PatchScheduleResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let asked = request.patch.ok_or_else(|| Failure::invalid("Patch is not set on request."))?;
        if !asked.pause.is_empty() && !asked.unpause.is_empty() {
            return Err(Failure::invalid("A patch cannot both pause and unpause."));
        }
        self.change(&(request.namespace, request.schedule_id), |scheduled, now| {
            if scheduled.record.is_paused() {
                // What passed during a pause is not made up for.
                scheduled.record.processed_until = scheduled.record.processed_until.max(now.0);
            }
            patch(&mut scheduled.record, asked, now);
            Ok(())
        })
        .await?;
        Ok(ws::PatchScheduleResponse::default())
    }

    pub(super) async fn delete_schedule(
        &self,
        request: ws::DeleteScheduleRequest,
    ) -> Result<ws::DeleteScheduleResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let key = (request.namespace, request.schedule_id);
        let scheduled = self.scheduled(&key)?;
        let mut scheduled = scheduled.lock().await;
        let write = ScheduleWrite { namespace: key.0.clone(), schedule_id: key.1.clone(), body: None };
        self.executor.write_schedule(write).durable().await?;
        scheduled.gone = true;
        self.executor.schedules.remove(&key);
        Ok(ws::DeleteScheduleResponse::default())
    }

    pub(super) async fn list_schedules(
        &self,
        request: ws::ListSchedulesRequest,
    ) -> Result<ws::ListSchedulesResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let after = String::from_utf8(request.next_page_token)
            .map_err(|_| Failure::invalid("Invalid NextPageToken."))?;
        let size = match usize::try_from(request.maximum_page_size) {
            Ok(size) if size > 0 => size.min(PAGE),
            _ => PAGE,
        };
        let (filter, attributes) = self.schedule_filter(&request.namespace, &request.query)?;
        let now = self.executor.now();
        let mut schedules = Vec::new();
        let mut next_page_token = Vec::new();
        for (_, slot) in self.executor.schedules.after(&request.namespace, &after) {
            if schedules.len() == size {
                let last: Option<&schedule::ScheduleListEntry> = schedules.last();
                next_page_token = last.map(|last| last.schedule_id.clone().into_bytes()).unwrap_or_default();
                break;
            }
            let found = slot.lock().await;
            if filter.matches(&|asked| values(&found.record, &attributes, asked)) {
                schedules.push(entry(&found.record, &found.spec, now));
            }
        }
        Ok(ws::ListSchedulesResponse { schedules, next_page_token })
    }

    pub(super) async fn count_schedules(
        &self,
        request: ws::CountSchedulesRequest,
    ) -> Result<ws::CountSchedulesResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let (filter, attributes) = self.schedule_filter(&request.namespace, &request.query)?;
        let mut count = 0;
        for (_, scheduled) in self.executor.schedules.after(&request.namespace, "") {
            let scheduled = scheduled.lock().await;
            count += i64::from(filter.matches(&|asked| values(&scheduled.record, &attributes, asked)));
        }
        Ok(ws::CountSchedulesResponse { count, groups: Vec::new() })
    }

    pub(super) async fn list_schedule_matching_times(
        &self,
        request: ws::ListScheduleMatchingTimesRequest,
    ) -> Result<ws::ListScheduleMatchingTimesResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let scheduled = self.scheduled(&(request.namespace, request.schedule_id))?;
        let scheduled = scheduled.lock().await;
        let (start, end) = (request.start_time, request.end_time);
        let end = Timestamp::from_proto(end.as_ref());
        let mut after = Timestamp::from_proto(start.as_ref()).plus(-1);
        let seed = scheduled.record.seed();
        let mut times = Vec::new();
        while times.len() < MOST_MATCHING_TIMES
            && let Some(next) = scheduled.spec.next(&seed, after).filter(|next| next.actual <= end)
        {
            after = next.actual;
            times.extend(next.actual.to_proto());
        }
        Ok(ws::ListScheduleMatchingTimesResponse { start_time: times })
    }

    /// Reads a list filter, and what the namespace's own attributes in it mean.
    fn schedule_filter(&self, namespace: &str, query: &str) -> Result<(Filter, Arc<Attributes>), Failure> {
        let attributes = self.executor.namespaces.attributes(namespace);
        let query = Query::parse(query, &attributes).map_err(|error| Failure::invalid(error.to_string()))?;
        Ok((query.filter, attributes))
    }

    fn scheduled(&self, key: &ScheduleKey) -> Result<Arc<tokio::sync::Mutex<Scheduled>>, Failure> {
        check_id(&key.1)?;
        self.executor.schedules.get(key).ok_or_else(|| not_found(&key.1))
    }

    /// Changes a schedule, durably, and has it looked at. A change that is refused changes nothing.
    async fn change(
        &self,
        key: &ScheduleKey,
        change: impl FnOnce(&mut Scheduled, Timestamp) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let scheduled = self.scheduled(key)?;
        let mut scheduled = scheduled.lock().await;
        if scheduled.gone {
            return Err(not_found(&key.1));
        }
        let now = self.executor.now();
        change(&mut scheduled, now)?;
        self.executor.store_schedule(&mut scheduled).await?;
        self.executor.schedules.set(key, now);
        Ok(())
    }
}

fn not_found(id: &str) -> Failure {
    Failure::not_found(format!("schedule not found for ID: {id}"))
}

fn check_id(id: &str) -> Result<(), Failure> {
    if id.is_empty() { Err(Failure::invalid("ScheduleId is not set on request.")) } else { Ok(()) }
}

/// The schedule with its spec in canonical form and its policies complete, and the spec ready to be asked.
fn canonical(asked: Option<schedule::Schedule>) -> Result<(Spec, schedule::Schedule), Failure> {
    let mut schedule = asked.ok_or_else(|| Failure::invalid("Schedule is not set on request."))?;
    let invalid = |problem: String| Failure::invalid(format!("Invalid schedule spec: {problem}"));
    let (spec, canonical) = Spec::parse(&schedule.spec.unwrap_or_default()).map_err(invalid)?;
    schedule.spec = Some(canonical);
    schedule.policies = Some(completed(schedule.policies));
    Ok((spec, schedule))
}

fn token(record: &ScheduleRecord) -> Vec<u8> {
    record.version.to_be_bytes().to_vec()
}

fn info(record: &ScheduleRecord, spec: &Spec, now: Timestamp) -> schedule::ScheduleInfo {
    let running = record.running.iter().filter(|running| !running.overlapping);
    schedule::ScheduleInfo {
        buffer_size: record.buffer.len() as i64,
        running_workflows: running
            .map(|running| crate::proto::common::WorkflowExecution {
                workflow_id: running.workflow_id.clone(),
                run_id: running.run_id.clone(),
            })
            .collect(),
        future_action_times: times(record.future(spec, now, FUTURE_ACTIONS)),
        create_time: Timestamp(record.create_time).to_proto(),
        update_time: Timestamp(record.update_time).to_proto(),
        ..record.info.clone().unwrap_or_default()
    }
}

fn times(times: Vec<Timestamp>) -> Vec<prost_wkt_types::Timestamp> {
    times.into_iter().filter_map(Timestamp::to_proto).collect()
}

fn entry(record: &ScheduleRecord, spec: &Spec, now: Timestamp) -> schedule::ScheduleListEntry {
    use schedule::schedule_action::Action;
    let asked = record.schedule.clone().unwrap_or_default();
    let state = asked.state.unwrap_or_default();
    let workflow_type = match asked.action.and_then(|action| action.action) {
        Some(Action::StartWorkflow(start)) => start.workflow_type,
        None => None,
    };
    let mut recent_actions = record.info.clone().unwrap_or_default().recent_actions;
    recent_actions.drain(..recent_actions.len().saturating_sub(LISTED_TIMES));
    schedule::ScheduleListEntry {
        schedule_id: record.schedule_id.clone(),
        memo: record.memo.clone(),
        search_attributes: record.search_attributes.clone(),
        info: Some(schedule::ScheduleListInfo {
            spec: asked.spec,
            workflow_type,
            notes: state.notes,
            paused: state.paused,
            recent_actions,
            future_action_times: times(record.future(spec, now, LISTED_TIMES)),
            ..Default::default()
        }),
    }
}

/// What a schedule has of an attribute, as a list filter sees it.
fn values(record: &ScheduleRecord, known: &Attributes, asked: Attribute) -> Vec<Value> {
    if known.named("ScheduleId") == Some(asked) {
        return vec![Value::Text(record.schedule_id.clone())];
    }
    if known.stored("TemporalSchedulePaused") == Some(asked) {
        return vec![Value::Bool(record.is_paused())];
    }
    let rows = record.search_attributes.as_ref().map(|set| check::rows(set, known)).unwrap_or_default();
    rows.into_iter()
        .find(|(id, _)| asked.source == Source::Stored(*id))
        .map(|(_, values)| values)
        .unwrap_or_default()
}

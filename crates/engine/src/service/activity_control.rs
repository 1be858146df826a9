//! Pausing, unpausing and resetting activities, and changing their options.

use super::Service;
use crate::executor::RunRef;
use crate::kernel::activity_control::{self as control, Change, Originals, Selection};
use crate::kernel::state::Pause;
use crate::kernel::time::span;
use crate::proto::{EventAttributes, common, workflowservice as ws};
use crate::status::Failure;
use ws::pause_activity_request::Activity as PauseWhich;
use ws::reset_activity_request::Activity as ResetWhich;
use ws::unpause_activity_request::Activity as UnpauseWhich;
use ws::update_activity_options_request::Activity as UpdateWhich;

fn execution(workflow_id: String, run_id: String) -> Result<Option<common::WorkflowExecution>, Failure> {
    if workflow_id.is_empty() {
        return Err(Failure::invalid(
            "WorkflowId is not set on request: this server has no activities outside of workflows.",
        ));
    }
    Ok(Some(common::WorkflowExecution { workflow_id, run_id }))
}

fn unspecified() -> Failure {
    Failure::invalid("Either activity id or activity type must be provided")
}

impl Service {
    pub(super) async fn pause_activity(
        &self,
        request: ws::PauseActivityRequest,
    ) -> Result<ws::PauseActivityResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        let selection = match request.activity.ok_or_else(unspecified)? {
            PauseWhich::Id(id) => Selection::Id(id),
            PauseWhich::Type(name) => Selection::Type(name),
        };
        let pause = Pause {
            identity: request.identity,
            reason: request.reason,
            request_id: request.request_id,
            ..Pause::default()
        };
        self.executor.transact(&name, |tx| control::pause(tx, &selection, &pause)).await?;
        Ok(ws::PauseActivityResponse::default())
    }

    pub(super) async fn unpause_activity(
        &self,
        request: ws::UnpauseActivityRequest,
    ) -> Result<ws::UnpauseActivityResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        let selection = match request.activity.ok_or_else(unspecified)? {
            UnpauseWhich::Id(id) => Selection::Id(id),
            UnpauseWhich::Type(name) => Selection::Type(name),
            UnpauseWhich::UnpauseAll(_) => Selection::All,
        };
        let options = control::Unpause {
            reset_attempts: request.reset_attempts,
            reset_heartbeat: request.reset_heartbeat,
            jitter: span(request.jitter.as_ref()),
        };
        self.executor.transact(&name, |tx| control::unpause(tx, &selection, options)).await?;
        Ok(ws::UnpauseActivityResponse::default())
    }

    pub(super) async fn reset_activity(
        &self,
        request: ws::ResetActivityRequest,
    ) -> Result<ws::ResetActivityResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        let selection = match request.activity.ok_or_else(unspecified)? {
            ResetWhich::Id(id) => Selection::Id(id),
            ResetWhich::Type(name) => Selection::Type(name),
            ResetWhich::MatchAll(_) => Selection::All,
        };
        let options = control::ResetAttempts {
            reset_heartbeat: request.reset_heartbeat,
            keep_paused: request.keep_paused,
            jitter: span(request.jitter.as_ref()),
        };
        let originals = if request.restore_original_options {
            Some(self.originals(&name, &selection).await?)
        } else {
            None
        };
        self.executor
            .transact(&name, |tx| control::reset(tx, &selection, options, originals.as_ref()))
            .await?;
        Ok(ws::ResetActivityResponse::default())
    }

    pub(super) async fn update_activity_options(
        &self,
        request: ws::UpdateActivityOptionsRequest,
    ) -> Result<ws::UpdateActivityOptionsResponse, Failure> {
        let name = self.named(&request.namespace, request.execution)?;
        let selection = match request.activity.ok_or_else(unspecified)? {
            UpdateWhich::Id(id) => Selection::Id(id),
            UpdateWhich::Type(name) => Selection::Type(name),
            UpdateWhich::MatchAll(_) => Selection::All,
        };
        let options = if request.restore_original {
            let originals = self.originals(&name, &selection).await?;
            let change = Change::Restore(&originals);
            self.executor.transact(&name, |tx| control::update_options(tx, &selection, &change)).await?
        } else {
            let options = request
                .activity_options
                .ok_or_else(|| Failure::invalid("ActivityOptions are not provided"))?;
            let mask = request.update_mask.ok_or_else(|| Failure::invalid("UpdateMask is not provided"))?;
            let change = Change::Fields { options: &options, mask: &mask.paths };
            self.executor.transact(&name, |tx| control::update_options(tx, &selection, &change)).await?
        };
        Ok(ws::UpdateActivityOptionsResponse { activity_options: Some(options) })
    }

    /// What the selected activities were scheduled with.
    async fn originals(&self, name: &RunRef, selection: &Selection) -> Result<Originals, Failure> {
        let ids = {
            let mut slot = self.executor.slot(&name.namespace, &name.workflow_id).await?;
            control::select(&self.executor.run(&mut slot, name).await?.state, selection)
        };
        let mut originals = Originals::new();
        for id in ids {
            let attributes = self.executor.event(name, id).await?.and_then(|event| event.attributes);
            if let Some(EventAttributes::ActivityTaskScheduledEventAttributes(scheduled)) = attributes {
                originals.insert(id, scheduled);
            }
        }
        Ok(originals)
    }

    pub(super) async fn pause_activity_execution(
        &self,
        request: ws::PauseActivityExecutionRequest,
    ) -> Result<ws::PauseActivityExecutionResponse, Failure> {
        self.pause_activity(ws::PauseActivityRequest {
            namespace: request.namespace,
            execution: execution(request.workflow_id, request.run_id)?,
            identity: request.identity,
            reason: request.reason,
            request_id: request.request_id,
            activity: Some(PauseWhich::Id(request.activity_id)),
        })
        .await?;
        Ok(ws::PauseActivityExecutionResponse::default())
    }

    pub(super) async fn unpause_activity_execution(
        &self,
        request: ws::UnpauseActivityExecutionRequest,
    ) -> Result<ws::UnpauseActivityExecutionResponse, Failure> {
        self.unpause_activity(ws::UnpauseActivityRequest {
            namespace: request.namespace,
            execution: execution(request.workflow_id, request.run_id)?,
            identity: request.identity,
            jitter: request.jitter,
            activity: Some(UnpauseWhich::Id(request.activity_id)),
            ..Default::default()
        })
        .await?;
        Ok(ws::UnpauseActivityExecutionResponse::default())
    }

    pub(super) async fn reset_activity_execution(
        &self,
        request: ws::ResetActivityExecutionRequest,
    ) -> Result<ws::ResetActivityExecutionResponse, Failure> {
        self.reset_activity(ws::ResetActivityRequest {
            namespace: request.namespace,
            execution: execution(request.workflow_id, request.run_id)?,
            identity: request.identity,
            reset_heartbeat: request.reset_heartbeat,
            keep_paused: request.keep_paused,
            jitter: request.jitter,
            restore_original_options: request.restore_original_options,
            activity: Some(ResetWhich::Id(request.activity_id)),
        })
        .await?;
        Ok(ws::ResetActivityExecutionResponse::default())
    }

    pub(super) async fn update_activity_execution_options(
        &self,
        request: ws::UpdateActivityExecutionOptionsRequest,
    ) -> Result<ws::UpdateActivityExecutionOptionsResponse, Failure> {
        let updated = self
            .update_activity_options(ws::UpdateActivityOptionsRequest {
                namespace: request.namespace,
                execution: execution(request.workflow_id, request.run_id)?,
                identity: request.identity,
                activity_options: request.activity_options,
                update_mask: request.update_mask,
                restore_original: request.restore_original,
                activity: Some(UpdateWhich::Id(request.activity_id)),
            })
            .await?;
        Ok(ws::UpdateActivityExecutionOptionsResponse { activity_options: updated.activity_options })
    }
}

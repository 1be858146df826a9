//! Activities: polling for them, and answering by token or by id.

use super::Service;
use crate::executor::{ActivityToken, RunRef};
use crate::kernel::activity::{self, AttemptIdentity};
use crate::kernel::{Rejection, Transition};
use crate::matching::{Offer, QueueKey, TaskKind};
use crate::proto::{common, failure, workflowservice as ws};
use crate::status::Failure;
use prost::Message;
use tokio::time::Instant;

/// Which attempt a request is about.
enum Named {
    Token(ActivityToken),
    Id { run: RunRef, activity_id: String },
}

impl Named {
    fn token(bytes: &[u8]) -> Result<Self, Failure> {
        ActivityToken::parse(bytes).map(Self::Token)
    }

    fn run(&self) -> RunRef {
        match self {
            Self::Token(token) => token.run(),
            Self::Id { run, .. } => run.clone(),
        }
    }

    fn attempt(&self, tx: &Transition<'_>) -> Result<AttemptIdentity, Rejection> {
        match self {
            Self::Token(token) => Ok(token.attempt()),
            Self::Id { activity_id, .. } => {
                activity::by_id(tx.state, activity_id).ok_or(Rejection::ActivityNotFound)
            }
        }
    }
}

impl Service {
    pub(super) async fn poll_activity_task(
        &self,
        request: ws::PollActivityTaskQueueRequest,
    ) -> Result<ws::PollActivityTaskQueueResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        let queue = request.task_queue.unwrap_or_default().name;
        if queue.is_empty() {
            return Err(Failure::invalid("TaskQueue is not set on request."));
        }
        let deadline = Instant::now() + self.task_poll_timeout;
        loop {
            let key = QueueKey {
                namespace: request.namespace.clone(),
                name: queue.clone(),
                kind: TaskKind::Activity,
            };
            self.executor.matching.note_poller(&key, &request.identity, self.executor.now());
            let wait = deadline.saturating_duration_since(Instant::now());
            let worker = request.worker_instance_key.clone();
            let taken = self.executor.matching.poll(key, worker, self.executor.now(), wait).await;
            let Some(taken) = taken else { return Ok(ws::PollActivityTaskQueueResponse::default()) };
            let task = match taken.offer() {
                Offer::Task { run, scheduled_event_id, attempt } => {
                    let worker = &request.identity;
                    self.executor.start_activity(run, *scheduled_event_id, *attempt, worker).await?
                }
                Offer::Query(_) => None,
            };
            taken.keep();
            if let Some(task) = task {
                return Ok(task);
            }
        }
    }

    fn by_id(
        &self,
        namespace: &str,
        workflow_id: String,
        run_id: String,
        activity_id: String,
    ) -> Result<Named, Failure> {
        let execution = common::WorkflowExecution { workflow_id, run_id };
        Ok(Named::Id { run: self.named(namespace, Some(execution))?, activity_id })
    }

    async fn complete_named(
        &self,
        named: Named,
        result: Option<common::Payloads>,
        identity: String,
    ) -> Result<(), Failure> {
        if self.check_blob(result.as_ref()).is_err() {
            // The worker would only send it again.
            let failure = server_failure("Complete result exceeds size limit.");
            return self.fail_named(named, Some(failure), None, identity).await;
        }
        self.executor
            .transact(&named.run(), |tx| {
                let attempt = named.attempt(tx)?;
                activity::complete(tx, &attempt, result, &identity)
            })
            .await
    }

    async fn fail_named(
        &self,
        named: Named,
        failure: Option<failure::Failure>,
        details: Option<common::Payloads>,
        identity: String,
    ) -> Result<(), Failure> {
        let size = failure.as_ref().map_or(0, Message::encoded_len);
        let failure = if size > self.executor.limits.blob_bytes {
            Some(server_failure("Failure exceeds size limit."))
        } else {
            failure
        };
        self.executor
            .transact(&named.run(), |tx| {
                let attempt = named.attempt(tx)?;
                activity::fail(tx, &attempt, failure, details, &identity)
            })
            .await
    }

    pub(super) async fn complete_activity(
        &self,
        request: ws::RespondActivityTaskCompletedRequest,
    ) -> Result<ws::RespondActivityTaskCompletedResponse, Failure> {
        let named = Named::token(&request.task_token)?;
        self.complete_named(named, request.result, request.identity).await?;
        Ok(ws::RespondActivityTaskCompletedResponse::default())
    }

    pub(super) async fn complete_activity_by_id(
        &self,
        request: ws::RespondActivityTaskCompletedByIdRequest,
    ) -> Result<ws::RespondActivityTaskCompletedByIdResponse, Failure> {
        let named =
            self.by_id(&request.namespace, request.workflow_id, request.run_id, request.activity_id)?;
        self.complete_named(named, request.result, request.identity).await?;
        Ok(ws::RespondActivityTaskCompletedByIdResponse::default())
    }

    pub(super) async fn fail_activity(
        &self,
        request: ws::RespondActivityTaskFailedRequest,
    ) -> Result<ws::RespondActivityTaskFailedResponse, Failure> {
        let named = Named::token(&request.task_token)?;
        self.fail_named(named, request.failure, request.last_heartbeat_details, request.identity).await?;
        Ok(ws::RespondActivityTaskFailedResponse::default())
    }

    pub(super) async fn fail_activity_by_id(
        &self,
        request: ws::RespondActivityTaskFailedByIdRequest,
    ) -> Result<ws::RespondActivityTaskFailedByIdResponse, Failure> {
        let named =
            self.by_id(&request.namespace, request.workflow_id, request.run_id, request.activity_id)?;
        self.fail_named(named, request.failure, request.last_heartbeat_details, request.identity).await?;
        Ok(ws::RespondActivityTaskFailedByIdResponse::default())
    }

    pub(super) async fn cancel_activity(
        &self,
        request: ws::RespondActivityTaskCanceledRequest,
    ) -> Result<ws::RespondActivityTaskCanceledResponse, Failure> {
        let named = Named::token(&request.task_token)?;
        self.executor
            .transact(&named.run(), |tx| {
                let attempt = named.attempt(tx)?;
                activity::confirm_cancel(tx, &attempt, request.details, &request.identity)
            })
            .await?;
        Ok(ws::RespondActivityTaskCanceledResponse::default())
    }

    pub(super) async fn cancel_activity_by_id(
        &self,
        request: ws::RespondActivityTaskCanceledByIdRequest,
    ) -> Result<ws::RespondActivityTaskCanceledByIdResponse, Failure> {
        let named =
            self.by_id(&request.namespace, request.workflow_id, request.run_id, request.activity_id)?;
        self.executor
            .transact(&named.run(), |tx| {
                let attempt = named.attempt(tx)?;
                activity::confirm_cancel(tx, &attempt, request.details, &request.identity)
            })
            .await?;
        Ok(ws::RespondActivityTaskCanceledByIdResponse::default())
    }

    pub(super) async fn heartbeat(
        &self,
        request: ws::RecordActivityTaskHeartbeatRequest,
    ) -> Result<ws::RecordActivityTaskHeartbeatResponse, Failure> {
        let named = Named::token(&request.task_token)?;
        let told = self.heartbeat_named(&named, request.details).await?;
        Ok(ws::RecordActivityTaskHeartbeatResponse {
            cancel_requested: told.cancel_requested,
            activity_paused: told.paused,
            activity_reset: told.reset,
        })
    }

    pub(super) async fn heartbeat_by_id(
        &self,
        request: ws::RecordActivityTaskHeartbeatByIdRequest,
    ) -> Result<ws::RecordActivityTaskHeartbeatByIdResponse, Failure> {
        let named =
            self.by_id(&request.namespace, request.workflow_id, request.run_id, request.activity_id)?;
        let told = self.heartbeat_named(&named, request.details).await?;
        Ok(ws::RecordActivityTaskHeartbeatByIdResponse {
            cancel_requested: told.cancel_requested,
            activity_paused: told.paused,
            activity_reset: told.reset,
        })
    }

    async fn heartbeat_named(
        &self,
        named: &Named,
        details: Option<common::Payloads>,
    ) -> Result<activity::Told, Failure> {
        if self.check_blob(details.as_ref()).is_err() {
            // The activity has failed; its worker is told to stop as after a cancellation.
            let failure = server_failure("Heartbeat details exceed size limit.");
            self.executor
                .transact(&named.run(), |tx| {
                    let attempt = named.attempt(tx)?;
                    activity::fail(tx, &attempt, Some(failure), None, "")
                })
                .await?;
            return Ok(activity::Told { cancel_requested: true, paused: false, reset: false });
        }
        self.executor
            .transact(&named.run(), |tx| {
                let attempt = named.attempt(tx)?;
                activity::heartbeat(tx, &attempt, details)
            })
            .await
    }
}

/// What an activity fails with when the server is the one that refuses: trying again would not help.
fn server_failure(message: &str) -> failure::Failure {
    failure::Failure {
        message: message.to_owned(),
        source: "Server".into(),
        failure_info: Some(failure::failure::FailureInfo::ServerFailureInfo(failure::ServerFailureInfo {
            non_retryable: true,
        })),
        ..Default::default()
    }
}

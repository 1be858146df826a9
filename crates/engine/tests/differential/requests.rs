//! A program's client requests, as the protocol has them.

use crate::program::{Activity, Conflict, Request, Reuse, SearchAttribute, Stage, Start, Update, Workflow};
use crate::side::NAMESPACE;
use prost_wkt_types::Duration;
use temporalio_protos::temporal::api::{
    common::v1 as common, enums::v1 as enums, failure::v1 as failure, query::v1 as query,
    taskqueue::v1 as taskqueue, update::v1 as update, workflowservice::v1 as ws,
};

use ws::execute_multi_operation_request::{Operation as Item, operation::Operation};

pub(crate) const IDENTITY: &str = "the program";

/// The ids of one program in one run. All of them begin with what no other program's begin with.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub prefix: String,
}

pub(crate) fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

pub(crate) fn payload(text: &str) -> common::Payload {
    common::Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: format!("{text:?}").into_bytes(),
        ..Default::default()
    }
}

pub(crate) fn payloads(text: &str) -> Option<common::Payloads> {
    Some(common::Payloads { payloads: vec![payload(text)] })
}

pub(crate) fn header() -> common::Header {
    common::Header { fields: [("trace".to_owned(), payload("a header"))].into() }
}

pub(crate) fn memo() -> common::Memo {
    common::Memo { fields: [("note".to_owned(), payload("a memo"))].into() }
}

pub(crate) fn search_attributes(which: SearchAttribute) -> common::SearchAttributes {
    let typed = |data: &str, kind: &str| common::Payload {
        metadata: [
            ("encoding".to_owned(), b"json/plain".to_vec()),
            ("type".to_owned(), kind.as_bytes().to_vec()),
        ]
        .into(),
        data: data.into(),
        ..Default::default()
    };
    let (name, value) = match which {
        SearchAttribute::Keyword => ("ProgramKeyword", typed("\"blue\"", "Keyword")),
        SearchAttribute::Int => ("ProgramInt", typed("7", "Int")),
        SearchAttribute::Double => ("ProgramDouble", typed("1.5", "Double")),
        SearchAttribute::Bool => ("ProgramBool", typed("true", "Bool")),
        SearchAttribute::Datetime => ("ProgramDatetime", typed("\"2026-01-02T03:04:05.678Z\"", "Datetime")),
        SearchAttribute::KeywordList => ("ProgramKeywordList", typed("[\"blue\",\"green\"]", "KeywordList")),
        SearchAttribute::Text => ("ProgramText", typed("\"some words\"", "Text")),
        SearchAttribute::WrongType => ("ProgramInt", typed("\"seven\"", "Int")),
        SearchAttribute::Unknown => ("ProgramNobody", typed("1", "Int")),
        SearchAttribute::Removed => ("ProgramKeyword", typed("null", "Keyword")),
    };
    common::SearchAttributes { indexed_fields: [(name.to_owned(), value)].into() }
}

pub(crate) fn application_failure(retryable: bool) -> failure::Failure {
    use failure::failure::FailureInfo;
    failure::Failure {
        message: "it failed".into(),
        source: "program".into(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(failure::ApplicationFailureInfo {
            r#type: "Trouble".into(),
            non_retryable: !retryable,
            ..Default::default()
        })),
        ..Default::default()
    }
}

pub(crate) fn retry_policy(attempts: i32) -> common::RetryPolicy {
    common::RetryPolicy {
        initial_interval: Some(seconds(1)),
        backoff_coefficient: 1.0,
        maximum_attempts: attempts,
        ..Default::default()
    }
}

pub(crate) fn reuse(policy: Reuse) -> enums::WorkflowIdReusePolicy {
    use enums::WorkflowIdReusePolicy as P;
    match policy {
        Reuse::Unspecified => P::Unspecified,
        Reuse::AllowDuplicate => P::AllowDuplicate,
        Reuse::AllowDuplicateFailedOnly => P::AllowDuplicateFailedOnly,
        Reuse::RejectDuplicate => P::RejectDuplicate,
        Reuse::TerminateIfRunning => P::TerminateIfRunning,
    }
}

fn conflict(policy: Conflict) -> enums::WorkflowIdConflictPolicy {
    use enums::WorkflowIdConflictPolicy as P;
    match policy {
        Conflict::Unspecified => P::Unspecified,
        Conflict::Fail => P::Fail,
        Conflict::UseExisting => P::UseExisting,
        Conflict::TerminateExisting => P::TerminateExisting,
    }
}

fn wait(stage: Option<Stage>) -> Option<update::WaitPolicy> {
    use enums::UpdateWorkflowExecutionLifecycleStage as S;
    let stage = match stage {
        None => S::Unspecified,
        Some(Stage::Accepted) => S::Accepted,
        Some(Stage::Completed) => S::Completed,
    };
    Some(update::WaitPolicy { lifecycle_stage: stage as i32 })
}

impl Names {
    pub(crate) fn workflow(&self, workflow: Workflow) -> String {
        format!("{}{workflow}", self.prefix)
    }

    pub(crate) fn execution(&self, workflow: Workflow) -> Option<common::WorkflowExecution> {
        Some(common::WorkflowExecution { workflow_id: self.workflow(workflow), run_id: String::new() })
    }

    pub(crate) fn workflow_queue(&self, workflow: Workflow) -> Option<taskqueue::TaskQueue> {
        self.queue(&format!("tasks-of-{workflow}"))
    }

    pub(crate) fn sticky_queue(&self, workflow: Workflow) -> Option<taskqueue::TaskQueue> {
        let queue = self.queue(&format!("sticky-of-{workflow}"))?;
        let normal = self.workflow_queue(workflow)?.name;
        let kind = enums::TaskQueueKind::Sticky as i32;
        Some(taskqueue::TaskQueue { kind, normal_name: normal, ..queue })
    }

    pub(crate) fn activity_queue(&self, activity: Activity) -> Option<taskqueue::TaskQueue> {
        self.queue(&format!("tasks-of-{activity}"))
    }

    fn queue(&self, name: &str) -> Option<taskqueue::TaskQueue> {
        Some(taskqueue::TaskQueue {
            name: format!("{}{name}", self.prefix),
            kind: enums::TaskQueueKind::Normal as i32,
            normal_name: String::new(),
        })
    }

    fn request(&self, number: u8) -> String {
        format!("{}request-{number}", self.prefix)
    }

    pub(crate) fn start(&self, workflow: Workflow, start: &Start) -> ws::StartWorkflowExecutionRequest {
        ws::StartWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_id: self.workflow(workflow),
            workflow_type: Some(common::WorkflowType { name: "program".into() }),
            task_queue: self.workflow_queue(workflow),
            input: payloads("an input"),
            workflow_execution_timeout: start.execution_timeout_s.map(seconds),
            workflow_run_timeout: start.run_timeout_s.map(seconds),
            workflow_task_timeout: start.task_timeout_s.map(seconds),
            identity: IDENTITY.into(),
            request_id: self.request(start.request),
            workflow_id_reuse_policy: reuse(start.reuse) as i32,
            workflow_id_conflict_policy: conflict(start.conflict) as i32,
            retry_policy: start.attempts.map(retry_policy),
            cron_schedule: if start.cron { "@every 1h".into() } else { String::new() },
            memo: start.memo.then(memo),
            search_attributes: start.search_attribute.map(search_attributes),
            header: start.header.then(header),
            workflow_start_delay: start.delay_s.map(seconds),
            ..Default::default()
        }
    }

    pub(crate) fn signal_with_start(
        &self,
        workflow: Workflow,
        start: &Start,
    ) -> ws::SignalWithStartWorkflowExecutionRequest {
        let start = self.start(workflow, start);
        ws::SignalWithStartWorkflowExecutionRequest {
            namespace: start.namespace,
            workflow_id: start.workflow_id,
            workflow_type: start.workflow_type,
            task_queue: start.task_queue,
            input: start.input,
            workflow_execution_timeout: start.workflow_execution_timeout,
            workflow_run_timeout: start.workflow_run_timeout,
            workflow_task_timeout: start.workflow_task_timeout,
            identity: start.identity,
            request_id: start.request_id,
            workflow_id_reuse_policy: start.workflow_id_reuse_policy,
            workflow_id_conflict_policy: start.workflow_id_conflict_policy,
            signal_name: "poke".into(),
            signal_input: payloads("with the start"),
            retry_policy: start.retry_policy,
            cron_schedule: start.cron_schedule,
            memo: start.memo,
            search_attributes: start.search_attributes,
            header: start.header,
            workflow_start_delay: start.workflow_start_delay,
            ..Default::default()
        }
    }

    pub(crate) fn update_with_start(
        &self,
        workflow: Workflow,
        start: &Start,
        update: Update,
        stage: Stage,
    ) -> ws::ExecuteMultiOperationRequest {
        let operations = [
            Operation::StartWorkflow(self.start(workflow, start)),
            Operation::UpdateWorkflow(self.update(workflow, update, stage)),
        ];
        ws::ExecuteMultiOperationRequest {
            namespace: NAMESPACE.into(),
            operations: operations.into_iter().map(|operation| Item { operation: Some(operation) }).collect(),
            ..Default::default()
        }
    }

    pub(crate) fn signal(&self, workflow: Workflow, request: Request) -> ws::SignalWorkflowExecutionRequest {
        ws::SignalWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: self.execution(workflow),
            signal_name: "poke".into(),
            input: payloads("a signal"),
            identity: IDENTITY.into(),
            request_id: self.request(request.0),
            header: Some(header()),
            ..Default::default()
        }
    }

    pub(crate) fn cancel(
        &self,
        workflow: Workflow,
        request: Request,
    ) -> ws::RequestCancelWorkflowExecutionRequest {
        ws::RequestCancelWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: self.execution(workflow),
            identity: IDENTITY.into(),
            request_id: self.request(request.0),
            reason: "enough".into(),
            ..Default::default()
        }
    }

    pub(crate) fn terminate(&self, workflow: Workflow) -> ws::TerminateWorkflowExecutionRequest {
        ws::TerminateWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: self.execution(workflow),
            reason: "over".into(),
            details: payloads("details"),
            identity: IDENTITY.into(),
            ..Default::default()
        }
    }

    pub(crate) fn query(&self, workflow: Workflow) -> ws::QueryWorkflowRequest {
        ws::QueryWorkflowRequest {
            namespace: NAMESPACE.into(),
            execution: self.execution(workflow),
            query: Some(query::WorkflowQuery {
                query_type: "state".into(),
                query_args: payloads("a question"),
                header: None,
            }),
            ..Default::default()
        }
    }

    pub(crate) fn update(
        &self,
        workflow: Workflow,
        name: Update,
        stage: Stage,
    ) -> ws::UpdateWorkflowExecutionRequest {
        ws::UpdateWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: self.execution(workflow),
            wait_policy: wait(Some(stage)),
            request: Some(update::Request {
                meta: Some(update::Meta { update_id: name.to_string(), identity: IDENTITY.into() }),
                input: Some(update::Input {
                    header: Some(header()),
                    name: "set".into(),
                    args: payloads("a value"),
                }),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// Without a stage it says at once what is known.
    pub(crate) fn poll_update(
        &self,
        workflow: Workflow,
        name: Update,
        stage: Option<Stage>,
    ) -> ws::PollWorkflowExecutionUpdateRequest {
        ws::PollWorkflowExecutionUpdateRequest {
            namespace: NAMESPACE.into(),
            update_ref: Some(update::UpdateRef {
                workflow_execution: self.execution(workflow),
                update_id: name.to_string(),
            }),
            identity: IDENTITY.into(),
            wait_policy: wait(stage),
        }
    }

    pub(crate) fn reset(
        &self,
        workflow: Workflow,
        event_id: i64,
        number: usize,
    ) -> ws::ResetWorkflowExecutionRequest {
        ws::ResetWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            workflow_execution: self.execution(workflow),
            reason: "once more".into(),
            workflow_task_finish_event_id: event_id,
            request_id: format!("{}reset-{number}", self.prefix),
            identity: IDENTITY.into(),
            ..Default::default()
        }
    }

    pub(crate) fn history(
        workflow_id: String,
        run_id: String,
        page: Vec<u8>,
    ) -> ws::GetWorkflowExecutionHistoryRequest {
        ws::GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.into(),
            execution: Some(common::WorkflowExecution { workflow_id, run_id }),
            next_page_token: page,
            ..Default::default()
        }
    }

    pub(crate) fn describe(&self, workflow: Workflow) -> ws::DescribeWorkflowExecutionRequest {
        ws::DescribeWorkflowExecutionRequest {
            namespace: NAMESPACE.into(),
            execution: self.execution(workflow),
        }
    }
}

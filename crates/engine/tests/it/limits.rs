//! What is too much, and what is said then.

use crate::rpc::Raw;
use syndarix_engine::Limits;
use temporalio_common::protos::temporal::api::command::v1::{
    Command, ScheduleActivityTaskCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
    command::Attributes,
};
use temporalio_common::protos::temporal::api::common::v1::{
    ActivityType, Payload, Payloads, SearchAttributes, WorkflowExecution,
};
use temporalio_common::protos::temporal::api::enums::v1::{
    CommandType, DescribeTaskQueueMode, TaskQueueType, WorkflowExecutionStatus as Status,
};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes as Event;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1 as ws;
use tonic::Code;

impl Raw {
    async fn signal(&self, id: &str) -> Result<ws::SignalWorkflowExecutionResponse, tonic::Status> {
        let request = ws::SignalWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
            signal_name: "signal".into(),
            ..Default::default()
        };
        self.workflow("SignalWorkflowExecution", request).await
    }

    async fn poll(&self) -> ws::PollWorkflowTaskQueueResponse {
        let request = ws::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            identity: "the worker".into(),
            ..Default::default()
        };
        self.workflow("PollWorkflowTaskQueue", request).await.expect("a task")
    }

    async fn complete(
        &self,
        task_token: Vec<u8>,
        commands: Vec<Command>,
    ) -> Result<ws::RespondWorkflowTaskCompletedResponse, tonic::Status> {
        let request = ws::RespondWorkflowTaskCompletedRequest {
            namespace: "default".into(),
            task_token,
            commands,
            ..Default::default()
        };
        self.workflow("RespondWorkflowTaskCompleted", request).await
    }

    /// The events of a workflow, and for the failed task and the termination why.
    async fn told(&self, id: &str) -> Vec<String> {
        let request = ws::GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: String::new() }),
            ..Default::default()
        };
        let answer: ws::GetWorkflowExecutionHistoryResponse =
            self.workflow("GetWorkflowExecutionHistory", request).await.expect("a history");
        let events = answer.history.unwrap_or_default().events;
        let why = events.into_iter().filter_map(|event| match event.attributes? {
            Event::WorkflowTaskFailedEventAttributes(a) => Some(format!(
                "{}: {}",
                a.cause().as_str_name().trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_"),
                a.failure.unwrap_or_default().message
            )),
            Event::WorkflowExecutionTerminatedEventAttributes(a) => Some(format!("terminated: {}", a.reason)),
            _ => None,
        });
        why.collect()
    }
}

fn schedule(id: &str, input: usize) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(ActivityType { name: "act".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: crate::rpc::duration(60),
        input: Some(Payloads { payloads: vec![Payload { data: vec![0; input], ..Payload::default() }] }),
        ..Default::default()
    };
    Command {
        command_type: CommandType::ScheduleActivityTask as i32,
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..Default::default()
    }
}

fn upsert(name: &str) -> Command {
    let payload = Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: b"1".to_vec(),
        ..Payload::default()
    };
    let attributes = UpsertWorkflowSearchAttributesCommandAttributes {
        search_attributes: Some(SearchAttributes { indexed_fields: [(name.to_owned(), payload)].into() }),
    };
    Command {
        command_type: CommandType::UpsertWorkflowSearchAttributes as i32,
        attributes: Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(attributes)),
        ..Default::default()
    }
}

async fn with(limits: Limits) -> Raw {
    let raw = Raw::open(|options| options.limits(limits)).await;
    raw.start(Raw::start_request("run")).await.expect("it starts");
    raw
}

#[tokio::test]
async fn a_history_that_grows_too_long_ends_the_run() {
    for (limits, reason) in [
        (Limits { history_events: 10, ..Limits::default() }, "Workflow history count exceeds limit."),
        (Limits { history_bytes: 1_000, ..Limits::default() }, "Workflow history size exceeds limit."),
    ] {
        let raw = with(limits).await;
        let refused = loop {
            if let Err(refused) = raw.signal("run").await {
                break refused;
            }
        };
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::NotFound, "workflow execution already completed")
        );
        let info =
            raw.describe("run").await.expect("it is there").workflow_execution_info.unwrap_or_default();
        assert_eq!(info.status, Status::Terminated as i32);
        assert_eq!(raw.told("run").await, [format!("terminated: {reason}")]);
    }
}

#[tokio::test]
async fn a_run_receives_so_many_signals() {
    let raw = with(Limits { signals: 2, ..Limits::default() }).await;
    raw.signal("run").await.expect("one");
    raw.signal("run").await.expect("two");
    let refused = raw.signal("run").await.expect_err("three");
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::InvalidArgument, "exceeded workflow execution limit for signal events")
    );
}

#[tokio::test]
async fn bad_commands_fail_the_workflow_task_with_their_cause() {
    let limits = Limits { pending_activities: 2, ..Limits::default() };
    let table = [
        (
            vec![schedule("a", 1), schedule("b", 1), schedule("c", 1)],
            vec![
                "PENDING_ACTIVITIES_LIMIT_EXCEEDED: the number of pending activities, 2, has reached the \
                 per-workflow limit of 2",
            ],
        ),
        (vec![upsert("Nonsense")], vec!["BAD_SEARCH_ATTRIBUTES: search attribute Nonsense is not defined"]),
        (
            vec![schedule("a", 3 * 1024 * 1024)],
            vec![
                "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
                "terminated: ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
            ],
        ),
    ];
    for (commands, expected) in table {
        let raw = with(limits).await;
        let task = raw.poll().await;
        let refused = raw.complete(task.task_token, commands).await.expect_err("it is refused");
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert_eq!(raw.told("run").await, expected);
    }
}

#[tokio::test]
#[expect(deprecated, reason = "command lines still ask this way")]
async fn a_task_queue_is_described() {
    let raw = with(Limits::default()).await;
    raw.start(Raw::start_request("waits")).await.expect("it starts");
    raw.poll().await;
    let request = |api_mode| ws::DescribeTaskQueueRequest {
        namespace: "default".into(),
        task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
        task_queue_type: TaskQueueType::Workflow as i32,
        api_mode,
        ..Default::default()
    };
    let plain: ws::DescribeTaskQueueResponse =
        raw.workflow("DescribeTaskQueue", request(0)).await.expect("a description");
    let enhanced: ws::DescribeTaskQueueResponse = raw
        .workflow("DescribeTaskQueue", request(DescribeTaskQueueMode::Enhanced as i32))
        .await
        .expect("a description");
    let types = &enhanced.versions_info[""].types_info;
    let workflow = &types[&(TaskQueueType::Workflow as i32)];
    assert_eq!(plain.pollers, workflow.pollers);
    assert_eq!(plain.pollers[0].identity, "the worker");
    assert!(plain.pollers[0].last_access_time.is_some());
    assert_eq!(plain.stats.unwrap_or_default().approximate_backlog_count, 1);
    assert!(types[&(TaskQueueType::Activity as i32)].pollers.is_empty());
}

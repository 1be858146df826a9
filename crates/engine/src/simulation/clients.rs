//! Clients: they start workflows and interfere with them, and ask again for what they got no answer to.

use super::known::Fact;
use super::network::Line;
use super::program::{ACTIVITY, QUEUE, failed, ms, queue};
use super::world::Plan;
use crate::proto::EventAttributes as A;
use crate::proto::{common, enums, query, update, workflowservice as ws};
use enums::UpdateWorkflowExecutionLifecycleStage as Stage;

/// How far a client has come. It outlives the engine.
#[derive(Debug, Default, Clone)]
pub(super) struct Client {
    done: i64,
    /// What it has asked for, or is about to, and has no answer to yet.
    wants: Option<Want>,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a client holds one")]
enum Want {
    Start(ws::StartWorkflowExecutionRequest),
    SignalWithStart(ws::SignalWithStartWorkflowExecutionRequest),
    UpdateWithStart(ws::ExecuteMultiOperationRequest),
    Signal(ws::SignalWorkflowExecutionRequest),
    Update(ws::UpdateWorkflowExecutionRequest),
    Query(ws::QueryWorkflowRequest),
    Cancel(ws::RequestCancelWorkflowExecutionRequest),
    Terminate(ws::TerminateWorkflowExecutionRequest),
    Reset(ws::ResetWorkflowExecutionRequest),
    Read(ws::GetWorkflowExecutionHistoryRequest),
    Describe(ws::DescribeWorkflowExecutionRequest),
    ResetStickiness(ws::ResetStickyTaskQueueRequest),
    Pause(ws::PauseActivityRequest),
    Unpause(ws::UnpauseActivityRequest),
    Delete(ws::DeleteWorkflowExecutionRequest),
}

impl Client {
    pub(super) fn is_done(&self, plan: &Plan) -> bool {
        self.done >= plan.requests && self.wants.is_none()
    }
}

/// Does what a client still has to do.
pub(super) async fn run(mut line: Line, place: usize) {
    loop {
        let (client, world) = (line.life.world.clients.lock()[place].clone(), line.life.world.clone());
        if client.is_done(&world.plan) {
            return;
        }
        let mut wants = client.wants;
        if wants.is_none() {
            line.pause(1_500).await;
            wants = choose(&mut line, place, client.done).await;
            world.clients.lock()[place].wants.clone_from(&wants);
        }
        let answered = match &wants {
            Some(want) => ask(&mut line, want).await,
            None => true,
        };
        if answered || line.dice.chance(150) {
            let client = &mut world.clients.lock()[place];
            client.wants = None;
            client.done += 1;
        } else {
            let most_ms = if line.dice.chance(500) { 0 } else { 3_000 };
            line.pause(most_ms).await;
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every field it fills is optional in the protocol")]
fn execution(workflow_id: &str) -> Option<common::WorkflowExecution> {
    Some(common::WorkflowExecution { workflow_id: workflow_id.into(), run_id: String::new() })
}

/// Something to do next. Its identifiers are its own, so that asking twice is asking once.
async fn choose(line: &mut Line, place: usize, number: i64) -> Option<Want> {
    #[derive(Clone, Copy)]
    enum Kind {
        Start,
        SignalWithStart,
        UpdateWithStart,
        Signal,
        Update,
        Query,
        Cancel,
        Terminate,
        Reset,
        Read,
        Describe,
        ResetStickiness,
        Pause,
        Unpause,
        Delete,
    }
    let name = format!("request {place}-{number}");
    let workflow_id = format!("workflow {}", line.dice.between(0, line.life.world.plan.workflow_ids - 1));
    let namespace = || "default".to_owned();
    let first = if number == 0 { 40 } else { 6 };
    let choices = [
        (first, Kind::Start),
        (3, Kind::SignalWithStart),
        (2, Kind::UpdateWithStart),
        (6, Kind::Signal),
        (6, Kind::Update),
        (2, Kind::Query),
        (1, Kind::Cancel),
        (1, Kind::Terminate),
        (2, Kind::Reset),
        (3, Kind::Read),
        (1, Kind::Describe),
        (1, Kind::ResetStickiness),
        (2, Kind::Pause),
        (2, Kind::Unpause),
        (1, Kind::Delete),
    ];
    Some(match line.dice.weighted(&choices) {
        Kind::Start => Want::Start(start(line, &workflow_id, name)),
        Kind::SignalWithStart => {
            let start = start(line, &workflow_id, format!("{name} (start)"));
            Want::SignalWithStart(ws::SignalWithStartWorkflowExecutionRequest {
                namespace: start.namespace,
                workflow_id: start.workflow_id,
                workflow_type: start.workflow_type,
                task_queue: start.task_queue,
                workflow_task_timeout: start.workflow_task_timeout,
                request_id: name.clone(),
                signal_name: name,
                ..Default::default()
            })
        }
        Kind::UpdateWithStart => {
            use ws::execute_multi_operation_request::{Operation, operation::Operation as Is};
            let mut start = start(line, &workflow_id, format!("{name} (start)"));
            start.workflow_id_conflict_policy = enums::WorkflowIdConflictPolicy::UseExisting as i32;
            start.workflow_start_delay = None;
            let update = update(line, &workflow_id, name);
            let operations = [Is::StartWorkflow(start), Is::UpdateWorkflow(update)];
            Want::UpdateWithStart(ws::ExecuteMultiOperationRequest {
                namespace: namespace(),
                operations: operations.into_iter().map(|is| Operation { operation: Some(is) }).collect(),
                ..Default::default()
            })
        }
        Kind::Signal => Want::Signal(ws::SignalWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: execution(&workflow_id),
            signal_name: name.clone(),
            request_id: name,
            ..Default::default()
        }),
        Kind::Update => Want::Update(update(line, &workflow_id, name)),
        Kind::Query => Want::Query(ws::QueryWorkflowRequest {
            namespace: namespace(),
            execution: execution(&workflow_id),
            query: Some(query::WorkflowQuery { query_type: "state".into(), ..Default::default() }),
            ..Default::default()
        }),
        Kind::Cancel => Want::Cancel(ws::RequestCancelWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: execution(&workflow_id),
            request_id: name,
            ..Default::default()
        }),
        Kind::Terminate => Want::Terminate(ws::TerminateWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: execution(&workflow_id),
            ..Default::default()
        }),
        Kind::Reset => Want::Reset(reset(line, &workflow_id, name).await?),
        Kind::Read => Want::Read(ws::GetWorkflowExecutionHistoryRequest {
            namespace: namespace(),
            execution: execution(&workflow_id),
            wait_new_event: line.dice.chance(500),
            ..Default::default()
        }),
        Kind::Describe => Want::Describe(ws::DescribeWorkflowExecutionRequest {
            namespace: namespace(),
            execution: execution(&workflow_id),
        }),
        Kind::ResetStickiness => Want::ResetStickiness(ws::ResetStickyTaskQueueRequest {
            namespace: namespace(),
            execution: execution(&workflow_id),
        }),
        Kind::Pause => Want::Pause(ws::PauseActivityRequest {
            namespace: namespace(),
            execution: execution(&workflow_id),
            activity: Some(ws::pause_activity_request::Activity::Type(ACTIVITY.into())),
            ..Default::default()
        }),
        Kind::Unpause => Want::Unpause(unpause(execution(&workflow_id))),
        Kind::Delete => Want::Delete(delete(line, &workflow_id).await?),
    })
}

/// Lets all activities of a workflow go on.
pub(super) fn unpause(execution: Option<common::WorkflowExecution>) -> ws::UnpauseActivityRequest {
    ws::UnpauseActivityRequest {
        namespace: "default".into(),
        execution,
        activity: Some(ws::unpause_activity_request::Activity::Type(ACTIVITY.into())),
        ..Default::default()
    }
}

/// The end of the current run and all that is left of it. From now on it may be gone.
async fn delete(line: &mut Line, workflow_id: &str) -> Option<ws::DeleteWorkflowExecutionRequest> {
    let request = ws::DescribeWorkflowExecutionRequest {
        namespace: "default".into(),
        execution: execution(workflow_id),
    };
    let replies =
        line.ask::<ws::DescribeWorkflowExecutionResponse>("DescribeWorkflowExecution", &request).await;
    let run = replies.into_iter().flatten().next()?.workflow_execution_info?.execution?;
    line.life.learn(Fact::Doomed { workflow_id: run.workflow_id.clone(), run_id: run.run_id.clone() });
    Some(ws::DeleteWorkflowExecutionRequest { namespace: "default".into(), workflow_execution: Some(run) })
}

fn start(line: &mut Line, workflow_id: &str, request_id: String) -> ws::StartWorkflowExecutionRequest {
    use enums::{WorkflowIdConflictPolicy as Conflict, WorkflowIdReusePolicy as Reuse};
    let reuse = [Reuse::AllowDuplicate, Reuse::AllowDuplicateFailedOnly, Reuse::RejectDuplicate];
    let conflict = [Conflict::Fail, Conflict::UseExisting, Conflict::TerminateExisting];
    let reuse =
        if line.dice.chance(700) { Some(Reuse::AllowDuplicate) } else { line.dice.pick(&reuse).copied() };
    let policy = common::RetryPolicy {
        initial_interval: ms(500),
        backoff_coefficient: 2.0,
        maximum_attempts: 2,
        ..Default::default()
    };
    ws::StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: workflow_id.into(),
        workflow_type: Some(common::WorkflowType { name: "any".into() }),
        task_queue: queue(QUEUE),
        request_id,
        workflow_id_reuse_policy: reuse.map_or(0, |policy| policy as i32),
        workflow_id_conflict_policy: line.dice.pick(&conflict).map_or(0, |policy| *policy as i32),
        workflow_task_timeout: ms(line.dice.between(500, 5_000)),
        workflow_run_timeout: if line.dice.chance(200) { ms(line.dice.between(1_000, 60_000)) } else { None },
        workflow_start_delay: if line.dice.chance(150) { ms(line.dice.between(1, 5_000)) } else { None },
        retry_policy: line.dice.chance(250).then_some(policy),
        ..Default::default()
    }
}

fn update(line: &mut Line, workflow_id: &str, update_id: String) -> ws::UpdateWorkflowExecutionRequest {
    let stage = if line.dice.chance(500) { Stage::Accepted } else { Stage::Completed };
    ws::UpdateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(workflow_id),
        wait_policy: Some(update::WaitPolicy { lifecycle_stage: stage as i32 }),
        request: Some(update::Request {
            meta: Some(update::Meta { update_id, identity: line.name.clone() }),
            input: Some(update::Input { name: "change".into(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A reset to some workflow task that the current run has finished.
async fn reset(
    line: &mut Line,
    workflow_id: &str,
    request_id: String,
) -> Option<ws::ResetWorkflowExecutionRequest> {
    let request = ws::GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: execution(workflow_id),
        ..Default::default()
    };
    let replies =
        line.ask::<ws::GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", &request).await;
    let history = replies.into_iter().flatten().next()?.history.unwrap_or_default();
    let finishes: Vec<i64> = history
        .events
        .iter()
        .filter(|event| {
            matches!(
                event.attributes,
                Some(
                    A::WorkflowTaskCompletedEventAttributes(_)
                        | A::WorkflowTaskFailedEventAttributes(_)
                        | A::WorkflowTaskTimedOutEventAttributes(_)
                )
            )
        })
        .map(|event| event.event_id)
        .collect();
    Some(ws::ResetWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(workflow_id),
        reason: failed("reset", false).unwrap_or_default().message,
        workflow_task_finish_event_id: *line.dice.pick(&finishes)?,
        request_id,
        ..Default::default()
    })
}

/// Asks once. Says whether there was an answer, and takes in what it says.
async fn ask(line: &mut Line, want: &Want) -> bool {
    match want {
        Want::Start(request) => {
            let replies =
                line.ask::<ws::StartWorkflowExecutionResponse>("StartWorkflowExecution", request).await;
            for reply in replies.iter().flatten() {
                line.life.learn(Fact::Run { run_id: reply.run_id.clone() });
            }
            !replies.is_empty()
        }
        Want::SignalWithStart(request) => {
            let rpc = "SignalWithStartWorkflowExecution";
            let replies = line.ask::<ws::SignalWithStartWorkflowExecutionResponse>(rpc, request).await;
            for reply in replies.iter().flatten() {
                line.life.learn(Fact::Run { run_id: reply.run_id.clone() });
                line.life.learn(Fact::Signal {
                    workflow_id: request.workflow_id.clone(),
                    name: request.signal_name.clone(),
                });
            }
            !replies.is_empty()
        }
        Want::UpdateWithStart(request) => {
            use ws::execute_multi_operation_response::response::Response;
            let replies =
                line.ask::<ws::ExecuteMultiOperationResponse>("ExecuteMultiOperation", request).await;
            for response in replies.iter().flatten().flat_map(|reply| &reply.responses) {
                match &response.response {
                    Some(Response::StartWorkflow(started)) => {
                        line.life.learn(Fact::Run { run_id: started.run_id.clone() });
                    }
                    Some(Response::UpdateWorkflow(updated)) => learn_update(line, updated),
                    None => {}
                }
            }
            !replies.is_empty()
        }
        Want::Signal(request) => {
            let replies =
                line.ask::<ws::SignalWorkflowExecutionResponse>("SignalWorkflowExecution", request).await;
            if replies.iter().any(Result::is_ok) {
                let workflow_id = request.workflow_execution.clone().unwrap_or_default().workflow_id;
                line.life.learn(Fact::Signal { workflow_id, name: request.signal_name.clone() });
            }
            !replies.is_empty()
        }
        Want::Update(request) => {
            let replies =
                line.ask::<ws::UpdateWorkflowExecutionResponse>("UpdateWorkflowExecution", request).await;
            for reply in replies.iter().flatten() {
                learn_update(line, reply);
            }
            !replies.is_empty()
        }
        Want::Query(request) => {
            !line.ask::<ws::QueryWorkflowResponse>("QueryWorkflow", request).await.is_empty()
        }
        Want::Cancel(request) => {
            let rpc = "RequestCancelWorkflowExecution";
            let replies = line.ask::<ws::RequestCancelWorkflowExecutionResponse>(rpc, request).await;
            if replies.iter().any(Result::is_ok) {
                let workflow_id = request.workflow_execution.clone().unwrap_or_default().workflow_id;
                line.life.learn(Fact::Cancel { workflow_id });
            }
            !replies.is_empty()
        }
        Want::Terminate(request) => {
            let replies = line
                .ask::<ws::TerminateWorkflowExecutionResponse>("TerminateWorkflowExecution", request)
                .await;
            if replies.iter().any(Result::is_ok) {
                let workflow_id = request.workflow_execution.clone().unwrap_or_default().workflow_id;
                line.life.learn(Fact::Terminate { workflow_id });
            }
            !replies.is_empty()
        }
        Want::Reset(request) => {
            let replies =
                line.ask::<ws::ResetWorkflowExecutionResponse>("ResetWorkflowExecution", request).await;
            for reply in replies.iter().flatten() {
                line.life.learn(Fact::Run { run_id: reply.run_id.clone() });
            }
            !replies.is_empty()
        }
        Want::Read(request) => read(line, request).await,
        Want::Describe(request) => {
            let rpc = "DescribeWorkflowExecution";
            let replies = line.ask::<ws::DescribeWorkflowExecutionResponse>(rpc, request).await;
            for info in replies.iter().flatten().filter_map(|reply| reply.workflow_execution_info.as_ref()) {
                let run_id = info.execution.clone().unwrap_or_default().run_id;
                line.life.learn(Fact::Run { run_id });
            }
            !replies.is_empty()
        }
        Want::ResetStickiness(request) => {
            !line.ask::<ws::ResetStickyTaskQueueResponse>("ResetStickyTaskQueue", request).await.is_empty()
        }
        Want::Pause(request) => {
            !line.ask::<ws::PauseActivityResponse>("PauseActivity", request).await.is_empty()
        }
        Want::Unpause(request) => {
            !line.ask::<ws::UnpauseActivityResponse>("UnpauseActivity", request).await.is_empty()
        }
        Want::Delete(request) => {
            let rpc = "DeleteWorkflowExecution";
            let replies = line.ask::<ws::DeleteWorkflowExecutionResponse>(rpc, request).await;
            if replies.iter().any(Result::is_ok) {
                let run_id = request.workflow_execution.clone().unwrap_or_default().run_id;
                line.life.learn(Fact::Deleted { run_id });
            }
            !replies.is_empty()
        }
    }
}

fn learn_update(line: &Line, reply: &ws::UpdateWorkflowExecutionResponse) {
    let reference = reply.update_ref.clone().unwrap_or_default();
    let succeeded = matches!(
        reply.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()),
        Some(update::outcome::Value::Success(_))
    );
    let accepted = reply.outcome.is_none() && reply.stage == Stage::Accepted as i32;
    if succeeded || accepted {
        line.life.learn(Fact::Update {
            run_id: reference.workflow_execution.unwrap_or_default().run_id,
            update_id: reference.update_id,
            completed: succeeded,
        });
    }
}

/// Reads what there is of a history, from its first event.
async fn read(line: &mut Line, request: &ws::GetWorkflowExecutionHistoryRequest) -> bool {
    let replies =
        line.ask::<ws::GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", request).await;
    for reply in replies.iter().flatten() {
        let events = reply.history.clone().unwrap_or_default().events;
        // A run's first event names it, unless the run was reset and shares its beginning with another.
        let Some(Some(A::WorkflowExecutionStartedEventAttributes(started))) =
            events.first().map(|event| event.attributes.clone())
        else {
            continue;
        };
        let reset = events.iter().any(|event| {
            matches!(&event.attributes, Some(A::WorkflowTaskFailedEventAttributes(a)) if !a.new_run_id.is_empty())
        });
        if !reset {
            line.life.learn(Fact::History { run_id: started.original_execution_run_id, events });
        }
    }
    !replies.is_empty()
}

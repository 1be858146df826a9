//! Performs a program on one side, a step after the other, and notes what came of each.

use crate::commands::{ScheduledEvents, said};
use crate::mask::{Mask, failure, outcome, tree};
use crate::on_purpose;
use crate::program::{
    Activity, Ask, Call, Event, Point, Program, Queue, Reply, Report, Step, Update, Workflow,
};
use crate::requests::{IDENTITY, Names, application_failure, payloads, seconds};
use crate::side::{NAMESPACE, Side};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::task::Poll;
use std::time::Duration;
use temporalio_client::grpc::WorkflowService;
use temporalio_protos::temporal::api::{
    common::v1 as common, enums::v1 as enums, history::v1 as history, query::v1 as query,
    taskqueue::v1 as taskqueue, workflowservice::v1 as ws,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Request, Response, Status};

/// How long a worker or whoever waits for an event is patient. What a program waits for comes within two seconds; the
/// rest is for a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(12);

/// How often is looked whether an event has come. Only latency depends on it.
const LOOK: Duration = Duration::from_millis(40);

/// What came of a program: the steps in order, then the histories of every run.
pub(crate) type Transcript = Vec<(String, Value)>;

type Task = ws::PollWorkflowTaskQueueResponse;
/// A request that is under way, and the update that it asks for.
struct Begun {
    asked: Option<(Workflow, Update)>,
    answer: JoinHandle<Answer>,
}

/// The answer to what was begun.
enum Answer {
    Query(Result<ws::QueryWorkflowResponse, Status>),
    Update(Box<Result<ws::UpdateWorkflowExecutionResponse, Status>>),
    UpdateWithStart(Workflow, Result<ws::ExecuteMultiOperationResponse, Status>),
}

struct Driver {
    service: Box<dyn WorkflowService>,
    names: Names,
    mask: Mask,
    tasks: HashMap<Workflow, Task>,
    /// Polls of sticky queues. As with an SDK's worker, one is under way before a task is answered: a server gives
    /// nothing to a sticky queue that nobody polls.
    sticky: HashMap<Workflow, JoinHandle<Result<Task, Status>>>,
    activities: HashMap<Activity, ws::PollActivityTaskQueueResponse>,
    begun: BTreeMap<u8, Begun>,
    /// Runs in the order in which they came to be known.
    runs: Vec<(String, String)>,
    resets: usize,
}

/// Performs a program. `round` tells one run of it from another against the same server.
pub(crate) async fn perform(side: &Side, program: &Program, round: &str) -> Transcript {
    let prefix = format!("{round}-{}-", program.seed);
    let mut driver = Driver {
        service: side.service(),
        mask: Mask::new(&prefix),
        names: Names { prefix },
        tasks: HashMap::new(),
        sticky: HashMap::new(),
        activities: HashMap::new(),
        begun: BTreeMap::new(),
        runs: Vec::new(),
        resets: 0,
    };
    let mut transcript = Transcript::new();
    for (index, step) in program.steps.iter().enumerate() {
        let came = driver.step(step).await;
        driver.note(&mut transcript, format!("step {index}: {step:?}"), came);
    }
    driver.histories(&mut transcript).await;
    transcript
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Nobody has answered it, and nobody will.
        self.begun.values().for_each(|begun| begun.answer.abort());
        self.sticky.values().for_each(JoinHandle::abort);
    }
}

/// Makes a request whose answer comes later. It goes out before this returns, so that what is asked next comes after it.
async fn under_way<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let mut request = Box::pin(request);
    match futures::poll!(&mut request) {
        Poll::Ready(answer) => tokio::spawn(std::future::ready(answer)),
        Poll::Pending => tokio::spawn(request),
    }
}

fn unwrap<T>(result: Result<Response<T>, Status>) -> Result<T, Status> {
    result.map(Response::into_inner)
}

impl Driver {
    fn note(&mut self, transcript: &mut Transcript, what: String, mut came: Value) {
        on_purpose::leave_out(&what, &mut came);
        transcript.push((what, self.mask.hide(came)));
    }

    async fn step(&mut self, step: &Step) -> Value {
        match step {
            Step::Ask(ask) => self.ask(ask).await,
            Step::Begin(call, ask) => self.begin(*call, ask).await,
            Step::End(call) => self.end(*call).await,
            Step::Take(workflow, queue) => self.take(*workflow, *queue).await,
            Step::Reply(workflow, reply) => self.reply(*workflow, reply).await,
            Step::FailTask(workflow) => self.fail_task(*workflow).await,
            Step::AnswerQuery(workflow, queue, answered) => {
                self.answer_query(*workflow, *queue, *answered).await
            }
            Step::TakeActivity(activity) => self.take_activity(*activity).await,
            Step::Report(activity, report) => self.report(*activity, *report).await,
            Step::Await(workflow, event, times) => self.await_events(*workflow, *event, *times).await,
        }
    }

    async fn ask(&mut self, ask: &Ask) -> Value {
        let names = self.names.clone();
        let service = &mut self.service;
        match ask {
            Ask::Start(workflow, start) => {
                let request = Request::new(names.start(*workflow, start));
                let answer = unwrap(service.start_workflow_execution(request).await);
                self.know(*workflow, answer.as_ref().map(|answer| answer.run_id.clone()).ok());
                outcome(&answer)
            }
            Ask::SignalWithStart(workflow, start) => {
                let request = Request::new(names.signal_with_start(*workflow, start));
                let answer = unwrap(service.signal_with_start_workflow_execution(request).await);
                self.know(*workflow, answer.as_ref().map(|answer| answer.run_id.clone()).ok());
                outcome(&answer)
            }
            Ask::Signal(workflow, number) => {
                let request = Request::new(names.signal(*workflow, *number));
                let answer = unwrap(service.signal_workflow_execution(request).await);
                outcome(&answer)
            }
            Ask::Cancel(workflow, number) => {
                let request = Request::new(names.cancel(*workflow, *number));
                let answer = unwrap(service.request_cancel_workflow_execution(request).await);
                outcome(&answer)
            }
            Ask::Terminate(workflow) => {
                let request = Request::new(names.terminate(*workflow));
                let answer = unwrap(service.terminate_workflow_execution(request).await);
                outcome(&answer)
            }
            Ask::Query(workflow) => {
                let request = Request::new(names.query(*workflow));
                let answer = unwrap(service.query_workflow(request).await);
                outcome(&answer)
            }
            Ask::Update(workflow, update, stage) => {
                let request = Request::new(names.update(*workflow, *update, *stage));
                let answer = unwrap(service.update_workflow_execution(request).await);
                outcome(&answer)
            }
            Ask::PollUpdate(workflow, update, stage) => {
                let request = Request::new(names.poll_update(*workflow, *update, Some(*stage)));
                let answer = unwrap(service.poll_workflow_execution_update(request).await);
                outcome(&answer)
            }
            Ask::UpdateWithStart(..) => panic!("{ask:?} waits for a worker"),
            Ask::Reset(workflow, point) => self.reset(*workflow, *point).await,
            Ask::Describe(workflow) => {
                let request = Request::new(names.describe(*workflow));
                let answer = unwrap(service.describe_workflow_execution(request).await);
                outcome(&answer)
            }
        }
    }

    async fn reset(&mut self, workflow: Workflow, point: Point) -> Value {
        let events = self.events(&self.names.workflow(workflow), "").await;
        let ends = |event: &&history::HistoryEvent| {
            use enums::EventType as T;
            matches!(
                event.event_type(),
                T::WorkflowTaskCompleted | T::WorkflowTaskFailed | T::WorkflowTaskTimedOut
            )
        };
        let event_id = match point {
            Point::FirstTask => events.iter().find(ends).map(|event| event.event_id),
            Point::LastTask => events.iter().rfind(ends).map(|event| event.event_id),
            Point::Elsewhere => Some(1),
        };
        self.resets += 1;
        let request = self.names.reset(workflow, event_id.unwrap_or(3), self.resets);
        let answer = unwrap(self.service.reset_workflow_execution(Request::new(request)).await);
        self.know(workflow, answer.as_ref().map(|answer| answer.run_id.clone()).ok());
        outcome(&answer)
    }

    fn updated_with_start(
        &mut self,
        workflow: Workflow,
        answer: &Result<ws::ExecuteMultiOperationResponse, Status>,
    ) -> Value {
        use ws::execute_multi_operation_response::response::Response as Part;
        let mut parts = answer.iter().flat_map(|answer| &answer.responses);
        let started = parts.find_map(|part| match &part.response {
            Some(Part::StartWorkflow(started)) => Some(started.run_id.clone()),
            _ => None,
        });
        self.know(workflow, started);
        outcome(answer)
    }

    async fn begin(&mut self, call: Call, ask: &Ask) -> Value {
        let mut service = self.service.clone();
        let begun = match ask {
            Ask::Update(workflow, update, stage) => {
                let request = Request::new(self.names.update(*workflow, *update, *stage));
                let answer = under_way(async move {
                    Answer::Update(Box::new(unwrap(service.update_workflow_execution(request).await)))
                });
                let answer = answer.await;
                Begun { asked: Some((*workflow, *update)), answer }
            }
            Ask::UpdateWithStart(workflow, start, update, stage) => {
                let workflow = *workflow;
                let request = self.names.update_with_start(workflow, start, *update, *stage);
                let answer = under_way(async move {
                    let answer = service.execute_multi_operation(Request::new(request)).await;
                    Answer::UpdateWithStart(workflow, unwrap(answer))
                });
                let answer = answer.await;
                Begun { asked: Some((workflow, *update)), answer }
            }
            Ask::Query(workflow) => {
                let request = Request::new(self.names.query(*workflow));
                let answer =
                    under_way(async move { Answer::Query(unwrap(service.query_workflow(request).await)) });
                let answer = answer.await;
                Begun { asked: None, answer }
            }
            other => panic!("{other:?} waits for no worker"),
        };
        self.begun.insert(call.0, begun);
        if let Ask::Update(workflow, ..) | Ask::UpdateWithStart(workflow, ..) = ask {
            self.await_admission(*workflow).await;
        }
        Value::Null
    }

    /// Until the server knows of the workflow's updates: they ride on the next task that is taken from then on.
    async fn await_admission(&mut self, workflow: Workflow) {
        let begin = Instant::now();
        // A server that has refused something else about the workflow, or whose worker has failed, forgets updates and
        // asks itself again: what it still knows at the third look it goes on knowing.
        let mut looks = 0;
        while begin.elapsed() < PATIENCE && looks < 3 {
            let under_way = self.begun.values().filter(|begun| !begun.answer.is_finished());
            let asked: Vec<Update> = under_way
                .filter_map(|begun| begun.asked)
                .filter_map(|(asked, update)| (asked == workflow).then_some(update))
                .collect();
            if asked.is_empty() {
                return;
            }
            let mut known = true;
            for update in asked {
                let request = Request::new(self.names.poll_update(workflow, update, None));
                known &= self.service.poll_workflow_execution_update(request).await.is_ok();
            }
            looks = if known { looks + 1 } else { 0 };
            sleep(LOOK).await;
        }
    }

    async fn end(&mut self, call: Call) -> Value {
        let Some(begun) = self.begun.remove(&call.0) else { return json!("nothing was begun") };
        match timeout(PATIENCE, begun.answer).await {
            Ok(Ok(Answer::Query(answer))) => outcome(&answer),
            Ok(Ok(Answer::Update(answer))) => outcome(&answer),
            Ok(Ok(Answer::UpdateWithStart(workflow, answer))) => self.updated_with_start(workflow, &answer),
            Ok(Err(error)) => panic!("a request panicked: {error}"),
            Err(_) => json!("no answer"),
        }
    }

    async fn take(&mut self, workflow: Workflow, queue: Queue) -> Value {
        if self.tasks.contains_key(&workflow) {
            return json!("it came with the answer to the last one");
        }
        self.await_admission(workflow).await;
        let mut polled = match queue {
            Queue::Normal => self.poll(self.names.workflow_queue(workflow)).await,
            Queue::Sticky => match self.sticky.remove(&workflow) {
                Some(polled) => polled,
                None => self.poll(self.names.sticky_queue(workflow)).await,
            },
        };
        match timeout(PATIENCE, &mut polled).await {
            Ok(Ok(Ok(task))) if !task.task_token.is_empty() => {
                let seen = Self::seen(&task);
                self.tasks.insert(workflow, task);
                seen
            }
            Ok(Ok(Err(status))) => failure(&status),
            Ok(Err(error)) => panic!("a poll panicked: {error}"),
            Ok(Ok(Ok(_))) | Err(_) => {
                polled.abort();
                json!("no task")
            }
        }
    }

    async fn poll_sticky(&mut self, workflow: Workflow) {
        if !self.sticky.contains_key(&workflow) {
            let polled = self.poll(self.names.sticky_queue(workflow)).await;
            self.sticky.insert(workflow, polled);
        }
    }

    async fn poll(&self, queue: Option<taskqueue::TaskQueue>) -> JoinHandle<Result<Task, Status>> {
        let request = ws::PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.into(),
            task_queue: queue,
            identity: IDENTITY.into(),
            ..Default::default()
        };
        let mut service = self.service.clone();
        under_way(async move { unwrap(service.poll_workflow_task_queue(Request::new(request)).await) }).await
    }

    /// What a worker sees of a task.
    fn seen(task: &Task) -> Value {
        let events = task.history.as_ref().map(|history| history.events.as_slice()).unwrap_or_default();
        let events: Vec<Value> = events.iter().map(line).collect();
        let mut updates: Vec<&str> =
            task.messages.iter().map(|message| message.protocol_instance_id.as_str()).collect();
        updates.sort_unstable();
        json!({
            "attempt": task.attempt,
            "previous_started_event_id": task.previous_started_event_id,
            "started_event_id": task.started_event_id,
            "events": events,
            "updates": updates,
            "query": task.query.as_ref().map(|query| query.query_type.clone()),
            "queries": task.queries.len(),
            "workflow_type": task.workflow_type.as_ref().map(|kind| kind.name.clone()),
        })
    }

    async fn reply(&mut self, workflow: Workflow, reply: &Reply) -> Value {
        let Some(task) = self.tasks.remove(&workflow) else { return json!("no task to reply to") };
        if reply.sticky {
            self.poll_sticky(workflow).await;
        }
        // One request after the poll: it has arrived by then.
        let scheduled = self.scheduled(&task).await;
        let said = said(&self.names, &task, &scheduled, reply);
        let sticky = taskqueue::StickyExecutionAttributes {
            worker_task_queue: self.names.sticky_queue(workflow),
            schedule_to_start_timeout: Some(seconds(60)),
        };
        let request = ws::RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.into(),
            task_token: task.task_token.clone(),
            commands: said.commands,
            messages: said.messages,
            identity: IDENTITY.into(),
            sticky_attributes: reply.sticky.then_some(sticky),
            return_new_workflow_task: reply.takes_next,
            force_create_new_workflow_task: reply.again,
            query_results: task.queries.keys().map(|id| (id.clone(), query_result(true))).collect(),
            ..Default::default()
        };
        let answer = unwrap(self.service.respond_workflow_task_completed(Request::new(request)).await);
        match answer {
            Ok(answer) => match answer.workflow_task {
                Some(next) if !next.task_token.is_empty() => {
                    let seen = Self::seen(&next);
                    self.tasks.insert(workflow, next);
                    seen
                }
                _ => json!("done"),
            },
            Err(status) => failure(&status),
        }
    }

    /// The events that scheduled the activities of the task's run.
    async fn scheduled(&mut self, task: &Task) -> ScheduledEvents {
        let Some(execution) = &task.workflow_execution else { return ScheduledEvents::new() };
        let events = self.events(&execution.workflow_id, &execution.run_id).await;
        let scheduled = events.into_iter().filter_map(|event| match event.attributes? {
            history::history_event::Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
                Some((scheduled.activity_id, event.event_id))
            }
            _ => None,
        });
        scheduled.collect()
    }

    async fn fail_task(&mut self, workflow: Workflow) -> Value {
        let Some(task) = self.tasks.remove(&workflow) else { return json!("no task to fail") };
        let request = ws::RespondWorkflowTaskFailedRequest {
            namespace: NAMESPACE.into(),
            task_token: task.task_token,
            cause: enums::WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure as i32,
            failure: Some(application_failure(true)),
            identity: IDENTITY.into(),
            ..Default::default()
        };
        let answer = unwrap(self.service.respond_workflow_task_failed(Request::new(request)).await);
        outcome(&answer)
    }

    async fn answer_query(&mut self, workflow: Workflow, queue: Queue, answered: bool) -> Value {
        let Some(task) = self.tasks.remove(&workflow) else { return json!("no query to answer") };
        if queue == Queue::Sticky {
            self.poll_sticky(workflow).await;
        }
        let result = query_result(answered);
        let request = ws::RespondQueryTaskCompletedRequest {
            namespace: NAMESPACE.into(),
            task_token: task.task_token,
            completed_type: result.result_type,
            query_result: result.answer,
            error_message: result.error_message,
            ..Default::default()
        };
        let answer = unwrap(self.service.respond_query_task_completed(Request::new(request)).await);
        outcome(&answer)
    }

    async fn take_activity(&mut self, activity: Activity) -> Value {
        let request = ws::PollActivityTaskQueueRequest {
            namespace: NAMESPACE.into(),
            task_queue: self.names.activity_queue(activity),
            identity: IDENTITY.into(),
            ..Default::default()
        };
        let answer = timeout(PATIENCE, self.service.poll_activity_task_queue(Request::new(request)));
        match answer.await.map(unwrap) {
            Ok(Ok(task)) if !task.task_token.is_empty() => {
                let mut shown = task.clone();
                shown.task_token.clear();
                self.activities.insert(activity, task);
                tree(&shown)
            }
            Ok(Ok(_)) | Err(_) => json!("no task"),
            Ok(Err(status)) => failure(&status),
        }
    }

    async fn report(&mut self, activity: Activity, report: Report) -> Value {
        let Some(task) = self.activities.get(&activity).cloned() else {
            return json!("no activity to report");
        };
        let service = &mut self.service;
        let (namespace, identity, task_token) = (NAMESPACE.to_owned(), IDENTITY.to_owned(), task.task_token);
        match report {
            Report::Complete => {
                let result = payloads("done");
                let request = ws::RespondActivityTaskCompletedRequest {
                    namespace,
                    identity,
                    task_token,
                    result,
                    ..Default::default()
                };
                let answer = unwrap(service.respond_activity_task_completed(Request::new(request)).await);
                outcome(&answer)
            }
            Report::CompleteById => {
                let execution = task.workflow_execution.unwrap_or_default();
                let request = ws::RespondActivityTaskCompletedByIdRequest {
                    namespace,
                    identity,
                    workflow_id: execution.workflow_id,
                    activity_id: task.activity_id,
                    result: payloads("done"),
                    ..Default::default()
                };
                let answer =
                    unwrap(service.respond_activity_task_completed_by_id(Request::new(request)).await);
                outcome(&answer)
            }
            Report::Fail { retryable } => {
                let failure = Some(application_failure(retryable));
                let request = ws::RespondActivityTaskFailedRequest {
                    namespace,
                    identity,
                    task_token,
                    failure,
                    ..Default::default()
                };
                let answer = unwrap(service.respond_activity_task_failed(Request::new(request)).await);
                outcome(&answer)
            }
            Report::Cancel => {
                let details = payloads("given up");
                let request = ws::RespondActivityTaskCanceledRequest {
                    namespace,
                    identity,
                    task_token,
                    details,
                    ..Default::default()
                };
                let answer = unwrap(service.respond_activity_task_canceled(Request::new(request)).await);
                outcome(&answer)
            }
            Report::Heartbeat => {
                let details = payloads("half way");
                let request = ws::RecordActivityTaskHeartbeatRequest {
                    namespace,
                    identity,
                    task_token,
                    details,
                    ..Default::default()
                };
                let answer = unwrap(service.record_activity_task_heartbeat(Request::new(request)).await);
                outcome(&answer)
            }
        }
    }

    async fn await_events(&mut self, workflow: Workflow, event: Event, times: usize) -> Value {
        let workflow_id = self.names.workflow(workflow);
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let events = self.events(&workflow_id, "").await;
            if events.iter().filter(|seen| event.is(seen.event_type())).count() >= times {
                return Value::Null;
            }
            sleep(LOOK).await;
        }
        json!("it did not come")
    }

    /// A run's events; none if there is no such run.
    async fn events(&mut self, workflow_id: &str, run_id: &str) -> Vec<history::HistoryEvent> {
        let mut events = Vec::new();
        let mut page = Vec::new();
        loop {
            let request = Names::history(workflow_id.to_owned(), run_id.to_owned(), page);
            let answer = unwrap(self.service.get_workflow_execution_history(Request::new(request)).await);
            let Ok(answer) = answer else { return events };
            events.extend(answer.history.unwrap_or_default().events);
            page = answer.next_page_token;
            if page.is_empty() {
                return events;
            }
        }
    }

    fn know(&mut self, workflow: Workflow, run_id: Option<String>) {
        let run = run_id.filter(|run| !run.is_empty()).map(|run| (self.names.workflow(workflow), run));
        self.runs.extend(run.filter(|run| !self.runs.contains(run)));
    }

    /// The history of every run that is known or that one of these histories names.
    async fn histories(&mut self, transcript: &mut Transcript) {
        let mut next = 0;
        while let Some((workflow_id, run_id)) = self.runs.get(next).cloned() {
            next += 1;
            let events = self.events(&workflow_id, &run_id).await;
            let workflow = workflow_id.trim_start_matches(self.names.prefix.as_str()).to_owned();
            for event in events {
                let named = successor(&workflow_id, &event);
                self.runs.extend(named.filter(|run| !self.runs.contains(run)));
                let what =
                    format!("run {next}, of {workflow}: event {}", line(&event).as_str().unwrap_or(""));
                self.note(transcript, what, tree(&event));
            }
        }
    }
}

/// The run that an event brought about.
fn successor(workflow_id: &str, event: &history::HistoryEvent) -> Option<(String, String)> {
    use history::history_event::Attributes as A;
    let same = |run_id: &str| {
        let set = !run_id.is_empty();
        set.then(|| (workflow_id.to_owned(), run_id.to_owned()))
    };
    match event.attributes.as_ref()? {
        A::WorkflowExecutionContinuedAsNewEventAttributes(a) => same(&a.new_execution_run_id),
        A::WorkflowExecutionCompletedEventAttributes(a) => same(&a.new_execution_run_id),
        A::WorkflowExecutionFailedEventAttributes(a) => same(&a.new_execution_run_id),
        A::WorkflowExecutionTimedOutEventAttributes(a) => same(&a.new_execution_run_id),
        A::ChildWorkflowExecutionStartedEventAttributes(a) => {
            let common::WorkflowExecution { workflow_id, run_id } = a.workflow_execution.clone()?;
            Some((workflow_id, run_id))
        }
        _ => None,
    }
}

fn line(event: &history::HistoryEvent) -> Value {
    let name = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase();
    Value::String(format!("{} {name}", event.event_id))
}

fn query_result(answered: bool) -> query::WorkflowQueryResult {
    use enums::QueryResultType as T;
    if answered {
        query::WorkflowQueryResult {
            result_type: T::Answered as i32,
            answer: payloads("an answer"),
            ..Default::default()
        }
    } else {
        query::WorkflowQueryResult {
            result_type: T::Failed as i32,
            error_message: "no such query".into(),
            ..Default::default()
        }
    }
}

impl Event {
    fn is(self, kind: enums::EventType) -> bool {
        use enums::EventType as T;
        match self {
            Self::TaskTimedOut => kind == T::WorkflowTaskTimedOut,
            Self::TimerFired => kind == T::TimerFired,
            Self::ActivityTimedOut => kind == T::ActivityTaskTimedOut,
            Self::ChildInitiationFailed => kind == T::StartChildWorkflowExecutionFailed,
            Self::ChildStarted => kind == T::ChildWorkflowExecutionStarted,
            Self::ChildClosed => matches!(
                kind,
                T::ChildWorkflowExecutionCompleted
                    | T::ChildWorkflowExecutionFailed
                    | T::ChildWorkflowExecutionCanceled
                    | T::ChildWorkflowExecutionTerminated
                    | T::ChildWorkflowExecutionTimedOut
            ),
            Self::SignalFailed => kind == T::SignalExternalWorkflowExecutionFailed,
            Self::ExternalSignaled => kind == T::ExternalWorkflowExecutionSignaled,
            Self::CancelFailed => kind == T::RequestCancelExternalWorkflowExecutionFailed,
            Self::CancelRequested => kind == T::WorkflowExecutionCancelRequested,
            Self::ExternalCancelRequested => kind == T::ExternalWorkflowExecutionCancelRequested,
            Self::TimedOut => kind == T::WorkflowExecutionTimedOut,
            Self::Terminated => kind == T::WorkflowExecutionTerminated,
        }
    }
}

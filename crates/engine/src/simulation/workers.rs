//! Workers: they take workflow tasks, mostly do them, and are not always there.

use super::activities;
use super::known::Fact;
use super::letters::{Answer, deliver, post};
use super::network::Line;
use super::program::{Decision, QUEUE, decide, mark, ms, nonsense, queue};
use super::view::View;
use crate::kernel::time::MILLISECOND;
use crate::proto::{common, enums, query, taskqueue, workflowservice as ws};
use enums::WorkflowTaskFailedCause as Cause;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Task = ws::PollWorkflowTaskQueueResponse;
/// The runs a worker has cached.
type Views = Arc<Mutex<BTreeMap<String, View>>>;

/// A worker's process. It may shut down; then another takes its place, under the same name, and knows nothing.
#[derive(Debug, Clone)]
struct Process {
    name: String,
    number: Arc<AtomicU64>,
    views: Views,
}

impl Process {
    fn key(&self) -> String {
        format!("{} {}", self.name, self.number.load(Ordering::Relaxed))
    }

    fn sticky(&self) -> String {
        format!("sticky of {}", self.name)
    }

    async fn shut_down(&self, line: &mut Line) {
        let request = ws::ShutdownWorkerRequest {
            namespace: "default".into(),
            sticky_task_queue: self.sticky(),
            worker_instance_key: self.key(),
            ..Default::default()
        };
        line.ask::<ws::ShutdownWorkerResponse>("ShutdownWorker", &request).await;
        self.number.fetch_add(1, Ordering::Relaxed);
        self.views.lock().clear();
    }
}

/// Starts a worker: it polls the common queue and one of its own.
pub(super) fn start(mut line: Line) {
    let process = Process { name: line.name.clone(), number: Arc::default(), views: Views::default() };
    for name in [QUEUE.to_owned(), process.sticky()] {
        let poller = Line {
            life: line.life.clone(),
            dice: line.dice.split(),
            name: format!("{} on {name}", line.name),
        };
        line.life.spawn(work(poller, name, process.clone()));
    }
}

async fn work(mut line: Line, name: String, process: Process) {
    loop {
        if line.mischief() {
            if line.dice.chance(300) {
                process.shut_down(&mut line).await;
            }
            line.pause(15_000).await;
        }
        let request = ws::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(&name),
            identity: line.name.clone(),
            worker_instance_key: process.key(),
            ..Default::default()
        };
        let task: Option<Task> = line.poll("PollWorkflowTaskQueue", &request).await;
        let Some(task) = task.filter(|task| !task.task_token.is_empty()) else {
            line.pause(50).await;
            continue;
        };
        let mut next = Some(task);
        while let Some(task) = next.take() {
            next = handle(&mut line, &process.sticky(), &process.views, task).await;
        }
    }
}

/// Does a task; the engine may answer with the next one.
async fn handle(line: &mut Line, sticky: &str, views: &Views, task: Task) -> Option<Task> {
    let execution = task.workflow_execution.clone().unwrap_or_default();
    if task.query.is_some() {
        if !line.mischief() {
            let request = ws::RespondQueryTaskCompletedRequest {
                namespace: "default".into(),
                task_token: task.task_token,
                completed_type: enums::QueryResultType::Answered as i32,
                ..Default::default()
            };
            line.ask::<ws::RespondQueryTaskCompletedResponse>("RespondQueryTaskCompleted", &request).await;
        }
        return None;
    }
    line.note(&format!("task {} of {} {}", task.started_event_id, execution.workflow_id, execution.run_id));
    let view = recall(line, views, &task, &execution).await?;
    if !view.is_whole(task.started_event_id) {
        let what =
            format!("{execution:?} was given a history that is not the first {}", task.started_event_id);
        line.life.contradict(what);
        return None;
    }
    let most_ms = if line.dice.chance(800) { 0 } else { 800 };
    line.pause(most_ms).await;
    if line.mischief() {
        return misbehave(line, sticky, &task, &view, &execution).await;
    }
    let asked: Vec<String> =
        task.messages.iter().map(|message| message.protocol_instance_id.clone()).collect();
    let heartbeat = asked.is_empty() && line.dice.chance(40);
    let decision = if heartbeat {
        Decision::default()
    } else {
        let plan = &line.life.world.plan;
        decide(&execution.workflow_id, &view.outstanding(), &asked, plan, &mut line.dice)
    };
    let mut request = answer(line, sticky, &task, decision);
    request.force_create_new_workflow_task = heartbeat;
    let fact = Fact::Task { run_id: execution.run_id.clone(), started_event_id: task.started_event_id };
    let replies = deliver(line, &Answer::Task(Box::new(request), fact)).await;
    let reply = replies.into_iter().next()?;
    if reply.reset_history_event_id != 0
        && let Some(view) = views.lock().get_mut(&execution.run_id)
    {
        view.forget_after(reply.reset_history_event_id);
    }
    for task in reply.activity_tasks {
        activities::take(line, task);
    }
    reply.workflow_task
}

/// The run's whole history, as far as the task goes.
async fn recall(
    line: &mut Line,
    views: &Views,
    task: &Task,
    execution: &common::WorkflowExecution,
) -> Option<View> {
    let events = task.history.clone().unwrap_or_default().events;
    let mut view = views.lock().get(&execution.run_id).cloned().unwrap_or_default();
    if view.take(events.clone()).is_none() {
        // It is cached no more: the rest is asked for.
        let request = ws::GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: Some(execution.clone()),
            ..Default::default()
        };
        let replies = line
            .ask::<ws::GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", &request)
            .await;
        let history = replies.into_iter().flatten().next()?.history.unwrap_or_default();
        view = View::default();
        let whole = view.take(history.events).and_then(|()| view.take(events));
        if whole.is_none() {
            line.life.contradict(format!("{execution:?} has a task whose history cannot be completed"));
            return None;
        }
    }
    views.lock().insert(execution.run_id.clone(), view.clone());
    Some(view)
}

fn answer(
    line: &mut Line,
    sticky: &str,
    task: &Task,
    decision: Decision,
) -> ws::RespondWorkflowTaskCompletedRequest {
    let stays = line.dice.chance(500);
    let results = task.queries.keys().map(|id| {
        let result = query::WorkflowQueryResult {
            result_type: enums::QueryResultType::Answered as i32,
            answer: Some(common::Payloads::default()),
            ..Default::default()
        };
        (id.clone(), result)
    });
    ws::RespondWorkflowTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token.clone(),
        commands: decision.commands,
        messages: decision.messages,
        identity: line.name.clone(),
        sticky_attributes: stays.then(|| taskqueue::StickyExecutionAttributes {
            worker_task_queue: queue(sticky),
            schedule_to_start_timeout: ms(line.dice.between(500, 5_000)),
        }),
        return_new_workflow_task: line.dice.chance(600),
        query_results: results.collect(),
        capabilities: Some(ws::respond_workflow_task_completed_request::Capabilities {
            discard_speculative_workflow_task_with_events: line.dice.chance(500),
        }),
        ..Default::default()
    }
}

/// What a worker does that does not do what it should.
async fn misbehave(
    line: &mut Line,
    sticky: &str,
    task: &Task,
    view: &View,
    execution: &common::WorkflowExecution,
) -> Option<Task> {
    let now = view.outstanding();
    let fact = Fact::Task { run_id: execution.run_id.clone(), started_event_id: task.started_event_id };
    match line.dice.between(0, 4) {
        0 => line.note("never answers"),
        1 => {
            let request = ws::RespondWorkflowTaskFailedRequest {
                namespace: "default".into(),
                task_token: task.task_token.clone(),
                cause: Cause::WorkflowWorkerUnhandledFailure as i32,
                ..Default::default()
            };
            deliver(line, &Answer::TaskFailed(request)).await;
        }
        2 => {
            let decision = decide(&execution.workflow_id, &now, &[], &line.life.world.plan, &mut line.dice);
            let request = Box::new(answer(line, sticky, task, decision));
            let late = line.now().plus(line.dice.between(0, 20_000) * MILLISECOND);
            post(line, Answer::Task(request, fact), late);
        }
        3 => {
            let decision = nonsense();
            let request = Box::new(answer(line, sticky, task, decision));
            deliver(line, &Answer::Task(request, fact)).await;
        }
        _ => {
            let decision = mark(&now, &mut line.dice);
            let request = Box::new(answer(line, sticky, task, decision));
            let again = line.now().plus(line.dice.between(0, 3_000) * MILLISECOND);
            post(line, Answer::Task(request.clone(), fact.clone()), again);
            deliver(line, &Answer::Task(request, fact)).await;
        }
    }
    None
}

//! Hearing what an engine acknowledges, whoever asked, and holding it to that.

use crate::rpc::{Raw, WORKFLOW};
use prost::Message;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex};
use syndarix_engine::Engine;
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest};
use temporalio_client::{Client, ClientOptions, Connection};
use temporalio_protos::temporal::api::{
    common::v1::{Payloads, WorkflowExecution},
    enums::v1::HistoryEventFilterType,
    history::v1::{HistoryEvent, history_event::Attributes},
    workflowservice::v1 as ws,
};

/// Something that was acknowledged. A line of text names it for another process; ids have no spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    Started {
        id: String,
        run: String,
    },
    Signalled {
        id: String,
        word: String,
    },
    /// The workflow task that began with this event was completed.
    TaskCompleted {
        id: String,
        run: String,
        started: i64,
    },
    ActivityCompleted {
        id: String,
        run: String,
        activity: String,
        attempt: i32,
    },
    /// Somebody has read the first so many events of a run.
    Read {
        id: String,
        run: String,
        events: usize,
        fingerprint: u64,
    },
}

impl Fact {
    pub fn to_line(&self) -> String {
        match self {
            Self::Started { id, run } => format!("started {id} {run}"),
            Self::Signalled { id, word } => format!("signalled {id} {word}"),
            Self::TaskCompleted { id, run, started } => format!("task {id} {run} {started}"),
            Self::ActivityCompleted { id, run, activity, attempt } => {
                format!("activity {id} {run} {activity} {attempt}")
            }
            Self::Read { id, run, events, fingerprint } => format!("read {id} {run} {events} {fingerprint}"),
        }
    }

    pub fn from_line(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let text = |index: usize| words[index].to_owned();
        Some(match words.as_slice() {
            ["started", _, _] => Self::Started { id: text(1), run: text(2) },
            ["signalled", _, _] => Self::Signalled { id: text(1), word: text(2) },
            ["task", _, _, started] => {
                Self::TaskCompleted { id: text(1), run: text(2), started: started.parse().ok()? }
            }
            ["activity", _, _, _, attempt] => Self::ActivityCompleted {
                id: text(1),
                run: text(2),
                activity: text(3),
                attempt: attempt.parse().ok()?,
            },
            ["read", _, _, events, fingerprint] => Self::Read {
                id: text(1),
                run: text(2),
                events: events.parse().ok()?,
                fingerprint: fingerprint.parse().ok()?,
            },
            _ => return None,
        })
    }
}

fn fingerprint(events: &[HistoryEvent]) -> u64 {
    // Its keys are fixed, so two processes agree.
    let mut hasher = DefaultHasher::new();
    for event in events {
        hasher.write(&event.encode_to_vec());
    }
    hasher.finish()
}

/// What the tasks are that workers hold, by their tokens.
#[derive(Default)]
struct Held(Mutex<HashMap<Vec<u8>, Fact>>);

fn names(execution: Option<WorkflowExecution>) -> (String, String) {
    let execution = execution.unwrap_or_default();
    (execution.workflow_id, execution.run_id)
}

impl Held {
    fn give(&self, token: &[u8], task: Fact) {
        self.0.lock().expect("not poisoned").insert(token.to_vec(), task);
    }

    fn give_workflow_task(&self, task: ws::PollWorkflowTaskQueueResponse) {
        let (id, run) = names(task.workflow_execution);
        self.give(&task.task_token, Fact::TaskCompleted { id, run, started: task.started_event_id });
    }

    fn give_activity(&self, task: ws::PollActivityTaskQueueResponse) {
        let (id, run) = names(task.workflow_execution);
        let fact = Fact::ActivityCompleted { id, run, activity: task.activity_id, attempt: task.attempt };
        self.give(&task.task_token, fact);
    }

    fn take(&self, token: &[u8]) -> Option<Fact> {
        self.0.lock().expect("not poisoned").remove(token)
    }

    /// What this answer acknowledges.
    fn hear(&self, rpc: &str, request: &[u8], answer: &[u8]) -> Option<Fact> {
        match rpc {
            "StartWorkflowExecution" => {
                let asked: ws::StartWorkflowExecutionRequest = decoded(request);
                let answer: ws::StartWorkflowExecutionResponse = decoded(answer);
                Some(Fact::Started { id: asked.workflow_id, run: answer.run_id })
            }
            "SignalWorkflowExecution" => {
                let asked: ws::SignalWorkflowExecutionRequest = decoded(request);
                let word = word(asked.input.as_ref());
                Some(Fact::Signalled { id: names(asked.workflow_execution).0, word })
            }
            "PollWorkflowTaskQueue" => {
                self.give_workflow_task(decoded(answer));
                None
            }
            "PollActivityTaskQueue" => {
                self.give_activity(decoded(answer));
                None
            }
            "RespondWorkflowTaskCompleted" => {
                let asked: ws::RespondWorkflowTaskCompletedRequest = decoded(request);
                let answer: ws::RespondWorkflowTaskCompletedResponse = decoded(answer);
                answer.workflow_task.into_iter().for_each(|task| self.give_workflow_task(task));
                answer.activity_tasks.into_iter().for_each(|task| self.give_activity(task));
                self.take(&asked.task_token)
            }
            "RespondActivityTaskCompleted" => {
                let asked: ws::RespondActivityTaskCompletedRequest = decoded(request);
                self.take(&asked.task_token)
            }
            "GetWorkflowExecutionHistory" => {
                let asked: ws::GetWorkflowExecutionHistoryRequest = decoded(request);
                let answer: ws::GetWorkflowExecutionHistoryResponse = decoded(answer);
                let events = answer.history.unwrap_or_default().events;
                let (id, run) = names(asked.execution);
                let is_whole = asked.next_page_token.is_empty()
                    && asked.history_event_filter_type != HistoryEventFilterType::CloseEvent as i32;
                (is_whole && !run.is_empty()).then(|| Fact::Read {
                    id,
                    run,
                    events: events.len(),
                    fingerprint: fingerprint(&events),
                })
            }
            _ => None,
        }
    }
}

fn decoded<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).expect("the engine and the SDK agree on the protocol")
}

/// The first payload, as the word that it is.
fn word(input: Option<&Payloads>) -> String {
    let data = input.and_then(|input| input.payloads.first()).map(|payload| payload.data.clone());
    String::from_utf8_lossy(&data.unwrap_or_default()).trim_matches('"').to_owned()
}

/// A client of an engine whose every acknowledgement is told, at the moment when it is made.
pub async fn overheard(engine: &Engine, tell: impl Fn(&Fact) + Send + Sync + 'static) -> Client {
    let mut options = engine.connection_options();
    let inner = options.service_override.take().expect("it is reached in memory");
    let shared = Arc::new((Held::default(), tell));
    let callback = move |request: GrpcRequest| {
        let (rpc, asked) = (request.rpc.clone(), request.proto.clone());
        let answer = (inner.callback)(request);
        let shared = shared.clone();
        let overhear = async move {
            let answer = answer.await?;
            if let Some(fact) = shared.0.hear(&rpc, &asked, &answer.proto) {
                (shared.1)(&fact);
            }
            Ok(answer)
        };
        Box::pin(overhear) as futures::future::BoxFuture<'static, _>
    };
    options.service_override = Some(CallbackBasedGrpcService { callback: Arc::new(callback) });
    let connection = Connection::connect(options).await.expect("the engine accepts connections");
    Client::new(connection, ClientOptions::new("default").build()).expect("a client")
}

/// Reads the whole history of a run, and checks that its ids have no gap.
pub async fn history(raw: &Raw, id: &str, run: &str) -> Vec<HistoryEvent> {
    let mut events: Vec<HistoryEvent> = Vec::new();
    let mut page = Vec::new();
    loop {
        let request = ws::GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: Some(WorkflowExecution { workflow_id: id.into(), run_id: run.into() }),
            next_page_token: page,
            ..Default::default()
        };
        let answer: ws::GetWorkflowExecutionHistoryResponse =
            raw.call(WORKFLOW, "GetWorkflowExecutionHistory", request).await.expect("a history");
        events.extend(answer.history.unwrap_or_default().events);
        if answer.next_page_token.is_empty() {
            break;
        }
        page = answer.next_page_token;
    }
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.event_id, index as i64 + 1, "event ids of {id} have no gap");
    }
    events
}

/// Checks that everything acknowledged is in the histories, and once. Returns how many facts of each kind
/// there were.
pub async fn check(raw: &Raw, facts: &[Fact]) -> BTreeMap<&'static str, usize> {
    let mut histories: HashMap<(&str, &str), Vec<HistoryEvent>> = HashMap::new();
    for fact in facts {
        let (id, run) = fact.run();
        if let Entry::Vacant(unread) = histories.entry((id, run)) {
            unread.insert(history(raw, id, run).await);
        }
    }
    let mut counts = BTreeMap::new();
    for fact in facts {
        let found = fact.times_in(&histories[&fact.run()]);
        assert_eq!(found, 1, "{fact:?} was acknowledged, so it is in the history, once");
        *counts.entry(fact.kind()).or_default() += 1;
    }
    counts
}

impl Fact {
    /// The workflow and the run that it is about; an empty run is the current one.
    fn run(&self) -> (&str, &str) {
        match self {
            Self::Signalled { id, .. } => (id, ""),
            Self::Started { id, run }
            | Self::TaskCompleted { id, run, .. }
            | Self::ActivityCompleted { id, run, .. }
            | Self::Read { id, run, .. } => (id, run),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "starts",
            Self::Signalled { .. } => "signals",
            Self::TaskCompleted { .. } => "workflow tasks",
            Self::ActivityCompleted { .. } => "activities",
            Self::Read { .. } => "reads",
        }
    }

    fn times_in(&self, events: &[HistoryEvent]) -> usize {
        if let Self::Read { events: count, fingerprint: seen, .. } = self {
            return usize::from(events.len() >= *count && fingerprint(&events[..*count]) == *seen);
        }
        events.iter().filter(|event| self.is(event, events)).count()
    }

    fn is(&self, event: &HistoryEvent, events: &[HistoryEvent]) -> bool {
        let at = |id: i64| events.get(id as usize - 1).and_then(|event| event.attributes.as_ref());
        match (self, event.attributes.as_ref()) {
            (Self::Started { run, .. }, Some(Attributes::WorkflowExecutionStartedEventAttributes(a))) => {
                *run == a.original_execution_run_id
            }
            (
                Self::Signalled { word: told, .. },
                Some(Attributes::WorkflowExecutionSignaledEventAttributes(a)),
            ) => word(a.input.as_ref()) == *told,
            (
                Self::TaskCompleted { started, .. },
                Some(Attributes::WorkflowTaskCompletedEventAttributes(a)),
            ) => a.started_event_id == *started,
            (
                Self::ActivityCompleted { activity, attempt, .. },
                Some(Attributes::ActivityTaskCompletedEventAttributes(a)),
            ) => {
                let is_it = matches!(at(a.scheduled_event_id),
                    Some(Attributes::ActivityTaskScheduledEventAttributes(s)) if s.activity_id == *activity);
                let is_attempt = matches!(at(a.started_event_id),
                    Some(Attributes::ActivityTaskStartedEventAttributes(s)) if s.attempt == *attempt);
                is_it && is_attempt
            }
            _ => false,
        }
    }
}

//! Everything that is on the disk, and whether it makes sense by itself.

use super::agreement;
use super::known::Known;
use crate::kernel::MutableState;
use crate::kernel::Timestamp;
use crate::kernel::time::{SECOND, span};
use crate::proto::EventAttributes as A;
use crate::proto::history::HistoryEvent;
use crate::storage::Readers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How late a timer may fire while the engine is up, nanoseconds: what a slow disk and a tick may cost.
const TARDY: i64 = SECOND;

/// One run, as it is stored.
#[derive(Debug)]
pub(super) struct Recorded {
    pub workflow_id: String,
    pub state: MutableState,
    pub events: Vec<HistoryEvent>,
}

/// All runs, in the order in which they were created.
#[derive(Debug)]
pub(super) struct Chronicle {
    runs: Vec<Recorded>,
    by_id: BTreeMap<String, usize>,
}

/// When the engine was up, in the order of its lives.
pub(super) type Lives = Vec<(Timestamp, Timestamp)>;

impl Recorded {
    /// How many of its events, also of those that wait for a workflow task to end, are such.
    pub(super) fn recorded(&self, such: impl Fn(&A) -> bool) -> usize {
        let buffered = self.state.buffered.values();
        self.events
            .iter()
            .chain(buffered)
            .filter_map(|event| event.attributes.as_ref())
            .filter(|a| such(a))
            .count()
    }
}

impl Chronicle {
    pub(super) async fn read(readers: &Readers) -> Self {
        let mut runs = Vec::new();
        let mut by_id = BTreeMap::new();
        for (namespace, workflow_id, run_id) in readers.all_runs().expect("the runs can be listed") {
            let stored = readers.run(namespace, workflow_id.clone(), run_id.clone()).await;
            let stored = stored.expect("a run can be read").expect("a run that is listed is there");
            let events = readers.events(stored.run_key, 1, i64::MAX, usize::MAX).await;
            by_id.insert(run_id, runs.len());
            let events = events.expect("a history can be read");
            runs.push(Recorded { workflow_id, state: stored.state, events });
        }
        Self { runs, by_id }
    }

    pub(super) fn runs(&self) -> &[Recorded] {
        &self.runs
    }

    /// The runs that have not ended, with their histories, for a person to read.
    pub(super) fn open(&self) -> String {
        let mut text = String::new();
        for run in self.runs.iter().filter(|run| run.state.core.is_running()) {
            let name = |event: &HistoryEvent| {
                event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase()
            };
            let events: Vec<String> =
                run.events.iter().map(|event| format!("{} {}", event.event_id, name(event))).collect();
            let _ = writeln!(text, "{} {:?}\n  {}", run.workflow_id, run.state.core, events.join(", "));
        }
        text
    }

    /// A run that must be there.
    pub(super) fn run(&self, run_id: &str) -> Result<&Recorded, String> {
        let place = self.by_id.get(run_id);
        place.map(|place| &self.runs[*place]).ok_or_else(|| format!("run {run_id} was told of and is gone"))
    }

    /// Whether any run of a workflow id has recorded such a thing.
    pub(super) fn any(&self, workflow_id: &str, such: impl Fn(&A) -> bool) -> bool {
        self.runs.iter().any(|run| run.workflow_id == workflow_id && run.recorded(&such) > 0)
    }

    /// Whether any run of a workflow id is over.
    pub(super) fn has_ended(&self, workflow_id: &str) -> bool {
        self.runs.iter().any(|run| run.workflow_id == workflow_id && !run.state.core.is_running())
    }

    /// Whether what is stored makes sense.
    pub(super) fn check(&self, lives: &Lives, clock_is_set: bool, known: &Known) -> Result<(), String> {
        let mut running = BTreeSet::new();
        for run in &self.runs {
            let core = &run.state.core;
            let named = |what: String| format!("{} (run {}): {what}", run.workflow_id, core.run_id);
            check_ids(run).map_err(named)?;
            check_pairs(run).map_err(named)?;
            if !clock_is_set {
                check_timers(run, lives).map_err(named)?;
            }
            agreement::check(&run.state, &run.events, clock_is_set).map_err(named)?;
            if core.is_running() && !running.insert(&run.workflow_id) {
                return Err(named("a second run of this id runs".into()));
            }
            for attributes in run.events.iter().filter_map(|event| event.attributes.as_ref()) {
                if let A::ChildWorkflowExecutionStartedEventAttributes(a) = attributes {
                    let run_id = a.workflow_execution.clone().unwrap_or_default().run_id;
                    if !known.is_doomed(&run_id) {
                        self.run(&run_id).map_err(named)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Ids are gapless, the run begins with its start and ends, once, with its end.
fn check_ids(run: &Recorded) -> Result<(), String> {
    let core = &run.state.core;
    for (place, event) in run.events.iter().enumerate() {
        if event.event_id != place as i64 + 1 {
            return Err(format!("event {} stands in place {}", event.event_id, place + 1));
        }
    }
    if core.next_event_id != run.events.len() as i64 + 1 {
        return Err(format!("next event id {} after {} events", core.next_event_id, run.events.len()));
    }
    if !matches!(run.events[0].attributes, Some(A::WorkflowExecutionStartedEventAttributes(_))) {
        return Err("the first event is not the start".into());
    }
    let ends = run.events.iter().filter(|event| event.attributes.as_ref().is_some_and(is_end)).count();
    let last_ends = run.events.last().and_then(|event| event.attributes.as_ref()).is_some_and(is_end);
    if ends != usize::from(!core.is_running()) || last_ends == core.is_running() {
        return Err(format!("{ends} ends, and its status is {}", core.status));
    }
    if !core.is_running() && !run.state.buffered.is_empty() {
        return Err("it has ended with events that were never written".into());
    }
    Ok(())
}

fn is_end(attributes: &A) -> bool {
    matches!(
        attributes,
        A::WorkflowExecutionCompletedEventAttributes(_)
            | A::WorkflowExecutionFailedEventAttributes(_)
            | A::WorkflowExecutionTimedOutEventAttributes(_)
            | A::WorkflowExecutionCanceledEventAttributes(_)
            | A::WorkflowExecutionTerminatedEventAttributes(_)
            | A::WorkflowExecutionContinuedAsNewEventAttributes(_)
    )
}

/// What a closing event closes: a kind of thing, and the event that began it. Nothing is closed twice, or before
/// it has begun.
fn closes(attributes: &A) -> Option<(&'static str, i64)> {
    Some(match attributes {
        A::WorkflowTaskStartedEventAttributes(a) => ("taking task", a.scheduled_event_id),
        A::WorkflowTaskCompletedEventAttributes(a) => ("task", a.scheduled_event_id),
        A::WorkflowTaskFailedEventAttributes(a) => ("task", a.scheduled_event_id),
        A::WorkflowTaskTimedOutEventAttributes(a) => ("task", a.scheduled_event_id),
        A::ActivityTaskStartedEventAttributes(a) => ("starting activity", a.scheduled_event_id),
        A::ActivityTaskCompletedEventAttributes(a) => ("activity", a.scheduled_event_id),
        A::ActivityTaskFailedEventAttributes(a) => ("activity", a.scheduled_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => ("activity", a.scheduled_event_id),
        A::ActivityTaskCanceledEventAttributes(a) => ("activity", a.scheduled_event_id),
        A::TimerFiredEventAttributes(a) => ("timer", a.started_event_id),
        A::TimerCanceledEventAttributes(a) => ("timer", a.started_event_id),
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => ("starting child", a.initiated_event_id),
        A::ChildWorkflowExecutionStartedEventAttributes(a) => ("starting child", a.initiated_event_id),
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => ("child", a.initiated_event_id),
        A::ChildWorkflowExecutionFailedEventAttributes(a) => ("child", a.initiated_event_id),
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => ("child", a.initiated_event_id),
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => ("child", a.initiated_event_id),
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => ("child", a.initiated_event_id),
        A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => ("signal", a.initiated_event_id),
        A::ExternalWorkflowExecutionSignaledEventAttributes(a) => ("signal", a.initiated_event_id),
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => ("cancel", a.initiated_event_id),
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => ("cancel", a.initiated_event_id),
        A::WorkflowExecutionUpdateCompletedEventAttributes(a) => ("update", a.accepted_event_id),
        _ => return None,
    })
}

fn check_pairs(run: &Recorded) -> Result<(), String> {
    let mut closed = BTreeSet::new();
    let mut signals = BTreeSet::new();
    let mut updates = BTreeSet::new();
    for event in &run.events {
        let Some(attributes) = &event.attributes else {
            return Err(format!("event {} says nothing", event.event_id));
        };
        if let Some((what, begun)) = closes(attributes) {
            if begun <= 0 || begun >= event.event_id {
                return Err(format!("event {} ends the {what} of event {begun}", event.event_id));
            }
            if !closed.insert((what, begun)) {
                return Err(format!("the {what} of event {begun} ends twice"));
            }
        }
        let repeated = match attributes {
            A::WorkflowExecutionSignaledEventAttributes(a) => {
                !a.request_id.is_empty() && !signals.insert(a.request_id.clone())
            }
            A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                !updates.insert(a.protocol_instance_id.clone())
            }
            _ => false,
        };
        if repeated {
            return Err(format!("event {} repeats what was recorded before", event.event_id));
        }
    }
    Ok(())
}

/// No timer fires before its time, or much later than it could have. Where somebody has set the wall clock, the
/// times in a history do not tell.
fn check_timers(run: &Recorded, lives: &Lives) -> Result<(), String> {
    let mut due = BTreeMap::new();
    let mut reset = Timestamp::NONE;
    for event in &run.events {
        let at = Timestamp::from_proto(event.event_time.as_ref());
        match &event.attributes {
            Some(A::TimerStartedEventAttributes(a)) => {
                due.insert(event.event_id, at.plus(span(a.start_to_fire_timeout.as_ref())));
            }
            // The run began here, with timers that may have been due for long.
            Some(A::WorkflowTaskFailedEventAttributes(a)) if !a.new_run_id.is_empty() => reset = at,
            Some(A::TimerFiredEventAttributes(a)) => {
                let due = due.get(&a.started_event_id).copied().unwrap_or_default();
                if at < due {
                    return Err(format!("timer {:?} fired {} ns early", a.timer_id, due.since(at)));
                }
                let life = lives.iter().rev().find(|(opened, _)| *opened <= at);
                let opened = life.map(|(opened, _)| *opened).unwrap_or_default();
                if at.since(due.max(opened).max(reset)) > TARDY {
                    return Err(format!("timer {:?} fired {} ns late", a.timer_id, at.since(due)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

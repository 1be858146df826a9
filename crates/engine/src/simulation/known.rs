//! What the world was told: every acknowledgement is a fact that no crash may undo.

use super::chronicle::Chronicle;
use crate::proto::EventAttributes as A;
use crate::proto::history::HistoryEvent;
use std::collections::{BTreeMap, BTreeSet};

/// Something that the engine has acknowledged.
#[derive(Debug, Clone)]
pub(super) enum Fact {
    /// There is this run.
    Run {
        run_id: String,
    },
    /// A signal was accepted; it is told from others by its name.
    Signal {
        workflow_id: String,
        name: String,
    },
    Cancel {
        workflow_id: String,
    },
    Terminate {
        workflow_id: String,
    },
    /// A workflow task was completed.
    Task {
        run_id: String,
        started_event_id: i64,
    },
    /// A worker was given an attempt.
    Attempt {
        run_id: String,
        scheduled_event_id: i64,
        attempt: i32,
    },
    /// An activity was completed or its cancellation confirmed.
    Activity {
        run_id: String,
        scheduled_event_id: i64,
    },
    Update {
        run_id: String,
        update_id: String,
        completed: bool,
    },
    /// A reader was shown the first events of a run.
    History {
        run_id: String,
        events: Vec<HistoryEvent>,
    },
    /// Somebody is about to ask for a run's deletion: nothing of it need be there any more.
    Doomed {
        workflow_id: String,
        run_id: String,
    },
    /// A run was deleted.
    Deleted {
        run_id: String,
    },
}

/// All facts so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    runs: BTreeSet<String>,
    signals: BTreeSet<(String, String)>,
    cancels: BTreeSet<String>,
    terminations: BTreeSet<String>,
    tasks: BTreeSet<(String, i64)>,
    attempts: BTreeSet<(String, i64, i32)>,
    activities: BTreeSet<(String, i64)>,
    updates: BTreeMap<(String, String), bool>,
    histories: BTreeMap<String, Vec<HistoryEvent>>,
    /// By workflow id.
    doomed: BTreeSet<(String, String)>,
    deleted: BTreeSet<String>,
}

impl Known {
    /// Takes a fact in, unless it contradicts one that is known.
    pub(super) fn learn(&mut self, fact: Fact) -> Result<(), String> {
        match fact {
            Fact::Run { run_id } => drop(self.runs.insert(run_id)),
            Fact::Signal { workflow_id, name } => drop(self.signals.insert((workflow_id, name))),
            Fact::Cancel { workflow_id } => drop(self.cancels.insert(workflow_id)),
            Fact::Terminate { workflow_id } => drop(self.terminations.insert(workflow_id)),
            Fact::Task { run_id, started_event_id } => {
                if !self.tasks.insert((run_id.clone(), started_event_id)) {
                    return Err(format!(
                        "the task started by event {started_event_id} of run {run_id} was completed twice"
                    ));
                }
            }
            Fact::Attempt { run_id, scheduled_event_id, attempt } => {
                if !self.attempts.insert((run_id.clone(), scheduled_event_id, attempt)) {
                    return Err(format!(
                        "attempt {attempt} of activity {scheduled_event_id} of run {run_id} was given out twice"
                    ));
                }
            }
            Fact::Activity { run_id, scheduled_event_id } => {
                if !self.activities.insert((run_id.clone(), scheduled_event_id)) {
                    return Err(format!("activity {scheduled_event_id} of run {run_id} was closed twice"));
                }
            }
            Fact::Update { run_id, update_id, completed } => {
                *self.updates.entry((run_id, update_id)).or_default() |= completed;
            }
            Fact::History { run_id, events } => {
                let known = self.histories.entry(run_id.clone()).or_default();
                let shared = known.len().min(events.len());
                if known[..shared] != events[..shared] {
                    return Err(format!("run {run_id} was shown with two different histories"));
                }
                if events.len() > known.len() {
                    *known = events;
                }
            }
            Fact::Doomed { workflow_id, run_id } => drop(self.doomed.insert((workflow_id, run_id))),
            Fact::Deleted { run_id } => drop(self.deleted.insert(run_id)),
        }
        Ok(())
    }

    /// Whether a run may be gone.
    pub(super) fn is_doomed(&self, run_id: &str) -> bool {
        self.doomed.iter().any(|(_, doomed)| doomed == run_id)
    }

    /// Whether what is known of a workflow id may have gone with one of its runs.
    fn has_doomed(&self, workflow_id: &str) -> bool {
        self.doomed.iter().any(|(doomed, _)| doomed == workflow_id)
    }

    /// Whether everything that was acknowledged is on the disk.
    pub(super) fn check(&self, chronicle: &Chronicle) -> Result<(), String> {
        if let Some(run_id) = self.deleted.iter().find(|run_id| chronicle.run(run_id).is_ok()) {
            return Err(format!("the deletion of run {run_id} was acknowledged, and it is there"));
        }
        let stays = |run_id: &&String| !self.is_doomed(run_id);
        let lives = |workflow_id: &&String| !self.has_doomed(workflow_id);
        for run_id in self.runs.iter().filter(stays) {
            chronicle.run(run_id)?;
        }
        for (workflow_id, name) in self.signals.iter().filter(|(workflow_id, _)| lives(&workflow_id)) {
            let signalled = chronicle.any(workflow_id, |attributes| {
                matches!(attributes, A::WorkflowExecutionSignaledEventAttributes(a) if a.signal_name == *name)
            });
            if !signalled {
                return Err(format!("signal {name} to {workflow_id} was acknowledged and is gone"));
            }
        }
        for workflow_id in self.cancels.iter().filter(lives) {
            let asked = chronicle.any(workflow_id, |attributes| {
                matches!(attributes, A::WorkflowExecutionCancelRequestedEventAttributes(_))
            });
            // A workflow that is over already is not asked any more.
            if !asked && !chronicle.has_ended(workflow_id) {
                return Err(format!("a request to cancel {workflow_id} was acknowledged and is gone"));
            }
        }
        for workflow_id in self.terminations.iter().filter(lives) {
            let ended = chronicle.any(workflow_id, |attributes| {
                matches!(attributes, A::WorkflowExecutionTerminatedEventAttributes(_))
            });
            if !ended {
                return Err(format!("the end of {workflow_id} was acknowledged and is gone"));
            }
        }
        for (run_id, started_event_id) in self.tasks.iter().filter(|(run_id, _)| stays(&run_id)) {
            let completed = chronicle.run(run_id)?.recorded(|attributes| {
                matches!(attributes, A::WorkflowTaskCompletedEventAttributes(a)
                    if a.started_event_id == *started_event_id)
            });
            if completed != 1 {
                return Err(format!(
                    "the completion of task {started_event_id} of run {run_id} was acknowledged and is \
                     recorded {completed} times"
                ));
            }
        }
        for (run_id, scheduled_event_id) in self.activities.iter().filter(|(run_id, _)| stays(&run_id)) {
            let closed = chronicle.run(run_id)?.recorded(|attributes| match attributes {
                A::ActivityTaskCompletedEventAttributes(a) => a.scheduled_event_id == *scheduled_event_id,
                A::ActivityTaskCanceledEventAttributes(a) => a.scheduled_event_id == *scheduled_event_id,
                _ => false,
            });
            if closed != 1 {
                return Err(format!(
                    "the end of activity {scheduled_event_id} of run {run_id} was acknowledged and is \
                     recorded {closed} times"
                ));
            }
        }
        for ((run_id, update_id), completed) in self.updates.iter().filter(|((run_id, _), _)| stays(&run_id))
        {
            let recorded = chronicle.run(run_id)?.recorded(|attributes| match attributes {
                A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                    !completed && a.protocol_instance_id == *update_id
                }
                A::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
                    *completed && a.meta.as_ref().is_some_and(|meta| meta.update_id == *update_id)
                }
                _ => false,
            });
            if recorded != 1 {
                return Err(format!(
                    "update {update_id} of run {run_id} was acknowledged and is recorded {recorded} times"
                ));
            }
        }
        for (run_id, shown) in self.histories.iter().filter(|(run_id, _)| stays(run_id)) {
            let run = chronicle.run(run_id)?;
            if run.events.get(..shown.len()) != Some(shown.as_slice()) {
                return Err(format!("a reader was shown events of run {run_id} that are gone"));
            }
        }
        Ok(())
    }
}

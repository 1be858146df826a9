//! The kernel as tables: what is done to a run, and the history that comes of it.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes the strings")]
#![expect(clippy::needless_pass_by_value, reason = "the shape a table of checks reads best in")]

mod relatives;
mod updates;

use super::commands::{Completion, Outcome};
use super::effects::{Reached, Signal, Terminate};
use super::entropy::Entropy;
use super::lifecycle::{NewRun, begin};
use super::state::RowChange;
use super::time::{SECOND, span_to_proto};
use super::workflow_task::TaskIdentity;
use super::{Effects, MutableState, Rejection, Task, Timestamp, Transition};
use super::{activity, commands, inbound, workflow_task};
use crate::proto::{
    CommandAttributes, EventAttributes, command, common, enums, history, protocol, taskqueue,
};
use expect_test::{Expect, expect};
use std::collections::BTreeMap;

/// A run under the kernel, with a clock that moves when told.
struct Subject {
    state: MutableState,
    now: Timestamp,
    entropy: Entropy,
    events: Vec<history::HistoryEvent>,
    tasks: Vec<Task>,
    task: Option<TaskIdentity>,
    /// Updates that the last task taken carried.
    messages: Vec<protocol::Message>,
    /// Why that task suggests to continue as new.
    suggested_for: Vec<i32>,
    /// What those who wait for updates were told.
    told: Vec<(String, Reached)>,
    /// The rows as storage has them.
    stored: BTreeMap<(i64, String), Vec<u8>>,
}

impl Subject {
    fn new() -> Self {
        let now = Timestamp(1_000 * SECOND);
        let mut entropy = Entropy::from_seed(7);
        let new = NewRun {
            namespace: "default".into(),
            run_id: entropy.uuid(),
            started: history::WorkflowExecutionStartedEventAttributes {
                workflow_id: "subject".into(),
                workflow_type: Some(common::WorkflowType { name: "Script".into() }),
                task_queue: Some(taskqueue::TaskQueue { name: "queue".into(), ..Default::default() }),
                ..Default::default()
            },
            ..NewRun::default()
        };
        let (state, effects) = begin(new, now, &mut entropy);
        let mut subject = Self {
            state,
            now,
            entropy,
            events: Vec::new(),
            tasks: Vec::new(),
            task: None,
            messages: Vec::new(),
            suggested_for: Vec::new(),
            told: Vec::new(),
            stored: BTreeMap::new(),
        };
        subject.absorb(effects);
        subject
    }

    fn absorb(&mut self, effects: Effects) {
        let changes = self.state.take_row_changes();
        if effects.volatile {
            assert!(effects.events.is_empty() && effects.transfers.is_empty() && changes.is_empty());
        } else {
            for RowChange { kind, key, body } in changes {
                match body {
                    Some(body) => self.stored.insert((kind as i64, key), body),
                    None => self.stored.remove(&(kind as i64, key)),
                };
            }
            let task = self.state.core.workflow_task.as_ref();
            assert!(task.is_none_or(|task| !task.speculative), "a speculative task is never stored");
        }
        self.told.extend(effects.updates);
        self.events.extend(effects.events);
        self.tasks = effects.tasks;
        for (index, event) in self.events.iter().enumerate() {
            assert_eq!(event.event_id, index as i64 + 1, "ids have no gap");
        }
        assert_eq!(self.state.core.next_event_id, self.events.len() as i64 + 1);
    }

    fn tx<R>(&mut self, change: impl FnOnce(&mut Transition<'_>) -> R) -> R {
        let mut tx = Transition::new(&mut self.state, self.now, &mut self.entropy);
        let result = change(&mut tx);
        let effects = tx.finish();
        self.absorb(effects);
        result
    }

    /// A worker takes the workflow task.
    fn take(&mut self) -> &mut Self {
        self.take_with(false)
    }

    /// The worker that asked for more time gets it.
    fn take_heartbeat(&mut self) -> &mut Self {
        self.take_with(true)
    }

    fn take_with(&mut self, is_heartbeat: bool) -> &mut Self {
        let task = self.state.core.workflow_task.clone().expect("a workflow task is on offer");
        let started = self
            .tx(|tx| {
                let take = workflow_task::Take { is_heartbeat, ..workflow_task::Take::of(&task, "worker") };
                workflow_task::start(tx, &take)
            })
            .expect("it can be taken");
        self.messages = started.messages;
        self.suggested_for.clone_from(&started.task.suggest_reasons);
        self.task = Some(TaskIdentity {
            scheduled_event_id: started.task.scheduled_event_id,
            started_event_id: started.task.started_event_id,
            attempt: started.task.attempt,
            nonce: started.task.nonce,
        });
        self
    }

    fn answer(&mut self, commands: Vec<CommandAttributes>) -> Result<Outcome, Rejection> {
        let identity = self.task.clone().expect("a task was taken");
        self.tx(|tx| commands::complete(tx, &identity, completion(commands)))
    }

    fn does(&mut self, commands: Vec<CommandAttributes>) -> &mut Self {
        assert_eq!(self.answer(commands), Ok(Outcome::Completed));
        self
    }

    fn fails(&mut self) -> &mut Self {
        let identity = self.task.clone().expect("a task was taken");
        self.tx(|tx| workflow_task::fail(tx, &identity, 24, None, "worker")).expect("it is the task");
        self
    }

    fn signal(&mut self, name: &str) -> &mut Self {
        let signal = Signal { name: name.into(), ..Signal::default() };
        self.tx(|tx| inbound::signal(tx, signal, None)).expect("the run is open");
        self
    }

    fn wait(&mut self, nanos: i64) -> &mut Self {
        self.now = self.now.plus(nanos);
        self.tx(fire_due);
        self
    }

    /// A worker takes and completes the activity with this scheduled event.
    fn activity_done(&mut self, scheduled_event_id: i64) -> &mut Self {
        let attempt = self.state.activities.get(&scheduled_event_id).expect("it is pending").attempt;
        let started = self
            .tx(|tx| activity::start(tx, scheduled_event_id, attempt, "worker"))
            .expect("it can be taken");
        let identity = activity::AttemptIdentity { scheduled_event_id, attempt, nonce: started.nonce };
        self.tx(|tx| activity::complete(tx, &identity, None, "worker")).expect("it is the attempt");
        self
    }

    fn check(&self, expected: Expect) {
        let lines: Vec<_> = self.events.iter().map(line).collect();
        expected.assert_eq(&lines.join("\n"));
        self.check_restored();
    }

    /// What is stored reads back as what is in memory.
    fn check_restored(&self) {
        let core = prost::Message::encode_to_vec(&self.state.core);
        let rows = self.stored.iter().map(|((kind, key), body)| (*kind, key.clone(), body.clone()));
        let restored = MutableState::restore(&core, rows).expect("what is stored reads back");
        assert_eq!(format!("{:?}", restored.core), format!("{:?}", self.state.core));
        assert_eq!(restored.next_deadline(), self.state.next_deadline());
        assert_eq!(restored.activities.len(), self.state.activities.len());
        assert_eq!(restored.buffered.len(), self.state.buffered.len());
        let ids = |state: &MutableState| {
            let kept = state.requested_updates.iter().filter(|requested| requested.in_history);
            kept.map(|requested| requested.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&restored), ids(&self.state));
    }
}

fn completion(commands: Vec<CommandAttributes>) -> Completion {
    let commands = commands
        .into_iter()
        .map(|attributes| command::Command { attributes: Some(attributes), ..Default::default() })
        .collect();
    Completion { commands, identity: "worker".into(), ..Completion::default() }
}

/// An event's id, type and references to other events.
fn line(event: &history::HistoryEvent) -> String {
    use EventAttributes as A;
    let name = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase();
    let refers = match event.attributes.as_ref().expect("every event has attributes") {
        A::WorkflowTaskScheduledEventAttributes(a) => format!("attempt {}", a.attempt),
        A::WorkflowTaskStartedEventAttributes(a) => format!("of {}", a.scheduled_event_id),
        A::WorkflowTaskCompletedEventAttributes(a) => {
            format!("of {} {}", a.scheduled_event_id, a.started_event_id)
        }
        A::WorkflowTaskFailedEventAttributes(a) => {
            format!("of {} {}: {}", a.scheduled_event_id, a.started_event_id, a.cause().as_str_name())
        }
        A::ActivityTaskScheduledEventAttributes(a) => format!("by {}", a.workflow_task_completed_event_id),
        A::ActivityTaskStartedEventAttributes(a) => {
            format!("of {} attempt {}", a.scheduled_event_id, a.attempt)
        }
        A::ActivityTaskCompletedEventAttributes(a) => {
            format!("of {} {}", a.scheduled_event_id, a.started_event_id)
        }
        A::ActivityTaskCancelRequestedEventAttributes(a) => format!("of {}", a.scheduled_event_id),
        A::TimerFiredEventAttributes(a) => format!("of {}", a.started_event_id),
        A::TimerCanceledEventAttributes(a) => format!("of {}", a.started_event_id),
        A::WorkflowExecutionSignaledEventAttributes(a) => a.signal_name.clone(),
        A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => a.protocol_instance_id.clone(),
        A::WorkflowExecutionUpdateCompletedEventAttributes(a) => format!("of {}", a.accepted_event_id),
        _ => String::new(),
    };
    format!("{} {name} {refers}", event.event_id).trim_end().to_owned()
}

fn run_activity(id: &str) -> CommandAttributes {
    CommandAttributes::ScheduleActivityTaskCommandAttributes(command::ScheduleActivityTaskCommandAttributes {
        activity_id: id.into(),
        activity_type: Some(common::ActivityType { name: "act".into() }),
        task_queue: Some(taskqueue::TaskQueue { name: "queue".into(), ..Default::default() }),
        start_to_close_timeout: span_to_proto(60 * SECOND),
        ..Default::default()
    })
}

fn fire_due(tx: &mut Transition<'_>) {
    tx.fire_due();
}

fn start_timer(id: &str, seconds: i64) -> CommandAttributes {
    CommandAttributes::StartTimerCommandAttributes(command::StartTimerCommandAttributes {
        timer_id: id.into(),
        start_to_fire_timeout: span_to_proto(seconds * SECOND),
    })
}

fn cancel_timer(id: &str) -> CommandAttributes {
    CommandAttributes::CancelTimerCommandAttributes(command::CancelTimerCommandAttributes {
        timer_id: id.into(),
    })
}

fn cancel_activity(scheduled_event_id: i64) -> CommandAttributes {
    CommandAttributes::RequestCancelActivityTaskCommandAttributes(
        command::RequestCancelActivityTaskCommandAttributes { scheduled_event_id },
    )
}

fn finish() -> CommandAttributes {
    CommandAttributes::CompleteWorkflowExecutionCommandAttributes(
        command::CompleteWorkflowExecutionCommandAttributes::default(),
    )
}

#[test]
fn what_arrives_during_a_task_waits_for_its_end_completions_last() {
    let mut run = Subject::new();
    run.take().does(vec![run_activity("a"), run_activity("b")]);
    run.signal("one").take();
    run.activity_done(5).signal("two").activity_done(6).signal("three");
    run.does(vec![start_timer("t", 1)]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_completed of 2 3
        5 activity_task_scheduled by 4
        6 activity_task_scheduled by 4
        7 workflow_execution_signaled one
        8 workflow_task_scheduled attempt 1
        9 workflow_task_started of 8
        10 workflow_task_completed of 8 9
        11 timer_started
        12 activity_task_started of 5 attempt 1
        13 workflow_execution_signaled two
        14 activity_task_started of 6 attempt 1
        15 workflow_execution_signaled three
        16 activity_task_completed of 5 12
        17 activity_task_completed of 6 14
        18 workflow_task_scheduled attempt 1"#]]);
}

#[test]
fn a_run_does_not_end_over_an_unseen_signal() {
    let mut run = Subject::new();
    run.take().signal("unseen");
    let outcome = run.answer(vec![finish()]).expect("the task is known");
    assert!(matches!(outcome, Outcome::Failed(bad) if bad.message == "UnhandledCommand"));
    run.take().does(vec![finish()]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_failed of 2 3: WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
        5 workflow_execution_signaled unseen
        6 workflow_task_scheduled attempt 1
        7 workflow_task_started of 6
        8 workflow_task_completed of 6 7
        9 workflow_execution_completed"#]]);
}

#[test]
fn later_attempts_are_transient_until_one_completes() {
    let mut run = Subject::new();
    run.take().fails().take().fails().take();
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_failed of 2 3: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"#]]);
    run.does(vec![finish()]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_failed of 2 3: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
        5 workflow_task_scheduled attempt 3
        6 workflow_task_started of 5
        7 workflow_task_completed of 5 6
        8 workflow_execution_completed"#]]);
}

#[test]
fn news_make_a_transient_task_an_ordinary_one() {
    let mut run = Subject::new();
    run.take().fails().signal("news").take().does(vec![finish()]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_failed of 2 3: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
        5 workflow_execution_signaled news
        6 workflow_task_scheduled attempt 1
        7 workflow_task_started of 6
        8 workflow_task_completed of 6 7
        9 workflow_execution_completed"#]]);
}

#[test]
fn a_task_that_news_make_ordinary_is_scheduled_when_its_event_says() {
    let mut run = Subject::new();
    run.take().fails().wait(SECOND).signal("news").wait(SECOND).take();
    let task = run.state.core.workflow_task.clone().expect("it is taken");
    let scheduled = run.events.iter().find(|event| event.event_id == task.scheduled_event_id);
    let at = scheduled.and_then(|event| event.event_time.as_ref());
    assert_eq!(Timestamp::from_proto(at), Timestamp(task.scheduled_time));
}

#[test]
fn a_worker_that_is_gone_times_out() {
    let mut run = Subject::new();
    run.take().wait(11 * SECOND);
    assert_eq!(run.answer(vec![]), Err(Rejection::WorkflowTaskNotFound), "its answer comes too late");
    run.take().does(vec![finish()]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_timed_out
        5 workflow_task_scheduled attempt 2
        6 workflow_task_started of 5
        7 workflow_task_completed of 5 6
        8 workflow_execution_completed"#]]);
}

#[test]
fn a_timer_that_fired_unseen_can_still_be_cancelled() {
    let mut run = Subject::new();
    run.take().does(vec![start_timer("t", 1)]);
    run.signal("wake").take().wait(2 * SECOND);
    run.does(vec![cancel_timer("t"), finish()]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_completed of 2 3
        5 timer_started
        6 workflow_execution_signaled wake
        7 workflow_task_scheduled attempt 1
        8 workflow_task_started of 7
        9 workflow_task_completed of 7 8
        10 timer_canceled of 5
        11 workflow_execution_completed"#]]);
}

#[test]
fn an_activity_that_closed_unseen_can_still_be_asked_to_cancel() {
    let mut run = Subject::new();
    run.take().does(vec![run_activity("a")]);
    run.signal("wake").take().activity_done(5);
    run.does(vec![cancel_activity(5)]);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_completed of 2 3
        5 activity_task_scheduled by 4
        6 workflow_execution_signaled wake
        7 workflow_task_scheduled attempt 1
        8 workflow_task_started of 7
        9 workflow_task_completed of 7 8
        10 activity_task_cancel_requested of 5
        11 activity_task_started of 5 attempt 1
        12 activity_task_completed of 5 11
        13 workflow_task_scheduled attempt 1"#]]);
}

#[test]
fn a_failure_without_a_failure_fails_the_task_alone() {
    let mut run = Subject::new();
    run.take();
    let fail = command::FailWorkflowExecutionCommandAttributes { failure: None };
    let command = CommandAttributes::FailWorkflowExecutionCommandAttributes(fail);
    let Outcome::Failed(bad) = run.answer(vec![command]).expect("the task is known") else {
        panic!("there is nothing to fail with");
    };
    assert_eq!(bad.cause, enums::WorkflowTaskFailedCause::BadFailWorkflowExecutionAttributes);
    assert!(run.state.core.is_running());
}

#[test]
fn what_is_unseen_comes_before_what_is_bad() {
    let mut run = Subject::new();
    run.take().signal("unseen");
    let fail = command::FailWorkflowExecutionCommandAttributes { failure: None };
    let command = CommandAttributes::FailWorkflowExecutionCommandAttributes(fail);
    let Outcome::Failed(bad) = run.answer(vec![command]).expect("the task is known") else {
        panic!("the run may not end");
    };
    assert_eq!(bad.cause, enums::WorkflowTaskFailedCause::UnhandledCommand);
}

#[test]
fn a_bad_command_changes_nothing_but_the_task() {
    let mut run = Subject::new();
    run.take();
    let outcome = run.answer(vec![start_timer("t", 1), start_timer("t", 1)]).expect("the task is known");
    let Outcome::Failed(bad) = outcome else { panic!("the second timer has the first one's id") };
    assert_eq!(bad.cause, enums::WorkflowTaskFailedCause::StartTimerDuplicateId);
    assert!(run.state.timers.is_empty());
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_failed of 2 3: WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID"#]]);
}

#[test]
fn a_stale_token_fits_no_later_task() {
    let mut run = Subject::new();
    let stale = run.take().task.clone().expect("a token");
    run.wait(11 * SECOND).take();
    run.task = Some(stale);
    assert_eq!(run.answer(vec![finish()]), Err(Rejection::WorkflowTaskNotFound));
}

#[test]
fn timers_fire_in_order_and_never_early() {
    let mut run = Subject::new();
    run.take().does(vec![start_timer("late", 3), start_timer("early", 1)]);
    run.wait(SECOND - 1);
    assert_eq!(run.state.timers.len(), 2);
    assert_eq!(run.state.next_deadline(), run.now.plus(1));
    run.wait(10 * SECOND);
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_completed of 2 3
        5 timer_started
        6 timer_started
        7 timer_fired of 6
        8 timer_fired of 5
        9 workflow_task_scheduled attempt 1"#]]);
}

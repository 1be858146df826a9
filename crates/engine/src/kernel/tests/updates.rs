//! Updates and the speculative workflow tasks that carry them.

use super::*;
use crate::kernel::update::{self as kernel, Standing};
use crate::proto::update;
use prost::{Message, Name};

fn request(id: &str) -> update::Request {
    update::Request {
        meta: Some(update::Meta { update_id: id.into(), identity: "client".into() }),
        input: Some(update::Input { name: "set".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn message<M: Message + Name>(update: &str, id: &str, body: &M) -> protocol::Message {
    protocol::Message {
        id: id.into(),
        protocol_instance_id: update.into(),
        body: Some(prost_wkt_types::Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: body.encode_to_vec(),
        }),
        sequencing_id: None,
    }
}

fn accepts(id: &str) -> protocol::Message {
    let body = update::Acceptance {
        accepted_request_message_id: format!("{id}/request"),
        accepted_request_sequencing_event_id: 5,
        accepted_request: None,
    };
    message(id, &format!("{id}/accept"), &body)
}

fn rejects(id: &str) -> protocol::Message {
    let failure = Some(crate::proto::failure::Failure { message: "no".into(), ..Default::default() });
    message(id, &format!("{id}/reject"), &update::Rejection { failure, ..Default::default() })
}

fn responds(id: &str) -> protocol::Message {
    let body = update::Response {
        meta: Some(update::Meta { update_id: id.into(), ..Default::default() }),
        outcome: Some(update::Outcome {
            value: Some(update::outcome::Value::Success(common::Payloads::default())),
        }),
    };
    message(id, &format!("{id}/respond"), &body)
}

fn points_at(id: &str) -> CommandAttributes {
    CommandAttributes::ProtocolMessageCommandAttributes(command::ProtocolMessageCommandAttributes {
        message_id: id.into(),
    })
}

fn continues_as_new() -> CommandAttributes {
    CommandAttributes::ContinueAsNewWorkflowExecutionCommandAttributes(
        command::ContinueAsNewWorkflowExecutionCommandAttributes::default(),
    )
}

impl Subject {
    /// A run whose first task is done.
    fn idle() -> Self {
        let mut subject = Self::new();
        subject.take().does(vec![]);
        subject
    }

    fn update(&mut self, id: &str) -> Result<Standing, Rejection> {
        self.tx(|tx| kernel::admit(tx, request(id)))
    }

    fn asked(&mut self, id: &str) -> &mut Self {
        assert_eq!(self.update(id), Ok(Standing::Admitted));
        self
    }

    fn replies(&mut self, commands: Vec<CommandAttributes>, messages: Vec<protocol::Message>) -> Outcome {
        self.completes(Completion { messages, takes_events_again: true, ..completion(commands) })
    }

    fn completes(&mut self, completion: Completion) -> Outcome {
        let identity = self.task.clone().expect("a task was taken");
        self.tx(|tx| commands::complete(tx, &identity, completion)).expect("it is the task")
    }

    /// What was told to those who wait, one a line, since the last call.
    fn told(&mut self) -> String {
        let told = std::mem::take(&mut self.told);
        let lines = told.into_iter().map(|(id, reached)| match reached {
            Reached::Completed(update::Outcome { value: Some(update::outcome::Value::Failure(failure)) }) => {
                format!("{id} failed: {}", failure.message)
            }
            Reached::Completed(_) => format!("{id} completed"),
            other => format!("{id} {other:?}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn last_events(&self, count: usize) -> String {
        let lines: Vec<_> = self.events.iter().map(line).collect();
        lines[lines.len() - count..].join("\n")
    }

    /// Whether storing now and reading back would change nothing: nothing speculative is ever stored.
    fn holds_nothing_volatile(&self) -> bool {
        self.state.core.workflow_task.as_ref().is_none_or(|task| !task.speculative)
    }
}

#[test]
fn a_rejection_leaves_no_trace_and_gives_the_ids_back() {
    let mut run = Subject::idle();
    for id in ["first", "second"] {
        run.asked(id).take();
        let task = run.task.clone().expect("it was taken");
        assert_eq!((task.scheduled_event_id, task.started_event_id), (5, 6));
        let outcome = run.replies(vec![], vec![rejects(id)]);
        assert_eq!(outcome, Outcome::Discarded { reset_history_event_id: 3 });
        assert_eq!(run.told(), format!("{id} failed: no"));
        assert_eq!(run.update(id), Ok(Standing::Admitted), "a rejected update may be asked for again");
        run.take();
        run.replies(vec![], vec![rejects(id)]);
        run.told();
    }
    assert_eq!(run.events.len(), 4);
    assert!(run.state.requested_updates.is_empty() && run.state.core.workflow_task.is_none());
}

#[test]
fn an_acceptance_writes_the_task_and_a_later_one_the_outcome() {
    let mut run = Subject::idle();
    run.asked("u").take();
    assert_eq!(run.replies(vec![points_at("u/accept")], vec![accepts("u")]), Outcome::Completed);
    assert_eq!(run.told(), "u Accepted");
    assert_eq!(run.update("u"), Ok(Standing::Accepted), "asking again joins it");
    run.signal("go").take();
    assert_eq!(run.replies(vec![points_at("u/respond")], vec![responds("u")]), Outcome::Completed);
    assert_eq!(run.told(), "u completed");
    assert_eq!(run.update("u"), Ok(Standing::Completed(13)));
    run.check(expect![[r#"
        1 workflow_execution_started
        2 workflow_task_scheduled attempt 1
        3 workflow_task_started of 2
        4 workflow_task_completed of 2 3
        5 workflow_task_scheduled attempt 1
        6 workflow_task_started of 5
        7 workflow_task_completed of 5 6
        8 workflow_execution_update_accepted u
        9 workflow_execution_signaled go
        10 workflow_task_scheduled attempt 1
        11 workflow_task_started of 10
        12 workflow_task_completed of 10 11
        13 workflow_execution_update_completed of 8"#]]);
}

#[test]
fn messages_apply_where_their_commands_stand_and_those_without_at_the_end() {
    let mut run = Subject::idle();
    run.asked("a").asked("b").take();
    run.replies(
        vec![points_at("b/accept"), start_timer("t", 1), points_at("b/respond")],
        vec![accepts("a"), accepts("b"), responds("b")],
    );
    expect![[r#"
        8 workflow_execution_update_accepted b
        9 timer_started
        10 workflow_execution_update_completed of 8
        11 workflow_execution_update_accepted a"#]]
    .assert_eq(&run.last_events(4));
    assert_eq!(run.told(), "b completed\na Accepted");
}

#[test]
fn a_signal_makes_a_waiting_speculative_task_an_ordinary_one() {
    let mut run = Subject::idle();
    run.asked("u").signal("news").take();
    run.replies(vec![], vec![rejects("u")]);
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_execution_signaled news
        7 workflow_task_started of 5
        8 workflow_task_completed of 5 7"#]]
    .assert_eq(&run.last_events(4));
}

#[test]
fn a_signal_makes_a_running_speculative_task_an_ordinary_one() {
    let mut run = Subject::idle();
    run.asked("u").take().signal("news");
    assert!(run.holds_nothing_volatile());
    run.replies(vec![], vec![rejects("u")]);
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_task_started of 5
        7 workflow_task_completed of 5 6
        8 workflow_execution_signaled news
        9 workflow_task_scheduled attempt 1"#]]
    .assert_eq(&run.last_events(5));
}

#[test]
fn whatever_is_stored_makes_a_speculative_task_an_ordinary_one() {
    let mut run = Subject::new();
    run.take().does(vec![run_activity("a")]);
    run.asked("u").take();
    let attempt = run.state.activities.get(&5).expect("it is pending").attempt;
    run.tx(|tx| activity::start(tx, 5, attempt, "worker")).expect("it can be taken");
    assert!(run.holds_nothing_volatile());
    run.replies(vec![], vec![rejects("u")]);
    expect![[r#"
        6 workflow_task_scheduled attempt 1
        7 workflow_task_started of 6
        8 workflow_task_completed of 6 7"#]]
    .assert_eq(&run.last_events(3));
}

#[test]
fn commands_and_heartbeats_keep_a_speculative_task() {
    let mut run = Subject::idle();
    run.asked("u").take();
    run.replies(vec![start_timer("t", 60)], vec![rejects("u")]);
    run.asked("v").take();
    run.completes(Completion { force_new_task: true, ..completion(vec![]) });
    assert_eq!(run.told(), "u failed: no", "a heartbeat says nothing about updates");
    run.take_heartbeat();
    assert!(run.messages.is_empty(), "the worker has it");
    run.replies(vec![points_at("v/accept")], vec![accepts("v")]);
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_task_started of 5
        7 workflow_task_completed of 5 6
        8 timer_started
        9 workflow_task_scheduled attempt 1
        10 workflow_task_started of 9
        11 workflow_task_completed of 9 10
        12 workflow_task_scheduled attempt 1
        13 workflow_task_started of 12
        14 workflow_task_completed of 12 13
        15 workflow_execution_update_accepted v"#]]
    .assert_eq(&run.last_events(11));
}

#[test]
fn many_events_are_not_carried_again_and_again() {
    for (signals, forgotten) in [(10, true), (11, false)] {
        let mut run = Subject::idle();
        for _ in 0..signals {
            let signal = Signal { name: "s".into(), ..Signal::default() };
            // An event without a task of its own, as of a timer that the workflow was told of otherwise.
            run.tx(|tx| inbound::record_signal(tx, signal, None));
        }
        run.asked("u").take();
        let outcome = run.replies(vec![], vec![rejects("u")]);
        assert_eq!(matches!(outcome, Outcome::Discarded { .. }), forgotten, "{signals} events");
    }
}

#[test]
fn an_update_that_a_worker_ignores_is_rejected() {
    let mut run = Subject::idle();
    run.asked("u").take();
    assert!(matches!(run.replies(vec![], vec![]), Outcome::Discarded { .. }));
    expect!["u failed: Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker."]
        .assert_eq(&run.told());
}

#[test]
fn an_update_during_a_task_waits_for_the_next() {
    let mut run = Subject::idle();
    run.signal("s").take().asked("u");
    assert!(run.messages.is_empty());
    run.completes(Completion { takes_next_task: true, ..completion(vec![]) });
    assert!(run.state.core.workflow_task.is_none());
    run.tx(workflow_task::carry_updates);
    run.take();
    assert_eq!(run.messages.len(), 1);
    run.replies(vec![], vec![rejects("u")]);
    assert_eq!(run.events.len(), 8, "the second task left no trace");
}

#[test]
fn without_a_worker_a_speculative_task_becomes_an_ordinary_one() {
    let mut run = Subject::idle();
    run.asked("u").wait(6 * SECOND);
    run.take();
    assert_eq!(run.messages.len(), 1);
    run.replies(vec![points_at("u/accept")], vec![accepts("u"), responds("u")]);
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_task_timed_out
        7 workflow_task_scheduled attempt 1
        8 workflow_task_started of 7
        9 workflow_task_completed of 7 8
        10 workflow_execution_update_accepted u
        11 workflow_execution_update_completed of 10"#]]
    .assert_eq(&run.last_events(7));
}

#[test]
fn a_failed_task_delivers_its_updates_again_until_it_is_hopeless() {
    let mut run = Subject::idle();
    run.asked("u").take().fails().take();
    assert_eq!(run.messages.len(), 1);
    run.fails();
    let refused = run.update("v").expect_err("two attempts have failed");
    assert!(matches!(refused, Rejection::WorkflowNotReady(_)));
    run.take();
    run.replies(vec![points_at("u/accept")], vec![accepts("u")]);
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_task_started of 5
        7 workflow_task_failed of 5 6: WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
        8 workflow_task_scheduled attempt 3
        9 workflow_task_started of 8
        10 workflow_task_completed of 8 9
        11 workflow_execution_update_accepted u"#]]
    .assert_eq(&run.last_events(7));
}

#[test]
fn a_task_whose_answer_is_refused_takes_its_updates_with_it() {
    for (messages, expected) in [
        (vec![responds("u")], "invalid state transition attempted for Update u: received *update.Response"),
        (vec![accepts("x")], "update x wasn't found on the server"),
        (vec![message("u", "m", &update::Meta::default())], "Message type temporal.api.update.v1.Meta not"),
        (
            vec![message("u", "m", &common::Payload::default())],
            "unsupported protocol type temporal.api.common",
        ),
        (vec![protocol::Message { body: None, ..accepts("u") }], "Update u received message with nil body"),
    ] {
        let mut run = Subject::idle();
        run.asked("u").take().asked("later");
        let Outcome::Failed(bad) = run.replies(vec![], messages) else { panic!("{expected}") };
        assert!(bad.message.starts_with(expected), "{}", bad.message);
        assert_eq!(run.told(), "u Aborted(TaskRefused)", "what was not sent stays");
        assert_eq!(
            run.last_events(1),
            "7 workflow_task_failed of 5 6: WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE"
        );
    }
    let mut run = Subject::idle();
    run.asked("u").take();
    let Outcome::Failed(bad) = run.replies(vec![points_at("nothing")], vec![]) else { panic!("absent") };
    assert_eq!(bad.message, "ProtocolMessageCommand referenced absent message ID nothing");
}

#[test]
fn a_worker_may_answer_what_the_server_has_forgotten() {
    let mut run = Subject::idle();
    run.signal("s").take();
    let body = update::Acceptance {
        accepted_request_message_id: "u/request".into(),
        accepted_request_sequencing_event_id: 5,
        accepted_request: Some(request("u")),
    };
    run.replies(vec![], vec![message("u", "m", &body), responds("u")]);
    assert_eq!(run.update("u"), Ok(Standing::Completed(10)));
}

#[test]
fn the_end_of_a_run_ends_its_updates() {
    type End = fn() -> CommandAttributes;
    for (end, expected) in
        [(finish as End, "late Aborted(RunClosed)"), (continues_as_new as End, "late Aborted(RunContinued)")]
    {
        let mut run = Subject::idle();
        run.asked("accepted").take();
        run.replies(vec![], vec![accepts("accepted")]);
        run.told();
        run.signal("s").take().asked("late");
        run.replies(vec![end()], vec![]);
        let outlived = "Workflow Update failed because the Workflow completed before the Update completed.";
        assert_eq!(run.told(), format!("{expected}\naccepted failed: {outlived}"));
        assert_eq!(run.update("accepted"), Ok(Standing::Failed));
        assert_eq!(run.update("late"), Err(Rejection::WorkflowCompleted));
    }
}

#[test]
fn termination_of_a_speculative_task() {
    let mut run = Subject::idle();
    run.asked("u");
    run.tx(|tx| inbound::terminate(tx, Terminate::default())).expect("it is open");
    assert_eq!(run.told(), "u Aborted(RunClosed)");
    assert_eq!(run.last_events(1), "5 workflow_execution_terminated");

    let mut run = Subject::idle();
    run.asked("u").take();
    run.tx(|tx| inbound::terminate(tx, Terminate::default())).expect("it is open");
    expect![[r#"
        5 workflow_task_scheduled attempt 1
        6 workflow_task_started of 5
        7 workflow_task_failed of 5 6: WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND
        8 workflow_execution_terminated"#]]
    .assert_eq(&run.last_events(4));
}

#[test]
fn ten_at_once_and_two_thousand_in_all() {
    let mut run = Subject::idle();
    for index in 0..10 {
        run.asked(&index.to_string());
    }
    assert_eq!(run.update("3"), Ok(Standing::Admitted), "the same id counts once");
    let refused = run.update("10").expect_err("ten are in flight");
    assert_eq!(
        refused,
        Rejection::TooManyAtOnce(
            "limit on number of concurrent in-flight updates has been reached (10)".into()
        )
    );

    let mut run = Subject::idle();
    for index in 0..2_000 {
        let id = index.to_string();
        run.asked(&id).take();
        let too_many = enums::SuggestContinueAsNewReason::TooManyUpdates as i32;
        assert_eq!(run.suggested_for.contains(&too_many), index >= 1_799, "{index}");
        run.replies(vec![], vec![accepts(&id), responds(&id)]);
    }
    let refused = run.update("one more").expect_err("two thousand were accepted");
    assert!(matches!(refused, Rejection::FailedPrecondition(_)), "{refused}");
}

#[test]
fn an_update_that_a_reset_admits_is_in_the_history_and_in_no_message() {
    let mut run = Subject::idle();
    run.tx(|tx| {
        kernel::admit_again(tx, request("u"));
        kernel::admit_again(tx, request("u"));
        kernel::admit_again(tx, request("v"));
        workflow_task::schedule(tx);
    });
    assert_eq!(run.update("u"), Ok(Standing::Admitted));
    run.check_restored();
    run.take();
    assert!(run.messages.is_empty());
    run.replies(vec![], vec![accepts("u"), rejects("v"), responds("u")]);
    assert_eq!(run.told(), "v failed: no\nu completed");
    assert!(run.state.requested_updates.is_empty() && run.state.updates.len() == 1);
    let accepted = run.events.iter().find_map(|event| match &event.attributes {
        Some(EventAttributes::WorkflowExecutionUpdateAcceptedEventAttributes(a)) => Some(a),
        _ => None,
    });
    assert_eq!(accepted.expect("it was accepted").accepted_request, None, "the history has it already");
    expect![[r#"
        5 workflow_execution_update_admitted
        6 workflow_execution_update_admitted
        7 workflow_task_scheduled attempt 1
        8 workflow_task_started of 7
        9 workflow_task_completed of 7 8
        10 workflow_execution_update_accepted u
        11 workflow_execution_update_completed of 10"#]]
    .assert_eq(&run.last_events(7));
}

#[test]
fn a_workflow_about_to_close_takes_nothing_more() {
    let mut run = Subject::new();
    run.take().signal("unseen");
    run.answer(vec![finish()]).expect("the task is known");
    assert_eq!(run.update("before the task starts"), Ok(Standing::Admitted));
    run.take();
    assert_eq!(run.update("late"), Err(Rejection::WorkflowClosing));
    let signal = Signal { name: "late".into(), ..Signal::default() };
    assert_eq!(run.tx(|tx| inbound::signal(tx, signal, None)), Err(Rejection::WorkflowClosing));
    run.does(vec![]);
    run.signal("welcome again");
}

#[test]
fn heartbeats_end_after_half_an_hour() {
    let mut run = Subject::idle();
    run.signal("s").take();
    for _ in 0..180 {
        run.now = run.now.plus(10 * SECOND);
        let outcome = run.completes(Completion { force_new_task: true, ..completion(vec![]) });
        assert_eq!(outcome, Outcome::Completed);
        run.take();
    }
    run.now = run.now.plus(SECOND);
    let outcome = run.completes(Completion { force_new_task: true, ..completion(vec![]) });
    assert_eq!(outcome, Outcome::HeartbeatTimeout);
}

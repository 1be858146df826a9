//! What a workflow does next: anything it may, at random, until it wants to end.

#![expect(clippy::unnecessary_wraps, reason = "every field that is filled here is optional in the protocol")]

use super::dice::Dice;
use super::view::Outstanding;
use super::world::Plan;
use crate::proto::{CommandAttributes as C, command, common, enums, failure, protocol, taskqueue, update};
use prost::{Message, Name};
use prost_wkt_types::Duration;

/// The queue of all workers.
pub(super) const QUEUE: &str = "queue";
/// The type of all activities.
pub(super) const ACTIVITY: &str = "act";
/// Runs of a chain that continues as new.
const GENERATIONS: u8 = 2;
/// How deep children have children; each adds a slash to the id.
const DEPTH: usize = 2;

/// What a workflow answers a task with.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub commands: Vec<command::Command>,
    pub messages: Vec<protocol::Message>,
}

pub(super) fn ms(span: i64) -> Option<Duration> {
    Some(Duration { seconds: span / 1_000, nanos: (span % 1_000 * 1_000_000) as i32 })
}

pub(super) fn queue(name: &str) -> Option<taskqueue::TaskQueue> {
    Some(taskqueue::TaskQueue { name: name.into(), ..Default::default() })
}

pub(super) fn byte(value: u8) -> Option<common::Payloads> {
    let payload = common::Payload { data: vec![value], ..Default::default() };
    Some(common::Payloads { payloads: vec![payload] })
}

pub(super) fn failed(message: &str, non_retryable: bool) -> Option<failure::Failure> {
    let info = failure::ApplicationFailureInfo { non_retryable, ..Default::default() };
    Some(failure::Failure {
        message: message.into(),
        failure_info: Some(failure::failure::FailureInfo::ApplicationFailureInfo(info)),
        ..Default::default()
    })
}

impl Decision {
    fn command(&mut self, kind: enums::CommandType, attributes: C) {
        self.commands.push(command::Command {
            command_type: kind as i32,
            attributes: Some(attributes),
            ..Default::default()
        });
    }

    /// Whether the workflow ends with this, or something is left that will wake it.
    fn goes_on(&self, now: &Outstanding) -> bool {
        let of = |kinds: &[enums::CommandType]| {
            self.commands.iter().any(|command| kinds.contains(&command.command_type()))
        };
        let waits = of(&[
            enums::CommandType::ScheduleActivityTask,
            enums::CommandType::StartTimer,
            enums::CommandType::StartChildWorkflowExecution,
            enums::CommandType::SignalExternalWorkflowExecution,
            enums::CommandType::RequestCancelExternalWorkflowExecution,
            enums::CommandType::CompleteWorkflowExecution,
            enums::CommandType::FailWorkflowExecution,
            enums::CommandType::CancelWorkflowExecution,
            enums::CommandType::ContinueAsNewWorkflowExecution,
        ]);
        let cancels = of(&[enums::CommandType::CancelTimer, enums::CommandType::RequestCancelActivityTask]);
        waits || !now.is_empty() && !cancels
    }

    fn says<M: Message + Name>(&mut self, update_id: &str, kind: &str, body: &M) {
        let id = format!("{update_id}/{kind}");
        if kind != "reject" {
            let pointer = command::ProtocolMessageCommandAttributes { message_id: id.clone() };
            self.command(enums::CommandType::ProtocolMessage, C::ProtocolMessageCommandAttributes(pointer));
        }
        self.messages.push(protocol::Message {
            id,
            protocol_instance_id: update_id.into(),
            body: Some(prost_wkt_types::Any {
                type_url: format!("type.googleapis.com/{}", M::full_name()),
                value: body.encode_to_vec(),
            }),
            sequencing_id: None,
        });
    }

    fn completes_update(&mut self, update_id: &str) {
        let value = update::outcome::Value::Success(common::Payloads::default());
        let body = update::Response {
            meta: Some(update::Meta { update_id: update_id.into(), ..Default::default() }),
            outcome: Some(update::Outcome { value: Some(value) }),
        };
        self.says(update_id, "respond", &body);
    }

    fn answers_update(&mut self, update_id: &str, dice: &mut Dice) {
        if dice.chance(250) {
            let body = update::Rejection { failure: failed("no", false), ..Default::default() };
            return self.says(update_id, "reject", &body);
        }
        let body = update::Acceptance {
            accepted_request_message_id: format!("{update_id}/request"),
            ..Default::default()
        };
        self.says(update_id, "accept", &body);
        if dice.chance(500) {
            self.completes_update(update_id);
        }
    }
}

/// Decides what the workflow with this id does, given what it knows and the updates it is sent.
pub(super) fn decide(
    workflow_id: &str,
    now: &Outstanding,
    asked: &[String],
    plan: &Plan,
    dice: &mut Dice,
) -> Decision {
    let mut decision = Decision::default();
    for update_id in &now.updates {
        if dice.chance(700) {
            decision.completes_update(update_id);
        }
    }
    for update_id in asked {
        decision.answers_update(update_id, dice);
    }
    let wants_to_end = now.steps >= plan.steps;
    let may_end = now.is_empty() && now.updates.is_empty() || now.steps >= plan.steps + 12 || dice.chance(30);
    if wants_to_end && may_end {
        end(&mut decision, now, dice);
    } else if !wants_to_end {
        for number in 0..dice.between(1, 3) {
            act(&mut decision, workflow_id, now, number, plan, dice);
        }
    }
    if !decision.goes_on(now) {
        timer(&mut decision, now, 9, dice);
    }
    decision
}

/// A decision that only leaves a trace in the history.
pub(super) fn mark(now: &Outstanding, dice: &mut Dice) -> Decision {
    let mut decision = Decision::default();
    decision.command(
        enums::CommandType::RecordMarker,
        C::RecordMarkerCommandAttributes(command::RecordMarkerCommandAttributes {
            marker_name: "marker".into(),
            ..Default::default()
        }),
    );
    timer(&mut decision, now, 9, dice);
    decision
}

/// A decision that cannot be accepted.
pub(super) fn nonsense() -> Decision {
    let mut decision = Decision::default();
    let timer_id = "there is no such timer".into();
    decision.command(
        enums::CommandType::CancelTimer,
        C::CancelTimerCommandAttributes(command::CancelTimerCommandAttributes { timer_id }),
    );
    decision
}

fn end(decision: &mut Decision, now: &Outstanding, dice: &mut Dice) {
    #[derive(Clone, Copy)]
    enum End {
        Complete,
        Fail,
        Again,
        Cancel,
    }
    let again = if now.generation < GENERATIONS { 2 } else { 0 };
    let cancel = if now.cancel_requested { 10 } else { 0 };
    match dice.weighted(&[(6, End::Complete), (2, End::Fail), (again, End::Again), (cancel, End::Cancel)]) {
        End::Complete => decision.command(
            enums::CommandType::CompleteWorkflowExecution,
            C::CompleteWorkflowExecutionCommandAttributes(
                command::CompleteWorkflowExecutionCommandAttributes::default(),
            ),
        ),
        End::Fail => decision.command(
            enums::CommandType::FailWorkflowExecution,
            C::FailWorkflowExecutionCommandAttributes(command::FailWorkflowExecutionCommandAttributes {
                failure: failed("it did not work", dice.chance(300)),
            }),
        ),
        End::Again => decision.command(
            enums::CommandType::ContinueAsNewWorkflowExecution,
            C::ContinueAsNewWorkflowExecutionCommandAttributes(
                command::ContinueAsNewWorkflowExecutionCommandAttributes {
                    input: byte(now.generation + 1),
                    ..Default::default()
                },
            ),
        ),
        End::Cancel => decision.command(
            enums::CommandType::CancelWorkflowExecution,
            C::CancelWorkflowExecutionCommandAttributes(
                command::CancelWorkflowExecutionCommandAttributes::default(),
            ),
        ),
    }
}

#[derive(Clone, Copy)]
enum Act {
    Activity,
    CancelActivity,
    Timer,
    CancelTimer,
    Child,
    Signal,
    Cancel,
    Marker,
    Memo,
}

fn act(
    decision: &mut Decision,
    workflow_id: &str,
    now: &Outstanding,
    number: i64,
    plan: &Plan,
    dice: &mut Dice,
) {
    let choices = [
        (8, Act::Activity),
        (2, Act::CancelActivity),
        (5, Act::Timer),
        (2, Act::CancelTimer),
        (3, Act::Child),
        (2, Act::Signal),
        (1, Act::Cancel),
        (1, Act::Marker),
        (1, Act::Memo),
    ];
    let other = format!("workflow {}", dice.between(0, plan.workflow_ids));
    match dice.weighted(&choices) {
        Act::Activity => activity(decision, now, number, dice),
        Act::CancelActivity => {
            let running: Vec<i64> =
                now.activities.iter().filter(|(_, asked)| !**asked).map(|(id, _)| *id).collect();
            let twice = decision.commands.iter().any(|command| {
                matches!(command.attributes, Some(C::RequestCancelActivityTaskCommandAttributes(_)))
            });
            if let Some(scheduled_event_id) = dice.pick(&running).copied().filter(|_| !twice) {
                decision.command(
                    enums::CommandType::RequestCancelActivityTask,
                    C::RequestCancelActivityTaskCommandAttributes(
                        command::RequestCancelActivityTaskCommandAttributes { scheduled_event_id },
                    ),
                );
            }
        }
        Act::Timer => timer(decision, now, number, dice),
        Act::CancelTimer => {
            let running: Vec<String> = now.timers.keys().cloned().collect();
            let twice = decision
                .commands
                .iter()
                .any(|command| matches!(command.attributes, Some(C::CancelTimerCommandAttributes(_))));
            if let Some(timer_id) = dice.pick(&running).cloned().filter(|_| !twice) {
                decision.command(
                    enums::CommandType::CancelTimer,
                    C::CancelTimerCommandAttributes(command::CancelTimerCommandAttributes { timer_id }),
                );
            }
        }
        Act::Child => child(decision, workflow_id, now, number, plan, dice),
        Act::Signal => decision.command(
            enums::CommandType::SignalExternalWorkflowExecution,
            C::SignalExternalWorkflowExecutionCommandAttributes(
                command::SignalExternalWorkflowExecutionCommandAttributes {
                    execution: Some(common::WorkflowExecution { workflow_id: other, run_id: String::new() }),
                    signal_name: format!("from {workflow_id}"),
                    child_workflow_only: dice.chance(100),
                    ..Default::default()
                },
            ),
        ),
        Act::Cancel => decision.command(
            enums::CommandType::RequestCancelExternalWorkflowExecution,
            C::RequestCancelExternalWorkflowExecutionCommandAttributes(
                command::RequestCancelExternalWorkflowExecutionCommandAttributes {
                    workflow_id: other,
                    ..Default::default()
                },
            ),
        ),
        Act::Marker => decision.command(
            enums::CommandType::RecordMarker,
            C::RecordMarkerCommandAttributes(command::RecordMarkerCommandAttributes {
                marker_name: "marker".into(),
                ..Default::default()
            }),
        ),
        Act::Memo => {
            let colour = byte(dice.between(0, 255) as u8).and_then(|mut value| value.payloads.pop());
            let memo =
                common::Memo { fields: colour.map(|colour| ("colour".into(), colour)).into_iter().collect() };
            decision.command(
                enums::CommandType::ModifyWorkflowProperties,
                C::ModifyWorkflowPropertiesCommandAttributes(
                    command::ModifyWorkflowPropertiesCommandAttributes { upserted_memo: Some(memo) },
                ),
            );
        }
    }
}

fn activity(decision: &mut Decision, now: &Outstanding, number: i64, dice: &mut Dice) {
    let optional = |dice: &mut Dice, least: i64, most: i64| {
        if dice.chance(400) { ms(dice.between(least, most)) } else { None }
    };
    decision.command(
        enums::CommandType::ScheduleActivityTask,
        C::ScheduleActivityTaskCommandAttributes(command::ScheduleActivityTaskCommandAttributes {
            activity_id: format!("activity {}-{number}", now.next_event_id),
            activity_type: Some(common::ActivityType { name: ACTIVITY.into() }),
            task_queue: queue(QUEUE),
            start_to_close_timeout: ms(dice.between(500, 6_000)),
            heartbeat_timeout: optional(dice, 200, 2_000),
            schedule_to_close_timeout: optional(dice, 1_000, 30_000),
            schedule_to_start_timeout: optional(dice, 100, 10_000),
            retry_policy: Some(common::RetryPolicy {
                initial_interval: ms(dice.between(1, 2_000)),
                backoff_coefficient: 2.0,
                maximum_attempts: dice.between(1, 4) as i32,
                ..Default::default()
            }),
            request_eager_execution: dice.chance(300),
            ..Default::default()
        }),
    );
}

fn timer(decision: &mut Decision, now: &Outstanding, number: i64, dice: &mut Dice) {
    let span = dice.weighted(&[(6, 100), (3, 5_000), (1, 120_000)]);
    decision.command(
        enums::CommandType::StartTimer,
        C::StartTimerCommandAttributes(command::StartTimerCommandAttributes {
            timer_id: format!("timer {}-{number}", now.next_event_id),
            start_to_fire_timeout: ms(dice.between(1, span)),
        }),
    );
}

fn child(
    decision: &mut Decision,
    workflow_id: &str,
    now: &Outstanding,
    number: i64,
    plan: &Plan,
    dice: &mut Dice,
) {
    if workflow_id.matches('/').count() >= DEPTH {
        return;
    }
    let taken = dice.chance(200);
    let child_id = if taken {
        format!("workflow {}", dice.between(0, plan.workflow_ids - 1))
    } else {
        format!("{workflow_id}/{}-{number}", now.next_event_id)
    };
    let policies = [
        enums::ParentClosePolicy::Terminate,
        enums::ParentClosePolicy::Abandon,
        enums::ParentClosePolicy::RequestCancel,
    ];
    decision.command(
        enums::CommandType::StartChildWorkflowExecution,
        C::StartChildWorkflowExecutionCommandAttributes(
            command::StartChildWorkflowExecutionCommandAttributes {
                workflow_id: child_id,
                workflow_type: Some(common::WorkflowType { name: "any".into() }),
                task_queue: queue(QUEUE),
                // A child of a child of one's own would run for ever.
                input: byte(GENERATIONS),
                workflow_task_timeout: ms(2_000),
                parent_close_policy: dice.pick(&policies).map_or(0, |policy| *policy as i32),
                ..Default::default()
            },
        ),
    );
}

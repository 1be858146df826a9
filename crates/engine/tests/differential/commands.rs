//! A worker's commands and messages, as the protocol has them.

use crate::program::{Activity, Reply};
use crate::program::{Bad, Child, Close, Command, External, Marker, Schedule, Span, Update, Workflow};
use crate::requests::{
    IDENTITY, Names, application_failure, header, memo, payload, payloads, retry_policy, reuse,
    search_attributes, seconds,
};
use crate::side::NAMESPACE;
use prost::{Message, Name};
use std::collections::HashMap;
use temporalio_protos::temporal::api::{
    command::v1::{self as command, command::Attributes},
    common::v1 as common,
    enums::v1 as enums,
    protocol::v1 as protocol,
    update::v1 as update,
    workflowservice::v1 as ws,
};

/// What a reply says, in the protocol's terms.
pub(crate) struct Said {
    pub commands: Vec<command::Command>,
    pub messages: Vec<protocol::Message>,
}

/// The events that scheduled activities, by the activities' ids: cancelling one names its event.
pub(crate) type ScheduledEvents = HashMap<String, i64>;

/// Puts a reply to `task` in the protocol's terms.
pub(crate) fn said(
    names: &Names,
    task: &ws::PollWorkflowTaskQueueResponse,
    scheduled: &ScheduledEvents,
    reply: &Reply,
) -> Said {
    let mut said = Said { commands: Vec::new(), messages: Vec::new() };
    for command in &reply.commands {
        if let Some(message) = message(task, command) {
            if !matches!(command, Command::Reject(_)) {
                let message_id = message.id.clone();
                said.command(Attributes::ProtocolMessageCommandAttributes(
                    command::ProtocolMessageCommandAttributes { message_id },
                ));
            }
            said.messages.push(message);
        } else {
            said.command(attributes(names, scheduled, command));
        }
    }
    said
}

impl Said {
    fn command(&mut self, attributes: Attributes) {
        self.commands.push(command::Command {
            command_type: kind(&attributes) as i32,
            attributes: Some(attributes),
            ..Default::default()
        });
    }
}

fn kind(attributes: &Attributes) -> enums::CommandType {
    use Attributes as A;
    use enums::CommandType as T;
    match attributes {
        A::ScheduleActivityTaskCommandAttributes(_) => T::ScheduleActivityTask,
        A::StartTimerCommandAttributes(_) => T::StartTimer,
        A::CompleteWorkflowExecutionCommandAttributes(_) => T::CompleteWorkflowExecution,
        A::FailWorkflowExecutionCommandAttributes(_) => T::FailWorkflowExecution,
        A::RequestCancelActivityTaskCommandAttributes(_) => T::RequestCancelActivityTask,
        A::CancelTimerCommandAttributes(_) => T::CancelTimer,
        A::CancelWorkflowExecutionCommandAttributes(_) => T::CancelWorkflowExecution,
        A::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            T::RequestCancelExternalWorkflowExecution
        }
        A::RecordMarkerCommandAttributes(_) => T::RecordMarker,
        A::ContinueAsNewWorkflowExecutionCommandAttributes(_) => T::ContinueAsNewWorkflowExecution,
        A::StartChildWorkflowExecutionCommandAttributes(_) => T::StartChildWorkflowExecution,
        A::SignalExternalWorkflowExecutionCommandAttributes(_) => T::SignalExternalWorkflowExecution,
        A::UpsertWorkflowSearchAttributesCommandAttributes(_) => T::UpsertWorkflowSearchAttributes,
        A::ProtocolMessageCommandAttributes(_) => T::ProtocolMessage,
        A::ModifyWorkflowPropertiesCommandAttributes(_) => T::ModifyWorkflowProperties,
        A::ScheduleNexusOperationCommandAttributes(_) => T::ScheduleNexusOperation,
        A::RequestCancelNexusOperationCommandAttributes(_) => T::RequestCancelNexusOperation,
    }
}

fn attributes(names: &Names, scheduled: &ScheduledEvents, command: &Command) -> Attributes {
    match command {
        Command::Schedule(activity, how) => schedule(names, *activity, how),
        Command::CancelActivity(activity) => Attributes::RequestCancelActivityTaskCommandAttributes(
            command::RequestCancelActivityTaskCommandAttributes {
                scheduled_event_id: scheduled.get(&activity.to_string()).copied().unwrap_or(0),
            },
        ),
        Command::StartTimer(timer, span) => {
            Attributes::StartTimerCommandAttributes(command::StartTimerCommandAttributes {
                timer_id: timer.to_string(),
                start_to_fire_timeout: match span {
                    Span::Unset => None,
                    Span::Second => Some(seconds(1)),
                    Span::Hour => Some(seconds(3600)),
                },
            })
        }
        Command::CancelTimer(timer) => {
            Attributes::CancelTimerCommandAttributes(command::CancelTimerCommandAttributes {
                timer_id: timer.to_string(),
            })
        }
        Command::Marker(which) => Attributes::RecordMarkerCommandAttributes(marker(*which)),
        Command::StartChild(child, how) => {
            Attributes::StartChildWorkflowExecutionCommandAttributes(start_child(names, *child, *how))
        }
        Command::SignalExternal(target, how) => signal_external(names, *target, *how),
        Command::CancelExternal(target, how) => cancel_external(names, *target, *how),
        Command::Upsert(which) => Attributes::UpsertWorkflowSearchAttributesCommandAttributes(
            command::UpsertWorkflowSearchAttributesCommandAttributes {
                search_attributes: Some(search_attributes(*which)),
            },
        ),
        Command::Memo(set) => {
            let value = if *set { payload("changed") } else { common::Payload::default() };
            Attributes::ModifyWorkflowPropertiesCommandAttributes(
                command::ModifyWorkflowPropertiesCommandAttributes {
                    upserted_memo: Some(common::Memo { fields: [("note".to_owned(), value)].into() }),
                },
            )
        }
        Command::Complete => Attributes::CompleteWorkflowExecutionCommandAttributes(
            command::CompleteWorkflowExecutionCommandAttributes { result: payloads("a result") },
        ),
        Command::Fail { retryable } => Attributes::FailWorkflowExecutionCommandAttributes(
            command::FailWorkflowExecutionCommandAttributes {
                failure: Some(application_failure(*retryable)),
            },
        ),
        Command::Cancel => Attributes::CancelWorkflowExecutionCommandAttributes(
            command::CancelWorkflowExecutionCommandAttributes { details: payloads("cancelled") },
        ),
        Command::ContinueAsNew => Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(
            command::ContinueAsNewWorkflowExecutionCommandAttributes {
                input: payloads("the next run"),
                header: Some(header()),
                ..Default::default()
            },
        ),
        Command::Bad(which) => bad(names, *which),
        Command::Accept(_) | Command::Reject(_) | Command::Respond(..) => {
            unreachable!("what is said of updates is a message")
        }
    }
}

fn schedule(names: &Names, activity: Activity, how: &Schedule) -> Attributes {
    let policy = |attempts| common::RetryPolicy {
        non_retryable_error_types: how.names_failure.then(|| "Trouble".to_owned()).into_iter().collect(),
        ..retry_policy(attempts)
    };
    Attributes::ScheduleActivityTaskCommandAttributes(command::ScheduleActivityTaskCommandAttributes {
        activity_id: activity.to_string(),
        activity_type: Some(common::ActivityType { name: "work".into() }),
        task_queue: names.activity_queue(activity),
        header: how.header.then(header),
        input: payloads("to do"),
        schedule_to_close_timeout: how.schedule_to_close_s.map(seconds),
        schedule_to_start_timeout: how.schedule_to_start_s.map(seconds),
        start_to_close_timeout: how.start_to_close_s.map(seconds),
        heartbeat_timeout: how.heartbeat_s.map(seconds),
        retry_policy: how.attempts.map(policy),
        ..Default::default()
    })
}

/// The SDK's own markers are commands with a name and details, no more.
fn marker(which: Marker) -> command::RecordMarkerCommandAttributes {
    let (name, key, failure) = match which {
        Marker::LocalActivity { fails } => {
            ("core_local_activity", "data", fails.then(|| application_failure(false)))
        }
        Marker::Patch { .. } => ("core_patch", "patch-data", None),
        Marker::SideEffect => ("SideEffect", "data", None),
    };
    let detail = match which {
        Marker::Patch { deprecated } => format!("deprecated: {deprecated}"),
        _ => "a value".to_owned(),
    };
    command::RecordMarkerCommandAttributes {
        marker_name: name.into(),
        details: payloads(&detail).map(|payloads| (key.to_owned(), payloads)).into_iter().collect(),
        header: None,
        failure,
    }
}

fn start_child(
    names: &Names,
    child: Workflow,
    how: Child,
) -> command::StartChildWorkflowExecutionCommandAttributes {
    use enums::ParentClosePolicy as P;
    command::StartChildWorkflowExecutionCommandAttributes {
        namespace: NAMESPACE.into(),
        workflow_id: names.workflow(child),
        workflow_type: Some(common::WorkflowType { name: "child".into() }),
        task_queue: names.workflow_queue(child),
        input: payloads("a child's input"),
        parent_close_policy: match how.close {
            Close::Terminate => P::Terminate,
            Close::Abandon => P::Abandon,
            Close::RequestCancel => P::RequestCancel,
        } as i32,
        workflow_id_reuse_policy: reuse(how.reuse) as i32,
        header: how.extras.then(header),
        memo: how.extras.then(memo),
        search_attributes: how.extras.then(|| search_attributes(crate::program::SearchAttribute::Keyword)),
        workflow_run_timeout: how.extras.then(|| seconds(600)),
        retry_policy: how.extras.then(|| retry_policy(2)),
        ..Default::default()
    }
}

fn signal_external(names: &Names, target: Workflow, how: External) -> Attributes {
    Attributes::SignalExternalWorkflowExecutionCommandAttributes(
        command::SignalExternalWorkflowExecutionCommandAttributes {
            namespace: NAMESPACE.into(),
            execution: names.execution(target),
            signal_name: "knock".into(),
            input: payloads("from a workflow"),
            child_workflow_only: how.child_only,
            header: Some(header()),
            ..Default::default()
        },
    )
}

fn cancel_external(names: &Names, target: Workflow, how: External) -> Attributes {
    Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(
        command::RequestCancelExternalWorkflowExecutionCommandAttributes {
            namespace: NAMESPACE.into(),
            workflow_id: names.workflow(target),
            child_workflow_only: how.child_only,
            reason: "a workflow asks".into(),
            ..Default::default()
        },
    )
}

fn bad(names: &Names, which: Bad) -> Attributes {
    let mut activity = command::ScheduleActivityTaskCommandAttributes {
        activity_id: "bad".into(),
        activity_type: Some(common::ActivityType { name: "work".into() }),
        task_queue: names.activity_queue(Activity(0)),
        start_to_close_timeout: Some(seconds(10)),
        ..Default::default()
    };
    let mut timer = command::StartTimerCommandAttributes {
        timer_id: "bad".into(),
        start_to_fire_timeout: Some(seconds(3600)),
    };
    match which {
        Bad::NoActivityId => activity.activity_id.clear(),
        Bad::NoActivityType => activity.activity_type = None,
        Bad::NoTimeout => activity.start_to_close_timeout = None,
        Bad::NegativeTimeout => activity.start_to_close_timeout = Some(seconds(-1)),
        Bad::NoTimerId => timer.timer_id.clear(),
        Bad::UnknownTimer => {
            return Attributes::CancelTimerCommandAttributes(command::CancelTimerCommandAttributes {
                timer_id: "nobody's".into(),
            });
        }
        Bad::UnknownActivity => {
            return Attributes::RequestCancelActivityTaskCommandAttributes(
                command::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 1000 },
            );
        }
        Bad::NoMarkerName => {
            return Attributes::RecordMarkerCommandAttributes(
                command::RecordMarkerCommandAttributes::default(),
            );
        }
        Bad::NoChildId => {
            return Attributes::StartChildWorkflowExecutionCommandAttributes(
                command::StartChildWorkflowExecutionCommandAttributes {
                    workflow_type: Some(common::WorkflowType { name: "child".into() }),
                    ..Default::default()
                },
            );
        }
        Bad::NoSignalName => {
            return Attributes::SignalExternalWorkflowExecutionCommandAttributes(
                command::SignalExternalWorkflowExecutionCommandAttributes {
                    execution: names.execution(Workflow(0)),
                    ..Default::default()
                },
            );
        }
        Bad::NoFailure => {
            return Attributes::FailWorkflowExecutionCommandAttributes(
                command::FailWorkflowExecutionCommandAttributes { failure: None },
            );
        }
        Bad::EmptyUpsert => {
            return Attributes::UpsertWorkflowSearchAttributesCommandAttributes(
                command::UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: None },
            );
        }
    }
    if which == Bad::NoTimerId {
        Attributes::StartTimerCommandAttributes(timer)
    } else {
        Attributes::ScheduleActivityTaskCommandAttributes(activity)
    }
}

/// What a command about an update says, if it is one.
fn message(task: &ws::PollWorkflowTaskQueueResponse, command: &Command) -> Option<protocol::Message> {
    match command {
        Command::Accept(update) => Some(accept(task, *update)),
        Command::Reject(update) => Some(reject(task, *update)),
        Command::Respond(update, succeeds) => Some(respond(*update, *succeeds)),
        _ => None,
    }
}

/// The request's id and event, and the request itself, from the message that brought it.
fn requested(
    task: &ws::PollWorkflowTaskQueueResponse,
    update: Update,
) -> (String, i64, Option<update::Request>) {
    let name = update.to_string();
    let Some(message) = task.messages.iter().find(|message| message.protocol_instance_id == name) else {
        return (format!("{name}/request"), 0, None);
    };
    let event = match message.sequencing_id {
        Some(protocol::message::SequencingId::EventId(event)) => event,
        _ => 0,
    };
    let request = message.body.as_ref().and_then(|body| update::Request::decode(body.value.as_slice()).ok());
    (message.id.clone(), event, request)
}

fn accept(task: &ws::PollWorkflowTaskQueueResponse, update: Update) -> protocol::Message {
    let (id, event, request) = requested(task, update);
    let body = update::Acceptance {
        accepted_request_message_id: id,
        accepted_request_sequencing_event_id: event,
        accepted_request: request,
    };
    carry(update, "accept", &body)
}

fn reject(task: &ws::PollWorkflowTaskQueueResponse, update: Update) -> protocol::Message {
    let (id, event, request) = requested(task, update);
    let body = update::Rejection {
        rejected_request_message_id: id,
        rejected_request_sequencing_event_id: event,
        rejected_request: request,
        failure: Some(application_failure(false)),
    };
    carry(update, "reject", &body)
}

fn respond(update: Update, succeeds: bool) -> protocol::Message {
    let outcome = if succeeds {
        update::outcome::Value::Success(payloads("updated").unwrap_or_default())
    } else {
        update::outcome::Value::Failure(application_failure(false))
    };
    let body = update::Response {
        meta: Some(update::Meta { update_id: update.to_string(), identity: IDENTITY.into() }),
        outcome: Some(update::Outcome { value: Some(outcome) }),
    };
    carry(update, "respond", &body)
}

fn carry<M: Message + Name>(update: Update, kind: &str, body: &M) -> protocol::Message {
    protocol::Message {
        id: format!("{update}/{kind}"),
        protocol_instance_id: update.to_string(),
        body: Some(prost_wkt_types::Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: body.encode_to_vec(),
        }),
        sequencing_id: None,
    }
}

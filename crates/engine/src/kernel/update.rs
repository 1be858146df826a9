//! An update: admitted → sent → accepted → completed; or rejected or aborted before it is accepted.
//!
//! What is admitted or sent lives in memory only: if it is lost its client asks again, and until the
//! workflow has accepted an update nobody may rely on it. What is accepted is in history, with a row that
//! finds it there. Only a reset writes down what is merely admitted, because there is no client to ask again.
//! [`becomes`] is the whole state machine.

use super::effects::Reached;
use super::state::{MutableState, Update};
use super::validate::BadCommand;
use super::{Rejection, Transition, workflow_task};
use crate::proto::{EventAttributes, enums, failure, history, protocol, update};
use enums::WorkflowTaskFailedCause as Cause;
use prost::{Message, Name};
use std::collections::HashMap;

/// Updates of one run that may be admitted and not completed at a time, as the reference server has it.
const MOST_IN_FLIGHT: usize = 10;
/// Their requests together, bytes.
const MOST_IN_FLIGHT_BYTES: usize = 20 * 1024 * 1024;
/// Updates that one run accepts in its life.
const MOST_IN_ALL: usize = 2_000;
/// From this many on the workflow is told to continue as new: nine tenths of [`MOST_IN_ALL`].
const SUGGEST_AT: usize = MOST_IN_ALL / 10 * 9;
/// A workflow task that failed this often will most likely fail again, and the update with it.
const HOPELESS_ATTEMPT: i32 = 3;

/// An update that its workflow has neither accepted nor rejected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Requested {
    pub id: String,
    pub request: update::Request,
    pub sent: bool,
    /// An event of the history has the request, so that no message need carry it.
    pub in_history: bool,
}

impl Requested {
    fn stage(&self) -> Stage {
        if self.sent { Stage::Sent } else { Stage::Admitted }
    }
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Admitted,
    /// A workflow task carried it to a worker.
    Sent,
    Accepted,
    Completed,
}

/// What can happen to an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Send,
    Accept,
    Reject,
    Respond,
    /// The task that may have carried it completed without a word about it.
    Ignore,
    /// The server refused what the worker answered.
    TaskRefused,
    RunClosed,
    RunContinued,
}

impl Happening {
    /// The end of the run.
    pub(super) fn of_end(tx: &Transition<'_>) -> Self {
        if tx.effects.successor.is_some() { Self::RunContinued } else { Self::RunClosed }
    }
}

/// What an update becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    At(Stage),
    /// It ends with the worker's failure, or the server's where the worker ignored it. No trace is left.
    Rejected,
    /// It ends with an error; no trace is left.
    Aborted(Abort),
    /// It was accepted, and ends with a failure because its run ended first.
    Failed,
    Unchanged,
    /// A worker must not say this now.
    Illegal,
}

/// Why an update ended before it was accepted or rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    RunClosed,
    /// Asking again reaches the next run.
    RunContinued,
    TaskRefused,
}

/// The state machine.
pub(crate) fn becomes(stage: Stage, happening: Happening) -> Becomes {
    use Becomes as B;
    use Happening as H;
    use Stage::{Accepted, Admitted, Completed, Sent};
    match (happening, stage) {
        (H::Send, Admitted | Sent) => B::At(Sent),
        // After a restart a worker may answer what was sent before and has been admitted again since.
        (H::Accept, Admitted | Sent) => B::At(Accepted),
        (H::Reject, Admitted | Sent) | (H::Ignore, Sent) => B::Rejected,
        (H::Respond, Accepted) => B::At(Completed),
        (H::TaskRefused, Sent) => B::Aborted(Abort::TaskRefused),
        (H::RunClosed, Admitted | Sent) => B::Aborted(Abort::RunClosed),
        (H::RunContinued, Admitted | Sent) => B::Aborted(Abort::RunContinued),
        (H::RunClosed | H::RunContinued, Accepted) => B::Failed,
        (H::Send | H::Ignore | H::TaskRefused | H::RunClosed | H::RunContinued, _) => B::Unchanged,
        (H::Accept | H::Reject | H::Respond, _) => B::Illegal,
    }
}

/// Where an update stands, for those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not yet accepted.
    Admitted,
    Accepted,
    /// This event of the history has the outcome.
    Completed(i64),
    /// Its run ended before it did.
    Failed,
}

/// Where the update with this id stands in this run; `None` if there is none.
pub(crate) fn standing(state: &MutableState, id: &str) -> Option<Standing> {
    Some(match stage(state, id)? {
        Stage::Admitted | Stage::Sent => Standing::Admitted,
        Stage::Accepted if state.core.is_running() => Standing::Accepted,
        Stage::Accepted => Standing::Failed,
        Stage::Completed => Standing::Completed(state.updates.get(&id.to_owned())?.completed_event_id),
    })
}

fn stage(state: &MutableState, id: &str) -> Option<Stage> {
    if let Some(requested) = state.requested_updates.iter().find(|requested| requested.id == id) {
        return Some(requested.stage());
    }
    let stored = state.updates.get(&id.to_owned())?;
    Some(if stored.completed_event_id == 0 { Stage::Accepted } else { Stage::Completed })
}

/// Admits an update, or finds the one with its id, and sees to it that a workflow task will carry it.
/// Writes nothing.
pub(crate) fn admit(tx: &mut Transition<'_>, request: update::Request) -> Result<Standing, Rejection> {
    tx.effects.volatile = true;
    let id = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
    if !tx.state.core.is_running() {
        return standing(tx.state, &id).ok_or(Rejection::WorkflowCompleted);
    }
    if tx.state.core.workflow_task_attempt >= HOPELESS_ATTEMPT {
        return Err(Rejection::WorkflowNotReady(
            "Unable to perform workflow execution update due to Workflow Task in failed state.",
        ));
    }
    workflow_task::check_not_closing(tx.state)?;
    if let Some(standing) = standing(tx.state, &id) {
        return Ok(standing);
    }
    check_limits(tx.state, &request)?;
    tx.state.requested_updates.push(Requested { id, request, sent: false, in_history: false });
    workflow_task::schedule_speculative(tx);
    Ok(Standing::Admitted)
}

/// Admits an update that another run had admitted or accepted, by an event from which the worker learns of
/// it.
pub(super) fn admit_again(tx: &mut Transition<'_>, request: update::Request) {
    let id = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
    if stage(tx.state, &id).is_some() {
        return;
    }
    let admitted_event_id = tx.append(EventAttributes::WorkflowExecutionUpdateAdmittedEventAttributes(
        history::WorkflowExecutionUpdateAdmittedEventAttributes {
            request: Some(request),
            origin: enums::UpdateAdmittedEventOrigin::Reapply as i32,
        },
    ));
    restore_admitted(tx.state, id.clone());
    tx.state.updates.insert(id, Update { admitted_event_id, ..Update::default() });
}

/// Takes up an update that an event of the history admitted.
pub(super) fn restore_admitted(state: &mut MutableState, id: String) {
    let request = update::Request::default();
    state.requested_updates.push(Requested { id, request, sent: false, in_history: true });
}

fn check_limits(state: &MutableState, request: &update::Request) -> Result<(), Rejection> {
    let accepted = state.updates.values().filter(|update| update.is_accepted()).count();
    if state.requested_updates.len() + accepted >= MOST_IN_FLIGHT {
        return Err(Rejection::TooManyAtOnce(format!(
            "limit on number of concurrent in-flight updates has been reached ({MOST_IN_FLIGHT})"
        )));
    }
    check_total(state)?;
    let held: usize = state.requested_updates.iter().map(|held| held.request.encoded_len()).sum();
    if held + request.encoded_len() >= MOST_IN_FLIGHT_BYTES {
        return Err(Rejection::TooManyAtOnce(format!(
            "limit on total payload size of in-flight updates has been reached ({MOST_IN_FLIGHT_BYTES} bytes)"
        )));
    }
    Ok(())
}

fn check_total(state: &MutableState) -> Result<(), Rejection> {
    if total(state) < MOST_IN_ALL {
        return Ok(());
    }
    Err(Rejection::FailedPrecondition(format!(
        "The limit on the total number of distinct updates in this workflow has been reached ({MOST_IN_ALL}). \
         Make sure any duplicate updates share an Update ID so the server can deduplicate them, and consider \
         rejecting updates that you aren't going to process. You can also Continue-as-New to avoid this; we \
         recommend you check Continue-as-New Suggested in your Workflow."
    )))
}

fn total(state: &MutableState) -> usize {
    state.updates.len() + state.requested_updates.iter().filter(|requested| !requested.in_history).count()
}

/// Whether the workflow should continue as new before it runs out of updates.
pub(super) fn suggests_continue_as_new(state: &MutableState) -> bool {
    total(state) >= SUGGEST_AT
}

/// Whether a workflow task is needed to carry updates.
pub(crate) fn has_unsent(state: &MutableState) -> bool {
    state.requested_updates.iter().any(|requested| !requested.sent)
}

/// The messages a workflow task that starts carries; with `again` also those of updates that a task
/// before it carried in vain.
pub(super) fn send(tx: &mut Transition<'_>, started_event_id: i64, again: bool) -> Vec<protocol::Message> {
    // The worker delivers them after the events before its started event.
    let sequencing_id = Some(protocol::message::SequencingId::EventId(started_event_id - 1));
    let mut messages = Vec::new();
    for requested in &mut tx.state.requested_updates {
        let next = becomes(requested.stage(), Happening::Send);
        if next != Becomes::At(Stage::Sent) || (requested.sent && !again) {
            continue;
        }
        requested.sent = true;
        if requested.in_history {
            continue;
        }
        messages.push(protocol::Message {
            id: request_message_id(&requested.id),
            protocol_instance_id: requested.id.clone(),
            body: Some(prost_wkt_types::Any {
                type_url: format!("type.googleapis.com/{}", update::Request::full_name()),
                value: requested.request.encode_to_vec(),
            }),
            sequencing_id,
        });
    }
    messages
}

fn request_message_id(id: &str) -> String {
    format!("{id}/request")
}

/// What a worker says about an update.
#[derive(Debug)]
enum Reply {
    Accept(update::Acceptance),
    Reject(update::Rejection),
    Respond(update::Response),
}

impl Reply {
    fn happening(&self) -> Happening {
        match self {
            Self::Accept(_) => Happening::Accept,
            Self::Reject(_) => Happening::Reject,
            Self::Respond(_) => Happening::Respond,
        }
    }

    /// The request, where the worker repeats it.
    fn request(&self) -> Option<&update::Request> {
        match self {
            Self::Accept(accept) => accept.accepted_request.as_ref(),
            Self::Reject(reject) => reject.rejected_request.as_ref(),
            Self::Respond(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Accept(_) => "*update.Acceptance",
            Self::Reject(_) => "*update.Rejection",
            Self::Respond(_) => "*update.Response",
        }
    }
}

fn bad<T>(message: impl Into<String>) -> Result<T, BadCommand> {
    Err(BadCommand { cause: Cause::BadUpdateWorkflowExecutionMessage, message: message.into() })
}

fn parse(message: &protocol::Message) -> Result<Reply, BadCommand> {
    let id = &message.protocol_instance_id;
    let Some(body) = &message.body else {
        return bad(format!("Update {id} received message with nil body"));
    };
    let name = body.type_url.rsplit('/').next().unwrap_or_default();
    let undecodable = |error: prost::DecodeError| BadCommand {
        cause: Cause::BadUpdateWorkflowExecutionMessage,
        message: format!("unable to unmarshal request: {error}"),
    };
    let bytes = body.value.as_slice();
    let reply = if name == update::Acceptance::full_name() {
        Reply::Accept(update::Acceptance::decode(bytes).map_err(undecodable)?)
    } else if name == update::Rejection::full_name() {
        Reply::Reject(update::Rejection::decode(bytes).map_err(undecodable)?)
    } else if name == update::Response::full_name() {
        Reply::Respond(update::Response::decode(bytes).map_err(undecodable)?)
    } else if name.starts_with("temporal.api.update.v1.") {
        return bad(format!("Message type {name} not supported"));
    } else {
        let protocol = name.rsplit_once('.').map_or(name, |(package, _)| package);
        return bad(format!("unsupported protocol type {protocol}"));
    };
    let missing = |field: &str| bad(format!("invalid {}: {field} is not set", reply.name()));
    match &reply {
        Reply::Accept(accept) if accept.accepted_request_sequencing_event_id == 0 => {
            missing("accepted_request_sequencing_event_id")
        }
        Reply::Accept(accept) if accept.accepted_request_message_id.is_empty() => {
            missing("accepted_request_message_id")
        }
        Reply::Respond(respond) if respond.meta.as_ref().is_none_or(|meta| meta.update_id.is_empty()) => {
            missing("meta.update_id")
        }
        Reply::Respond(respond) if respond.meta.as_ref().is_some_and(|meta| meta.update_id != *id) => {
            bad(format!("invalid {}: meta.update_id != {id}", reply.name()))
        }
        Reply::Respond(respond) if respond.outcome.is_none() => missing("outcome"),
        _ => Ok(reply),
    }
}

/// Whether a completion of a workflow task rejects updates and says nothing else about them.
pub(super) fn only_rejects(messages: &[protocol::Message]) -> bool {
    messages.iter().all(|message| matches!(parse(message), Ok(Reply::Reject(_))))
}

/// Checks messages before any of them is applied: where updates will stand once those so far are.
#[derive(Debug, Default)]
pub(super) struct Check {
    stages: HashMap<String, Option<Stage>>,
}

impl Check {
    pub(super) fn message(
        &mut self,
        state: &MutableState,
        message: &protocol::Message,
    ) -> Result<(), BadCommand> {
        let reply = parse(message)?;
        let id = &message.protocol_instance_id;
        let known = *self.stages.entry(id.clone()).or_insert_with(|| stage(state, id));
        let current = match known {
            Some(known) => known,
            // The worker got it from a server that has been restarted since; it repeats what was asked.
            None if reply.request().is_some() => {
                if let Err(rejection) = check_total(state) {
                    return bad(rejection.to_string());
                }
                Stage::Admitted
            }
            None => {
                return bad(format!(
                    "update {id} wasn't found on the server. This is most likely a transient error which will \
                     be resolved automatically by retries"
                ));
            }
        };
        let next = match becomes(current, reply.happening()) {
            Becomes::At(next) => next,
            Becomes::Illegal => {
                return bad(format!(
                    "invalid state transition attempted for Update {id}: received {} message while in state \
                     {current:?}",
                    reply.name()
                ));
            }
            _ => Stage::Completed,
        };
        self.stages.insert(id.clone(), Some(next));
        Ok(())
    }
}

/// Applies a message that [`Check`] has passed.
pub(super) fn apply(tx: &mut Transition<'_>, message: protocol::Message) {
    let Ok(reply) = parse(&message) else { return };
    let id = message.protocol_instance_id;
    let place = tx.state.requested_updates.iter().position(|requested| requested.id == id);
    let running = tx.state.core.is_running();
    match reply {
        Reply::Reject(reject) => {
            forget(tx, place);
            tx.tell(id, Reached::Completed(failed(reject.failure.unwrap_or_default())));
        }
        // The run has ended by a command before this; nothing can be added to it.
        Reply::Accept(_) if !running => {
            forget(tx, place);
            tx.tell(id, Reached::Aborted(Abort::RunClosed));
        }
        Reply::Accept(accept) => {
            let held = place.map(|place| tx.state.requested_updates.remove(place));
            let accepted_request = match held {
                Some(held) => (!held.in_history).then_some(held.request),
                None => accept.accepted_request,
            };
            let stored = tx.state.updates.get(&id).cloned().unwrap_or_default();
            let attributes = history::WorkflowExecutionUpdateAcceptedEventAttributes {
                accepted_request_message_id: request_message_id(&id),
                protocol_instance_id: id.clone(),
                accepted_request_sequencing_event_id: accept.accepted_request_sequencing_event_id,
                accepted_request,
            };
            let accepted_event_id =
                tx.append(EventAttributes::WorkflowExecutionUpdateAcceptedEventAttributes(attributes));
            tx.state.updates.insert(id.clone(), Update { accepted_event_id, ..stored });
            tx.tell(id, Reached::Accepted);
        }
        Reply::Respond(_) if !running => {}
        Reply::Respond(respond) => {
            let Some(stored) = tx.state.updates.get(&id).cloned() else { return };
            let outcome = respond.outcome.unwrap_or_default();
            let completed_event_id =
                tx.append(EventAttributes::WorkflowExecutionUpdateCompletedEventAttributes(
                    history::WorkflowExecutionUpdateCompletedEventAttributes {
                        meta: respond.meta,
                        accepted_event_id: stored.accepted_event_id,
                        outcome: Some(outcome.clone()),
                    },
                ));
            tx.state.updates.insert(id.clone(), Update { completed_event_id, ..stored });
            tx.tell(id, Reached::Completed(outcome));
        }
    }
}

/// Ends an update that leaves nothing behind.
fn forget(tx: &mut Transition<'_>, place: Option<usize>) {
    let Some(place) = place else { return };
    let ended = tx.state.requested_updates.remove(place);
    if ended.in_history {
        tx.state.updates.remove(&ended.id);
    }
}

/// Something that concerns every update of the run that has not completed.
pub(super) fn all(tx: &mut Transition<'_>, happening: Happening) {
    for requested in std::mem::take(&mut tx.state.requested_updates) {
        let reached = match becomes(requested.stage(), happening) {
            Becomes::Rejected => Reached::Completed(failed(ignored())),
            Becomes::Aborted(abort) => Reached::Aborted(abort),
            _ => {
                tx.state.requested_updates.push(requested);
                continue;
            }
        };
        if requested.in_history {
            tx.state.updates.remove(&requested.id);
        }
        tx.tell(requested.id, reached);
    }
    if becomes(Stage::Accepted, happening) == Becomes::Failed {
        let accepted: Vec<_> = tx
            .state
            .updates
            .iter()
            .filter(|(_, update)| update.is_accepted())
            .map(|(id, _)| id.clone())
            .collect();
        for id in accepted {
            tx.tell(id, Reached::Completed(outlived()));
        }
    }
}

impl Transition<'_> {
    /// Tells those who wait for an update how far it has come: of one transition, only the last.
    fn tell(&mut self, id: String, reached: Reached) {
        self.effects.updates.retain(|(told, _)| *told != id);
        self.effects.updates.push((id, reached));
    }
}

fn failed(failure: failure::Failure) -> update::Outcome {
    update::Outcome { value: Some(update::outcome::Value::Failure(failure)) }
}

fn server_failure(kind: &str, message: &str) -> failure::Failure {
    failure::Failure {
        message: message.into(),
        source: "Server".into(),
        failure_info: Some(failure::failure::FailureInfo::ApplicationFailureInfo(
            failure::ApplicationFailureInfo {
                r#type: kind.into(),
                non_retryable: true,
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

/// Said in the place of a worker that was sent an update and completed its task without a word about it.
fn ignored() -> failure::Failure {
    server_failure(
        "UnprocessedUpdate",
        "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not \
         supported by the worker.",
    )
}

/// The outcome of an update that was accepted by a run that ended before the update did.
pub(crate) fn outlived() -> update::Outcome {
    failed(server_failure(
        "AcceptedUpdateCompletedWorkflow",
        "Workflow Update failed because the Workflow completed before the Update completed.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn every_transition() {
        use Happening as H;
        use std::fmt::Write as _;
        let mut table = String::new();
        for happening in [
            H::Send,
            H::Accept,
            H::Reject,
            H::Respond,
            H::Ignore,
            H::TaskRefused,
            H::RunClosed,
            H::RunContinued,
        ] {
            for stage in [Stage::Admitted, Stage::Sent, Stage::Accepted, Stage::Completed] {
                let next = format!("{:?}", becomes(stage, happening));
                let (happening, stage) = (format!("{happening:?}"), format!("{stage:?}"));
                writeln!(table, "{happening:<13}{stage:<10}{next}").expect("a string takes it");
            }
        }
        expect![[r"
            Send         Admitted  At(Sent)
            Send         Sent      At(Sent)
            Send         Accepted  Unchanged
            Send         Completed Unchanged
            Accept       Admitted  At(Accepted)
            Accept       Sent      At(Accepted)
            Accept       Accepted  Illegal
            Accept       Completed Illegal
            Reject       Admitted  Rejected
            Reject       Sent      Rejected
            Reject       Accepted  Illegal
            Reject       Completed Illegal
            Respond      Admitted  Illegal
            Respond      Sent      Illegal
            Respond      Accepted  At(Completed)
            Respond      Completed Illegal
            Ignore       Admitted  Unchanged
            Ignore       Sent      Rejected
            Ignore       Accepted  Unchanged
            Ignore       Completed Unchanged
            TaskRefused  Admitted  Unchanged
            TaskRefused  Sent      Aborted(TaskRefused)
            TaskRefused  Accepted  Unchanged
            TaskRefused  Completed Unchanged
            RunClosed    Admitted  Aborted(RunClosed)
            RunClosed    Sent      Aborted(RunClosed)
            RunClosed    Accepted  Failed
            RunClosed    Completed Unchanged
            RunContinued Admitted  Aborted(RunContinued)
            RunContinued Sent      Aborted(RunContinued)
            RunContinued Accepted  Failed
            RunContinued Completed Unchanged
        "]]
        .assert_eq(&table);
    }
}

//! Messages to the team, and what an agent keeps in mind for itself.

use std::time::Duration;

use serde::Deserialize;
use syndarix_core::effect::EffectKey;
use syndarix_core::id::{AgentId, MessageId};
use syndarix_core::message::{Message, MessageKind};
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;
use syndarix_store::NewMessage;

use super::{Judged, Performed, arguments};
use crate::context::head;
use crate::run::context::{RunContext, stored};
use crate::stage::Stage;
use crate::team::suggest;

/// The longest value kept in mind, in bytes: it is part of every later briefing.
const MAX_VALUE_BYTES: usize = 2_000;
/// The longest message, in bytes.
const MAX_BODY_BYTES: usize = 20_000;
/// The longest that something is kept in mind: a year.
const MAX_TTL_MINUTES: u64 = 365 * 24 * 60;

#[derive(Deserialize)]
struct Sending {
    #[serde(default)]
    to: Option<String>,
    kind: String,
    summary: String,
    body: String,
    #[serde(default)]
    await_reply: bool,
    #[serde(default)]
    reply_to: Option<String>,
}

#[derive(Deserialize)]
struct Remembering {
    key: String,
    value: String,
    #[serde(default)]
    ttl_minutes: Option<u64>,
}

pub(super) async fn send(
    run: &RunContext,
    key: &EffectKey,
    call: &ToolCall,
) -> Result<Judged<Performed>, NodeError> {
    let sending: Sending = match arguments(call) {
        Ok(sending) => sending,
        Err(problem) => return Ok(Err(problem)),
    };
    if sending.summary.trim().is_empty() {
        return Ok(Err("the summary is empty; say in one line what it is about".to_owned()));
    }
    if sending.body.len() > MAX_BODY_BYTES {
        return Ok(Err(format!("the body has {} bytes; the limit is {MAX_BODY_BYTES}", sending.body.len())));
    }
    let question = match sending.reply_to.as_deref().filter(|handle| !handle.trim().is_empty()) {
        None => None,
        Some(handle) => match question(run, handle).await? {
            Ok(question) => Some(question),
            Err(problem) => return Ok(Err(problem)),
        },
    };
    let target = match sending.to.as_deref().filter(|to| !to.trim().is_empty()) {
        None => None,
        Some(to) => match member(run, to) {
            Ok(target) => Some(target),
            Err(problem) => return Ok(Err(problem)),
        },
    };
    let target = question.as_ref().map_or(target, |question| question.sender.clone());
    let kind = match sending.kind.as_str() {
        _ if question.is_some() => MessageKind::Query,
        "query" => MessageKind::Query,
        "feedback" => MessageKind::Feedback,
        _ => MessageKind::ContextShare,
    };
    let id = MessageId::new(format!("{}/message-{}.{}", run.request.run, key.superstep, key.index))
        .map_err(|error| NodeError::permanent(error.to_string()))?;
    let to = target.as_ref().map_or_else(|| "everyone".to_owned(), |target| run.name_of(target));
    let message = NewMessage {
        id,
        project: run.request.project.clone(),
        kind,
        sender: Some(run.request.agent.clone()),
        target,
        task: Some(run.request.task.clone()),
        correlation_id: question.map(|question| question.id),
        summary: head(&sending.summary, 160),
        body: sending.body.into_bytes(),
    };
    if sending.await_reply {
        return ask(run, message).await;
    }
    run.store().send_message(message).await.map_err(stored)?;
    Ok(Ok(Performed::saying(format!("Sent to {to}."))))
}

/// Sends a question whose answer is waited for.
async fn ask(run: &RunContext, message: NewMessage) -> Result<Judged<Performed>, NodeError> {
    if run.request.stage == Stage::Answer {
        return Ok(Err(
            "you are waited for yourself; answer with what you know, or say what you would do".to_owned()
        ));
    }
    if message.kind != MessageKind::Query {
        return Ok(Err("only a query has an answer to wait for; leave await_reply out".to_owned()));
    }
    let Some(target) = message.target.clone() else {
        return Ok(Err("say in `to` whose answer you wait for".to_owned()));
    };
    match run.store().ask_and_wait(message, &run.request.workflow_id).await {
        Ok(wait) => {
            let asked = Performed::saying(format!("Asked {}.", run.name_of(&target)));
            Ok(Ok(Performed { awaits: Some(wait.message), ..asked }))
        }
        Err(syndarix_store::Error::WaitsInCircle { circle }) => {
            let names: Vec<String> = circle.iter().map(|id| run.name_of(id)).collect();
            Ok(Err(format!(
                "you cannot wait for {}, who waits for you ({}); answer what you were asked, or send the question \
                 without await_reply and go on",
                names[0],
                names.join(" waits for ")
            )))
        }
        Err(error) => Err(stored(error)),
    }
}

/// The question that a message is to answer: one that was sent to this agent, or to everyone.
async fn question(run: &RunContext, handle: &str) -> Result<Judged<Message>, NodeError> {
    let handle = handle.trim();
    let project = &run.request.project;
    let unknown =
        || format!("there is no message `{handle}` to you; take reply_to from the question as you read it");
    let full = if handle.starts_with(&format!("{project}/")) {
        handle.to_owned()
    } else {
        format!("{project}/{handle}")
    };
    let Ok(id) = MessageId::new(full) else { return Ok(Err(unknown())) };
    match run.store().message(&id).await {
        Ok(message)
            if message.target.as_ref().is_none_or(|target| *target == run.request.agent)
                && message.sender.is_some() =>
        {
            Ok(Ok(message))
        }
        Ok(_) | Err(syndarix_store::Error::NotFound { .. }) => Ok(Err(unknown())),
        Err(error) => Err(stored(error)),
    }
}

/// The member of this name, or the first other one with this role; never the agent itself.
pub(super) fn member(run: &RunContext, to: &str) -> Result<AgentId, String> {
    let to = to.trim();
    if to.eq_ignore_ascii_case(&run.member.name) {
        return Err("that is you".to_owned());
    }
    if let Some(id) = run.id_of(to) {
        return Ok(id.clone());
    }
    // `DevOps`, `dev_ops` and `devops` are the same.
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let role = plain(to);
    let by_role = run.colleagues().iter().find(|agent| {
        let names = [agent.role.as_str(), agent.role.title(), &agent.agent_type];
        agent.id != run.request.agent && names.into_iter().any(|name| plain(name) == role)
    });
    by_role.map(|agent| agent.id.clone()).ok_or_else(|| {
        let hint = suggest(to, run.colleagues().iter().map(|agent| agent.name.as_str()));
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("there is nobody called `{to}` in the team{hint}")
    })
}

pub(super) async fn remember(run: &RunContext, call: &ToolCall) -> Result<Judged<Performed>, NodeError> {
    let kept: Remembering = match arguments(call) {
        Ok(kept) => kept,
        Err(problem) => return Ok(Err(problem)),
    };
    if kept.key.trim().is_empty() || kept.key.len() > 80 {
        return Ok(Err("the key must have 1 to 80 bytes".to_owned()));
    }
    if kept.value.len() > MAX_VALUE_BYTES {
        return Ok(Err(format!("the value has {} bytes; the limit is {MAX_VALUE_BYTES}", kept.value.len())));
    }
    let ttl = kept.ttl_minutes.map(|minutes| Duration::from_secs(minutes.clamp(1, MAX_TTL_MINUTES) * 60));
    let expires_at = ttl.map(|ttl| run.now().plus(ttl));
    run.store()
        .remember(&run.request.agent, kept.key.trim(), kept.value, expires_at)
        .await
        .map_err(stored)?;
    Ok(Ok(Performed::saying("Kept in mind.")))
}

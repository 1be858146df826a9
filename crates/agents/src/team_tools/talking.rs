//! Messages to the team, and what an agent keeps in mind for itself.

use std::time::Duration;

use serde::Deserialize;
use syndarix_core::effect::EffectKey;
use syndarix_core::id::{AgentId, MessageId};
use syndarix_core::message::MessageKind;
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;
use syndarix_store::NewMessage;

use super::{Judged, Performed, arguments};
use crate::context::head;
use crate::run::context::{RunContext, stored};
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
    let target = match sending.to.as_deref().filter(|to| !to.trim().is_empty()) {
        None => None,
        Some(to) => match member(run, to) {
            Ok(target) => Some(target),
            Err(problem) => return Ok(Err(problem)),
        },
    };
    let kind = match sending.kind.as_str() {
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
        correlation_id: None,
        summary: head(&sending.summary, 160),
        body: sending.body.into_bytes(),
    };
    run.store().send_message(message).await.map_err(stored)?;
    Ok(Ok(Performed::saying(format!("Sent to {to}."))))
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

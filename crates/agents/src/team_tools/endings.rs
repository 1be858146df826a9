//! Ending a run: each way out is held against what the stage must have produced.

use serde::Deserialize;
use syndarix_core::id::MessageId;
use syndarix_core::message::MessageKind;
use syndarix_core::task::TaskKind;
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;
use syndarix_store::NewMessage;

use super::backlog::{self, Proposal};
use super::{Judged, arguments, talking};
use crate::context::head;
use crate::run::SUMMARY_CHARACTERS;
use crate::run::context::{RunContext, stored};
use crate::run::state::{Ending, RunState};
use crate::stage::Stage;

#[derive(Deserialize)]
struct Finish {
    summary: String,
}

#[derive(Deserialize)]
struct HandOff {
    to: String,
    summary: String,
    reason: String,
}

#[derive(Deserialize)]
struct Review {
    verdict: String,
    comments: String,
}

#[derive(Deserialize)]
struct Qa {
    passed: bool,
    findings: Vec<Proposal>,
}

pub(super) async fn finish(
    run: &RunContext,
    so_far: &RunState,
    call: &ToolCall,
) -> Result<Judged<Ending>, NodeError> {
    let finish: Finish = match arguments(call) {
        Ok(finish) => finish,
        Err(problem) => return Ok(Err(problem)),
    };
    if finish.summary.trim().is_empty() {
        return Ok(Err("the summary is empty; say in one sentence what there is now".to_owned()));
    }
    let stage = run.request.stage;
    if stage == Stage::Answer {
        let wait = run.asked().await?;
        if wait.end.is_none() {
            let handle = run.handle(&wait.message);
            return Ok(Err(format!(
                "the question is not answered; call send_message with \"reply_to\": \"{handle}\", then finish"
            )));
        }
    }
    if let Some(name) = stage.required_artifact() {
        let artifacts = run.store().artifacts(&run.request.project).await.map_err(stored)?;
        if !artifacts.iter().any(|artifact| artifact.name == name) {
            return Ok(Err(format!(
                "`{name}` is not written yet; write it with write_artifact, then finish"
            )));
        }
    }
    if stage == Stage::Requirements {
        let tasks = run.store().tasks(&run.request.project).await.map_err(stored)?;
        if !tasks.iter().any(|task| task.kind.changes_code()) {
            return Ok(Err(
                "the backlog is empty; propose the tasks with propose_tasks, then finish".to_owned()
            ));
        }
    }
    if stage == Stage::Plan && so_far.plan.is_none() {
        return Ok(Err("the sprint is not planned yet; plan it with plan_sprint, then finish".to_owned()));
    }
    Ok(Ok(Ending::Finish { summary: head(&finish.summary, SUMMARY_CHARACTERS) }))
}

pub(super) fn hand_off(run: &RunContext, call: &ToolCall) -> Judged<Ending> {
    let given: HandOff = arguments(call)?;
    if given.summary.trim().is_empty() {
        return Err("the summary is empty; whoever goes on needs to know what you found out".to_owned());
    }
    let to = talking::member(run, &given.to)?;
    Ok(Ending::HandOff { to, summary: head(&given.summary, 1_000), reason: head(&given.reason, 500) })
}

/// A verdict is recorded with the task, and goes to whoever wrote the change.
pub(super) async fn submit_review(run: &RunContext, call: &ToolCall) -> Result<Judged<Ending>, NodeError> {
    let review: Review = match arguments(call) {
        Ok(review) => review,
        Err(problem) => return Ok(Err(problem)),
    };
    let approved = review.verdict == "approve";
    let comment = review.comments.trim();
    if !approved && comment.is_empty() {
        return Ok(Err(
            "a change that is sent back needs comments: where, what is wrong, what would be right".to_owned(),
        ));
    }
    let request = &run.request;
    if run.task.assignee.as_ref() == Some(&request.agent) {
        return Ok(Err("you wrote this change yourself, and nobody judges their own work".to_owned()));
    }
    run.store()
        .record_review(&request.task, &request.agent, approved, comment, request.round)
        .await
        .map_err(stored)?;
    if let Some(author) = &run.task.assignee {
        let id = MessageId::new(format!("{}/verdict", request.run))
            .map_err(|error| NodeError::permanent(error.to_string()))?;
        let verdict = if approved { "is accepted" } else { "must be changed" };
        run.store()
            .send_message(NewMessage {
                id,
                project: request.project.clone(),
                kind: MessageKind::Feedback,
                sender: Some(request.agent.clone()),
                target: Some(author.clone()),
                task: Some(request.task.clone()),
                correlation_id: None,
                summary: format!("Review {} of {}: the change {verdict}", request.round, run.task.slug),
                body: comment.as_bytes().to_vec(),
            })
            .await
            .map_err(stored)?;
    }
    Ok(Ok(Ending::Review { approved, comment: comment.to_owned() }))
}

/// Findings become defects in the backlog.
pub(super) async fn report_qa(run: &RunContext, call: &ToolCall) -> Result<Judged<Ending>, NodeError> {
    let report: Qa = match arguments(call) {
        Ok(report) => report,
        Err(problem) => return Ok(Err(problem)),
    };
    if report.passed && !report.findings.is_empty() {
        return Ok(Err("`passed` is true and there are findings; decide which".to_owned()));
    }
    if !report.passed && report.findings.is_empty() {
        return Ok(Err("`passed` is false and there is no finding; say what must be mended".to_owned()));
    }
    if report.passed {
        return Ok(Ok(Ending::Qa { passed: true, defects: Vec::new() }));
    }
    let created = backlog::create(run, TaskKind::Defect, &report.findings).await?;
    Ok(created
        .map(|tasks| Ending::Qa { passed: false, defects: tasks.into_iter().map(|(_, id)| id).collect() }))
}

//! execute: the tools of the last answer are called, in order.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use syndarix_core::agent::AgentTransition;
use syndarix_core::approval::ApprovalKind;
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::event::EventKind;
use syndarix_core::message::Message;
use syndarix_core::tool::{Risk, ToolCall, ToolOutput};
use syndarix_graph::{Interrupt, Node, NodeContext, NodeError, NodeOutcome};
use syndarix_tools::{Error as ToolError, Orphan};

use super::asking::{Decided, Question, Replied};
use super::context::{RECORDS, RunContext, minutes, stored};
use super::described::{described, shown, shown_with_offer};
use super::guards::{Repeats, Verdict};
use super::state::{Action, RunState, RunUpdate};
use crate::context::{Answer, Briefing, Entry, head, middle_out, tokens};
use crate::stage::Stage;
use crate::team::suggest;
use crate::team_tools::{self, TeamTool, schema};

/// The most bytes of a tool result that become part of the conversation.
const MAX_RESULT_BYTES: usize = 100_000;

/// What a question about a risky call is about.
const RISK: &str = "risk";

pub(super) struct Execute(pub(super) Arc<RunContext>);

/// What became of one call.
enum Called {
    /// It was performed; this is what the model reads, and what it changed in the run.
    Done(ToolOutput, Box<RunUpdate>),
    /// It could not be acted on; this is what was wrong.
    Malformed(String),
    /// A human must decide first.
    Wait(Interrupt),
    /// The tools themselves do not work here; this is why, for people.
    Broken(String),
}

#[async_trait]
impl Node<RunState> for Execute {
    async fn run(&self, ctx: &NodeContext, state: &RunState) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        let run = &self.0;
        let briefing = run.briefing(&state.briefing).await?;
        let answer = run.last_answer(state).await?;
        run.announce(AgentTransition::Execute).await?;
        let started = run.now();

        let mut step = Step { repeats: state.repeats.clone(), ..Step::default() };
        let mut ending = false;
        for (index, call) in answer.tool_calls.iter().enumerate() {
            if TeamTool::named(&call.name).is_some_and(TeamTool::ends_run) {
                ending = true;
                break;
            }
            match self.call(ctx, state, briefing, index as u32, call).await? {
                Called::Wait(interrupt) => return Ok(NodeOutcome::Interrupt(interrupt)),
                Called::Broken(error) => {
                    return Ok(NodeOutcome::Update(RunUpdate::next(Action::Fail).failing(error)));
                }
                Called::Malformed(problem) => {
                    step.problems.push(EventKind::MalformedAction { problem: head(&problem, 300) });
                    let output = ToolOutput::error(problem);
                    step.take(run, call, &output, briefing.limits.max_tool_repeats).await?;
                }
                Called::Done(output, changes) => {
                    step.well_formed = true;
                    step.take(run, call, &output, briefing.limits.max_tool_repeats).await?;
                    step.merge(*changes);
                }
            }
        }
        self.settle(ctx, state, briefing, step, ending, started).await
    }
}

/// What one execution brought so far.
#[derive(Default)]
struct Step {
    entries: Vec<Entry>,
    problems: Vec<EventKind>,
    well_formed: bool,
    repeats: Repeats,
    repeated: Option<String>,
    stopped: Option<String>,
    changes: RunUpdate,
}

impl Step {
    async fn take(
        &mut self,
        run: &RunContext,
        call: &ToolCall,
        output: &ToolOutput,
        most: u32,
    ) -> Result<(), NodeError> {
        self.entries.push(run.tool_result(call, output).await?);
        let tool = &call.name;
        match self.repeats.observe(tool, &call.arguments, &output.content, output.is_error, most) {
            Verdict::Fine => {}
            Verdict::Tell { count } => {
                self.repeated = Some(format!(
                    "You called {tool} {count} times with the same arguments and got the same result, and nothing \
                     changed in between. Do something else: read more, change something, or end your work and say \
                     what stands in the way."
                ));
            }
            Verdict::Stop { count } => {
                self.stopped = Some(format!(
                    "the agent went in circles: it called {tool} {count} times with the same arguments and the same \
                     result, and nothing changed in between"
                ));
            }
        }
        Ok(())
    }

    fn merge(&mut self, changes: RunUpdate) {
        if let Some(artifacts) = changes.artifacts {
            self.changes.artifacts.get_or_insert_default().extend(artifacts);
        }
        if let Some(tasks) = changes.tasks {
            self.changes.tasks.get_or_insert_default().extend(tasks);
        }
        if let Some(read) = changes.unacknowledged {
            self.changes.unacknowledged.get_or_insert_default().extend(read);
        }
        if changes.plan.is_some() {
            self.changes.plan = changes.plan;
        }
    }
}

impl Execute {
    async fn call(
        &self,
        ctx: &NodeContext,
        state: &RunState,
        briefing: &Briefing,
        index: u32,
        call: &ToolCall,
    ) -> Result<Called, NodeError> {
        let run = &self.0;
        let Some(spec) = briefing.tools.iter().find(|spec| spec.name == call.name) else {
            let names = briefing.tools.iter().map(|spec| spec.name.as_str());
            let hint = suggest(&call.name, names).map(|hint| format!("; {hint}")).unwrap_or_default();
            return Ok(Called::Malformed(format!("There is no tool `{}` here{hint}", call.name)));
        };
        if let Err(problem) = schema::check(&spec.input_schema, &call.arguments) {
            return Ok(Called::Malformed(format!("{}: {problem}", call.name)));
        }
        let key = run.key(ctx.superstep, index);
        match TeamTool::named(&call.name) {
            Some(TeamTool::AskHuman) => self.ask_human(&key, call).await,
            Some(tool) => match team_tools::perform(run, state, &key, tool, call).await? {
                Ok(done) => self.performed(&key, done).await,
                Err(problem) => Ok(Called::Malformed(format!("{}: {problem}", call.name))),
            },
            None => self.call_outside(&key, briefing, call).await,
        }
    }

    /// What a team tool did; for a question whose answer is waited for, the answer.
    async fn performed(
        &self,
        key: &syndarix_core::effect::EffectKey,
        done: team_tools::Done,
    ) -> Result<Called, NodeError> {
        let Some(question) = done.awaits else {
            return Ok(Called::Done(done.output, Box::new(done.changes)));
        };
        match self.0.reply(key, &question).await? {
            Replied::Yes(output, read) => {
                let unacknowledged = Some(read.into_iter().collect());
                Ok(Called::Done(output, Box::new(RunUpdate { unacknowledged, ..done.changes })))
            }
            Replied::Wait(interrupt) => {
                self.0.announce(AgentTransition::AwaitInput).await?;
                Ok(Called::Wait(interrupt))
            }
        }
    }

    /// A call of the workspace or of an MCP server.
    async fn call_outside(
        &self,
        key: &syndarix_core::effect::EffectKey,
        briefing: &Briefing,
        call: &ToolCall,
    ) -> Result<Called, NodeError> {
        let run = &self.0;
        if run.tools.risk(call) == Risk::High
            && run.project.autonomy.asks_at(Checkpoint::RiskyTool)
            && let Some(answered) = self.ask_first(key, call).await?
        {
            return Ok(answered);
        }
        let mut orphan = None;
        loop {
            let limit = minutes(briefing.limits.execution_minutes);
            let answered = tokio::time::timeout(limit, run.tools.call(key, call, orphan)).await;
            match answered {
                Ok(Ok(output)) => return Ok(Called::Done(output, Box::default())),
                Ok(Err(ToolError::UnknownEffect { .. })) if orphan.is_none() => {
                    let question = Question {
                        kind: ApprovalKind::UnknownEffect,
                        title: format!("Did {} happen? It was interrupted", described(call)),
                        shown: format!(
                            "{}\n\nThis call was interrupted, and whether it happened is not known. Look, then approve \
                             to make it again, or reject to go on as if it had happened.",
                            shown(call)
                        ),
                        about: "unknown".to_owned(),
                        always: None,
                    };
                    match run.ask(key, question).await? {
                        Decided::Approved(_) => orphan = Some(Orphan::Repeat),
                        Decided::Rejected(_) => orphan = Some(Orphan::AssumeDone),
                        // It never expires; if it did, neither answer could be assumed.
                        Decided::Expired => {
                            let error = format!("whether {} happened is not known", described(call));
                            return Ok(Called::Broken(error));
                        }
                        Decided::Wait(interrupt) => {
                            run.announce(AgentTransition::Block).await?;
                            return Ok(Called::Wait(interrupt));
                        }
                    }
                }
                Ok(Err(error)) if error.retryable() => {
                    let failed = NodeError::retryable(format!("the tool {} could not be called", call.name));
                    return Err(failed.caused_by(error));
                }
                // The model cannot mend this, and neither can another attempt: a human has to read it.
                Ok(Err(error)) => {
                    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                    return Ok(Called::Broken(format!("{} cannot be called: {error}{hint}", call.name)));
                }
                Err(_) => {
                    let detail = format!(
                        "{} ran for more than {} minutes and was stopped",
                        call.name,
                        limit.as_secs() / 60
                    );
                    run.record(EventKind::GuardTripped {
                        guard: "execution_timeout".to_owned(),
                        detail: detail.clone(),
                    })
                    .await?;
                    return Ok(Called::Done(ToolOutput::error(detail), Box::default()));
                }
            }
        }
    }

    /// Asks whether a risky call may be made, unless a human allowed it for always. `None` is yes.
    async fn ask_first(
        &self,
        key: &syndarix_core::effect::EffectKey,
        call: &ToolCall,
    ) -> Result<Option<Called>, NodeError> {
        let run = &self.0;
        let always = run.tools.scope(call);
        if let Some(scope) = &always
            && run.permitted(key, RISK, &call.name, scope).await?
        {
            return Ok(None);
        }
        let question = Question {
            kind: ApprovalKind::ToolCall,
            title: format!("May {} call {}?", run.member.name, described(call)),
            shown: shown_with_offer(call, always.as_ref()),
            about: RISK.to_owned(),
            always,
        };
        Ok(match run.ask(key, question).await? {
            Decided::Approved(_) => None,
            Decided::Rejected(comment) => Some(Called::Done(refused(&comment), Box::default())),
            Decided::Expired => Some(Called::Done(not_allowed_in_time(), Box::default())),
            Decided::Wait(interrupt) => {
                run.announce(AgentTransition::AwaitInput).await?;
                Some(Called::Wait(interrupt))
            }
        })
    }

    async fn ask_human(
        &self,
        key: &syndarix_core::effect::EffectKey,
        call: &ToolCall,
    ) -> Result<Called, NodeError> {
        let run = &self.0;
        let question = call.arguments.get("question").and_then(Value::as_str).unwrap_or_default().trim();
        if question.is_empty() {
            return Ok(Called::Malformed("ask_human: the question is empty".to_owned()));
        }
        let asked = Question {
            kind: ApprovalKind::Question,
            title: format!("{} asks: {}", run.member.name, head(question, 80)),
            shown: format!(
                "{question}\n\nAnswer with the comment of your approval; reject if the team is to decide by itself."
            ),
            about: "question".to_owned(),
            always: None,
        };
        let output = match run.ask(key, asked).await? {
            Decided::Approved(Some(answer)) if !answer.trim().is_empty() => {
                ToolOutput::ok(format!("The human answers: {answer}"))
            }
            Decided::Approved(_) => ToolOutput::ok("The human says yes."),
            Decided::Rejected(comment) => ToolOutput::ok(format!(
                "The human does not decide this. {comment} Decide by yourself, and write your assumption down."
            )),
            Decided::Expired => {
                ToolOutput::ok("Nobody answered in time. Decide by yourself, and write your assumption down.")
            }
            Decided::Wait(interrupt) => {
                run.announce(AgentTransition::AwaitInput).await?;
                return Ok(Called::Wait(interrupt));
            }
        };
        Ok(Called::Done(output, Box::default()))
    }

    /// What came meanwhile. Somebody who only answers a question leaves their letters to their own work.
    async fn inbox(&self) -> Result<Vec<Message>, NodeError> {
        if self.0.request.stage == Stage::Answer {
            return Ok(Vec::new());
        }
        self.0.store().inbox(&self.0.request.agent).await.map_err(stored)
    }

    /// Makes one update of everything the step brought.
    async fn settle(
        &self,
        ctx: &NodeContext,
        state: &RunState,
        briefing: &Briefing,
        mut step: Step,
        ending: bool,
        started: syndarix_core::time::Timestamp,
    ) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        let run = &self.0;
        let mut events = std::mem::take(&mut step.problems);
        let malformed = if step.well_formed || events.is_empty() { 0 } else { state.malformed + 1 };
        let mut error = None;
        if malformed > briefing.limits.malformed_retries {
            let detail = format!("the agent's tool calls could not be acted on {malformed} times in a row");
            events.push(EventKind::GuardTripped {
                guard: "malformed_actions".to_owned(),
                detail: detail.clone(),
            });
            error = Some(detail);
        }
        if let Some(detail) = step.stopped.take() {
            events.push(EventKind::GuardTripped { guard: "loop".to_owned(), detail: detail.clone() });
            error = Some(detail);
        }
        if !events.is_empty() {
            run.record_once(run.key(ctx.superstep, RECORDS), events).await?;
        }
        let mut unacknowledged = step.changes.unacknowledged.take().unwrap_or_default();
        if !ending && error.is_none() {
            if let Some(told) = step.repeated.take() {
                step.entries.push(run.told(&told).await?);
            }
            for message in self.inbox().await? {
                if unacknowledged.contains(&message.id) {
                    continue;
                }
                let letter = run.letter(&message).await.map_err(super::context::port)?;
                step.entries
                    .push(run.told(&format!("While you worked, a message came.\n{}", letter.text())).await?);
                unacknowledged.push(message.id);
            }
        }
        let action = match (&error, ending) {
            (Some(_), _) => Action::Fail,
            (None, true) => Action::ReviewEnding,
            (None, false) => Action::Think,
        };
        Ok(NodeOutcome::Update(RunUpdate {
            conversation: Some(step.entries),
            malformed: Some(malformed),
            repeats: Some(step.repeats),
            active_ms: Some(run.now().since(started).as_millis() as u64),
            unacknowledged: Some(unacknowledged),
            action: Some(action),
            error: error.map(Some),
            ..step.changes
        }))
    }
}

impl RunContext {
    /// The answer whose tools are to be called.
    pub(super) async fn last_answer(&self, state: &RunState) -> Result<Answer, NodeError> {
        let blob = state.conversation.iter().rev().find_map(|entry| match entry {
            Entry::Answer { blob, .. } => Some(blob),
            _ => None,
        });
        let blob =
            blob.ok_or_else(|| NodeError::permanent("there is no answer whose tools could be called"))?;
        self.read(blob).await
    }

    /// What a call gave, as part of the conversation.
    pub(super) async fn tool_result(&self, call: &ToolCall, output: &ToolOutput) -> Result<Entry, NodeError> {
        let mut content = middle_out(&output.content, MAX_RESULT_BYTES);
        if let Some(code) = output.exit_code
            && !content.contains("exit code")
        {
            content = format!("exit code {code}\n{content}");
        }
        if content.trim().is_empty() {
            "(no output)".clone_into(&mut content);
        }
        Ok(Entry::ToolResult {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            is_error: output.is_error,
            tokens: tokens(&content),
            blob: self.put(content.into_bytes()).await?,
        })
    }
}

fn not_allowed_in_time() -> ToolOutput {
    ToolOutput::error(
        "Nobody allowed this call in time, so it was not made. Do not make it again; find another way, or end your \
         work and say what you could not do.",
    )
}

fn refused(comment: &str) -> ToolOutput {
    let said = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    ToolOutput::error(format!(
        "A human refused this call{said}. Do not make it again; find another way, or end your work and say what you \
         could not do."
    ))
}

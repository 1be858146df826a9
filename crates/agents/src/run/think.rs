//! think: the model is asked what to do next.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use syndarix_core::agent::AgentTransition;
use syndarix_core::approval::ApprovalKind;
use syndarix_core::budget::BudgetRefusal;
use syndarix_core::event::EventKind;
use syndarix_core::tool::ToolCall;
use syndarix_graph::{Node, NodeContext, NodeError, NodeOutcome};
use syndarix_llm::gateway::{self, FailedAttempt};
use syndarix_llm::{CallContext, GatewayReply, ModelReply, ModelRequest, Scene, StopReason};

use super::asking::{Decided, Question};
use super::context::{RECORDS, RunContext, minutes, stored};
use super::guards;
use super::state::{Action, Ending, RunState, RunUpdate};
use crate::context::{Answer, Briefing, Entry, assemble, tokens};
use crate::team_tools::TeamTool;

/// The most bytes of an answer, with its tool calls, that are worked with. Larger ones are no answer to anything.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// The most tool calls of one answer.
const MAX_TOOL_CALLS: usize = 24;
/// The longest wait that a provider can ask for; beyond it, asking again early does no harm.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);
/// How often in a row a run waits for models that cannot be reached.
const MAX_OUTAGES: u32 = 5;
/// How often a human may say that a budget was raised when it was not. All who meet the same limit share these questions.
const MAX_BUDGET_QUESTIONS: u32 = 20;

pub(super) struct Think(pub(super) Arc<RunContext>);

type Outcome = Result<NodeOutcome<RunUpdate>, NodeError>;

#[async_trait]
impl Node<RunState> for Think {
    async fn run(&self, ctx: &NodeContext, state: &RunState) -> Outcome {
        let update = |action| Ok(NodeOutcome::Update(RunUpdate::next(action)));
        if state.error.is_some() {
            return update(Action::Fail);
        }
        match &state.ending {
            Some(Ending::HandOff { .. }) => return update(Action::HandOff),
            Some(_) => return update(Action::End),
            None => {}
        }
        let run = &self.0;
        run.announce(AgentTransition::Think).await?;
        for message in &state.unacknowledged {
            run.store().acknowledge(&run.request.agent, message).await.map_err(stored)?;
        }
        let briefing = run.briefing(&state.briefing).await?;
        if let Some((guard, detail)) = guards::cap_reached(state, &briefing.limits) {
            return self.trip(ctx, guard, detail).await;
        }
        self.ask_model(ctx, state, briefing).await
    }
}

/// A question about money: the refusal, and which of the questions about this budget at this limit it is.
struct Asked {
    refusal: BudgetRefusal,
    number: u32,
}

impl Asked {
    /// The question that follows another. It is the first unless the same limit refuses again.
    fn after(before: Option<&Self>, refusal: BudgetRefusal) -> Self {
        let same = before
            .filter(|asked| asked.refusal.scope == refusal.scope && asked.refusal.limit == refusal.limit);
        let number = same.map_or(1, |asked| asked.number + 1);
        Self { refusal, number }
    }
}

impl Think {
    async fn ask_model(&self, ctx: &NodeContext, state: &RunState, briefing: &Briefing) -> Outcome {
        let run = &self.0;
        let request = self.request(state, briefing).await?;
        let chain = run.options.models.chain(&briefing.models);
        if chain.is_empty() {
            let error = format!(
                "none of {}'s models ({}) can be called; configure a provider for one of them",
                run.member.name,
                briefing.models.join(", ")
            );
            return Ok(NodeOutcome::Update(RunUpdate::next(Action::Fail).failing(error)));
        }
        let call = CallContext { effect: run.key(ctx.superstep, 0), attribution: run.attribution(), chain };
        let limit = minutes(briefing.limits.thinking_minutes);
        let mut asked: Option<Asked> = None;
        let (answered, active_ms) = loop {
            let started = run.now();
            let answered = tokio::time::timeout(limit, run.options.gateway.call(&call, &request, &())).await;
            let active_ms = run.now().since(started).as_millis() as u64;
            let Ok(Err(gateway::Error::BudgetRefused(refusal))) = answered else {
                break (answered, active_ms);
            };
            let question = Asked::after(asked.as_ref(), refusal);
            match self.over_budget(ctx, &question).await? {
                // Somebody may have allowed more meanwhile.
                None => asked = Some(question),
                Some(outcome) => return Ok(outcome),
            }
        };
        match answered {
            Err(_) => self.took_too_long(limit).await,
            Ok(Ok(reply)) => self.answered(ctx, &reply, active_ms).await,
            Ok(Err(gateway::Error::AllFailed { attempts, retry_after })) => {
                self.unanswered(state, &attempts, retry_after).await
            }
            Ok(Err(gateway::Error::Port(error))) => Err(super::context::port(error)),
            Ok(Err(error)) => {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                Ok(NodeOutcome::Update(RunUpdate::next(Action::Fail).failing(format!("{error}{hint}"))))
            }
        }
    }

    /// The same state gives the same request: an effect's key is bound to it.
    async fn request(&self, state: &RunState, briefing: &Briefing) -> Result<ModelRequest, NodeError> {
        let run = &self.0;
        let pieces = run.pieces(&state.conversation).await?;
        let tools: u64 = briefing
            .tools
            .iter()
            .map(|tool| {
                tokens(&tool.name) + tokens(&tool.description) + tokens(&tool.input_schema.to_string())
            })
            .sum();
        let fixed = tokens(&briefing.system) + tools;
        let budget = u64::from(briefing.limits.context_tokens).saturating_sub(fixed);
        Ok(ModelRequest {
            system: briefing.system.clone(),
            turns: assemble(&briefing.opening, &pieces, budget),
            tools: briefing.tools.clone(),
            max_output_tokens: briefing.limits.max_output_tokens,
            temperature: None,
            scene: Scene {
                role: run.member.role,
                agent: run.member.name.clone(),
                stage: run.request.stage.as_str().to_owned(),
                task: run.task.slug.clone(),
                round: run.request.round,
                turn: state.iterations,
            },
        })
    }

    async fn answered(&self, ctx: &NodeContext, answered: &GatewayReply, active_ms: u64) -> Outcome {
        let reply = &answered.reply;
        let mut update = RunUpdate {
            iterations: Some(1),
            run_tokens: Some(reply.usage.total()),
            active_ms: Some(active_ms),
            outages: Some(0),
            unacknowledged: Some(Vec::new()),
            ..RunUpdate::default()
        };
        let (keep, action) = judge(reply);
        if keep {
            let answer = Answer {
                text: reply.text.clone(),
                tool_calls: numbered(ctx.superstep, &reply.tool_calls),
                thoughts: reply.thoughts.clone(),
            };
            let bytes = serde_json::to_vec(&answer).expect("an answer is plain data with string keys");
            let size = tokens(&answer.text)
                + answer.tool_calls.iter().map(|call| tokens(&call.arguments.to_string())).sum::<u64>();
            update.conversation = Some(vec![Entry::Answer { blob: self.0.put(bytes).await?, tokens: size }]);
        }
        update.action = Some(action);
        Ok(NodeOutcome::Update(update))
    }

    /// No model answered. What the models made of the request is for the agent to hear; that none could be
    /// reached is waited for.
    async fn unanswered(
        &self,
        state: &RunState,
        attempts: &[FailedAttempt],
        retry_after: Option<Duration>,
    ) -> Outcome {
        let last = attempts.last();
        let problem = match last.map(|attempt| attempt.kind.as_str()) {
            Some("refused") => Some(
                "Your last answer was a refusal. Nothing here asks for harm: look at the task again and do the part \
                 of it that you can do, or end your work and say what you cannot do and why.",
            ),
            Some("empty") => Some("Your last answer was empty. Call a tool."),
            Some("malformed") => Some("Your last answer could not be read. Answer again with a tool call."),
            Some("too_long") => {
                Some("Your last answer was far too long and was cut off. Work in smaller steps.")
            }
            _ => None,
        };
        let mut update = RunUpdate { unacknowledged: Some(Vec::new()), ..RunUpdate::default() };
        if let Some(problem) = problem {
            update.iterations = Some(1);
            update.action = Some(Action::ReviewProblem { problem: problem.to_owned() });
            return Ok(NodeOutcome::Update(update));
        }
        let reason = last.map_or_else(
            || "no model of the chain answered".to_owned(),
            |attempt| {
                format!(
                    "no model answered; the last, {}, failed with {}: {}",
                    attempt.model, attempt.kind, attempt.message
                )
            },
        );
        // Without attempts, the chain was exhausted before a crash: what failed then is worth another try.
        let passing = attempts.is_empty() || attempts.iter().any(|attempt| attempt.retryable);
        if !passing || state.outages >= MAX_OUTAGES {
            let hint = gateway::Error::AllFailed { attempts: attempts.to_vec(), retry_after }.hint();
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Ok(NodeOutcome::Update(
                RunUpdate { action: Some(Action::Fail), ..update }.failing(reason + &hint),
            ));
        }
        let wait = self.0.options.outage_wait * 2_u32.saturating_pow(state.outages);
        tokio::time::sleep(retry_after.map_or(wait, |asked| asked.min(MAX_RETRY_AFTER).max(wait))).await;
        update.outages = Some(state.outages + 1);
        update.action = Some(Action::Think);
        Ok(NodeOutcome::Update(update))
    }

    /// Asks a human for money. `None` is that it was allowed, which may mean that it is there now.
    async fn over_budget(
        &self,
        ctx: &NodeContext,
        asked: &Asked,
    ) -> Result<Option<NodeOutcome<RunUpdate>>, NodeError> {
        let run = &self.0;
        let Asked { refusal, number } = asked;
        let failing =
            |error: String| Ok(Some(NodeOutcome::Update(RunUpdate::next(Action::Fail).failing(error))));
        if *number > MAX_BUDGET_QUESTIONS {
            return failing(format!(
                "{refusal}; it was approved {MAX_BUDGET_QUESTIONS} times and not raised"
            ));
        }
        let again = if *number > 1 { "still " } else { "" };
        let question = Question {
            kind: ApprovalKind::Budget,
            always: None,
            title: if refusal.scope.adds_up() {
                format!("{} is {again}out of budget: {refusal}", run.member.name)
            } else {
                format!("{}'s next call is {again}too dear: {refusal}", run.member.name)
            },
            shown: format!(
                "{refusal}.\n\n{} ({}) works on {} \"{}\" and cannot ask its model again; whoever meets the same limit \
                 waits for this answer, too.\n\nRaise the budget, then approve to go on. Reject to end these pieces of \
                 work.",
                run.member.name,
                run.member.role.title(),
                run.task.id.key(),
                run.task.title
            ),
            about: format!("budget:{}:{}:{number}", refusal.scope, refusal.limit.0),
        };
        match run.ask(&run.key(ctx.superstep, 0), question).await? {
            Decided::Approved(_) => Ok(None),
            Decided::Wait(interrupt) => {
                run.announce(AgentTransition::Block).await?;
                Ok(Some(NodeOutcome::Interrupt(interrupt)))
            }
            Decided::Rejected(comment) => {
                let said = if comment.is_empty() { String::new() } else { format!(" ({comment})") };
                failing(format!("{refusal}; a human refused to raise it{said}"))
            }
            // A question about money never expires: silence neither spends nor gives up.
            Decided::Expired => failing(format!("{refusal}; nobody raised it in time")),
        }
    }

    /// The same step is tried again; that books this call as interrupted.
    async fn took_too_long(&self, limit: Duration) -> Outcome {
        let detail = format!("{} thought for more than {} minutes", self.0.member.name, limit.as_secs() / 60);
        self.0
            .record(EventKind::GuardTripped { guard: "thinking_timeout".to_owned(), detail: detail.clone() })
            .await?;
        Err(NodeError::retryable(detail))
    }

    async fn trip(&self, ctx: &NodeContext, guard: &str, detail: String) -> Outcome {
        let event = EventKind::GuardTripped { guard: guard.to_owned(), detail: detail.clone() };
        self.0.record_once(self.0.key(ctx.superstep, RECORDS), vec![event]).await?;
        Ok(NodeOutcome::Update(RunUpdate::next(Action::Fail).failing(detail)))
    }
}

/// Whether an answer becomes part of the conversation, and what happens next.
fn judge(reply: &ModelReply) -> (bool, Action) {
    let problem = |keep, text: &str| (keep, Action::ReviewProblem { problem: text.to_owned() });
    let bytes: usize = reply.text.len()
        + reply.tool_calls.iter().map(|call| call.arguments.to_string().len()).sum::<usize>();
    if bytes > MAX_ANSWER_BYTES {
        let text = format!(
            "Your last answer had {bytes} bytes; the limit is {MAX_ANSWER_BYTES}. Work in smaller steps."
        );
        return problem(false, &text);
    }
    if reply.tool_calls.len() > MAX_TOOL_CALLS {
        let text = format!(
            "Your last answer called {} tools at once; the limit is {MAX_TOOL_CALLS}.",
            reply.tool_calls.len()
        );
        return problem(false, &text);
    }
    match reply.tool_calls.as_slice() {
        [] if reply.text.trim().is_empty() => problem(false, "Your last answer was empty. Call a tool."),
        [] if reply.stop == StopReason::MaxTokens => problem(
            true,
            "Your last answer was cut off because it was too long, before it called a tool. Say less and call a tool.",
        ),
        [] => problem(
            true,
            "You answered without calling a tool, and that does nothing. Go on by calling a tool; if you are done, call the one that ends your work.",
        ),
        [call] if TeamTool::named(&call.name).is_some_and(TeamTool::ends_run) => (true, Action::ReviewEnding),
        _ => (true, Action::Execute),
    }
}

/// The calls with ids that are theirs alone: some providers send none, or the same for several.
fn numbered(superstep: u32, calls: &[ToolCall]) -> Vec<ToolCall> {
    let unique = calls.iter().enumerate().all(|(index, call)| {
        !call.id.is_empty() && calls[..index].iter().all(|earlier| earlier.id != call.id)
    });
    let mut calls = calls.to_vec();
    if !unique {
        for (index, call) in calls.iter_mut().enumerate() {
            call.id = format!("call-{superstep}-{index}");
        }
    }
    calls
}

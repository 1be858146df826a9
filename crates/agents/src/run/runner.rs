//! The runner: opens what a run works with, drives its graph, and says how it ended.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use syndarix_core::agent::AgentTransition;
use syndarix_core::approval::ApprovalState;
use syndarix_core::event::EventKind;
use syndarix_core::id::{ApprovalId, MessageId};
use syndarix_core::time::Clock;
use syndarix_core::validity::Validity;
use syndarix_graph::{Input, Interrupt, Outcome, Runner};
use syndarix_llm::Gateway;
use syndarix_store::Store;
use syndarix_tools::SessionRequest;
use syndarix_tools::mcp::Holder;
use tokio_util::sync::CancellationToken;

use super::context::{RunContext, minutes};
use super::request::{PendingApproval, PendingReply, RunOutcome, RunRequest, RunResult, SUMMARY_CHARACTERS};
use super::roster::Rosters;
use super::state::{Ending, RunState};
use super::tools::OpenTools;
use super::{briefing, graph};
use crate::context::head;
use crate::error::Error;
use crate::team::{Models, StaffedAgent};

/// How long a run waits for models that cannot be reached, the first time; each time in a row twice as long.
pub const DEFAULT_OUTAGE_WAIT: Duration = Duration::from_secs(15);

/// What runs are made of.
#[derive(Debug)]
pub struct AgentRunnerOptions {
    /// Projects, checkpoints, effects and everything else that lasts.
    pub store: Store,
    /// The door to the models.
    pub gateway: Arc<Gateway>,
    /// Which models there are, and what the tiers in agent types stand for.
    pub models: Models,
    /// Where tools come from; usually a [`syndarix_tools::Toolbox`].
    pub toolbox: Arc<dyn OpenTools>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether agents' commands may use the network.
    pub network: bool,
    /// How long a run waits for models that cannot be reached, the first time.
    pub outage_wait: Duration,
    /// How long what a human is asked can be decided.
    pub approvals: Validity,
}

/// Runs agents. Cheap to share.
#[derive(Debug)]
pub struct AgentRunner {
    options: Arc<AgentRunnerOptions>,
    rosters: Rosters,
}

impl AgentRunner {
    /// A runner over these services.
    pub fn new(options: AgentRunnerOptions) -> Self {
        Self { options: Arc::new(options), rosters: Rosters::default() }
    }

    /// Takes an agent through one stage of one task, from wherever the run stopped before.
    ///
    /// Returns when the run has ended or waits for humans. Dropping the future stops it at once; the same request
    /// goes on from its last checkpoint, and what was done is not done again. Cancelling the token stops it
    /// between two supersteps with an error that is retryable.
    pub async fn run(&self, request: RunRequest, cancel: CancellationToken) -> Result<RunOutcome, Error> {
        let context = Arc::new(self.open(request).await?);
        let graph = Arc::new(graph::build(&context)?);
        let checkpoints = Arc::new(self.options.store.clone());
        let runner = Runner::new(Arc::clone(&graph), checkpoints).cancelled_by(cancel);
        let outcome = self.drive(&context, &runner).await;
        drop((runner, graph));
        // The nodes are gone with the graph, so this is the last reference.
        if let Some(context) = Arc::into_inner(context) {
            context.tools.close().await;
        }
        outcome
    }

    async fn open(&self, request: RunRequest) -> Result<RunContext, Error> {
        let store = &self.options.store;
        let project = store.project(&request.project).await?;
        let task = store.task(&request.task).await?;
        let roster = self.rosters.of(store, &project).await?;
        let member =
            roster.member(&request.agent).cloned().ok_or_else(|| Error::NotInTeam(request.agent.clone()))?;
        let agent_type = roster.team.agent_type(&member);
        let repeatable_commands = task.check.iter().chain(&project.check).map(|check| check.command.clone());
        let tools = self.options.toolbox.open(SessionRequest {
            project: request.project.clone(),
            agent: request.agent.clone(),
            task: Some(request.task.clone()),
            run: request.run.clone(),
            root: request.workspace.clone(),
            scratch: request.scratch.clone(),
            read_only: request.read_only.clone(),
            prepared: request.prepared.clone(),
            set_up_allowed: request.set_up_allowed,
            signature: request.signature.clone(),
            scopes: agent_type.tools.clone(),
            holder: holder(&member),
            network: self.options.network,
            repeatable_commands: repeatable_commands.collect(),
        })?;
        Ok(RunContext::new(Arc::clone(&self.options), request, (project, task), (roster, member), tools))
    }

    async fn drive(&self, context: &RunContext, runner: &Runner<RunState>) -> Result<RunOutcome, Error> {
        let run = &context.request.run;
        let latest = runner.latest(run).await?;
        let finished = latest.as_ref().is_some_and(|checkpoint| checkpoint.next.is_empty());
        if !finished {
            let superstep = latest.as_ref().map_or(0, |checkpoint| checkpoint.superstep);
            let started = EventKind::RunStarted { run: run.clone(), superstep };
            syndarix_core::ports::Journal::append(context.store(), vec![context.event(started)]).await?;
        }
        let mut input = match latest {
            Some(_) => Input::Continue,
            None => Input::Start(briefing::begin(context).await?),
        };
        loop {
            match runner.run(run, input, &()).await? {
                Outcome::Finished(state) => return finish(context, &state).await,
                Outcome::Interrupted { interrupts, .. } => {
                    let standing = standing(context, &interrupts).await?;
                    if standing.decided.is_empty() {
                        return interrupted(context, standing).await;
                    }
                    input = Input::Resume(standing.decided);
                }
            }
        }
    }
}

/// A member as configuration can name it, to say whose an MCP server's tools are.
pub fn holder(member: &StaffedAgent) -> Holder {
    Holder {
        role: member.role.as_str().to_owned(),
        agent_type: member.agent_type.clone(),
        name: member.name.clone(),
    }
}

/// Where the questions of an interrupted run stand.
#[derive(Default)]
struct Standing {
    decided: Vec<(String, serde_json::Value)>,
    approvals: Vec<PendingApproval>,
    replies: Vec<PendingReply>,
}

/// What an interrupt waits for, as its node wrote it down.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Awaited {
    Approval(ApprovalId),
    Question(MessageId),
}

/// Which of the questions are decided. The store is asked rather than the request: a decision may have been made
/// while nobody listened.
async fn standing(context: &RunContext, interrupts: &[Interrupt]) -> Result<Standing, Error> {
    let mut standing = Standing::default();
    for interrupt in interrupts {
        let awaited = serde_json::from_value(interrupt.value.clone())
            .map_err(|source| Error::Unreadable { what: "an interrupt", source })?;
        let interrupt_id = interrupt.id.clone();
        match awaited {
            Awaited::Approval(approval) => {
                let asked = context.store().approval(&approval).await?;
                if asked.state == ApprovalState::Pending {
                    let expires_at = asked.expires_at;
                    standing.approvals.push(PendingApproval { approval, interrupt_id, expires_at });
                } else {
                    standing.decided.push((interrupt_id, json!({ "state": asked.state })));
                }
            }
            Awaited::Question(question) => {
                let open = context.store().wait(&question).await?.filter(|wait| wait.end.is_none());
                if let Some(wait) = open {
                    let escalate_at = wait.since.plus(minutes(context.member.limits.blocked_minutes));
                    standing.replies.push(PendingReply { question, interrupt_id, escalate_at });
                } else {
                    standing.decided.push((interrupt_id, json!({ "answered": true })));
                }
            }
        }
    }
    Ok(standing)
}

async fn interrupted(context: &RunContext, standing: Standing) -> Result<RunOutcome, Error> {
    let Standing { approvals, replies, .. } = standing;
    let keys = approvals.iter().map(|pending| pending.approval.key().to_owned());
    let answers =
        replies.iter().map(|pending| format!("the answer to {}", context.handle(&pending.question)));
    let waits_for: Vec<String> = keys.chain(answers).collect();
    let stopped = EventKind::RunStopped {
        run: context.request.run.clone(),
        outcome: "interrupted".to_owned(),
        detail: Some(format!("waits for {}", waits_for.join(", "))),
    };
    syndarix_core::ports::Journal::append(context.store(), vec![context.event(stopped)]).await?;
    Ok(RunOutcome::Interrupted { approvals, replies })
}

async fn finish(context: &RunContext, state: &RunState) -> Result<RunOutcome, Error> {
    let outcome = outcome(state);
    let (word, detail) = match &outcome {
        RunOutcome::Failed { error } => ("failed", head(error, 300)),
        RunOutcome::Finished { summary, .. } => ("finished", summary.clone()),
        RunOutcome::HandedOff { to, summary } => {
            ("finished", format!("handed to {}: {summary}", context.name_of(to)))
        }
        RunOutcome::Interrupted { .. } => unreachable!("a finished graph waits for nothing"),
    };
    let stopped = EventKind::RunStopped {
        run: context.request.run.clone(),
        outcome: word.to_owned(),
        detail: Some(detail),
    };
    // The input's superstep has no effects of its own, so its key is free for the run's end.
    let recorded = async {
        if state.error.is_none() {
            context.announce(AgentTransition::Complete).await?;
        }
        context.record_once(context.key(0, 0), vec![stopped]).await
    };
    recorded.await.map_err(|error| {
        let retryable = error.retryable;
        syndarix_core::ports::PortError {
            message: "the run's end could not be stored".to_owned(),
            retryable,
            source: Some(Box::new(error)),
        }
    })?;
    Ok(outcome)
}

fn outcome(state: &RunState) -> RunOutcome {
    if let Some(error) = &state.error {
        return RunOutcome::Failed { error: error.clone() };
    }
    match &state.ending {
        Some(Ending::HandOff { to, summary, .. }) => {
            RunOutcome::HandedOff { to: to.clone(), summary: head(summary, SUMMARY_CHARACTERS) }
        }
        Some(Ending::Finish { summary }) => {
            let result = match &state.plan {
                Some(plan) => RunResult::Planned { tasks: plan.tasks.clone(), goal: plan.goal.clone() },
                None => RunResult::Done,
            };
            RunOutcome::Finished { summary: summary.clone(), result }
        }
        Some(Ending::Review { approved, comment }) => {
            let verdict = if *approved { "approved" } else { "sent back" };
            RunOutcome::Finished {
                summary: head(&format!("{verdict}: {comment}"), SUMMARY_CHARACTERS),
                // The review itself, in full, is in the store.
                result: RunResult::Review {
                    approved: *approved,
                    comment: head(comment, 2 * SUMMARY_CHARACTERS),
                },
            }
        }
        Some(Ending::Qa { passed, defects }) => RunOutcome::Finished {
            summary: if *passed {
                "QA passed".to_owned()
            } else {
                format!("QA found {} defects", defects.len())
            },
            result: RunResult::Qa { passed: *passed, defects: defects.clone() },
        },
        None => RunOutcome::Failed { error: "the run ended without a result".to_owned() },
    }
}

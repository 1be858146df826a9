//! review: an answer that wants to end the work is held against what the stage must produce; one that cannot be
//! acted on is answered with what was wrong.

use std::sync::Arc;

use async_trait::async_trait;
use syndarix_core::event::EventKind;
use syndarix_core::tool::ToolOutput;
use syndarix_graph::{Node, NodeContext, NodeError, NodeOutcome};

use super::context::{RECORDS, RunContext};
use super::state::{Action, RunState, RunUpdate};
use crate::context::{Entry, head};
use crate::team_tools::{self, TeamTool, schema};

pub(super) struct Review(pub(super) Arc<RunContext>);

#[async_trait]
impl Node<RunState> for Review {
    async fn run(&self, ctx: &NodeContext, state: &RunState) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        if let Action::ReviewProblem { problem } = &state.action {
            let told = self.0.told(problem).await?;
            return self.send_back(ctx, state, problem, vec![told]).await;
        }
        let answer = self.0.last_answer(state).await?;
        let calls = &answer.tool_calls;
        let position =
            calls.iter().position(|call| TeamTool::named(&call.name).is_some_and(TeamTool::ends_run));
        let Some((position, tool)) =
            position.and_then(|at| TeamTool::named(&calls[at].name).map(|tool| (at, tool)))
        else {
            return Err(NodeError::permanent("the answer that is to be judged does not end the work"));
        };
        let call = &calls[position];
        match self.judge(ctx, state, position as u32, tool, call).await? {
            Ok(ending) => Ok(NodeOutcome::Update(RunUpdate {
                ending: Some(Some(ending)),
                malformed: Some(0),
                action: Some(Action::Think),
                ..RunUpdate::default()
            })),
            Err(problem) => {
                let mut entries = vec![self.0.tool_result(call, &ToolOutput::error(&problem)).await?];
                let skipped =
                    ToolOutput::error(format!("not called, because {} was not accepted", call.name));
                for later in &calls[position + 1..] {
                    entries.push(self.0.tool_result(later, &skipped).await?);
                }
                self.send_back(ctx, state, &problem, entries).await
            }
        }
    }
}

impl Review {
    async fn judge(
        &self,
        ctx: &NodeContext,
        state: &RunState,
        index: u32,
        tool: TeamTool,
        call: &syndarix_core::tool::ToolCall,
    ) -> Result<Result<super::state::Ending, String>, NodeError> {
        if !tool.available_at(self.0.request.stage) {
            let right = TeamTool::ending_of(self.0.request.stage).name();
            return Ok(Err(format!("{} is not available at this stage; end with {right}", call.name)));
        }
        if let Err(problem) = schema::check(&tool.spec().input_schema, &call.arguments) {
            return Ok(Err(format!("{}: {problem}", call.name)));
        }
        let key = self.0.key(ctx.superstep, index);
        let ended = team_tools::end(&self.0, state, &key, tool, call).await?;
        Ok(ended.map_err(|problem| format!("{}: {problem}", call.name)))
    }

    /// Answers with what was wrong, a bounded number of times in a row.
    async fn send_back(
        &self,
        ctx: &NodeContext,
        state: &RunState,
        problem: &str,
        entries: Vec<Entry>,
    ) -> Result<NodeOutcome<RunUpdate>, NodeError> {
        let briefing = self.0.briefing(&state.briefing).await?;
        let malformed = state.malformed + 1;
        let mut events = vec![EventKind::MalformedAction { problem: head(problem, 300) }];
        let mut update = RunUpdate {
            conversation: Some(entries),
            malformed: Some(malformed),
            action: Some(Action::Think),
            ..RunUpdate::default()
        };
        if malformed > briefing.limits.malformed_retries {
            let detail = format!(
                "the agent's answers could not be acted on {malformed} times in a row; the last: {problem}"
            );
            events.push(EventKind::GuardTripped {
                guard: "malformed_actions".to_owned(),
                detail: head(&detail, 300),
            });
            update = update.failing(detail);
        }
        self.0.record_once(self.0.key(ctx.superstep, RECORDS), events).await?;
        Ok(NodeOutcome::Update(update))
    }
}

//! Team tools: what agents do with one another's work, as opposed to files. The agent graph performs them itself,
//! each as an effect that happens once. What is wrong with a call comes back as a sentence the model can act on.

mod backlog;
mod documents;
mod endings;
mod planning;
pub(crate) mod schema;
mod specs;
mod talking;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use syndarix_core::effect::EffectKey;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{MessageId, TaskId};
use syndarix_core::tool::{ToolCall, ToolOutput};
use syndarix_graph::NodeError;

use crate::context::head;
use crate::run::context::RunContext;
use crate::run::state::{Ending, RunState, RunUpdate, SprintPlan};
use crate::stage::Stage;

/// A team tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TeamTool {
    /// Writes a document of the project.
    WriteArtifact,
    /// Reads one.
    ReadArtifact,
    /// Adds tasks to the backlog.
    ProposeTasks,
    /// Chooses a sprint's tasks.
    PlanSprint,
    /// Judges a change, and ends the run.
    SubmitReview,
    /// Judges a sprint's result, and ends the run.
    ReportQa,
    /// Ends the run.
    Finish,
    /// Gives the task to another agent, and ends the run.
    HandOff,
    /// Asks a human.
    AskHuman,
    /// Writes to another agent or to all.
    SendMessage,
    /// Keeps something in mind beyond the run.
    Remember,
}

impl TeamTool {
    /// Every team tool.
    pub const ALL: [Self; 11] = [
        Self::WriteArtifact,
        Self::ReadArtifact,
        Self::ProposeTasks,
        Self::PlanSprint,
        Self::SubmitReview,
        Self::ReportQa,
        Self::Finish,
        Self::HandOff,
        Self::AskHuman,
        Self::SendMessage,
        Self::Remember,
    ];

    /// The tool's name, as models call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteArtifact => "write_artifact",
            Self::ReadArtifact => "read_artifact",
            Self::ProposeTasks => "propose_tasks",
            Self::PlanSprint => "plan_sprint",
            Self::SubmitReview => "submit_review",
            Self::ReportQa => "report_qa",
            Self::Finish => "finish",
            Self::HandOff => "hand_off",
            Self::AskHuman => "ask_human",
            Self::SendMessage => "send_message",
            Self::Remember => "remember",
        }
    }

    /// The tool of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Whether calling it ends the run.
    pub fn ends_run(self) -> bool {
        matches!(self, Self::SubmitReview | Self::ReportQa | Self::Finish | Self::HandOff)
    }

    /// The tool that ends this stage.
    pub fn ending_of(stage: Stage) -> Self {
        match stage {
            Stage::Review => Self::SubmitReview,
            Stage::Qa => Self::ReportQa,
            _ => Self::Finish,
        }
    }

    /// Whether agents have it at this stage.
    pub fn available_at(self, stage: Stage) -> bool {
        match self {
            Self::ReadArtifact | Self::SendMessage | Self::Remember => true,
            // Whoever answers a question is waited for.
            Self::AskHuman => stage != Stage::Answer,
            Self::WriteArtifact => !matches!(stage, Stage::Review | Stage::Answer),
            Self::ProposeTasks => matches!(stage, Stage::Requirements | Stage::Architecture | Stage::Qa),
            Self::PlanSprint => stage == Stage::Plan,
            Self::HandOff => !matches!(stage, Stage::Review | Stage::Qa | Stage::Answer),
            Self::SubmitReview | Self::ReportQa | Self::Finish => self == Self::ending_of(stage),
        }
    }
}

/// What a team tool did, as recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Performed {
    output: ToolOutput,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<SprintPlan>,
    /// The question whose answer the agent waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    awaits: Option<MessageId>,
}

impl Performed {
    fn saying(text: impl Into<String>) -> Self {
        let output = ToolOutput::ok(text);
        Self { output, artifact: None, tasks: Vec::new(), plan: None, awaits: None }
    }
}

/// What a tool did, as the run takes it.
pub(crate) struct Done {
    pub(crate) output: ToolOutput,
    pub(crate) changes: RunUpdate,
    /// The question whose answer is the call's result.
    pub(crate) awaits: Option<MessageId>,
}

/// What is wrong with a call, for the model; or what it did.
type Judged<T> = Result<T, String>;

/// Performs a tool that does not end the run, once.
pub(crate) async fn perform(
    run: &RunContext,
    _state: &RunState,
    key: &EffectKey,
    tool: TeamTool,
    call: &ToolCall,
) -> Result<Judged<Done>, NodeError> {
    let started = run.now();
    let perform = async {
        let judged = match tool {
            TeamTool::WriteArtifact => documents::write(run, call).await?,
            TeamTool::ReadArtifact => documents::read(run, call).await?,
            TeamTool::ProposeTasks => backlog::propose(run, call).await?,
            TeamTool::PlanSprint => planning::plan(run, call).await?,
            TeamTool::SendMessage => talking::send(run, key, call).await?,
            TeamTool::Remember => talking::remember(run, call).await?,
            TeamTool::AskHuman
            | TeamTool::SubmitReview
            | TeamTool::ReportQa
            | TeamTool::Finish
            | TeamTool::HandOff => Err("this tool is not performed here".to_owned()),
        };
        let event = called(run, call, judged.is_err(), started);
        Ok((judged, vec![event]))
    };
    let name = format!("team:{}", tool.name());
    let judged: Judged<Performed> = run.once(key, &name, call, perform).await?;
    Ok(judged.map(|done| {
        let changes = RunUpdate {
            artifacts: done.artifact.map(|name| vec![name]),
            tasks: (!done.tasks.is_empty()).then_some(done.tasks),
            plan: done.plan.map(Some),
            ..RunUpdate::default()
        };
        Done { output: done.output, changes, awaits: done.awaits }
    }))
}

/// Performs a tool that ends the run, once. The answer says how the run ends, or why it does not.
pub(crate) async fn end(
    run: &RunContext,
    state: &RunState,
    key: &EffectKey,
    tool: TeamTool,
    call: &ToolCall,
) -> Result<Judged<Ending>, NodeError> {
    let started = run.now();
    let perform = async {
        let judged = match tool {
            TeamTool::Finish => endings::finish(run, state, call).await?,
            TeamTool::HandOff => endings::hand_off(run, call),
            TeamTool::SubmitReview => endings::submit_review(run, call).await?,
            TeamTool::ReportQa => endings::report_qa(run, call).await?,
            _ => Err("this tool does not end the work".to_owned()),
        };
        let event = called(run, call, judged.is_err(), started);
        Ok((judged, vec![event]))
    };
    run.once(key, &format!("team:{}", tool.name()), call, perform).await
}

fn called(
    run: &RunContext,
    call: &ToolCall,
    is_error: bool,
    started: syndarix_core::time::Timestamp,
) -> NewEvent {
    run.event(EventKind::ToolCalled {
        tool: call.name.clone(),
        arguments: head(&call.arguments.to_string(), 200),
        is_error,
        exit_code: None,
        duration_ms: run.now().since(started).as_millis() as u64,
    })
}

/// Reads a call's arguments. The schema was checked before; what is left are types within types.
fn arguments<T: DeserializeOwned>(call: &ToolCall) -> Judged<T> {
    serde_json::from_value(call.arguments.clone()).map_err(|error| error.to_string())
}

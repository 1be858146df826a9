//! The MCP side of the workspace tools.

use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::Value;
use syndarix_core::effect::Repeatability;

use super::answer::Answer;
use super::arguments::Nothing;
use super::background::Background;
use super::catalog::WorkspaceTool;
use super::changes::{Call, Changes, Plan};
use super::command::Commands;
use super::git::Git;
use super::options::Limits;
use super::place::Place;
use super::{META_EFFECT, META_REPEATED, edit, files, patch, search};
use crate::git::Signature;

/// The workspace tools behind MCP.
#[derive(Debug)]
pub(super) struct Server {
    /// The tools that there are.
    pub(super) offered: Vec<WorkspaceTool>,
    pub(super) place: Arc<Place>,
    pub(super) changes: Arc<Changes>,
    pub(super) commands: Arc<Commands>,
    pub(super) background: Background,
    pub(super) limits: Limits,
    /// What the messages of commits end with.
    pub(super) trailers: Vec<(String, String)>,
    /// Whose names commits carry.
    pub(super) signature: Signature,
    /// Why commands are refused, if they are.
    pub(super) unconfined: Option<String>,
}

impl Server {
    async fn answer(&self, request: CallToolRequestParams, context: &RequestContext<RoleServer>) -> Answer {
        let tool = WorkspaceTool::named(&request.name).filter(|tool| self.offered.contains(tool));
        let Some(tool) = tool else {
            return Answer::error(format!("there is no tool `{}`", request.name));
        };
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let meta = |key: &str| context.meta.0.0.get(key).cloned();
        let call = Call {
            effect: meta(META_EFFECT).and_then(|value| value.as_str().map(str::to_owned)),
            repeated: meta(META_REPEATED).is_some_and(|value| value == Value::Bool(true)),
        };
        match self.perform(tool, arguments, call, context).await {
            Ok(answer) => answer,
            Err(refusal) => Answer::error(refusal),
        }
    }

    async fn perform(
        &self,
        tool: WorkspaceTool,
        arguments: Value,
        call: Call,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, String> {
        use WorkspaceTool as W;
        if let Some(reason) = self.unconfined.as_ref().filter(|_| tool.starts_programs()) {
            return Err(format!("programs are not run here, because they cannot be confined: {reason}"));
        }
        let git = Git {
            commands: &self.commands,
            place: &self.place,
            changes: &self.changes,
            signature: &self.signature,
            trailers: &self.trailers,
            cancelled: &context.ct,
        };
        Ok(match tool {
            W::ListFiles => self.look(arguments, files::list).await.into(),
            W::ReadFile => self.look(arguments, files::read).await.into(),
            W::Search => self.look(arguments, search::search).await.into(),
            W::WriteFile => self.change(arguments, call, files::write).await.into(),
            W::EditFile => self.change(arguments, call, edit::plan).await.into(),
            W::ApplyPatch => self.change(arguments, call, patch::plan).await.into(),
            W::RunCommand => self.commands.run_command(&self.place, &parse(arguments)?, &context.ct).await?,
            W::RunTest => self.commands.run_test(&self.place, &parse(arguments)?, &context.ct).await?,
            W::StartProcess => {
                self.background.start(&self.commands, &self.place, &parse(arguments)?).await.into()
            }
            W::ReadOutput => self.background.read_output(&parse(arguments)?).await.into(),
            W::StopProcess => self.background.stop(&parse(arguments)?).await.into(),
            W::ListProcesses => {
                let Nothing {} = parse(arguments)?;
                Answer::ok(self.background.list())
            }
            W::GitStatus => {
                let Nothing {} = parse(arguments)?;
                git.status().await.into()
            }
            W::GitDiff => git.diff(&parse(arguments)?).await.into(),
            W::GitLog => git.log(&parse(arguments)?).await.into(),
            W::GitCommit => git.commit(&parse(arguments)?, call.effect.as_deref()).await.into(),
        })
    }

    /// Looks at files.
    async fn look<T: DeserializeOwned + Send + 'static>(
        &self,
        arguments: Value,
        look: impl FnOnce(&Place, &Limits, &T) -> Result<String, String> + Send + 'static,
    ) -> Result<String, String> {
        let (arguments, place, limits) = (parse(arguments)?, Arc::clone(&self.place), self.limits.clone());
        aside(move || look(&place, &limits, &arguments)).await
    }

    /// Changes files.
    async fn change<T: DeserializeOwned + Send + 'static>(
        &self,
        arguments: Value,
        call: Call,
        plan: impl FnOnce(&Place, &T) -> Result<Plan, String> + Send + 'static,
    ) -> Result<String, String> {
        let (arguments, place) = (parse(arguments)?, Arc::clone(&self.place));
        let changes = Arc::clone(&self.changes);
        aside(move || changes.make(&place, &call, |place| plan(place, &arguments))).await
    }
}

/// Does file work on a thread where it may block.
async fn aside(work: impl FnOnce() -> Result<String, String> + Send + 'static) -> Result<String, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the tool failed: {error}"))?
}

fn parse<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments)
        .map_err(|error| format!("the arguments are not as the tool takes them: {error}"))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("syndarix-workspace", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, rmcp::ErrorData> {
        Ok(ListToolsResult::with_all_items(self.offered.iter().copied().map(describe).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        let answer = self.answer(request, &context).await;
        let text = vec![ContentBlock::text(answer.text)];
        let mut result =
            if answer.is_error { CallToolResult::error(text) } else { CallToolResult::success(text) };
        result.structured_content = answer.command.and_then(|end| serde_json::to_value(end).ok());
        Ok(result.into())
    }
}

fn describe(tool: WorkspaceTool) -> Tool {
    let spec = tool.spec();
    let schema = spec.input_schema.as_object().cloned().unwrap_or_default();
    let annotations = ToolAnnotations::new()
        .read_only(spec.repeatability == Repeatability::ReadOnly)
        .idempotent(spec.repeatability != Repeatability::Once)
        .destructive(spec.repeatability == Repeatability::Once)
        .open_world(tool.runs_anything());
    Tool::new(spec.name, spec.description, schema).with_annotations(annotations)
}

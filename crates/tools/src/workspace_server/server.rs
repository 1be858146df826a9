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
use super::catalog::{self, WorkspaceTool};
use super::command::Commands;
use super::git::Git;
use super::options::Limits;
use super::place::Place;
use super::{META_EFFECT, META_REPEATED, files, search};

/// The workspace tools behind MCP.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) place: Arc<Place>,
    pub(super) commands: Commands,
    pub(super) limits: Limits,
    /// Why commands are refused, if they are.
    pub(super) unconfined: Option<String>,
}

impl Server {
    async fn answer(&self, request: CallToolRequestParams, context: &RequestContext<RoleServer>) -> Answer {
        let Some(tool) = WorkspaceTool::named(&request.name) else {
            return Answer::error(format!("there is no tool `{}`", request.name));
        };
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let meta = |key: &str| context.meta.0.0.get(key).cloned();
        let effect = meta(META_EFFECT).and_then(|value| value.as_str().map(str::to_owned));
        let repeated = meta(META_REPEATED).is_some_and(|value| value == Value::Bool(true));
        match self.perform(tool, arguments, effect.as_deref(), repeated, context).await {
            Ok(answer) => answer,
            Err(refusal) => Answer::error(refusal),
        }
    }

    async fn perform(
        &self,
        tool: WorkspaceTool,
        arguments: Value,
        effect: Option<&str>,
        repeated: bool,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, String> {
        use WorkspaceTool as W;
        let starts_programs =
            matches!(tool, W::RunCommand | W::GitStatus | W::GitDiff | W::GitLog | W::GitCommit);
        if let Some(reason) = self.unconfined.as_ref().filter(|_| starts_programs) {
            return Err(format!("programs are not run here, because they cannot be confined: {reason}"));
        }
        let git = Git { commands: &self.commands, cancelled: &context.ct };
        Ok(match tool {
            W::ListFiles => self.aside(arguments, files::list).await?.into(),
            W::ReadFile => self.aside(arguments, files::read).await?.into(),
            W::Search => self.aside(arguments, search::search).await?.into(),
            W::WriteFile => self.aside(arguments, |place, _, call| files::write(place, call)).await?.into(),
            W::EditFile => {
                self.aside(arguments, move |place, _, call| files::edit(place, call, repeated)).await?.into()
            }
            W::RunCommand => self.commands.run_command(&parse(arguments)?, &context.ct).await,
            W::GitStatus => {
                let catalog::GitStatus {} = parse(arguments)?;
                git.status().await.into()
            }
            W::GitDiff => git.diff(&parse(arguments)?).await.into(),
            W::GitLog => git.log(&parse(arguments)?).await.into(),
            W::GitCommit => git.commit(&parse(arguments)?, effect).await.into(),
        })
    }

    /// Does file work on a thread where it may block.
    async fn aside<T: DeserializeOwned + Send + 'static>(
        &self,
        arguments: Value,
        work: impl FnOnce(&Place, &Limits, &T) -> Result<String, String> + Send + 'static,
    ) -> Result<Result<String, String>, String> {
        let call: T = parse(arguments)?;
        let (place, limits) = (Arc::clone(&self.place), self.limits.clone());
        tokio::task::spawn_blocking(move || work(&place, &limits, &call))
            .await
            .map_err(|error| format!("the tool failed: {error}"))
    }
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
        Ok(ListToolsResult::with_all_items(WorkspaceTool::ALL.into_iter().map(describe).collect()))
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
        .open_world(tool == WorkspaceTool::RunCommand);
    Tool::new(spec.name, spec.description, schema).with_annotations(annotations)
}

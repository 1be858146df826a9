//! An MCP server with one tool for each thing a client must cope with.

use std::time::Duration;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServiceExt as _};
use serde_json::{Value, json};

struct Server;

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = |value: Value| value.as_object().cloned().unwrap_or_default();
        let text = schema(json!({
            "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
        }));
        let none = schema(json!({"type": "object"}));
        Ok(ListToolsResult::with_all_items(vec![
            Tool::new("echo", "Says it back.", text)
                .with_annotations(ToolAnnotations::new().read_only(true).open_world(false)),
            Tool::new("environment", "Lists its environment.", none.clone()),
            Tool::new("injected", "Says what came with the call.", none.clone()),
            Tool::new("huge", "Answers a megabyte.", none.clone()),
            Tool::new("slow", "Answers after ten minutes.", none.clone()),
            Tool::new("crash", "Ends the server.", none.clone()),
            Tool::new("process id", "Says which process it is.", none),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = match request.name.as_ref() {
            "echo" => request
                .arguments
                .and_then(|arguments| arguments.get("text")?.as_str().map(str::to_owned))
                .unwrap_or_default(),
            "environment" => {
                let mut names: Vec<String> =
                    std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
                names.sort();
                names.join(" ")
            }
            "injected" => serde_json::to_string(&context.meta.0.0).unwrap_or_default(),
            "huge" => "x".repeat(1024 * 1024),
            "slow" => {
                tokio::time::sleep(Duration::from_mins(10)).await;
                String::new()
            }
            "crash" => std::process::exit(9),
            "process id" => std::process::id().to_string(),
            other => return Err(ErrorData::invalid_params(format!("no tool {other}"), None)),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

pub(crate) fn serve() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        Server.serve(rmcp::transport::stdio()).await?.waiting().await?;
        Ok(())
    })
}

//! This project's requests in genai's types.

use genai::chat::{
    CacheControl, ChatMessage, ChatOptions, ChatRequest, ContentPart, CustomPart, MessageContent, Tool,
    ToolCall, ToolResponse,
};
use serde_json::{Value, json};

use super::config::ProviderKind;
use crate::request::{ModelRequest, ThoughtPart, Thoughts, ToolResult, Turn};

/// The request, for a model of this kind and provider-qualified name.
pub(super) fn chat_request(kind: ProviderKind, model: &str, request: &ModelRequest) -> ChatRequest {
    let mut messages = Vec::new();
    for turn in &request.turns {
        match turn {
            Turn::User { text } => messages.push(ChatMessage::user(text.as_str())),
            Turn::Assistant { text, tool_calls, thoughts } => {
                let thoughts = thoughts.as_ref().filter(|thoughts| thoughts.model == model);
                messages.push(ChatMessage::assistant(assistant(text, tool_calls, thoughts)));
            }
            Turn::ToolResults { results } => {
                let mut responses = results.iter().map(tool_response);
                if kind == ProviderKind::Ollama {
                    // genai keeps only the last result of a message in Ollama's format.
                    messages.extend(responses.map(|response| ChatMessage::tool(vec![response])));
                } else if results.is_empty() {
                    debug_assert!(responses.next().is_none());
                } else {
                    messages.push(ChatMessage::tool(responses.collect::<Vec<_>>()));
                }
            }
        }
    }
    if kind == ProviderKind::Anthropic
        && let Some(last) = messages.pop()
    {
        // The next call of the same run sends all of this again; a breakpoint at its end lets it be read from the
        // provider's cache at a tenth of the price.
        messages.push(last.with_options(CacheControl::Ephemeral));
    }
    let mut chat = ChatRequest::from_messages(messages);
    if !request.system.is_empty() {
        chat = chat.with_system(request.system.as_str());
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            Tool::new(tool.name.as_str())
                .with_description(tool.description.as_str())
                .with_schema(tool.input_schema.clone())
        });
        chat = chat.with_tools(tools);
    }
    chat
}

/// What is asked of every answer.
pub(super) fn chat_options(request: &ModelRequest) -> ChatOptions {
    let mut options = ChatOptions::default()
        .with_max_tokens(request.max_output_tokens)
        .with_capture_usage(true)
        .with_capture_content(true)
        .with_capture_reasoning_content(true)
        .with_capture_tool_calls(true);
    if let Some(temperature) = request.temperature {
        // By way of text, so that 0.2 does not become 0.20000000298.
        options = options.with_temperature(temperature.to_string().parse().unwrap_or(f64::from(temperature)));
    }
    options
}

fn assistant(
    text: &str,
    tool_calls: &[syndarix_core::tool::ToolCall],
    thoughts: Option<&Thoughts>,
) -> MessageContent {
    let mut parts = Vec::new();
    for part in thoughts.iter().flat_map(|thoughts| &thoughts.parts) {
        parts.push(match part {
            ThoughtPart::Signature(text) => ContentPart::ThoughtSignature(text.clone()),
            ThoughtPart::Reasoning(text) => ContentPart::ReasoningContent(text.clone()),
            ThoughtPart::Block(data) => {
                ContentPart::Custom(CustomPart { model_iden: None, data: data.clone() })
            }
        });
    }
    if !text.is_empty() || tool_calls.is_empty() {
        parts.push(ContentPart::Text(text.to_owned()));
    }
    for (index, call) in tool_calls.iter().enumerate() {
        let signatures = thoughts.and_then(|thoughts| thoughts.call_signatures.get(index)).cloned();
        parts.push(ContentPart::ToolCall(ToolCall {
            call_id: call.id.clone(),
            fn_name: call.name.clone(),
            fn_arguments: arguments(&call.arguments),
            thought_signatures: signatures.filter(|signatures| !signatures.is_empty()),
        }));
    }
    MessageContent::from_parts(parts)
}

/// Arguments that were not an object are shown to the model as what they were, inside one: providers refuse a
/// conversation with anything else in it.
fn arguments(arguments: &Value) -> Value {
    match arguments {
        Value::Object(_) => arguments.clone(),
        Value::Null => json!({}),
        other => json!({ "malformed_arguments": other }),
    }
}

fn tool_response(result: &ToolResult) -> ToolResponse {
    // Not every protocol has a flag for a failed call, and genai passes none on; the text has to say it.
    let content = if result.is_error { format!("error: {}", result.content) } else { result.content.clone() };
    ToolResponse::new(result.call_id.as_str(), content).with_fn_name(result.name.as_str())
}

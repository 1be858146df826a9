//! What is sent, as snapshots, and what is read beyond the common denominator: usage, caches, signed thinking.

use serde_json::{Value, json};
use syndarix_core::tool::ToolCall;
use syndarix_core::usage::TokenUsage;
use syndarix_llm::provider::{CallInfo, ModelProvider};
use syndarix_llm::providers::{ProviderConfig, ProviderKind, RealProvider};
use syndarix_llm::reply::{ModelReply, UsageSource};
use syndarix_llm::request::{ModelRequest, ToolResult, Turn};
use syndarix_llm::testing::conformance::request;

use crate::server::{Request, Say, Server, status, stream_head};
use crate::wire::{anthropic, gemini, ollama, openai};

/// A conversation with everything in it: text, two tool calls (one malformed), their results (one failed).
fn conversation() -> ModelRequest {
    let call = |id: &str, arguments: Value| ToolCall { id: id.into(), name: "write_file".into(), arguments };
    let result = |id: &str, content: &str, is_error| ToolResult {
        call_id: id.into(),
        name: "write_file".into(),
        content: content.into(),
        is_error,
    };
    let mut request = request();
    request.temperature = Some(0.2);
    request.turns.extend([
        Turn::Assistant {
            text: "I write both.".into(),
            tool_calls: vec![
                call("c1", json!({ "path": "a.rs", "content": "fn a() {}" })),
                call("c2", Value::String("{\"path\":".into())),
            ],
            thoughts: None,
        },
        Turn::ToolResults {
            results: vec![result("c1", "written", false), result("c2", "the arguments are not JSON", true)],
        },
    ]);
    request
}

async fn exchange(
    kind: ProviderKind,
    model: &str,
    body: String,
    request: &ModelRequest,
) -> (ModelReply, Request) {
    let content_type =
        if kind == ProviderKind::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    let server =
        Server::start(vec![Say::Bytes(stream_head(content_type)), Say::Bytes(body.into_bytes())]).await;
    let config = ProviderConfig::new("p", kind).at(&server.url).with_key("sk-test");
    let provider = RealProvider::new(config).expect("valid");
    let reply = provider.call(&CallInfo::first(model), request, &()).await.expect("an answer");
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    (reply, requests.remove(0))
}

#[tokio::test]
async fn openai_is_sent() {
    let body = openai::words("Done.") + &openai::end("stop");
    let (reply, sent) = exchange(ProviderKind::Openai, "gpt-5", body, &conversation()).await;
    assert!(sent.head.starts_with("post /v1/chat/completions "), "{}", sent.head);
    assert!(sent.head.contains("authorization: bearer sk-test"));
    insta::assert_json_snapshot!("openai_request", sent.body);
    insta::assert_json_snapshot!("openai_reply", reply);
}

#[tokio::test]
async fn anthropic_is_sent() {
    let body = anthropic::start()
        + &anthropic::words(0, "Done.")
        + &anthropic::stop_block(0)
        + &anthropic::end("end_turn");
    let (reply, sent) = exchange(ProviderKind::Anthropic, "claude-sonnet-4-5", body, &conversation()).await;
    assert!(sent.head.starts_with("post /v1/messages "), "{}", sent.head);
    assert!(sent.head.contains("x-api-key: sk-test"));
    insta::assert_json_snapshot!("anthropic_request", sent.body);
    insta::assert_json_snapshot!("anthropic_reply", reply);
}

#[tokio::test]
async fn gemini_is_sent() {
    let body = gemini::words("Done.") + &gemini::end("STOP");
    let (reply, sent) = exchange(ProviderKind::Gemini, "gemini-2.5-pro", body, &conversation()).await;
    assert!(
        sent.head.starts_with("post /v1beta/models/gemini-2.5-pro:streamgeneratecontent"),
        "{}",
        sent.head
    );
    insta::assert_json_snapshot!("gemini_request", sent.body);
    insta::assert_json_snapshot!("gemini_reply", reply);
}

#[tokio::test]
async fn ollama_is_sent() {
    let body = ollama::words("Done.") + &ollama::end("stop");
    let (reply, sent) = exchange(ProviderKind::Ollama, "qwen3", body, &conversation()).await;
    assert!(sent.head.starts_with("post /api/chat "), "{}", sent.head);
    insta::assert_json_snapshot!("ollama_request", sent.body);
    insta::assert_json_snapshot!("ollama_reply", reply);
}

#[tokio::test]
async fn a_server_that_reports_no_usage_is_estimated() {
    let body = openai::words("All of it is done.") + "data: [DONE]\n\n";
    let (reply, _) = exchange(ProviderKind::OpenaiCompatible, "llama", body, &request()).await;
    assert_eq!((reply.usage_source, reply.raw_usage), (UsageSource::Estimated, None));
    assert!(reply.usage.input_tokens > 20 && reply.usage.output_tokens >= 5, "{:?}", reply.usage);
}

#[tokio::test]
async fn caches_are_counted_within_the_prompt() {
    let body = anthropic::start()
        + &anthropic::words(0, "x")
        + &anthropic::stop_block(0)
        + &anthropic::end("end_turn");
    let (reply, _) = exchange(ProviderKind::Anthropic, "claude-sonnet-4-5", body, &request()).await;
    let expected = TokenUsage {
        input_tokens: 420,
        output_tokens: 45,
        cache_read_tokens: 300,
        cache_write_tokens: 20,
        reasoning_tokens: 0,
    };
    assert_eq!(reply.usage, expected);
}

/// Signed thinking goes back to the model that thought, before its tool calls, and to no other.
#[tokio::test]
async fn signed_thinking_goes_back_to_its_own_model_only() {
    let body = anthropic::start()
        + &anthropic::thinking(0, "The file is missing.", "c2lnbmVk")
        + &anthropic::call(1, "write_file", r#"{"path":"a","content":"b"}"#)
        + &anthropic::end("tool_use");
    let (reply, _) = exchange(ProviderKind::Anthropic, "claude-sonnet-4-5", body.clone(), &request()).await;
    let mut next = request();
    next.turns.push(reply.to_turn());
    next.turns.push(Turn::ToolResults {
        results: vec![ToolResult {
            call_id: reply.tool_calls[0].id.clone(),
            name: "write_file".into(),
            content: "written".into(),
            is_error: false,
        }],
    });
    let (_, sent) = exchange(ProviderKind::Anthropic, "claude-sonnet-4-5", body.clone(), &next).await;
    let thinking = &sent.body["messages"][1]["content"][0];
    assert_eq!(
        *thinking,
        json!({ "type": "thinking", "thinking": "The file is missing.", "signature": "c2lnbmVk" })
    );
    let (_, sent) = exchange(ProviderKind::Anthropic, "claude-opus-4-5", body, &next).await;
    assert_eq!(sent.body["messages"][1]["content"][0]["type"], "tool_use");
}

#[tokio::test]
async fn gemini_gets_the_signature_of_its_call_back() {
    let body = gemini::call("write_file", &json!({ "path": "a" }), Some("sig-1")) + &gemini::end("STOP");
    let (reply, _) = exchange(ProviderKind::Gemini, "gemini-3-pro-preview", body.clone(), &request()).await;
    let mut next = request();
    next.turns.push(reply.to_turn());
    let (_, sent) = exchange(ProviderKind::Gemini, "gemini-3-pro-preview", body, &next).await;
    let parts = &sent.body["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "sig-1", "{parts}");
    assert_eq!(parts[0]["functionCall"]["name"], "write_file", "{parts}");
}

#[tokio::test]
async fn ollama_tells_which_models_it_has() {
    let tags = r#"{"models":[{"name":"qwen3:8b"},{"name":"llama3.3"}]}"#;
    let server = Server::start(status("200 OK", "", tags)).await;
    let provider = RealProvider::new(ProviderConfig::new("ollama", ProviderKind::Ollama).at(&server.url))
        .expect("valid");
    assert_eq!(provider.list_models().await.expect("models"), ["llama3.3", "qwen3:8b"]);
    assert!(server.requests()[0].head.starts_with("get /api/tags "));
}

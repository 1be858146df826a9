//! Against a server that no one here wrote: aimock speaks OpenAI's, Anthropic's, Gemini's and Ollama's formats.
//!
//! ```sh
//! npx @copilotkit/aimock --port 4010 --fixtures crates/llm/tests/it/aimock.json &
//! AIMOCK_URL=http://127.0.0.1:4010 cargo test -p syndarix-llm aimock -- --ignored
//! ```

use std::time::Duration;

use serde_json::json;
use syndarix_llm::error::FailureKind;
use syndarix_llm::provider::{CallInfo, ModelProvider};
use syndarix_llm::providers::{ProviderConfig, ProviderKind, RealProvider};
use syndarix_llm::reply::StopReason;
use syndarix_llm::request::{ToolResult, Turn};
use syndarix_llm::testing::conformance::request;

const PROVIDERS: [(ProviderKind, &str); 5] = [
    (ProviderKind::Openai, "gpt-5"),
    (ProviderKind::OpenaiResponses, "gpt-5"),
    (ProviderKind::Anthropic, "claude-sonnet-4-5"),
    (ProviderKind::Gemini, "gemini-2.5-pro"),
    (ProviderKind::Ollama, "qwen3"),
];

fn provider(kind: ProviderKind) -> RealProvider {
    let url = std::env::var("AIMOCK_URL").expect("AIMOCK_URL says where aimock listens");
    RealProvider::new(ProviderConfig::new("aimock", kind).at(url).with_key("sk-test")).expect("valid")
}

#[tokio::test]
#[ignore = "needs a running aimock"]
async fn a_tool_is_called_and_its_result_is_answered() {
    for (kind, model) in PROVIDERS {
        let provider = provider(kind);
        let mut request = request();
        let reply = provider.call(&CallInfo::first(model), &request, &()).await.expect("a tool call");
        assert_eq!(reply.stop, StopReason::ToolUse, "{kind:?}");
        let call = &reply.tool_calls[0];
        assert_eq!(call.name, "write_file");
        assert_eq!(
            call.arguments,
            json!({ "path": "src/flag.rs", "content": "pub fn flag() {}\n" }),
            "{kind:?}"
        );
        request.turns.push(reply.to_turn());
        request.turns.push(Turn::ToolResults {
            results: vec![ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: "written".to_owned(),
                is_error: false,
            }],
        });
        let reply = provider.call(&CallInfo::first(model), &request, &()).await.expect("an answer");
        assert_eq!(
            (reply.text.as_str(), reply.stop),
            ("The flag is added.", StopReason::EndTurn),
            "{kind:?}"
        );
        assert!(reply.usage.total() > 0, "{kind:?}");
    }
}

#[tokio::test]
#[ignore = "needs a running aimock"]
async fn failures_are_understood() {
    for (kind, model) in PROVIDERS {
        let provider = provider(kind);
        let limited = FailureKind::RateLimited { retry_after: Some(Duration::from_secs(1)) };
        for (told, expected) in [("Too fast.", limited), ("Break.", FailureKind::CutStream)] {
            let mut request = request();
            request.turns = vec![Turn::user(told)];
            let error = provider.call(&CallInfo::first(model), &request, &()).await.expect_err(told);
            assert_eq!(error.kind, expected, "{kind:?}: {error}");
        }
    }
}

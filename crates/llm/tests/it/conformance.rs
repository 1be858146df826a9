//! The suite of [`syndarix_llm::testing::conformance`], run against every provider.

use async_trait::async_trait;
use serde_json::json;
use syndarix_llm::provider_conformance;
use syndarix_llm::providers::{ProviderConfig, ProviderKind, RealProvider};
use syndarix_llm::scripted::{Script, ScriptedProvider};
use syndarix_llm::testing::conformance::{Behaviour, LONG_TEXT, NOT_JSON, Stage, Staged};

use crate::server::{Say, Server, status, stream_head};
use crate::wire::{anthropic, gemini, ollama, openai};

provider_conformance!(scripted, Scripted);
provider_conformance!(openai_chat, Network(ProviderKind::Openai));
provider_conformance!(openai_compatible, Network(ProviderKind::OpenaiCompatible));
provider_conformance!(anthropic_messages, Network(ProviderKind::Anthropic));
provider_conformance!(gemini_native, Network(ProviderKind::Gemini));
provider_conformance!(ollama_native, Network(ProviderKind::Ollama));

struct Scripted;

#[async_trait]
impl Stage for Scripted {
    async fn behaving(&self, behaviour: Behaviour) -> Option<Staged> {
        let scene = match behaviour {
            Behaviour::Says(text) => format!("text = {text:?}"),
            Behaviour::Calls(calls) => {
                let calls: Vec<String> = calls
                    .iter()
                    .map(|(name, arguments)| {
                        let fields: Vec<String> = arguments
                            .as_object()
                            .expect("an object")
                            .iter()
                            .map(|(key, value)| format!("{key} = {value}"))
                            .collect();
                        format!("{{ name = {name:?}, arguments = {{ {} }} }}", fields.join(", "))
                    })
                    .collect();
                format!("text = \"I write both.\"\ntool_calls = [{}]", calls.join(", "))
            }
            Behaviour::CallsMalformed => {
                format!("tool_calls = [{{ name = \"write_file\", arguments = {NOT_JSON:?} }}]")
            }
            Behaviour::SaysNothing => "fault = \"empty\"".to_owned(),
            Behaviour::Declines => "fault = \"refusal\"".to_owned(),
            Behaviour::RateLimited(wait) => {
                format!("fault = \"rate_limited\"\nretry_after_ms = {}", wait.as_millis())
            }
            Behaviour::Overloaded => "fault = \"overloaded\"".to_owned(),
            Behaviour::Fails => "fault = \"server_error\"".to_owned(),
            Behaviour::Unauthorized => "fault = \"unauthorized\"".to_owned(),
            Behaviour::Breaks => format!("text = {LONG_TEXT:?}\nfault = \"cut_stream\""),
        };
        let script = Script::parse("suite.toml", &format!("[[scene]]\n{scene}\n")).expect("a valid script");
        let provider = ScriptedProvider::new("scripted", script).with_pace(0.0);
        Some(Staged { provider: Box::new(provider), model: "main".to_owned(), keep: Box::new(()) })
    }
}

struct Network(ProviderKind);

#[async_trait]
impl Stage for Network {
    async fn behaving(&self, behaviour: Behaviour) -> Option<Staged> {
        let kind = self.0;
        let says = match behaviour {
            Behaviour::RateLimited(wait) => {
                let headers = format!("retry-after: {}\r\n", wait.as_secs());
                status("429 Too Many Requests", &headers, r#"{"error":{"message":"slow down"}}"#)
            }
            Behaviour::Overloaded => status("529 ", "", r#"{"error":{"message":"overloaded"}}"#),
            Behaviour::Fails => status("500 Internal Server Error", "", "oops"),
            Behaviour::Unauthorized => status("401 Unauthorized", "", r#"{"error":{"message":"bad key"}}"#),
            told => streamed(kind, answer(kind, told)?),
        };
        let server = Server::start(says).await;
        let config = ProviderConfig::new("p", kind).at(&server.url).with_key("sk-test");
        let provider = RealProvider::new(config).expect("a valid configuration");
        Some(Staged { provider: Box::new(provider), model: model(kind).to_owned(), keep: Box::new(server) })
    }
}

fn model(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "claude-sonnet-4-5",
        ProviderKind::Gemini => "gemini-2.5-pro",
        ProviderKind::Ollama => "qwen3",
        _ => "gpt-5",
    }
}

fn streamed(kind: ProviderKind, body: String) -> Vec<Say> {
    let content_type =
        if kind == ProviderKind::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    vec![Say::Bytes(stream_head(content_type)), Say::Bytes(body.into_bytes())]
}

/// What the provider's server sends; `None` where its protocol has no way to say it.
fn answer(kind: ProviderKind, behaviour: Behaviour) -> Option<String> {
    let half = &LONG_TEXT[..LONG_TEXT.len() / 2];
    Some(match (kind, behaviour) {
        (ProviderKind::Openai | ProviderKind::OpenaiCompatible, behaviour) => match behaviour {
            Behaviour::Says(text) => openai::words(text) + &openai::end("stop"),
            Behaviour::Calls(calls) => {
                let calls: Vec<(&str, String)> =
                    calls.iter().map(|(name, json)| (*name, json.to_string())).collect();
                let calls: Vec<(&str, &str)> =
                    calls.iter().map(|(name, json)| (*name, json.as_str())).collect();
                // Some servers say `stop` beside tool calls.
                openai::words("Both.") + &openai::calls(&calls) + &openai::end("stop")
            }
            Behaviour::CallsMalformed => {
                openai::calls(&[("write_file", NOT_JSON)]) + &openai::end("tool_calls")
            }
            Behaviour::SaysNothing => openai::end("stop"),
            Behaviour::Declines => {
                openai::refusal("I cannot ") + &openai::refusal("do that.") + &openai::end("stop")
            }
            _ => openai::words(half),
        },
        (ProviderKind::Anthropic, behaviour) => {
            anthropic::start()
                + &match behaviour {
                    Behaviour::Says(text) => {
                        anthropic::words(0, text) + &anthropic::stop_block(0) + &anthropic::end("end_turn")
                    }
                    Behaviour::Calls(calls) => {
                        let mut events = anthropic::words(0, "Both.") + &anthropic::stop_block(0);
                        for (index, (name, json)) in calls.iter().enumerate() {
                            events += &anthropic::call(index + 1, name, &json.to_string());
                        }
                        events + &anthropic::end("tool_use")
                    }
                    Behaviour::CallsMalformed => {
                        anthropic::call(0, "write_file", NOT_JSON) + &anthropic::end("tool_use")
                    }
                    Behaviour::SaysNothing => anthropic::end("end_turn"),
                    Behaviour::Declines => anthropic::end("refusal"),
                    _ => anthropic::words(0, half),
                }
        }
        (ProviderKind::Gemini, behaviour) => match behaviour {
            Behaviour::Says(text) => gemini::words(text) + &gemini::end("STOP"),
            Behaviour::Calls(calls) => {
                let mut events = gemini::words("Both.");
                for (name, json) in &calls {
                    events += &gemini::call(name, json, None);
                }
                events + &gemini::end("STOP")
            }
            Behaviour::SaysNothing => gemini::end("STOP"),
            Behaviour::Declines => gemini::end("SAFETY"),
            Behaviour::CallsMalformed => return None,
            _ => gemini::words(half),
        },
        (ProviderKind::Ollama, behaviour) => match behaviour {
            Behaviour::Says(text) => ollama::words(text) + &ollama::end("stop"),
            Behaviour::Calls(calls) => ollama::calls(&calls) + &ollama::end("stop"),
            Behaviour::SaysNothing => ollama::end("stop"),
            Behaviour::CallsMalformed => {
                ollama::calls(&[("write_file", json!(NOT_JSON))]) + &ollama::end("stop")
            }
            Behaviour::Declines => return None,
            _ => ollama::words(half),
        },
        (ProviderKind::OpenaiResponses, _) => return None,
    })
}

//! What every provider must do, whatever its protocol: one suite, run by [`provider_conformance!`](crate::provider_conformance)
//! against each of them.

use std::any::Any;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::role::Role;
use syndarix_core::tool::{Risk, ToolSpec};

use crate::error::{FailureKind, ProviderError};
use crate::provider::{CallInfo, Delta, ModelProvider};
use crate::reply::{ModelReply, StopReason};
use crate::request::{ModelRequest, Scene, Turn};

/// How a model behaves in one case of the suite.
#[derive(Debug, Clone, PartialEq)]
pub enum Behaviour {
    /// It says this, in several pieces.
    Says(&'static str),
    /// It says something and calls these tools.
    Calls(Vec<(&'static str, Value)>),
    /// It calls `write_file` with arguments that are not JSON: [`NOT_JSON`].
    CallsMalformed,
    /// It answers with nothing.
    SaysNothing,
    /// It declines.
    Declines,
    /// 429, asking to wait this long.
    RateLimited(Duration),
    /// 529 or 503.
    Overloaded,
    /// 500.
    Fails,
    /// 401.
    Unauthorized,
    /// The connection closes after half of [`LONG_TEXT`].
    Breaks,
}

/// The arguments of [`Behaviour::CallsMalformed`].
pub const NOT_JSON: &str = "{\"path\": \"src/lib.rs";
/// What [`Behaviour::Breaks`] begins to say.
pub const LONG_TEXT: &str =
    "The parser reads one flag after another, and stops at the first that it does not know.";

/// A provider that was made to behave.
pub struct Staged {
    /// The provider.
    pub provider: Box<dyn ModelProvider>,
    /// The model to ask.
    pub model: String,
    /// Whatever must live as long as it (a server).
    pub keep: Box<dyn Any + Send>,
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// Makes providers behave.
#[async_trait]
pub trait Stage {
    /// A provider that behaves like this; `None` where its protocol cannot express it.
    async fn behaving(&self, behaviour: Behaviour) -> Option<Staged>;
}

/// A request with one user turn and one tool.
pub fn request() -> ModelRequest {
    ModelRequest {
        system: "You are Dave, an engineer.".to_owned(),
        turns: vec![Turn::user("Add the flag.")],
        tools: vec![ToolSpec {
            name: "write_file".to_owned(),
            description: "Writes a file.".to_owned(),
            input_schema: json!({
                "type": "object",
                "properties": { "path": { "type": "string" }, "content": { "type": "string" } },
                "required": ["path", "content"],
            }),
            repeatability: Repeatability::Idempotent,
            risk: Risk::Low,
        }],
        max_output_tokens: 1_000,
        temperature: None,
        scene: Scene {
            role: Role::Engineer,
            agent: "Dave".to_owned(),
            stage: "develop".to_owned(),
            task: "parse-flag".to_owned(),
            round: 1,
            turn: 0,
        },
    }
}

/// What one call gave, and the text that arrived on the way.
async fn play(
    stage: &impl Stage,
    behaviour: Behaviour,
) -> Option<(Result<ModelReply, ProviderError>, String)> {
    let staged = stage.behaving(behaviour).await?;
    let heard = Mutex::new(String::new());
    let sink = |delta: Delta<'_>| {
        if let Delta::Text(text) = delta {
            heard.lock().expect("no other holder panics").push_str(text);
        }
    };
    let outcome = staged.provider.call(&CallInfo::first(&staged.model), &request(), &sink).await;
    if let Ok(reply) = &outcome {
        assert_eq!(reply.model, staged.model, "the reply names the model that was asked");
    }
    Some((outcome, heard.into_inner().expect("no other holder panics")))
}

async fn answer(stage: &impl Stage, behaviour: Behaviour) -> Option<(ModelReply, String)> {
    let (outcome, heard) = play(stage, behaviour).await?;
    Some((outcome.expect("an answer"), heard))
}

async fn failure(stage: &impl Stage, behaviour: Behaviour) -> Option<ProviderError> {
    let (outcome, _) = play(stage, behaviour).await?;
    Some(outcome.expect_err("a failure"))
}

/// Text arrives piece by piece, and whole at the end.
pub async fn text_is_streamed(stage: &impl Stage) {
    let Some((reply, heard)) = answer(stage, Behaviour::Says(LONG_TEXT)).await else { return };
    assert_eq!((reply.text.as_str(), heard.as_str()), (LONG_TEXT, LONG_TEXT));
    assert_eq!((reply.stop, reply.tool_calls.len()), (StopReason::EndTurn, 0));
    assert!(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0, "{:?}", reply.usage);
}

/// Several tool calls keep their order and arguments, and have distinct ids.
pub async fn tools_are_called(stage: &impl Stage) {
    let calls = vec![
        ("write_file", json!({ "path": "a.rs", "content": "fn a() {}\n// \"ü\"" })),
        ("write_file", json!({ "path": "b.rs", "content": "" })),
    ];
    let Some((reply, _)) = answer(stage, Behaviour::Calls(calls.clone())).await else { return };
    let made: Vec<_> =
        reply.tool_calls.iter().map(|call| (call.name.as_str(), call.arguments.clone())).collect();
    assert_eq!(made, calls);
    assert_ne!(reply.tool_calls[0].id, reply.tool_calls[1].id);
    assert_eq!(reply.stop, StopReason::ToolUse, "whatever the protocol calls it");
}

/// Arguments that are not JSON come through as they were, so that the model can be told.
pub async fn malformed_arguments_come_through(stage: &impl Stage) {
    let Some((reply, _)) = answer(stage, Behaviour::CallsMalformed).await else { return };
    assert_eq!(reply.tool_calls[0].arguments, Value::String(NOT_JSON.to_owned()));
    assert_eq!(reply.stop, StopReason::ToolUse);
}

/// An answer with nothing in it is a failure worth repeating.
pub async fn nothing_is_a_failure(stage: &impl Stage) {
    let Some(error) = failure(stage, Behaviour::SaysNothing).await else { return };
    assert_eq!((error.kind, error.retryable()), (FailureKind::Empty, true));
}

/// A refusal is a failure that is charged and not repeated.
pub async fn a_refusal_is_a_failure(stage: &impl Stage) {
    let Some(error) = failure(stage, Behaviour::Declines).await else { return };
    assert_eq!((error.kind, error.retryable()), (FailureKind::Refused, false));
    assert!(error.usage.is_some(), "a refusal is charged");
}

/// Failures are told apart, and charged only where something was answered.
pub async fn failures_are_told_apart(stage: &impl Stage) {
    let wait = Duration::from_secs(7);
    for (behaviour, kind) in [
        (Behaviour::RateLimited(wait), FailureKind::RateLimited { retry_after: Some(wait) }),
        (Behaviour::Overloaded, FailureKind::Overloaded { retry_after: None }),
        (Behaviour::Fails, FailureKind::Server),
        (Behaviour::Unauthorized, FailureKind::Unauthorized),
    ] {
        let Some(error) = failure(stage, behaviour).await else { continue };
        assert_eq!((error.kind, error.usage), (kind, None), "{}", error.message);
    }
}

/// A stream that is cut is a failure, charged for what was heard, however the protocol ends its streams.
pub async fn a_cut_stream_is_a_failure(stage: &impl Stage) {
    let Some((outcome, heard)) = play(stage, Behaviour::Breaks).await else { return };
    let error = outcome.expect_err("a failure");
    assert_eq!(error.kind, FailureKind::CutStream, "{}", error.message);
    assert!(!heard.is_empty() && LONG_TEXT.starts_with(&heard) && heard != LONG_TEXT, "{heard:?}");
    let usage = error.usage.expect("what was heard is charged");
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
}

/// Runs the suite against a [`Stage`], one test for each case.
#[macro_export]
macro_rules! provider_conformance {
    ($module:ident, $stage:expr) => {
        mod $module {
            use super::*;

            #[tokio::test]
            async fn text_is_streamed() {
                $crate::testing::conformance::text_is_streamed(&$stage).await;
            }

            #[tokio::test]
            async fn tools_are_called() {
                $crate::testing::conformance::tools_are_called(&$stage).await;
            }

            #[tokio::test]
            async fn malformed_arguments_come_through() {
                $crate::testing::conformance::malformed_arguments_come_through(&$stage).await;
            }

            #[tokio::test]
            async fn nothing_is_a_failure() {
                $crate::testing::conformance::nothing_is_a_failure(&$stage).await;
            }

            #[tokio::test]
            async fn a_refusal_is_a_failure() {
                $crate::testing::conformance::a_refusal_is_a_failure(&$stage).await;
            }

            #[tokio::test]
            async fn failures_are_told_apart() {
                $crate::testing::conformance::failures_are_told_apart(&$stage).await;
            }

            #[tokio::test]
            async fn a_cut_stream_is_a_failure() {
                $crate::testing::conformance::a_cut_stream_is_a_failure(&$stage).await;
            }
        }
    };
}

//! The scripted provider: models whose answers are written down beforehand, for demos and tests. No key, no network,
//! and the same answers every time, also after a crash: which attempt fails is told by the attempt's number, never
//! by this process's memory.
//!
//! ```toml
//! models = ["main", "fallback"]   # optional: models that no scene names
//!
//! [[scene]]                       # when: every key is optional, and all that are given must be equal
//! role = "engineer"
//! agent = "Dave"
//! stage = "develop"
//! task = "parse-flag"
//! round = 1
//! turn = 0
//! model = "main"
//! # then: an answer, or a fault, or a fault for `fault_times` attempts and then the answer
//! text = "I begin with the parser."
//! tool_calls = [{ name = "read_file", arguments = { path = "src/lib.rs" } }]
//! usage = { input_tokens = 1200, output_tokens = 80 }
//! delay_ms = 900
//! fault = "rate_limited"
//! fault_times = 1
//! retry_after_ms = 200
//! ```
//!
//! The most specific scene that matches is played: more keys beat fewer, and among as many, the one that gives the
//! first key in which they differ, in the order task, agent, stage, role, round, turn, model. A scene with only a
//! fault leaves the stage to the next most specific one after its `fault_times`.

mod parse;
mod scene;

use std::time::Duration;

use async_trait::async_trait;
use syndarix_core::tool::ToolCall;
use syndarix_core::usage::TokenUsage;

pub use self::parse::{Script, ScriptError};
pub use self::scene::{Fault, SceneEntry};

use crate::error::{FailureKind, ProviderError};
use crate::provider::{CallInfo, Delta, DeltaSink, ModelProvider};
use crate::reply::{ModelReply, StopReason, UsageSource};
use crate::request::ModelRequest;
use crate::tokens;

/// In how many steps a text arrives, at most: enough for a progress line to move.
const STREAM_STEPS: usize = 12;

/// A provider that answers from a [`Script`].
#[derive(Debug)]
pub struct ScriptedProvider {
    name: String,
    script: Script,
    pace: f64,
}

impl ScriptedProvider {
    /// Answers under this name (usually `scripted`), at the delays that the script gives.
    pub fn new(name: impl Into<String>, script: Script) -> Self {
        Self { name: name.into(), script, pace: 1.0 }
    }

    /// Multiplies every delay: 0 answers at once, 3 is three times as slow.
    #[must_use]
    pub fn with_pace(mut self, pace: f64) -> Self {
        self.pace = if pace.is_finite() { pace.max(0.0) } else { 1.0 };
        self
    }

    async fn wait(&self, delay: Duration) {
        let delay = Duration::try_from_secs_f64(delay.as_secs_f64() * self.pace).unwrap_or(Duration::MAX);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }

    /// Hands the text out piece by piece, spread over the delay.
    async fn stream(&self, text: &str, delay: Duration, sink: &dyn DeltaSink) {
        let step = text.len().div_ceil(STREAM_STEPS).max(1);
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.ceil_char_boundary(step.min(rest.len()));
            let (piece, tail) = rest.split_at(end);
            self.wait(delay / STREAM_STEPS as u32).await;
            sink.delta(Delta::Text(piece));
            rest = tail;
        }
    }

    async fn fail(
        &self,
        fault: Fault,
        entry: &SceneEntry,
        prompt_tokens: u64,
        sink: &dyn DeltaSink,
    ) -> ProviderError {
        let spent = |output_tokens| TokenUsage {
            input_tokens: prompt_tokens,
            output_tokens,
            ..TokenUsage::default()
        };
        let retry_after = entry.retry_after;
        let (kind, message, usage) = match fault {
            Fault::RateLimited => (FailureKind::RateLimited { retry_after }, "too many requests", None),
            Fault::Overloaded => (FailureKind::Overloaded { retry_after }, "the model is overloaded", None),
            Fault::ServerError => (FailureKind::Server, "the provider failed", None),
            Fault::Timeout => (FailureKind::Timeout, "no answer in time", Some(spent(0))),
            Fault::Unreachable => (FailureKind::Unreachable, "connection refused", None),
            Fault::CutStream => {
                let heard = &entry.text[..entry.text.floor_char_boundary(entry.text.len() / 2)];
                self.stream(heard, entry.delay, sink).await;
                let usage = spent(tokens::count_by_length(heard));
                (FailureKind::CutStream, "the stream ended in the middle of the answer", Some(usage))
            }
            Fault::Malformed => (FailureKind::Malformed, "the answer is not what the protocol says", None),
            Fault::Unauthorized => (FailureKind::Unauthorized, "the key is wrong", None),
            Fault::Refusal => (FailureKind::Refused, "the model declined to answer", Some(spent(12))),
            Fault::Empty => {
                (FailureKind::Empty, "the model answered with neither text nor tool calls", Some(spent(0)))
            }
            Fault::TooLong => {
                (FailureKind::TooLong, "the answer was cut off: it is too long", Some(spent(250_000)))
            }
        };
        if fault != Fault::CutStream {
            self.wait(entry.delay).await;
        }
        ProviderError { kind, message: message.to_owned(), usage }
    }
}

#[async_trait]
impl ModelProvider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn call(
        &self,
        call: &CallInfo<'_>,
        request: &ModelRequest,
        sink: &dyn DeltaSink,
    ) -> Result<ModelReply, ProviderError> {
        let prompt_tokens = self.estimate_prompt_tokens(call.model, request);
        let (entry, fault) = self.script.find(&request.scene, call)?;
        if let Some(fault) = fault {
            return Err(self.fail(fault, entry, prompt_tokens, sink).await);
        }
        if entry.text.is_empty() {
            self.wait(entry.delay).await;
        } else {
            self.stream(&entry.text, entry.delay, sink).await;
        }
        let mut written = tokens::count_by_length(&entry.text);
        let mut tool_calls = Vec::new();
        for (index, (name, arguments)) in entry.tool_calls.iter().enumerate() {
            sink.delta(Delta::ToolCall { name });
            written += tokens::count_by_length(name) + tokens::count_by_length(&arguments.to_string());
            tool_calls.push(ToolCall {
                id: format!("call-{}-{index}", request.scene.turn),
                name: name.clone(),
                arguments: arguments.clone(),
            });
        }
        let estimate =
            TokenUsage { input_tokens: prompt_tokens, output_tokens: written, ..TokenUsage::default() };
        Ok(ModelReply {
            text: entry.text.clone(),
            stop: if tool_calls.is_empty() { StopReason::EndTurn } else { StopReason::ToolUse },
            tool_calls,
            usage: entry.usage.unwrap_or(estimate),
            usage_source: if entry.usage.is_some() { UsageSource::Reported } else { UsageSource::Estimated },
            raw_usage: None,
            thoughts: None,
            model: call.model.to_owned(),
        })
    }

    fn estimate_prompt_tokens(&self, _model: &str, request: &ModelRequest) -> u64 {
        tokens::estimate_prompt_by_length(request)
    }

    fn models(&self) -> Option<Vec<String>> {
        Some(self.script.models())
    }

    fn is_local(&self) -> bool {
        true
    }

    fn charges_for_interrupted_calls(&self) -> bool {
        false
    }
}

//! Providers on the network, through genai: one streaming call, bounded in time and size, in this project's types.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::{ChatStream, ChatStreamEvent, ContentPart, StopReason as GenaiStop, StreamEnd, Usage};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use secrecy::{ExposeSecret, SecretString};
use syndarix_core::tool::ToolCall;
use syndarix_core::usage::TokenUsage;
use tokio::time::{Instant, timeout_at};

use super::classify::classify;
use super::config::{ConfigError, Limits, ProviderConfig, ProviderKind};
use super::convert;
use super::events::EndsWith;
use super::frames::Frames;
use super::relay::Relay;
use crate::error::{FailureKind, ProviderError};
use crate::provider::{CallInfo, Delta, DeltaSink, ModelProvider};
use crate::reply::{ModelReply, StopReason, UsageSource};
use crate::request::{ModelRequest, ThoughtPart, Thoughts};
use crate::tokens::{self, Margin};

/// Shorter keys are no secrets, but placeholders like `none`, and may be words of an error.
const MIN_SECRET_BYTES: usize = 8;

/// A provider on the network.
pub struct RealProvider {
    name: String,
    kind: ProviderKind,
    endpoint: String,
    api_key: Option<SecretString>,
    models: Option<Vec<String>>,
    limits: Limits,
    /// Reaches the provider.
    network: reqwest::Client,
    /// Speaks its protocol, and reaches no further than the relay.
    client: Client,
}

impl fmt::Debug for RealProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealProvider")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl RealProvider {
    /// Gets ready to ask; nothing is sent yet.
    pub fn new(config: ProviderConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let endpoint = config.endpoint()?;
        let unusable = |reason: String| ConfigError::Client { name: config.name.clone(), reason };
        let network = reqwest::Client::builder()
            .connect_timeout(config.limits.connect)
            // A redirect would carry the key, which some protocols send in headers of their own, to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let inner = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // Each call has a relay of its own.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let client =
            Client::builder().with_reqwest(inner).build().map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            name: config.name,
            kind: config.kind,
            endpoint,
            api_key: config.api_key,
            models: config.models,
            limits: config.limits,
            network,
            client,
        })
    }

    /// The protocol it speaks.
    pub fn kind(&self) -> ProviderKind {
        self.kind
    }

    /// Where it is, for people.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks which models it has. Also tells whether it can be reached and whether the key is right.
    pub async fn list_models(&self) -> Result<Vec<String>, ProviderError> {
        let relay = self.relay().await?;
        let target = (Endpoint::from_owned(relay.url()), self.auth());
        let listing = self.client.all_model_names(self.adapter(), target);
        match tokio::time::timeout(self.limits.connect, listing).await {
            Ok(Ok(mut models)) => {
                models.sort();
                Ok(models)
            }
            Ok(Err(error)) => Err(self.redacted(relay.failure().unwrap_or_else(|| classify(&error, false)))),
            Err(_) => Err(ProviderError::new(FailureKind::Timeout, "no answer in time")),
        }
    }

    async fn relay(&self) -> Result<Relay, ProviderError> {
        let ends_with = if self.kind == ProviderKind::Ollama { EndsWith::Line } else { EndsWith::EmptyLine };
        Relay::open(&self.network, &self.endpoint, ends_with, &self.limits).await
    }

    fn adapter(&self) -> AdapterKind {
        match self.kind {
            ProviderKind::Openai | ProviderKind::OpenaiCompatible => AdapterKind::OpenAI,
            ProviderKind::OpenaiResponses => AdapterKind::OpenAIResp,
            ProviderKind::Anthropic => AdapterKind::Anthropic,
            ProviderKind::Gemini => AdapterKind::Gemini,
            ProviderKind::Ollama => AdapterKind::Ollama,
        }
    }

    fn auth(&self) -> AuthData {
        // genai's OpenAI format always sends a key; servers that need none ignore an empty one.
        AuthData::from_single(self.api_key.as_ref().map_or("", |key| key.expose_secret()))
    }

    /// The error without the key, which a server may repeat.
    fn redacted(&self, mut error: ProviderError) -> ProviderError {
        if let Some(key) =
            self.api_key.as_ref().map(ExposeSecret::expose_secret).filter(|key| key.len() >= MIN_SECRET_BYTES)
        {
            error.message = error.message.replace(key, "[key]");
        }
        error
    }
}

#[async_trait]
impl ModelProvider for RealProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn call(
        &self,
        call: &CallInfo<'_>,
        request: &ModelRequest,
        sink: &dyn DeltaSink,
    ) -> Result<ModelReply, ProviderError> {
        let frames = Arc::new(Frames::default());
        let qualified = format!("{}/{}", self.name, call.model);
        let relay = self.relay().await?;
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(relay.url()),
            auth: self.auth(),
            model: ModelIden::new(self.adapter(), call.model.to_owned()),
        };
        let options = convert::chat_options(request).with_raw_frame_sink_arc(frames.clone());
        let chat = convert::chat_request(self.kind, &qualified, request);
        let mut answer = Answer { frames, heard: String::new(), sink, limits: self.limits };
        let started = Instant::now();
        let outcome = match self.client.exec_chat_stream(target, chat, Some(&options)).await {
            Ok(response) => answer.listen(response.stream, started).await,
            Err(error) => Err(classify(&error, false)),
        };
        let ended = outcome.and_then(|end| answer.judge(end, self.kind));
        match ended {
            Ok(end) => Ok(self.reply(call.model, qualified, request, &answer, end)),
            Err(error) => {
                // Where the relay failed, genai only saw a connection that broke.
                let mut error = relay.failure().unwrap_or(error);
                // A provider that began to answer, or never said that it did not, charges for it.
                let worked = matches!(error.kind, FailureKind::Timeout | FailureKind::TooLong);
                if error.usage.is_none() && (worked || answer.frames.any()) {
                    let prompt_tokens = self.estimate_prompt_tokens(call.model, request);
                    error.usage = Some(answer.frames.used_so_far(prompt_tokens));
                }
                Err(self.redacted(error))
            }
        }
    }

    fn estimate_prompt_tokens(&self, _model: &str, request: &ModelRequest) -> u64 {
        let margin = match self.kind {
            ProviderKind::Openai | ProviderKind::OpenaiResponses => Margin::OPENAI,
            _ => Margin::OTHERS,
        };
        tokens::estimate_prompt(request, margin)
    }

    fn price_list(&self) -> Option<&str> {
        match self.kind {
            ProviderKind::Openai | ProviderKind::OpenaiResponses => Some("openai"),
            ProviderKind::Anthropic => Some("anthropic"),
            ProviderKind::Gemini => Some("google"),
            ProviderKind::Ollama | ProviderKind::OpenaiCompatible => None,
        }
    }

    fn models(&self) -> Option<Vec<String>> {
        self.models.clone()
    }

    fn is_local(&self) -> bool {
        self.kind == ProviderKind::Ollama
    }
}

/// An answer as it arrives.
struct Answer<'a> {
    frames: Arc<Frames>,
    /// Everything that was heard, to estimate what a broken answer used.
    heard: String,
    sink: &'a dyn DeltaSink,
    limits: Limits,
}

impl Answer<'_> {
    /// Listens to the end, or until a limit. `None` is a stream that stopped without an end.
    async fn listen(
        &mut self,
        mut stream: ChatStream,
        started: Instant,
    ) -> Result<Option<StreamEnd>, ProviderError> {
        let deadline = started + self.limits.total;
        let mut next_by = started + self.limits.first_token;
        let (mut earlier_bytes, mut arguments_bytes) = (0, 0);
        let mut named: Option<String> = None;
        loop {
            let event = match timeout_at(deadline.min(next_by), stream.next()).await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => return Err(classify(&error, self.frames.any())),
                Ok(None) => return Ok(None),
                Err(_) => return Err(self.too_slow(started)),
            };
            match event {
                // genai says so before anything is sent.
                ChatStreamEvent::Start => continue,
                ChatStreamEvent::Chunk(chunk) => {
                    self.sink.delta(Delta::Text(&chunk.content));
                    self.heard.push_str(&chunk.content);
                }
                ChatStreamEvent::ReasoningChunk(chunk) => {
                    self.sink.delta(Delta::Reasoning);
                    self.heard.push_str(&chunk.content);
                }
                ChatStreamEvent::ToolCallChunk(chunk) => {
                    let call = chunk.tool_call;
                    if named.as_deref() != Some(call.call_id.as_str()) {
                        self.sink.delta(Delta::ToolCall { name: &call.fn_name });
                        named = Some(call.call_id);
                        earlier_bytes += arguments_bytes;
                    }
                    // Each chunk carries all of its call's arguments so far.
                    let arguments = &call.fn_arguments;
                    arguments_bytes =
                        arguments.as_str().map_or_else(|| arguments.to_string().len(), str::len);
                }
                ChatStreamEvent::ThoughtSignatureChunk(_) | ChatStreamEvent::Heartbeat => {}
                ChatStreamEvent::End(end) => return Ok(Some(end)),
            }
            let bytes = self.heard.len() + earlier_bytes + arguments_bytes;
            if bytes > self.limits.max_answer_bytes {
                return Err(ProviderError::new(
                    FailureKind::TooLong,
                    format!(
                        "the answer was cut off after {bytes} bytes; {} are taken",
                        self.limits.max_answer_bytes
                    ),
                ));
            }
            next_by = Instant::now() + self.limits.idle;
        }
    }

    fn too_slow(&self, started: Instant) -> ProviderError {
        let message = if started.elapsed() >= self.limits.total {
            format!("the answer was not complete after {}", seconds(self.limits.total))
        } else if self.frames.any() {
            format!("the answer stopped for {}", seconds(self.limits.idle))
        } else {
            format!("no answer began within {}", seconds(self.limits.first_token))
        };
        ProviderError::new(FailureKind::Timeout, message)
    }

    /// Whether what ended is an answer. Where genai makes up an end for a stream that was cut, the reason to stop is
    /// missing.
    fn judge(&self, end: Option<StreamEnd>, kind: ProviderKind) -> Result<StreamEnd, ProviderError> {
        let cut = || {
            let message = "the stream ended in the middle of the answer";
            ProviderError::new(FailureKind::CutStream, message)
        };
        let end = end.ok_or_else(cut)?;
        let explained = end.captured_stop_reason.is_some()
            || (kind == ProviderKind::Ollama && self.frames.ollama_done())
            // Some servers that speak OpenAI's format never give a reason, but do say when they are done.
            || kind == ProviderKind::OpenaiCompatible;
        if !explained {
            return Err(cut());
        }
        let said = end.captured_first_text().unwrap_or_default();
        let has_calls = end.captured_tool_calls().is_some_and(|calls| !calls.is_empty());
        let filtered = matches!(end.captured_stop_reason, Some(GenaiStop::ContentFilter(_)));
        if filtered || self.frames.refusal().is_some() {
            let words = self.frames.refusal().unwrap_or_else(|| said.to_owned());
            let message = if words.is_empty() { "the model declined to answer" } else { &words };
            return Err(charged(ProviderError::new(FailureKind::Refused, message), &end));
        }
        if said.trim().is_empty() && !has_calls {
            let message = match end.captured_stop_reason {
                Some(GenaiStop::MaxTokens(_)) => "the model spent all its tokens before it answered",
                _ => "the model answered with neither text nor tool calls",
            };
            return Err(charged(ProviderError::new(FailureKind::Empty, message), &end));
        }
        Ok(end)
    }
}

impl RealProvider {
    fn reply(
        &self,
        model: &str,
        qualified: String,
        request: &ModelRequest,
        answer: &Answer<'_>,
        end: StreamEnd,
    ) -> ModelReply {
        let reported = end.captured_usage.as_ref().and_then(reported);
        let stop = end.captured_stop_reason;
        let reasoning = end.captured_reasoning_content;
        let mut text = String::new();
        let mut tool_calls: Vec<ToolCall> = Vec::new();
        let mut thoughts = Thoughts { model: qualified, parts: Vec::new(), call_signatures: Vec::new() };
        for part in end.captured_content.map(genai::chat::MessageContent::into_parts).unwrap_or_default() {
            match part {
                ContentPart::Text(piece) => text.push_str(&piece),
                ContentPart::ToolCall(call) => {
                    thoughts.call_signatures.push(call.thought_signatures.unwrap_or_default());
                    tool_calls.push(ToolCall {
                        id: distinct_id(call.call_id, &call.fn_name, &tool_calls),
                        name: call.fn_name,
                        arguments: call.fn_arguments,
                    });
                }
                ContentPart::ThoughtSignature(text) => thoughts.parts.push(ThoughtPart::Signature(text)),
                ContentPart::ReasoningContent(text) => thoughts.parts.push(ThoughtPart::Reasoning(text)),
                ContentPart::Custom(part) => thoughts.parts.push(ThoughtPart::Block(part.data)),
                ContentPart::Binary(_) | ContentPart::ToolResponse(_) => {}
            }
        }
        let stop = match stop {
            _ if !tool_calls.is_empty() => StopReason::ToolUse,
            Some(GenaiStop::MaxTokens(_)) => StopReason::MaxTokens,
            Some(GenaiStop::Completed(_) | GenaiStop::StopSequence(_)) => StopReason::EndTurn,
            _ => StopReason::Other,
        };
        if let (ProviderKind::OpenaiCompatible, false, Some(words)) =
            (self.kind, tool_calls.is_empty(), reasoning)
        {
            // DeepSeek and Kimi want to read their reasoning again before the results of the tools it called.
            thoughts.parts.push(ThoughtPart::Reasoning(words));
        }
        if thoughts.call_signatures.iter().all(Vec::is_empty) {
            thoughts.call_signatures.clear();
        }
        let silent = thoughts.parts.is_empty() && thoughts.call_signatures.is_empty();
        let usage = reported.unwrap_or_else(|| {
            let mut said = answer.heard.clone();
            for call in &tool_calls {
                said.push_str(&call.arguments.to_string());
            }
            tokens::estimate_usage(self.estimate_prompt_tokens(model, request), &said)
        });
        ModelReply {
            text,
            tool_calls,
            stop,
            usage,
            usage_source: if reported.is_some() { UsageSource::Reported } else { UsageSource::Estimated },
            raw_usage: answer.frames.usage(),
            thoughts: (!silent).then_some(thoughts),
            model: model.to_owned(),
        }
    }
}

/// Gemini's calls have no ids; genai makes them up, and begins anew with each event of a stream. The form is the one
/// that it recognises as made up.
fn distinct_id(id: String, name: &str, before: &[ToolCall]) -> String {
    if before.iter().any(|call| call.id == id) { format!("call#{name}#{}", before.len()) } else { id }
}

/// The error with what the provider reports to have used.
fn charged(error: ProviderError, end: &StreamEnd) -> ProviderError {
    match end.captured_usage.as_ref().and_then(reported) {
        Some(usage) => error.with_usage(usage),
        None => error,
    }
}

/// The usage that a provider reports; `None` where it counts nothing at all.
fn reported(usage: &Usage) -> Option<TokenUsage> {
    let count = |tokens: Option<i32>| u64::try_from(tokens.unwrap_or(0)).unwrap_or(0);
    let prompt = usage.prompt_tokens_details.as_ref();
    let completion = usage.completion_tokens_details.as_ref();
    let reported = TokenUsage {
        input_tokens: count(usage.prompt_tokens),
        output_tokens: count(usage.completion_tokens),
        cache_read_tokens: count(prompt.and_then(|details| details.cached_tokens)),
        cache_write_tokens: count(prompt.and_then(|details| details.cache_creation_tokens)),
        reasoning_tokens: count(completion.and_then(|details| details.reasoning_tokens)),
    };
    (reported.total() > 0).then_some(reported)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

//! What genai's normalised stream leaves out, read from the raw frames: the provider's own usage object and refusals.

use genai::chat::{ChatFrameSink, FrameCtx, RawFrameRef};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use syndarix_core::usage::TokenUsage;

use super::heard;
use crate::tokens;

/// Where providers put their usage: OpenAI and Anthropic's end, Anthropic's beginning, Gemini, OpenAI's responses.
const USAGE_AT: [&str; 4] = ["/usage", "/message/usage", "/usageMetadata", "/response/usage"];

/// Where Anthropic's beginning is, which knows the prompt and not the answer.
const USAGE_OF_PROMPT: &str = "/message/usage";

/// Ollama's counters, which lie beside everything else.
const OLLAMA_COUNTERS: [&str; 6] = [
    "prompt_eval_count",
    "prompt_eval_cached_count",
    "eval_count",
    "total_duration",
    "prompt_eval_duration",
    "eval_duration",
];

/// Watches the raw frames of one stream.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Every frame, for what a stream that breaks off has said. Together they are no longer than a stream may be.
    frames: Vec<Box<str>>,
    usage: Map<String, Value>,
    /// Whether the usage is more than a beginning.
    usage_of_answer: bool,
    refusal: String,
    ollama_done: bool,
}

impl Frames {
    /// Whether anything arrived.
    pub(super) fn any(&self) -> bool {
        !self.0.lock().frames.is_empty()
    }

    /// The provider's usage object.
    pub(super) fn usage(&self) -> Option<Value> {
        let usage = &self.0.lock().usage;
        (!usage.is_empty()).then(|| Value::Object(usage.clone()))
    }

    /// What a stream that broke off used: what was reported of the answer, and otherwise what was reported of the prompt and
    /// what came of the answer.
    pub(super) fn used_so_far(&self, prompt_tokens: u64) -> TokenUsage {
        let seen = self.0.lock();
        let reported = heard::usage(&seen.usage);
        if let (Some(reported), true) = (reported, seen.usage_of_answer) {
            return reported;
        }
        let mut said = String::new();
        for event in seen.frames.iter().filter_map(|frame| serde_json::from_str::<Value>(frame).ok()) {
            heard::add(&event, &mut said);
        }
        let estimated = tokens::estimate_usage(prompt_tokens, &said);
        match reported {
            Some(reported) => {
                TokenUsage { output_tokens: reported.output_tokens.max(estimated.output_tokens), ..reported }
            }
            None => estimated,
        }
    }

    /// The words with which OpenAI's models refuse, which are not part of the answer's text.
    pub(super) fn refusal(&self) -> Option<String> {
        let refusal = &self.0.lock().refusal;
        (!refusal.is_empty()).then(|| refusal.clone())
    }

    /// Whether Ollama said that it is done; older versions give no reason with it.
    pub(super) fn ollama_done(&self) -> bool {
        self.0.lock().ollama_done
    }
}

impl ChatFrameSink for Frames {
    fn on_frame(&self, _ctx: &FrameCtx, frame: RawFrameRef<'_>) {
        let mut seen = self.0.lock();
        seen.frames.push(frame.data.into());
        // Frames come by the thousand; only those that can matter are parsed.
        let data = frame.data;
        if !["usage", "eval_count", "refusal", "\"done\""].iter().any(|word| data.contains(word)) {
            return;
        }
        let Some(json) = frame.json() else { return };
        for path in USAGE_AT {
            if let Some(Value::Object(usage)) = json.pointer(path) {
                // Anthropic reports the prompt at the beginning and the answer at the end.
                seen.usage.extend(usage.clone());
                seen.usage_of_answer |= path != USAGE_OF_PROMPT;
            }
        }
        if json.get("eval_count").is_some() {
            seen.usage_of_answer = true;
            for counter in OLLAMA_COUNTERS {
                if let Some(count) = json.get(counter) {
                    seen.usage.insert(counter.to_owned(), count.clone());
                }
            }
        }
        if json.get("done").and_then(Value::as_bool) == Some(true) {
            seen.ollama_done = true;
        }
        let chat = json.pointer("/choices/0/delta/refusal");
        let responses = json
            .get("delta")
            .filter(|_| json.get("type").and_then(Value::as_str) == Some("response.refusal.delta"));
        if let Some(Value::String(words)) = chat.or(responses) {
            seen.refusal.push_str(words);
        }
    }
}

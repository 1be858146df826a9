//! What a stream that broke off had said and reported: every provider charges for all of it.

use serde_json::{Map, Value};
use syndarix_core::usage::TokenUsage;

/// Where the providers' events hold what a model says, thinks or calls a tool with: OpenAI's, Anthropic's, Gemini's, OpenAI's
/// responses', Ollama's. A `*` is every item of a list.
const SAID_AT: [&str; 20] = [
    "choices.*.delta.content",
    "choices.*.delta.reasoning_content",
    "choices.*.delta.reasoning",
    "choices.*.delta.refusal",
    "choices.*.delta.tool_calls.*.function.name",
    "choices.*.delta.tool_calls.*.function.arguments",
    "delta.text",
    "delta.thinking",
    "delta.partial_json",
    "content_block.name",
    "content_block.text",
    "candidates.*.content.parts.*.text",
    "candidates.*.content.parts.*.functionCall",
    "item.name",
    "delta",
    "message.content",
    "message.thinking",
    "message.reasoning",
    "message.tool_calls.*.function.name",
    "message.tool_calls.*.function.arguments",
];

/// Adds to a text what an event says.
pub(super) fn add(event: &Value, said: &mut String) {
    for path in SAID_AT {
        add_at(event, path, said);
    }
}

fn add_at(value: &Value, path: &str, said: &mut String) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let add_rest = |value: &Value, said: &mut String| match (rest, value) {
        (Some(rest), _) => add_at(value, rest, said),
        (None, Value::String(text)) => said.push_str(text),
        // Arguments that are not text. Where text is wanted, an object is another kind of event.
        (None, Value::Object(_)) if first != "delta" && first != "content" => {
            said.push_str(&value.to_string());
        }
        _ => {}
    };
    match (first, value) {
        ("*", Value::Array(items)) => items.iter().for_each(|item| add_rest(item, said)),
        (name, Value::Object(object)) => {
            if let Some(value) = object.get(name) {
                add_rest(value, said);
            }
        }
        _ => {}
    }
}

/// The usage in a provider's own words, whichever they are; `None` where nothing is counted.
pub(super) fn usage(words: &Map<String, Value>) -> Option<TokenUsage> {
    let at = |path: &str| {
        let mut parts = path.split('.');
        let first = words.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))?.as_u64()
    };
    let first = |paths: &[&str]| paths.iter().find_map(|path| at(path)).unwrap_or(0);
    let (written, read) = (at("cache_creation_input_tokens"), at("cache_read_input_tokens"));
    // Anthropic counts what is cached beside the input, all others as part of it.
    let beside = written.unwrap_or(0).saturating_add(read.unwrap_or(0));
    let thoughts = at("thoughtsTokenCount");
    let found = TokenUsage {
        input_tokens: first(&["prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count"])
            .saturating_add(beside),
        // Gemini counts its thoughts beside the answer, all others as part of it.
        output_tokens: first(&["completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count"])
            .saturating_add(thoughts.unwrap_or(0)),
        cache_read_tokens: read.unwrap_or_else(|| {
            first(&[
                "prompt_tokens_details.cached_tokens",
                "input_tokens_details.cached_tokens",
                "cachedContentTokenCount",
            ])
        }),
        cache_write_tokens: written.unwrap_or(0),
        reasoning_tokens: thoughts.unwrap_or_else(|| {
            first(&["completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"])
        }),
    };
    (found.total() > 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_came_is_heard_whoever_says_it() {
        for (event, expected) in [
            (json!({"choices": [{"delta": {"content": "a", "reasoning_content": "b"}}]}), "ab"),
            (
                json!({"choices": [{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{\"x\""}}]}}]}),
                "f{\"x\"",
            ),
            (json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}), "a"),
            (json!({"type": "content_block_delta", "delta": {"partial_json": "{\"x"}}), "{\"x"),
            (json!({"type": "content_block_delta", "delta": {"thinking": "hm"}}), "hm"),
            (json!({"type": "content_block_start", "content_block": {"type": "tool_use", "name": "f"}}), "f"),
            (json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}), ""),
            (
                json!({"candidates": [{"content": {"parts": [{"text": "a"}, {"functionCall": {"name": "f"}}]}}]}),
                "a{\"name\":\"f\"}",
            ),
            (json!({"type": "response.function_call_arguments.delta", "delta": "{\"x"}), "{\"x"),
            (
                json!({"message": {"content": "a", "thinking": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}}),
                "abf{\"x\":1}",
            ),
            (json!({"type": "message_start", "message": {"content": [], "usage": {}}}), ""),
            (json!([1]), ""),
        ] {
            let mut said = String::new();
            add(&event, &mut said);
            assert_eq!(said, expected, "{event}");
        }
    }

    #[test]
    fn usage_is_read_in_every_providers_words() {
        let tokens = |input, output, read, written, reasoning| {
            Some(TokenUsage {
                input_tokens: input,
                output_tokens: output,
                cache_read_tokens: read,
                cache_write_tokens: written,
                reasoning_tokens: reasoning,
            })
        };
        for (words, expected) in [
            (
                json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4},
                    "completion_tokens_details": {"reasoning_tokens": 2}}),
                tokens(10, 5, 4, 0, 2),
            ),
            (
                json!({"input_tokens": 10, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4},
                    "output_tokens_details": {"reasoning_tokens": 2}}),
                tokens(10, 5, 4, 0, 2),
            ),
            (
                json!({"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 3,
                    "cache_read_input_tokens": 4}),
                tokens(17, 5, 4, 3, 0),
            ),
            (
                json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
                    "cachedContentTokenCount": 4}),
                tokens(10, 7, 4, 0, 2),
            ),
            (json!({"prompt_eval_count": 10, "eval_count": 5, "total_duration": 9}), tokens(10, 5, 0, 0, 0)),
            (json!({"total_tokens": 0}), None),
        ] {
            let Value::Object(words) = words else { unreachable!() };
            assert_eq!(usage(&words), expected, "{words:?}");
        }
    }
}

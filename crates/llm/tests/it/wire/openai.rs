//! OpenAI's chat completions.

use serde_json::{Value, json};

use super::{data, pieces};

fn delta(delta: &Value, finish: Option<&str>) -> String {
    data(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    }))
}

pub(crate) fn words(text: &str) -> String {
    pieces(text).into_iter().map(|piece| delta(&json!({ "content": piece }), None)).collect()
}

pub(crate) fn refusal(text: &str) -> String {
    delta(&json!({ "refusal": text }), None)
}

pub(crate) fn calls(calls: &[(&str, &str)]) -> String {
    let mut events = String::new();
    for (index, (name, arguments)) in calls.iter().enumerate() {
        let opened = json!({ "index": index, "id": format!("call_{index}"), "type": "function",
            "function": { "name": name, "arguments": "" } });
        events += &delta(&json!({ "tool_calls": [opened] }), None);
        let middle = arguments.floor_char_boundary(arguments.len() / 2);
        for part in [&arguments[..middle], &arguments[middle..]] {
            let more = json!({ "index": index, "function": { "arguments": part } });
            events += &delta(&json!({ "tool_calls": [more] }), None);
        }
    }
    events
}

pub(crate) fn end(finish: &str) -> String {
    let usage = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [],
        "usage": { "prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165,
            "prompt_tokens_details": { "cached_tokens": 64 },
            "completion_tokens_details": { "reasoning_tokens": 16 } },
    });
    delta(&json!({}), Some(finish)) + &data(&usage) + "data: [DONE]\n\n"
}

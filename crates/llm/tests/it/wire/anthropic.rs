//! Anthropic's messages.

use serde_json::{Value, json};

use super::pieces;

fn event(json: &Value) -> String {
    format!("event: {}\ndata: {json}\n\n", json["type"].as_str().expect("a type"))
}

pub(crate) fn start() -> String {
    event(&json!({ "type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
        "usage": { "input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300,
            "output_tokens": 1 },
    }})) + &event(&json!({ "type": "ping" }))
}

pub(crate) fn words(index: usize, text: &str) -> String {
    let mut events = event(
        &json!({ "type": "content_block_start", "index": index, "content_block": { "type": "text", "text": "" } }),
    );
    for piece in pieces(text) {
        events += &event(&json!({ "type": "content_block_delta", "index": index,
            "delta": { "type": "text_delta", "text": piece } }));
    }
    events
}

pub(crate) fn thinking(index: usize, text: &str, signature: &str) -> String {
    event(&json!({ "type": "content_block_start", "index": index,
        "content_block": { "type": "thinking", "thinking": "", "signature": "" } }))
        + &event(&json!({ "type": "content_block_delta", "index": index,
            "delta": { "type": "thinking_delta", "thinking": text } }))
        + &event(&json!({ "type": "content_block_delta", "index": index,
            "delta": { "type": "signature_delta", "signature": signature } }))
        + &stop_block(index)
}

pub(crate) fn call(index: usize, name: &str, arguments: &str) -> String {
    let mut events = event(&json!({ "type": "content_block_start", "index": index,
        "content_block": { "type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {} } }));
    let middle = arguments.floor_char_boundary(arguments.len() / 2);
    for part in [&arguments[..middle], &arguments[middle..]] {
        events += &event(&json!({ "type": "content_block_delta", "index": index,
            "delta": { "type": "input_json_delta", "partial_json": part } }));
    }
    events + &stop_block(index)
}

pub(crate) fn stop_block(index: usize) -> String {
    event(&json!({ "type": "content_block_stop", "index": index }))
}

pub(crate) fn end(reason: &str) -> String {
    event(&json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": 45 } }))
        + &event(&json!({ "type": "message_stop" }))
}

pub(crate) fn error(kind: &str) -> String {
    event(&json!({ "type": "error", "error": { "type": kind, "message": "Overloaded" } }))
}

//! Ollama's own protocol: one JSON object a line.

use serde_json::{Value, json};

use super::pieces;

fn line(message: &Value) -> String {
    format!(
        "{}\n",
        json!({ "model": "qwen3", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false })
    )
}

pub(crate) fn words(text: &str) -> String {
    pieces(text).into_iter().map(|piece| line(&json!({ "role": "assistant", "content": piece }))).collect()
}

pub(crate) fn calls(calls: &[(&str, Value)]) -> String {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(name, arguments)| json!({ "function": { "name": name, "arguments": arguments } }))
        .collect();
    line(&json!({ "role": "assistant", "content": "", "tool_calls": calls }))
}

pub(crate) fn end(reason: &str) -> String {
    let end = json!({ "model": "qwen3", "created_at": "2026-01-01T00:00:00Z",
        "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": reason,
        "prompt_eval_count": 120, "eval_count": 45 });
    format!("{end}\n")
}

//! Google's Gemini.

use serde_json::{Value, json};

use super::{data, pieces};

fn part(part: &Value) -> String {
    data(&json!({ "candidates": [{ "index": 0, "content": { "role": "model", "parts": [part] } }] }))
}

pub(crate) fn words(text: &str) -> String {
    pieces(text).into_iter().map(|piece| part(&json!({ "text": piece }))).collect()
}

pub(crate) fn call(name: &str, arguments: &Value, signature: Option<&str>) -> String {
    let mut call = json!({ "functionCall": { "name": name, "args": arguments } });
    if let Some(signature) = signature {
        call["thoughtSignature"] = json!(signature);
    }
    part(&call)
}

pub(crate) fn end(reason: &str) -> String {
    data(&json!({
        "candidates": [{ "index": 0, "content": { "role": "model", "parts": [{ "text": "" }] }, "finishReason": reason }],
        "usageMetadata": { "promptTokenCount": 120, "candidatesTokenCount": 29, "thoughtsTokenCount": 16,
            "totalTokenCount": 165 },
    }))
}

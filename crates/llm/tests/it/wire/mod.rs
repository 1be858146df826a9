//! Each provider's wire format, written by hand from its documentation: the other side of what the crate reads.

pub(crate) mod anthropic;
pub(crate) mod gemini;
pub(crate) mod ollama;
pub(crate) mod openai;

use serde_json::Value;

/// One server-sent event without a name.
pub(crate) fn data(json: &Value) -> String {
    format!("data: {json}\n\n")
}

/// A text in pieces, as models send it.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive(' ').collect()
}

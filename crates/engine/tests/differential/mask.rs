//! What two sides can be compared by: messages as trees without what no two servers agree on. Times and sizes go;
//! ids that a server drew become numbers in the order in which they appear, so that what was equal stays equal.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use tonic::Status;

/// What follows from how a server stores things, the ids that it has for namespaces among them.
const STORED_HOW: [&str; 9] = [
    "task_id",
    "version",
    "history_size_bytes",
    "state_transition_count",
    "history_length",
    "shard_id",
    "namespace_id",
    "parent_namespace_id",
    "parent_workflow_namespace_id",
];

/// A message as a tree, without what only says how a server stores it and without fields at their defaults.
pub(crate) fn tree(message: &impl Serialize) -> Value {
    let value = serde_json::to_value(message).expect("the protocol's messages are plain data");
    plain("", value)
}

/// An answer: what it says, or the code and the types of the details.
pub(crate) fn outcome<T: Serialize>(result: &Result<T, Status>) -> Value {
    match result {
        Ok(message) => tree(message),
        Err(status) => failure(status),
    }
}

pub(crate) fn failure(status: &Status) -> Value {
    serde_json::json!({
        "code": format!("{:?}", status.code()),
        "details": details(status),
        "message": status.message(),
    })
}

fn plain(key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| !STORED_HOW.contains(&key.as_str()));
            let fields = kept.map(|(key, value)| {
                let value = in_order(plain(&key, value));
                (key, value)
            });
            Value::Object(fields.filter(|(_, value)| !is_default(value)).collect())
        }
        Value::Array(items) => text_of(&items).map_or_else(
            || Value::Array(items.into_iter().map(|item| plain("", item)).collect()),
            Value::String,
        ),
        Value::String(text) if key == "data" => Value::String(decoded(&text).unwrap_or(text)),
        // It is how the server says that there is none.
        Value::String(text) if is_time(key) && text.starts_with(YEAR_ONE) => Value::Null,
        other => other,
    }
}

const YEAR_ONE: &str = "0001-01-01T";

/// The masks of one program on one side.
pub(crate) struct Mask {
    /// What every id of the program begins with.
    prefix: String,
    ids: HashMap<String, usize>,
}

impl Mask {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ids: HashMap::new() }
    }

    /// Masks times and ids. Two sides give the same ids the same numbers if they are shown the same trees.
    pub(crate) fn hide(&mut self, value: Value) -> Value {
        self.value("", value)
    }

    fn value(&mut self, key: &str, value: Value) -> Value {
        match value {
            // Maps of the protocol have no order.
            Value::Object(fields) => {
                let fields: BTreeMap<String, Value> = fields.into_iter().collect();
                let masked = fields.into_iter().map(|(key, value)| {
                    let value = self.value(&key, value);
                    (key, value)
                });
                Value::Object(masked.collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value("", item)).collect()),
            Value::String(_) if is_time(key) => Value::String("(a time)".into()),
            // Drawn by the server where it asks itself for something: it is equal to nothing else.
            Value::String(text) if key == "request_id" && !text.starts_with(&self.prefix) => {
                Value::String("(an id)".into())
            }
            Value::String(text) => Value::String(self.text(&text)),
            other => other,
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(self.prefix.as_str()) {
                rest = after;
            } else if let Some(id) = rest.get(..UUID_LENGTH).filter(|id| is_uuid(id)) {
                let next = self.ids.len() + 1;
                let number = self.ids.entry(id.to_owned()).or_insert(next);
                out.extend(["(id ", &number.to_string(), ")"]);
                rest = &rest[UUID_LENGTH..];
            } else {
                let length = rest.chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
        }
        out
    }
}

const UUID_LENGTH: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.char_indices().all(|(place, letter)| match place {
        8 | 13 | 18 | 23 => letter == '-',
        _ => letter.is_ascii_hexdigit(),
    })
}

fn is_time(key: &str) -> bool {
    ["time", "timestamp"].iter().any(|end| key.to_lowercase().ends_with(end))
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        // The second is a span of no time.
        Value::String(text) => text.is_empty() || text == "0.000000000s",
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

/// A payload's data, which travels in base 64 and in programs is text.
fn decoded(text: &str) -> Option<String> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().take_while(|letter| *letter != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == letter)?;
        bits = (bits << 6) | digit as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Lists that are kept by id, and in no order.
fn in_order(value: Value) -> Value {
    let Value::Array(mut items) = value else { return value };
    for id in ["activity_id", "initiated_id"] {
        if items.iter().all(|item| item.get(id).is_some()) {
            items.sort_by_key(|item| item[id].to_string());
        }
    }
    Value::Array(items)
}

/// Bytes that are text, which is what programs send.
fn text_of(items: &[Value]) -> Option<String> {
    let bytes: Option<Vec<u8>> = items.iter().map(|item| u8::try_from(item.as_u64()?).ok()).collect();
    let bytes = bytes.filter(|bytes| bytes.len() > 3)?;
    String::from_utf8(bytes).ok()
}

/// google.rpc.Status, the form in which details travel.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_wkt_types::Any>,
}

/// The types of a failure's details.
fn details(status: &Status) -> Vec<String> {
    let decoded: RpcStatus = prost::Message::decode(status.details()).unwrap_or_default();
    let kind = |url: String| url.rsplit('.').next().unwrap_or_default().to_owned();
    decoded.details.into_iter().map(|detail| kind(detail.type_url)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Mask, tree};
    use serde_json::json;

    #[test]
    fn ids_keep_their_relations_and_times_their_presence() {
        let (first, second) =
            ("019ab2f0-7a33-7d52-8c0f-000000000001", "019ab2f0-7a33-7d52-8c0f-000000000002");
        let mut mask = Mask::new("program-");
        let masked = mask.hide(tree(&json!({
            "run_id": second,
            "parent": { "run_id": first, "workflow_id": "program-w1" },
            "first_run_id": format!("the run {second}"),
            "event_time": "2026-01-01T00:00:00Z",
            "close_time": null,
            "task_id": 17,
            "attempt": 0,
            "data": "dGV4dA==",
        })));
        assert_eq!(
            masked,
            json!({
                "data": "text",
                "event_time": "(a time)",
                "first_run_id": "the run (id 1)",
                "parent": { "run_id": "(id 2)", "workflow_id": "w1" },
                "run_id": "(id 1)",
            })
        );
    }
}

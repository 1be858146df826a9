//! Values of search attributes: reading them from payloads, and writing them as they are indexed.

use super::attributes::kind_name;
use crate::kernel::Timestamp;
use crate::proto::common::Payload;
use crate::proto::enums::IndexedValueType as Kind;
use serde_json::Value as Json;

/// One value as it is compared. Times are nanoseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Double(f64),
    Bool(bool),
    Text(String),
}

/// The values a payload holds for an attribute of this type: none where it unsets the attribute.
/// Refused with how the value reads, where it is of another type.
pub(crate) fn decode(payload: &Payload, kind: Kind) -> Result<Vec<Value>, String> {
    let encoding = payload.metadata.get("encoding").map_or(b"".as_slice(), Vec::as_slice);
    if encoding == b"binary/null" || (encoding.is_empty() && payload.data.is_empty()) {
        return Ok(Vec::new());
    }
    if encoding != b"json/plain" {
        return Err(format!("value with encoding {:?}", String::from_utf8_lossy(encoding)));
    }
    let json: Json = serde_json::from_slice(&payload.data)
        .map_err(|_| format!("value from <{}>", String::from_utf8_lossy(&payload.data)))?;
    let values = match (&json, kind) {
        (Json::Null, _) => Some(Vec::new()),
        (Json::Array(items), Kind::KeywordList) => items.iter().map(|item| scalar(item, kind)).collect(),
        (_, Kind::KeywordList) => None,
        // A list with one value, or none, may stand for the value.
        (Json::Array(items), _) if items.len() <= 1 => items.iter().map(|item| scalar(item, kind)).collect(),
        (json, _) => scalar(json, kind).map(|value| vec![value]),
    };
    values.ok_or_else(|| match json {
        Json::String(text) => text,
        other => other.to_string(),
    })
}

fn scalar(json: &Json, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Int => json.as_i64().map(Value::Int),
        Kind::Double => json.as_f64().map(Value::Double),
        Kind::Bool => json.as_bool().map(Value::Bool),
        Kind::Datetime => parse_time(json.as_str()?).map(Value::Int),
        Kind::Keyword | Kind::Text | Kind::KeywordList => {
            json.as_str().map(|text| Value::Text(text.to_owned()))
        }
        Kind::Unspecified => None,
    }
}

/// RFC 3339, as nanoseconds since the epoch.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    // Dates alone are not times.
    if !text.contains(['T', 't']) {
        return None;
    }
    let time = text.parse::<prost_wkt_types::Timestamp>().ok()?;
    Some(Timestamp::from_proto(Some(&time)).0)
}

/// What a filter looks for in a `Text` attribute, and what is stored of it: its words in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The rows that stand for these values in the table of search values. A `Text` always has one, so that
/// one without words is known to be set.
pub(crate) fn indexed(values: Vec<Value>, kind: Kind) -> Vec<Value> {
    if kind != Kind::Text {
        return values;
    }
    let Some(Value::Text(text)) = values.first() else { return Vec::new() };
    let mut words = words(text);
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        words.push(String::new());
    }
    words.into_iter().map(Value::Text).collect()
}

/// A `Keyword` as a payload.
pub(crate) fn keyword_payload(text: &str) -> Payload {
    let mut payload = Payload { data: Json::from(text).to_string().into_bytes(), ..Payload::default() };
    payload.metadata.insert("encoding".into(), b"json/plain".to_vec());
    annotate(&mut payload, Kind::Keyword);
    payload
}

/// A `Datetime` as a payload, from its text in RFC 3339.
pub(crate) fn datetime_payload(text: &str) -> Payload {
    let mut payload = keyword_payload(text);
    annotate(&mut payload, Kind::Datetime);
    payload
}

/// Says in a payload's metadata of which type it is.
pub(crate) fn annotate(payload: &mut Payload, kind: Kind) {
    payload.metadata.insert("type".into(), kind_name(kind).as_bytes().to_vec());
}

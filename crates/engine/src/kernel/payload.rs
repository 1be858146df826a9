//! What the engine itself has to say where the protocol has payloads.

use crate::proto::common;

/// A text, as every SDK's default converter reads it.
pub(crate) fn text(text: &str) -> common::Payloads {
    let payload = common::Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: serde_json::Value::from(text).to_string().into_bytes(),
        ..Default::default()
    };
    common::Payloads { payloads: vec![payload] }
}

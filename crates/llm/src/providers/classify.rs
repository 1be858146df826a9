//! What a provider's failure means.

use std::error::Error as StdError;
use std::time::Duration;

use genai::Error as GenaiError;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::error::{FailureKind, ProviderError};

/// A failure that genai reports. `heard` says whether any of the answer had arrived.
pub(super) fn classify(error: &GenaiError, heard: bool) -> ProviderError {
    match error {
        GenaiError::HttpError { status, body, headers, .. } => of_status(*status, headers, body),
        GenaiError::WebModelCall { webc_error, .. } | GenaiError::WebAdapterCall { webc_error, .. } => {
            match webc_error {
                genai::webc::Error::ResponseFailedStatus { status, body, headers } => {
                    of_status(*status, headers, body)
                }
                genai::webc::Error::Reqwest(error) => of_transport(error, heard),
                other => ProviderError::new(FailureKind::Malformed, other.to_string()),
            }
        }
        GenaiError::WebStream { error, cause, .. } => {
            if let Some(inner) = error.downcast_ref::<GenaiError>() {
                classify(inner, heard)
            } else if let Some(inner) = error.downcast_ref::<reqwest::Error>() {
                of_transport(inner, heard)
            } else {
                ProviderError::new(FailureKind::Malformed, format!("unreadable stream: {cause}"))
            }
        }
        GenaiError::ChatResponse { body, .. } => of_event(body),
        GenaiError::StreamParse { serde_error, .. } => ProviderError::new(
            FailureKind::Malformed,
            format!("unreadable event in the stream: {serde_error}"),
        ),
        GenaiError::JsonValueExt(error) => {
            ProviderError::new(FailureKind::Malformed, format!("incomplete event in the stream: {error}"))
        }
        GenaiError::SerdeJson(error) => ProviderError::new(FailureKind::Malformed, error.to_string()),
        GenaiError::ChatResponseGeneration { cause, .. } => ProviderError::new(FailureKind::Malformed, cause),
        GenaiError::NoChatResponse { .. } => ProviderError::new(FailureKind::Empty, error.to_string()),
        other => ProviderError::new(FailureKind::InvalidRequest, other.to_string()),
    }
}

fn of_status(status: StatusCode, headers: &HeaderMap, body: &str) -> ProviderError {
    let retry_after = retry_after(headers);
    let kind = match status.as_u16() {
        // Google answers a wrong key, and Anthropic an empty account, with 400; OpenAI an empty account with 429.
        400 if body.contains("API_KEY_INVALID") => FailureKind::Unauthorized,
        400 if body.contains("credit balance") => FailureKind::Forbidden,
        429 if body.contains("insufficient_quota") => FailureKind::Forbidden,
        401 => FailureKind::Unauthorized,
        402 | 403 => FailureKind::Forbidden,
        404 => FailureKind::ModelNotFound,
        408 => FailureKind::Timeout,
        429 => FailureKind::RateLimited { retry_after },
        503 | 529 => FailureKind::Overloaded { retry_after },
        500.. => FailureKind::Server,
        _ => FailureKind::InvalidRequest,
    };
    let said = said(body);
    let said = if said.is_empty() { status.canonical_reason().unwrap_or("no reason given") } else { &said };
    ProviderError::new(kind, format!("{}: {said}", status.as_u16()))
}

/// A connection that could not be made or broke.
pub(super) fn of_transport(error: &reqwest::Error, heard: bool) -> ProviderError {
    let kind = if error.is_timeout() {
        FailureKind::Timeout
    } else if error.is_connect() {
        FailureKind::Unreachable
    } else if error.is_builder() {
        FailureKind::InvalidRequest
    } else {
        FailureKind::CutStream
    };
    // Only the innermost cause says something ("Connection refused"); the outer ones repeat the URL.
    let mut cause: &dyn StdError = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = match kind {
        FailureKind::CutStream if heard => "the stream was cut in the middle of the answer",
        FailureKind::CutStream => "the connection was cut before the answer began",
        FailureKind::Unreachable => "not reachable",
        FailureKind::Timeout => "no answer in time",
        _ => "the request could not be made",
    };
    ProviderError::new(kind, format!("{what}: {cause}"))
}

/// An error event in the middle of a stream.
fn of_event(body: &Value) -> ProviderError {
    let inner = body.get("error").unwrap_or(body);
    let field = |name: &str| inner.get(name).and_then(Value::as_str).unwrap_or_default();
    let tag = [field("type"), field("code"), field("status")].join(" ").to_lowercase();
    let kind = if tag.contains("overloaded") || tag.contains("unavailable") {
        FailureKind::Overloaded { retry_after: None }
    } else if tag.contains("rate_limit") || tag.contains("resource_exhausted") {
        FailureKind::RateLimited { retry_after: None }
    } else if tag.contains("authentication") || tag.contains("unauthenticated") {
        FailureKind::Unauthorized
    } else if tag.contains("permission") || tag.contains("billing") || tag.contains("insufficient_quota") {
        FailureKind::Forbidden
    } else if tag.contains("not_found") {
        FailureKind::ModelNotFound
    } else if tag.contains("invalid_request") || tag.contains("invalid_argument") {
        FailureKind::InvalidRequest
    } else {
        FailureKind::Server
    };
    ProviderError::new(kind, format!("the provider broke off: {}", said(&body.to_string())))
}

/// The sentence for people in an error's body, whatever its shape.
fn said(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        return body.trim().to_owned();
    };
    // Gemini wraps its errors in an array.
    let json = json.as_array().and_then(|items| items.first()).unwrap_or(&json);
    ["/error/message", "/message", "/error", "/detail"]
        .iter()
        .find_map(|path| json.pointer(path).and_then(Value::as_str))
        .map_or_else(|| json.to_string(), str::to_owned)
}

/// How long to wait, in seconds, milliseconds, or until a date by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1_000.0).ok();
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second());
    let wait = moment(value)? - moment(text(DATE.as_str())?)?;
    Some(Duration::from_secs(wait.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
            .collect()
    }

    #[test]
    fn waits_are_read_in_every_form() {
        let cases = [
            (headers(&[("retry-after", "7")]), Some(7_000)),
            (headers(&[("retry-after", "0.5")]), Some(500)),
            (headers(&[("retry-after-ms", "1500"), ("retry-after", "9")]), Some(1_500)),
            (
                headers(&[
                    ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"),
                    ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
                ]),
                Some(30_000),
            ),
            (headers(&[("retry-after", "-3")]), None),
            (headers(&[("retry-after", "soon")]), None),
            (headers(&[]), None),
        ];
        for (headers, expected) in cases {
            assert_eq!(retry_after(&headers).map(|wait| wait.as_millis()), expected, "{headers:?}");
        }
    }

    #[test]
    fn statuses_mean_what_they_mean_at_each_provider() {
        let kind = |status: u16, body: &str| {
            of_status(StatusCode::from_u16(status).expect("status"), &HeaderMap::new(), body).kind.as_str()
        };
        for (status, body, expected) in [
            (400, "{}", "invalid_request"),
            (400, r#"{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}"#, "unauthorized"),
            (400, r#"{"error":{"message":"Your credit balance is too low"}}"#, "forbidden"),
            (401, "", "unauthorized"),
            (402, "", "forbidden"),
            (403, "", "forbidden"),
            (404, "", "model_not_found"),
            (413, "", "invalid_request"),
            (429, "", "rate_limited"),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, "forbidden"),
            (500, "", "server_error"),
            (503, "", "overloaded"),
            (529, "", "overloaded"),
            (302, "", "invalid_request"),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_sentence_for_people_is_found() {
        for (body, expected) in [
            (r#"{"error":{"message":"too fast"}}"#, "too fast"),
            (r#"[{"error":{"message":"wrapped"}}]"#, "wrapped"),
            (r#"{"error":"model not found"}"#, "model not found"),
            ("<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        ] {
            assert_eq!(said(body), expected);
        }
    }
}

//! Why a model did not answer, and whether asking again may help.

use std::fmt;
use std::time::Duration;

use syndarix_core::usage::TokenUsage;

/// The longest message kept from a provider, in characters. Providers echo requests in their errors, and an
/// error is shown on one line.
const MAX_MESSAGE_CHARS: usize = 400;

/// What kind of failure it was. The names are stored in the ledger and the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Too many requests (429); the provider may say when to come back.
    RateLimited {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The provider has no capacity at present (529, 503).
    Overloaded {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The provider failed (5xx, or an error event in the stream).
    Server,
    /// It did not answer in time.
    Timeout,
    /// It could not be reached: refused, unknown host, TLS.
    Unreachable,
    /// The connection ended before the answer did.
    CutStream,
    /// What it sent is not what its protocol says.
    Malformed,
    /// It answered with neither text nor tool calls.
    Empty,
    /// The key is missing or wrong (401).
    Unauthorized,
    /// The key may not use this model (403), or the account has no credit (402).
    Forbidden,
    /// The provider has no such model (404).
    ModelNotFound,
    /// The provider does not accept the request (400, 413, 422).
    InvalidRequest,
    /// The model, or a filter before it, declined to answer.
    Refused,
    /// The answer was cut off because it grew beyond the byte cap.
    TooLong,
    /// No provider of that name is configured.
    UnknownProvider,
    /// The model has no known price, so its worst case cannot be reserved.
    Unpriced,
    /// The scripted model has no scene for this call.
    NoScene,
}

impl FailureKind {
    /// The kind's name as stored, such as `rate_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded { .. } => "overloaded",
            Self::Server => "server_error",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::CutStream => "cut_stream",
            Self::Malformed => "malformed",
            Self::Empty => "empty",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::ModelNotFound => "model_not_found",
            Self::InvalidRequest => "invalid_request",
            Self::Refused => "refused",
            Self::TooLong => "too_long",
            Self::UnknownProvider => "unknown_provider",
            Self::Unpriced => "unpriced",
            Self::NoScene => "no_scene",
        }
    }

    /// Whether asking the same model again may help.
    pub fn retryable(self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Overloaded { .. }
            | Self::Server
            | Self::Timeout
            | Self::Unreachable
            | Self::CutStream
            | Self::Malformed
            | Self::Empty => true,
            Self::Unauthorized
            | Self::Forbidden
            | Self::ModelNotFound
            | Self::InvalidRequest
            | Self::Refused
            | Self::TooLong
            | Self::UnknownProvider
            | Self::Unpriced
            | Self::NoScene => false,
        }
    }

    /// Whether the failure says something about the provider's health, rather than about this one request; such
    /// failures in a row open the model's circuit breaker.
    pub fn counts_against_health(self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Overloaded { .. }
                | Self::Server
                | Self::Timeout
                | Self::Unreachable
                | Self::CutStream
        )
    }

    /// How long the provider asked to wait, if it did.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Overloaded { retry_after } => retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A model that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// What happened, for people. Never holds a key.
    pub message: String,
    /// What it used all the same, reported or estimated; `None` where the provider charges nothing.
    pub usage: Option<TokenUsage>,
}

impl ProviderError {
    /// A failure that used nothing. The message is shortened to one line.
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: one_line(message.as_ref()), usage: None }
    }

    /// The same failure, with what it used.
    #[must_use]
    pub fn with_usage(mut self, usage: TokenUsage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Whether asking the same model again may help.
    pub fn retryable(&self) -> bool {
        self.kind.retryable()
    }
}

/// White space collapsed and the rest shortened, so that it fits a line of a log.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_MESSAGE_CHARS * 4 {
            break;
        }
    }
    if line.chars().count() > MAX_MESSAGE_CHARS {
        line = line.chars().take(MAX_MESSAGE_CHARS).chain("…".chars()).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_bounded_line() {
        assert_eq!(one_line(" a\n\tb  c "), "a b c");
        assert_eq!(one_line(&"ä".repeat(9_999)).chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}

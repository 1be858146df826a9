//! Why a call has no answer, and above all whether the server may have heard it.

use std::io;

use rmcp::service::ServiceError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::chain;

/// The status of a server that takes no more requests for a while.
const TOO_MANY_REQUESTS: u16 = 429;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The server said no; the model can be told.
    Refused(String),
    /// The server took too long.
    TimedOut,
    /// The server is gone and never heard of the call.
    NotSent(String),
    /// The server is gone, and whether it did what was asked is not known.
    Lost(String),
}

impl CallError {
    /// What an error of the library means; `closed` is whether the connection has ended.
    pub(super) fn of(error: &ServiceError, closed: bool) -> Self {
        match error {
            ServiceError::McpError(error) => Self::Refused(error.message.to_string()),
            ServiceError::TransportSend(sending) => Self::of_sending(sending.error.as_ref()),
            ServiceError::TransportClosed => Self::Lost(chain(error)),
            _ if closed => Self::Lost(chain(error)),
            _ => Self::Refused(chain(error)),
        }
    }

    /// What it means that a request could not be sent, or not be answered, over one of our two transports.
    fn of_sending(error: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return match io.kind() {
                // The other end of the pipe is closed. A part of the line may have gone through before, but a line
                // without its end is no request.
                io::ErrorKind::BrokenPipe => Self::NotSent("it has ended".to_owned()),
                _ => Self::Lost(chain(error)),
            };
        }
        let Some(over_http) = error.downcast_ref::<StreamableHttpError<reqwest::Error>>() else {
            return Self::Lost(chain(error));
        };
        match over_http {
            // No connection, be it for its name, its port or its certificate: nothing was written yet.
            StreamableHttpError::Client(client) if client.is_connect() => Self::NotSent(innermost(client)),
            StreamableHttpError::Client(client) if client.is_builder() => Self::Refused(innermost(client)),
            // The server looked at the session only, which it no longer has.
            StreamableHttpError::SessionExpired | StreamableHttpError::ReinitializationFailed(_) => {
                Self::NotSent("it does not know this session any more".to_owned())
            }
            StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_) => {
                Self::Refused(
                    "it asks for other credentials; see `headers_from` in its configuration".to_owned(),
                )
            }
            StreamableHttpError::HttpStatus(answer) if answer.status == TOO_MANY_REQUESTS => {
                Self::Refused("it takes no more requests for now (HTTP 429)".to_owned())
            }
            StreamableHttpError::UnexpectedServerResponse(answer) if answer.starts_with("HTTP 4") => {
                Self::Refused(answer.to_string())
            }
            StreamableHttpError::ReservedHeaderConflict(_) => Self::Refused(chain(error)),
            _ => Self::Lost(chain(error)),
        }
    }
}

/// What is beneath an error of the HTTP client, whose own words name its types and not what happened.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    format!("it cannot be reached: {innermost}")
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::borrow::Cow;

    use rmcp::model::ErrorData;
    use rmcp::transport::DynamicTransportError;
    use rmcp::transport::streamable_http_client::{AuthRequiredError, HttpStatusError};

    use super::*;

    type Http = StreamableHttpError<reqwest::Error>;

    fn sending(error: impl std::error::Error + Send + Sync + 'static) -> ServiceError {
        let error = DynamicTransportError::from_parts("test", TypeId::of::<()>(), Box::new(error));
        ServiceError::TransportSend(error)
    }

    async fn refused_connection() -> ServiceError {
        // The port is free again once its listener is gone.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let error = reqwest::Client::new().post(format!("http://{address}/")).send().await;
        sending(Http::Client(error.expect_err("nobody listens")))
    }

    async fn unknown_host() -> ServiceError {
        let error = reqwest::Client::new().post("http://no-such-host.invalid/").send().await;
        sending(Http::Client(error.expect_err("there is no such host")))
    }

    #[tokio::test]
    async fn only_what_may_have_been_heard_is_lost() {
        let response = |text: &'static str| sending(Http::UnexpectedServerResponse(Cow::Borrowed(text)));
        let cases = [
            ("refused connection", refused_connection().await, "not sent"),
            ("unknown host", unknown_host().await, "not sent"),
            ("closed pipe", sending(io::Error::from(io::ErrorKind::BrokenPipe)), "not sent"),
            ("expired session", sending(Http::SessionExpired), "not sent"),
            ("other I/O", sending(io::Error::from(io::ErrorKind::ConnectionReset)), "lost"),
            ("bad gateway", sending(Http::HttpStatus(HttpStatusError::new(502, None))), "lost"),
            ("end of stream", sending(Http::UnexpectedEndOfStream), "lost"),
            ("slow recovery", sending(Http::SessionRecoveryTimeout), "lost"),
            ("not JSON", response("could not parse JSON"), "lost"),
            ("closed", ServiceError::TransportClosed, "lost"),
            ("bad request", response("HTTP 400 Bad Request: no"), "refused"),
            ("too many", sending(Http::HttpStatus(HttpStatusError::new(429, None))), "refused"),
            (
                "no credentials",
                sending(Http::AuthRequired(AuthRequiredError::new("Bearer".to_owned()))),
                "refused",
            ),
            (
                "the server's own no",
                ServiceError::McpError(ErrorData::invalid_params("no such page", None)),
                "refused",
            ),
        ];
        for (what, error, expected) in cases {
            let found = match CallError::of(&error, false) {
                CallError::NotSent(_) => "not sent",
                CallError::Lost(_) => "lost",
                CallError::Refused(_) => "refused",
                CallError::TimedOut => "timed out",
            };
            assert_eq!(found, expected, "{what}: {error:?}");
        }
    }
}

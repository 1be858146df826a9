//! Bounds what a provider can make this process hold in memory.
//!
//! genai gathers the bytes of a stream until they make an event, however many that takes, and reads the body of a
//! failure whole. It offers no bound on either, and reqwest no place for one between itself and genai. So genai talks to
//! a relay in this process, opened for one call on the loopback interface, which passes the call on to the provider and
//! the answer back: in whole events, none longer than [`Limits::max_event_bytes`], and no more than
//! [`Limits::max_body_bytes`] in all.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt, TryStreamExt, unfold};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use super::classify::of_transport;
use super::config::Limits;
use super::events::{EndsWith, Events, TooLong};
use crate::error::{FailureKind, ProviderError};

/// How much of a failure's body is read, in bytes. One line of it is shown.
const MAX_FAILURE_BYTES: usize = 64 << 10;

/// How many connections a relay accepts. genai makes one; whoever else finds the port is not served for long.
const MAX_CONNECTIONS: usize = 16;

/// What is between two machines, and not passed on.
const HOP_BY_HOP: [HeaderName; 5] = [HOST, CONNECTION, ACCEPT_ENCODING, TRANSFER_ENCODING, CONTENT_LENGTH];

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A relay for one call. It ends when it is dropped, and with it what it passes on.
#[derive(Debug)]
pub(super) struct Relay {
    url: String,
    failure: Arc<Mutex<Option<ProviderError>>>,
    serving: JoinHandle<()>,
}

impl Relay {
    /// Opens a relay to the endpoint, which ends with a slash.
    pub(super) async fn open(
        client: &reqwest::Client,
        endpoint: &str,
        ends_with: EndsWith,
        limits: &Limits,
    ) -> Result<Self, ProviderError> {
        let cannot = |error: io::Error| {
            let message = format!("the relay on the loopback interface cannot be opened: {error}");
            ProviderError::new(FailureKind::Unreachable, message)
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let failure = Arc::new(Mutex::new(None));
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever could work the ticket out could speak to the provider"
        )]
        let ticket = Uuid::new_v4();
        let route = Arc::new(Route {
            prefix: format!("/{ticket}/"),
            client: client.clone(),
            endpoint: endpoint.to_owned(),
            ends_with,
            limits: *limits,
            failure: failure.clone(),
        });
        Ok(Self {
            url: format!("http://{address}{}", route.prefix),
            failure,
            serving: tokio::spawn(serve(listener, route)),
        })
    }

    /// The endpoint to give to genai.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What went wrong between here and the provider, which genai only sees as a connection that breaks.
    pub(super) fn failure(&self) -> Option<ProviderError> {
        self.failure.lock().take()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, route: Arc<Route>) {
    let mut connections = JoinSet::new();
    while connections.len() < MAX_CONNECTIONS
        && let Ok((stream, _)) = listener.accept().await
    {
        let route = route.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let route = route.clone();
                async move { Ok::<_, Infallible>(route.pass(request).await) }
            });
            let serving =
                http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = serving.await {
                tracing::trace!(%error, "a relayed answer broke off");
            }
        });
    }
    connections.join_all().await;
}

/// Where a relay leads.
struct Route {
    /// What the path of every request begins with.
    prefix: String,
    client: reqwest::Client,
    endpoint: String,
    ends_with: EndsWith,
    limits: Limits,
    failure: Arc<Mutex<Option<ProviderError>>>,
}

impl Route {
    async fn pass(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let Some(rest) = path.strip_prefix(&self.prefix) else { return empty(StatusCode::NOT_FOUND) };
        let url = format!("{}{rest}", self.endpoint);
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return empty(StatusCode::BAD_REQUEST) };
        let asked = self.client.request(head.method, url).headers(passed_on(head.headers));
        match asked.body(body.to_bytes()).send().await {
            Ok(answer) => self.pass_back(answer),
            Err(error) => {
                *self.failure.lock() = Some(of_transport(&error, false));
                empty(StatusCode::BAD_GATEWAY)
            }
        }
    }

    fn pass_back(&self, answer: reqwest::Response) -> Response<Body> {
        let status = answer.status();
        let headers = passed_on(answer.headers().clone());
        let body = if status.is_success() { self.events(answer) } else { beginning(answer) };
        let mut response = Response::new(StreamBody::new(body.map_ok(Frame::data)).boxed_unsync());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// The body in whole events, until it ends or a limit is reached.
    fn events(&self, answer: reqwest::Response) -> BoxStream<'static, io::Result<Bytes>> {
        let events = Events::new(self.ends_with, self.limits.max_event_bytes, self.limits.max_body_bytes);
        let failure = self.failure.clone();
        let state = Some((answer.bytes_stream(), events));
        unfold(state, move |state| {
            let failure = failure.clone();
            async move {
                let (mut bytes, mut events) = state?;
                loop {
                    let error = match bytes.next().await {
                        Some(Ok(piece)) => match events.push(&piece) {
                            Ok(whole) if whole.is_empty() => continue,
                            Ok(whole) => return Some((Ok(whole.into()), Some((bytes, events)))),
                            Err(reason) => too_long(&reason),
                        },
                        Some(Err(error)) => of_transport(&error, events.any()),
                        None => {
                            let rest = events.rest();
                            return (!rest.is_empty()).then(|| (Ok(rest.into()), None));
                        }
                    };
                    let broken = io::Error::other(error.to_string());
                    *failure.lock() = Some(error);
                    return Some((Err(broken), None));
                }
            }
        })
        .boxed()
    }
}

fn too_long(reason: &TooLong) -> ProviderError {
    ProviderError::new(FailureKind::TooLong, format!("the answer was cut off: {reason}"))
}

/// As much of a failure's body as is read.
fn beginning(answer: reqwest::Response) -> BoxStream<'static, io::Result<Bytes>> {
    let mut left = MAX_FAILURE_BYTES;
    answer
        .bytes_stream()
        .map_err(io::Error::other)
        .map_ok(move |mut piece| {
            piece.truncate(left);
            left -= piece.len();
            piece
        })
        .try_take_while(|piece| futures::future::ready(Ok(!piece.is_empty())))
        .boxed()
}

fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

fn empty(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

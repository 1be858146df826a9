//! From an HTTP request to the service and back.

use super::codec::Raw;
use crate::service::{self, Service};
use crate::status::Failure;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::{Body as HttpBody, StdError, http};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};

/// The largest request that is taken: gRPC's own default, which Temporal's servers keep.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// What a request may be before it is looked at. A larger one ends the call in the transport, which cannot give it the
/// error that clients of Temporal know; so this is more than they send by mistake.
const LARGEST_READ: usize = 8 * LARGEST_REQUEST;

/// Answers every path that no other service of the port answers.
#[derive(Debug, Clone)]
pub(super) struct Dispatch {
    service: Arc<Service>,
}

impl Dispatch {
    pub(super) fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl<B> tower::Service<http::Request<B>> for Dispatch
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let call = Call { service: self.service.clone(), path: request.uri().path().to_owned() };
        async move {
            let mut grpc = Grpc::new(Raw)
                .accept_compressed(CompressionEncoding::Gzip)
                .send_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(LARGEST_READ)
                .max_encoding_message_size(usize::MAX);
            Ok(grpc.unary(call, request).await)
        }
        .boxed()
    }
}

/// One call, whose path says what is called.
struct Call {
    service: Arc<Service>,
    path: String,
}

impl UnaryService<Bytes> for Call {
    type Response = Vec<u8>;
    type Future = BoxFuture<'static, Result<Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let service = self.service.clone();
        let path = std::mem::take(&mut self.path);
        // Its caller has given it up: whether the answer would be there sooner than a timer is not to be left to chance.
        if is_over(&request) {
            return async { Err(Status::deadline_exceeded("context deadline exceeded")) }.boxed();
        }
        async move {
            let answer = answer(service, &path, request.into_inner()).await;
            answer.map(Response::new).map_err(Failure::into_status)
        }
        .boxed()
    }
}

/// Whether a call has no time at all.
fn is_over(request: &Request<Bytes>) -> bool {
    let timeout = request.metadata().get("grpc-timeout").and_then(|timeout| timeout.to_str().ok());
    // A number and the letter of its unit.
    timeout
        .and_then(|timeout| timeout.get(..timeout.len().checked_sub(1)?))
        .is_some_and(|number| number.parse::<u64>() == Ok(0))
}

async fn answer(service: Arc<Service>, path: &str, request: Bytes) -> Result<Vec<u8>, Failure> {
    if request.len() > LARGEST_REQUEST {
        return Err(Failure::too_large(request.len(), LARGEST_REQUEST));
    }
    let (name, rpc) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or(("", path));
    if service::ends_with_its_caller(rpc) {
        return service.call(name, rpc, request).await;
    }
    // A caller that goes away must not leave half of what it asked for.
    let (name, rpc) = (name.to_owned(), rpc.to_owned());
    let call = tokio::spawn(async move { service.call(&name, &rpc, request).await });
    call.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call failed unexpectedly");
        Err(Failure::internal("the call failed unexpectedly; the engine's log says more"))
    })
}

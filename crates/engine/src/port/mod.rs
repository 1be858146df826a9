//! The gRPC port: the same service for clients and workers in other processes, in any language. Closed unless
//! [`Engine::listen`] opens it.

mod access;
mod codec;
mod dispatch;
mod options;

use access::Access;
pub use options::{PortOptions, Tls};

use crate::service::{OPERATOR_SERVICE, WORKFLOW_SERVICE};
use crate::{Engine, Error};
use dispatch::Dispatch;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// Temporal's messages, and those of the services that the port adds.
const PROTOCOL_DESCRIPTORS: &[u8] = include_bytes!(env!("PROTOCOL_DESCRIPTORS"));

/// The service whose health stands for the server's, as Temporal's own servers name it.
const HEALTH_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

/// Calls under way on one connection. A worker holds a few hundred long polls; more than this is a mistake.
const MOST_CALLS_PER_CONNECTION: u32 = 10_000;

/// A connection that does not answer a ping for this long is taken to be gone, and its polls with it.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// How long calls under way may take to end when the port closes. Long polls end at once with the engine.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// An open port. It closes when dropped; [`Port::close`] lets calls under way end first.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    closing: CancellationToken,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Engine {
    /// Serves this engine on a port, for clients in other processes.
    ///
    /// Fails if the address is not the machine's own and [`PortOptions`] have no certificate or no token, if they
    /// do not read, or if the address cannot be had. Must be called within a tokio runtime.
    pub async fn listen(&self, options: PortOptions) -> Result<Port, Error> {
        options.check()?;
        let refused = |source| Error::Listen { address: options.address, source };
        let listener = TcpListener::bind(options.address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let routes = self.routes().await;
        let mut server = Server::builder()
            .max_concurrent_streams(MOST_CALLS_PER_CONNECTION)
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_PATIENCE));
        if let Some(tls) = &options.tls {
            server = server.tls_config(tls.server_config()).map_err(|source| Error::Tls {
                certificate: tls.certificate.clone(),
                reason: source_of(&source),
            })?;
        }
        let closing = CancellationToken::new();
        let server = server
            .layer(InterceptorLayer::new(options.access))
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                closing.clone().cancelled_owned(),
            );
        Ok(Port { address, closing, server: tokio::spawn(server) })
    }

    async fn routes(&self) -> Routes {
        let (reporter, health) = tonic_health::server::health_reporter();
        for service in ["", HEALTH_SERVICE] {
            reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
        }
        let describe = || {
            let mut builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(PROTOCOL_DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            for service in [WORKFLOW_SERVICE, OPERATOR_SERVICE, "grpc.health.v1.Health"] {
                builder = builder.with_service_name(service);
            }
            builder
        };
        let invariant = "invariant: descriptors that this build contains";
        // Clients in use ask for either version.
        let reflection = describe().build_v1().expect(invariant);
        let early_reflection = describe().build_v1alpha().expect(invariant);
        // The SDKs compress whatever they send, an empty question for the server's health, too.
        let gzip = CompressionEncoding::Gzip;
        Routes::new(health.accept_compressed(gzip).send_compressed(gzip))
            .add_service(reflection.accept_compressed(gzip).send_compressed(gzip))
            .add_service(early_reflection.accept_compressed(gzip).send_compressed(gzip))
            .into_axum_router()
            .fallback_service(Dispatch::new(self.service.clone()))
            .into()
    }
}

impl Port {
    /// Where it listens: with the port that the system chose, if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more calls, and lets those under way end, for a while. Close it after [`Engine::shutdown`], which
    /// ends the long polls.
    pub async fn close(mut self) {
        self.closing.cancel();
        match tokio::time::timeout(CLOSING_PATIENCE, &mut self.server).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the port ended with an error"),
            Ok(Err(error)) => tracing::warn!(%error, "the port's task failed"),
            Err(_) => tracing::info!("calls that did not end in time were cut off"),
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The innermost reason: what the layers around it say is that there is one.
fn source_of(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

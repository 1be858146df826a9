//! The port, as clients in other processes meet it: over TCP, with what keeps strangers out, and with nonsense.

use rcgen::CertifiedKey;
use std::path::Path;
use std::time::Duration;
use syndarix_engine::{Engine, EngineOptions, Error, Port, PortOptions, Tls};
use temporalio_client::grpc::WorkflowService as _;
use temporalio_client::{Connection, ConnectionOptions, TlsOptions};
use temporalio_common::protos::temporal::api::workflowservice::v1 as ws;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, IntoRequest as _, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

const LOOPBACK: &str = "127.0.0.1:0";
const TOKEN: &str = "open-sesame";
/// The largest request a port takes, as on Temporal's servers.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

struct Served {
    directory: tempfile::TempDir,
    engine: Engine,
}

impl Served {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut options = EngineOptions::new(directory.path().join("engine.db"));
        options.task_poll_timeout = Duration::from_millis(1);
        options.history_poll_timeout = Duration::from_millis(1);
        Self { engine: Engine::open(options).await.expect("the engine opens"), directory }
    }

    async fn listen(&self, change: impl FnOnce(PortOptions) -> PortOptions) -> Port {
        let options = change(PortOptions::new(LOOPBACK.parse().expect("an address")));
        self.engine.listen(options).await.expect("the port opens")
    }

    /// A certificate for `localhost` that signs itself, in two files.
    fn certificate(&self) -> (String, Tls) {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let write = |name: &str, text: &str| {
            let path = self.directory.path().join(name);
            std::fs::write(&path, text).expect("it is written");
            path
        };
        let certificate = write("certificate.pem", &cert.pem());
        let key = write("key.pem", &signing_key.serialize_pem());
        (cert.pem(), Tls::read(&certificate, &key).expect("it reads"))
    }
}

async fn channel(port: &Port) -> Channel {
    let address = format!("http://{}", port.address());
    Channel::from_shared(address).expect("an address").connect().await.expect("the port answers")
}

/// The code of a call that needs no namespace.
async fn ask(connection: ConnectionOptions) -> Result<String, String> {
    let mut connection = Connection::connect(connection).await.map_err(|error| error.to_string())?;
    let answer = connection.get_cluster_info(ws::GetClusterInfoRequest::default().into_request()).await;
    answer.map(|answer| answer.into_inner().cluster_name).map_err(|status| status.to_string())
}

fn at(scheme: &str, host: &str, port: &Port) -> url::Url {
    format!("{scheme}://{host}:{}", port.address().port()).parse().expect("a URL")
}

#[tokio::test]
async fn the_sdk_reaches_the_engine_over_tcp() {
    let served = Served::new().await;
    let port = served.listen(|options| options).await;
    let name = ask(ConnectionOptions::new(at("http", "127.0.0.1", &port)).build()).await;
    assert_eq!(name.as_deref(), Ok("active"));
    served.engine.shutdown().await;
    port.close().await;
}

#[tokio::test]
async fn a_call_without_any_time_is_over() {
    let served = Served::new().await;
    let port = served.listen(|options| options).await;
    let channel = channel(&port).await;
    let path = "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo";
    for _ in 0..50 {
        let mut request = Request::new(Vec::new());
        request.set_timeout(Duration::ZERO);
        let code = send_request(&channel, path, request).await.map_err(|status| status.code());
        // The second is what the client says if its own timer is the first to notice.
        assert!(matches!(code, Err(Code::DeadlineExceeded | Code::Cancelled)), "{code:?}");
    }
    let mut request = Request::new(Vec::new());
    request.set_timeout(Duration::from_mins(1));
    send_request(&channel, path, request).await.expect("there is time for this one");
}

#[tokio::test]
async fn health_and_reflection() {
    let served = Served::new().await;
    let port = served.listen(|options| options).await;
    let channel = channel(&port).await;
    for service in ["", "temporal.api.workflowservice.v1.WorkflowService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = HealthClient::new(channel.clone()).check(request).await.expect("its health");
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving, "{service}");
    }
    let question = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let questions = futures::stream::iter([question]);
    let answers = ServerReflectionClient::new(channel).server_reflection_info(questions).await.expect("it");
    let answer = answers.into_inner().message().await.expect("an answer").expect("one");
    let ServerReflectionResponse {
        message_response: Some(MessageResponse::ListServicesResponse(list)), ..
    } = answer
    else {
        panic!("not a list: {answer:?}");
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let expected = [
        "grpc.health.v1.Health",
        "temporal.api.operatorservice.v1.OperatorService",
        "temporal.api.workflowservice.v1.WorkflowService",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_token_is_asked_of_everyone_for_everything() {
    let served = Served::new().await;
    let port = served.listen(|options| options.token(TOKEN.to_owned().into())).await;
    let url = at("http", "127.0.0.1", &port);
    for (token, admitted) in [(None, false), (Some("open"), false), (Some(TOKEN), true)] {
        let headers = token.map(|token| [("authorization".to_owned(), format!("Bearer {token}"))].into());
        let answer = ask(ConnectionOptions::new(url.clone()).maybe_headers(headers).build()).await;
        assert_eq!(answer.is_ok(), admitted, "{token:?}: {answer:?}");
    }
    let health = HealthClient::new(channel(&port).await).check(HealthCheckRequest::default()).await;
    assert_eq!(health.expect_err("a stranger").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_certificate_keeps_out_who_does_not_ask_for_it() {
    let served = Served::new().await;
    let (authority, tls) = served.certificate();
    let port = served.listen(|options| options.tls(tls)).await;
    let mut trusting = TlsOptions::default();
    trusting.server_root_ca_cert = Some(authority.into_bytes());
    let encrypted = ConnectionOptions::new(at("https", "localhost", &port)).tls_options(trusting);
    assert_eq!(ask(encrypted.build()).await.as_deref(), Ok("active"));
    assert!(ask(ConnectionOptions::new(at("http", "127.0.0.1", &port)).build()).await.is_err());
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let served = Served::new().await;
    let public = PortOptions::new("0.0.0.0:0".parse().expect("an address"));
    let refusal = served.engine.listen(public).await.expect_err("it is public");
    assert!(matches!(refusal, Error::PublicPort { missing: "TLS and a token", .. }), "{refusal}");

    let port = served.listen(|options| options).await;
    let taken = served.engine.listen(PortOptions::new(port.address())).await.expect_err("it is taken");
    assert!(taken.to_string().contains(&port.address().to_string()), "{taken}");

    let missing = Path::new("/nowhere/certificate.pem");
    let unread = Tls::read(missing, missing).expect_err("there is none");
    assert!(unread.to_string().contains("/nowhere/certificate.pem"), "{unread}");
    let nonsense = served.directory.path().join("nonsense.pem");
    std::fs::write(&nonsense, "nonsense").expect("it is written");
    let tls = Tls::read(&nonsense, &nonsense).expect("it reads");
    let options = PortOptions::new(LOOPBACK.parse().expect("an address")).tls(tls);
    let unusable = served.engine.listen(options).await.expect_err("it is no certificate");
    assert!(unusable.to_string().contains("nonsense.pem"), "{unusable}");
}

/// Sends bytes as they are.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, length).to_vec()))
    }
}

async fn send(channel: &Channel, path: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    send_request(channel, path, Request::new(body)).await
}

async fn send_request(channel: &Channel, path: &str, request: Request<Vec<u8>>) -> Result<Vec<u8>, Status> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(path).expect("a path");
    grpc.unary(request, path, Bytes).await.map(tonic::Response::into_inner)
}

/// The paths of every RPC, from the engine's own table of them.
fn paths() -> Vec<String> {
    let page = syndarix_engine::protocol_reference();
    let row = |line: &str| {
        let (rpc, service) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
        let package = service.to_lowercase();
        service.ends_with("Service").then(|| format!("/temporal.api.{package}.v1.{service}/{rpc}"))
    };
    page.lines().filter_map(row).collect()
}

#[tokio::test]
async fn nonsense_in_every_rpc_is_refused_and_the_port_lives_on() {
    let served = Served::new().await;
    let port = served.listen(|options| options).await;
    let channel = channel(&port).await;
    let paths = paths();
    assert!(paths.len() > 60, "the table of RPCs has {} rows", paths.len());
    for path in &paths {
        let truncated = send(&channel, path, b"\x0a\x7fdefault".to_vec()).await.expect_err("it is truncated");
        assert_eq!(truncated.code(), Code::InvalidArgument, "{path}: {truncated}");
        let oversized =
            send(&channel, path, vec![0; LARGEST_REQUEST + 1]).await.expect_err("it is too large");
        assert_eq!(oversized.code(), Code::ResourceExhausted, "{path}: {oversized}");
        assert!(oversized.message().contains("received message larger than max"), "{oversized}");
        if let Err(refused) = send(&channel, path, Vec::new()).await {
            assert_eq!(refused.code(), Code::InvalidArgument, "{path} empty: {refused}");
        }
    }
    for path in
        ["/", "//", "/nowhere", "/no.Service/Method", "/temporal.api.workflowservice.v1.WorkflowService/No"]
    {
        let unknown = send(&channel, path, Vec::new()).await.expect_err("there is no such path");
        assert_eq!(unknown.code(), Code::Unimplemented, "{path}: {unknown}");
    }
    // Far beyond what is read at all.
    let huge = send(&channel, &paths[0], vec![0; 16 * LARGEST_REQUEST]).await.expect_err("it is not read");
    assert!(matches!(huge.code(), Code::OutOfRange | Code::ResourceExhausted), "{huge}");
    assert!(ask(ConnectionOptions::new(at("http", "127.0.0.1", &port)).build()).await.is_ok());
}

#[tokio::test]
async fn what_is_no_grpc_closes_its_connection_alone() {
    let served = Served::new().await;
    let port = served.listen(|options| options).await;
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense",
    ] {
        let mut stream = TcpStream::connect(port.address()).await.expect("the port is open");
        stream.write_all(bytes).await.expect("it is sent");
        stream.shutdown().await.expect("that is all");
        let mut answer = Vec::new();
        // How it closes is the transport's business; that it does is asserted by the read's end.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "{bytes:?} was answered");
    }
    assert!(ask(ConnectionOptions::new(at("http", "127.0.0.1", &port)).build()).await.is_ok());
}

//! A live MCP connection: to a child process or over HTTP, with bounds on time and output.

mod child;
mod content;
mod failure;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation, JsonObject,
    MetaObject, ProtocolVersion, RequestMetaObject, Tool,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};

pub(crate) use child::Program;
pub(crate) use content::Answer;
pub(crate) use failure::CallError;

use child::Child;

/// The most tools a server may list; what is beyond them is left out.
const TOOLS: usize = 512;

/// How long a connection to an address may take; a machine that is off does not answer at all.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

/// How many redirects one request follows; a server that is behind more has a wrong address in the configuration.
const REDIRECTS: usize = 3;

/// How often, and after how long for the first time, an answer that broke off is asked for again. Together they take less
/// than two seconds, after which the server counts as gone.
const STREAM_RETRIES: usize = 2;
const STREAM_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A connection to one MCP server. Dropping it ends the server, where it is a child process.
#[derive(Debug)]
pub(crate) struct Connection {
    service: RunningService<RoleClient, ClientConfig>,
    child: Option<Child>,
}

/// Why a server could not be connected to.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) reason: String,
    pub(crate) stderr: String,
}

impl Connection {
    /// Starts a program that speaks MCP on its standard input and output.
    pub(crate) async fn stdio(program: &Program, timeout: Duration) -> Result<Self, ConnectError> {
        match Self::stdio_with(program, timeout, ClientLifecycleMode::Initialize).await {
            Err((_, error)) if speaks_only_newer(error.as_ref()) => {
                Self::stdio_with(program, timeout, discover()).await.map_err(|(error, _)| error)
            }
            other => other.map_err(|(error, _)| error),
        }
    }

    async fn stdio_with(
        program: &Program,
        timeout: Duration,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Self, (ConnectError, Option<ClientInitializeError>)> {
        let (mut child, output, input) = child::spawn(program).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such program".to_owned(),
                _ => error.to_string(),
            };
            (ConnectError { reason, stderr: String::new() }, None)
        })?;
        let connecting = client().serve_with_lifecycle((output, input), lifecycle);
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(service)) => Ok(Self { service, child: Some(child) }),
            Ok(Err(error)) => {
                let ended = child.ended_shortly().await;
                let reason = ended.unwrap_or_else(|| error.to_string());
                Err((ConnectError { reason, stderr: child.stderr().await }, Some(error)))
            }
            Err(_) => {
                let reason = no_answer(timeout);
                Err((ConnectError { reason, stderr: child.stderr().await }, None))
            }
        }
    }

    /// Connects over streamable HTTP.
    pub(crate) async fn http(
        url: &str,
        headers: &std::collections::BTreeMap<String, String>,
        timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let failed = |reason: String| ConnectError { reason, stderr: String::new() };
        let mut custom = HashMap::new();
        for (name, value) in headers {
            let name =
                http::HeaderName::try_from(name).map_err(|_| failed(format!("`{name}` is no header")))?;
            let mut value = http::HeaderValue::try_from(value)
                .map_err(|_| failed(format!("the value of the header `{name}` cannot be sent")))?;
            value.set_sensitive(true);
            custom.insert(name, value);
        }
        let sender = http_client().map_err(|error| failed(chain(&error)))?;
        let connect = async |lifecycle| {
            let mut config =
                StreamableHttpClientTransportConfig::with_uri(url).custom_headers(custom.clone());
            let mut retries = ExponentialBackoff::default();
            retries.max_times = Some(STREAM_RETRIES);
            retries.base_duration = STREAM_RETRY_PAUSE;
            config.retry_config = Arc::new(retries);
            let transport = StreamableHttpClientTransport::with_client(sender.clone(), config);
            let connecting = client().serve_with_lifecycle(transport, lifecycle);
            tokio::time::timeout(timeout, connecting).await
        };
        let mut connected = connect(ClientLifecycleMode::Initialize).await;
        if let Ok(Err(error)) = &connected
            && speaks_only_newer(Some(error))
        {
            connected = connect(discover()).await;
        }
        match connected {
            Ok(Ok(service)) => Ok(Self { service, child: None }),
            Ok(Err(error)) => Err(failed(not_connected(&error))),
            Err(_) => Err(failed(no_answer(timeout))),
        }
    }

    /// The server's tools.
    pub(crate) async fn tools(&self, timeout: Duration) -> Result<Vec<Tool>, ConnectError> {
        let failed = |reason: String| ConnectError { reason, stderr: String::new() };
        let listed = tokio::time::timeout(timeout, self.service.list_all_tools()).await;
        let mut tools = listed
            .map_err(|_| failed(no_answer(timeout)))?
            .map_err(|error| failed(format!("it did not list its tools: {error}")))?;
        tools.truncate(TOOLS);
        Ok(tools)
    }

    /// Calls a tool. Dropping the future tells the server that the call is cancelled.
    pub(crate) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        meta: Vec<(&str, serde_json::Value)>,
        timeout: Duration,
        output_bytes: usize,
    ) -> Result<Answer, CallError> {
        let mut request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let mut injected = MetaObject::new();
        injected.0.extend(meta.into_iter().map(|(key, value)| (key.to_owned(), value)));
        request.meta = Some(RequestMetaObject(injected));
        match tokio::time::timeout(timeout, self.service.call_tool_once(request)).await {
            Err(_) => Err(CallError::TimedOut),
            Ok(Ok(CallToolResponse::Complete(result))) => Ok(content::answer(result, output_bytes)),
            Ok(Ok(_)) => Err(CallError::Refused("it asked for something only a person could give".into())),
            Ok(Err(error)) => Err(CallError::of(&error, self.service.is_closed())),
        }
    }

    /// Whether the server is known to be gone. One that is reached over HTTP is found out when it is called.
    pub(crate) fn is_closed(&self) -> bool {
        self.service.is_closed()
            || self.service.peer().is_transport_closed()
            || self.child.as_ref().is_some_and(Child::has_ended)
    }

    /// The last lines the server printed to standard error.
    pub(crate) async fn stderr(&self) -> String {
        match &self.child {
            Some(child) => child.stderr().await,
            None => String::new(),
        }
    }

    /// Ends the connection, and the server with everything it started, and waits for that.
    pub(crate) async fn close(self) {
        let Self { service, child } = self;
        let _ = service.cancel().await;
        if let Some(child) = child {
            child.end().await;
        }
    }
}

fn client() -> ClientConfig {
    ClientConfig::new(
        ClientCapabilities::default(),
        Implementation::new("syndarix", env!("CARGO_PKG_VERSION")),
    )
}

fn discover() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] }
}

/// Whether a server refused the handshake of the older revisions, as one that knows only the newest does.
fn speaks_only_newer(error: Option<&ClientInitializeError>) -> bool {
    matches!(
        error,
        Some(
            ClientInitializeError::JsonRpcError(_)
                | ClientInitializeError::NoCompatibleProtocolVersion { .. }
        )
    )
}

fn no_answer(timeout: Duration) -> String {
    format!("it did not answer within {} s", timeout.as_secs_f64())
}

/// Why nothing was reached over HTTP. What the library says of it names the types of its transport, which say nothing to
/// a person; what is beneath does.
fn not_connected(error: &ClientInitializeError) -> String {
    let ClientInitializeError::TransportError { error, .. } = error else { return chain(error) };
    // The client's error is part of its text and not its source.
    match error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        Some(StreamableHttpError::Client(client)) => failure::innermost(client),
        _ => failure::innermost(error.error.as_ref()),
    }
}

/// How requests are sent. A connection is not kept for the next call: that one would only find out late that the server
/// is gone, and could then not be known to have been unheard.
fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(REACHED_WITHIN)
        .pool_max_idle_per_host(0)
        .redirect(Policy::custom(|attempt| {
            // A request with secrets in its headers stays with its server, and stays the same request.
            let same_server =
                attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
            let same_request = matches!(attempt.status().as_u16(), 307 | 308);
            if same_server && same_request && attempt.previous().len() <= REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        }))
        .build()
}

/// An error with its causes, where they add something.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

//! Servers named in configuration.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;
use syndarix_tools::mcp::{McpServerConfig, McpTransport, ToolOverride};
use syndarix_tools::{Error, Toolbox, ToolboxOptions};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{Bench, LAUNCHER, Memory, Setup, call, key, launcher};

fn stdio(name: &str, mode: &str) -> McpServerConfig {
    config(
        name,
        McpTransport::Stdio {
            command: LAUNCHER.into(),
            args: vec![mode.into()],
            env: BTreeMap::from([("SETTING".into(), "on".into())]),
        },
    )
}

fn config(name: &str, transport: McpTransport) -> McpServerConfig {
    McpServerConfig {
        name: name.into(),
        transport,
        connect_timeout_ms: 20_000,
        call_timeout_ms: 20_000,
        output_bytes: 10_000,
        trusted: false,
        tools: BTreeMap::new(),
    }
}

async fn bench(server: McpServerConfig) -> Bench {
    Bench::with(Setup { mcp_servers: vec![server], ..Setup::default() }).await
}

async fn refused(servers: Vec<McpServerConfig>) -> Error {
    let memory = std::sync::Arc::new(Memory::default());
    let options = ToolboxOptions {
        effects: memory.clone(),
        journal: memory,
        launcher: launcher(),
        mcp_servers: servers,
        policy: syndarix_tools::policy::Policy::default(),
    };
    Toolbox::new(options).await.expect_err("it must not start")
}

#[tokio::test]
async fn a_server_is_called_and_bounded() {
    let bench = bench(stdio("test", "mcp")).await;
    let echo = bench.call("mcp_test_echo", json!({"text": "hello"})).await;
    assert_eq!((echo.content.as_str(), echo.is_error), ("hello", false));
    let missing = bench.call("mcp_test_echo", json!({})).await;
    assert!(missing.is_error && missing.content.contains("`text` is missing"), "{}", missing.content);
    let huge = bench.call("mcp_test_huge", json!({})).await;
    assert!(huge.content.len() < 11_000 && huge.content.contains("left out"));
    let environment = bench.call("mcp_test_environment", json!({})).await.content;
    assert!(environment.contains("SETTING") && !environment.contains("CARGO"), "{environment}");
    let injected: Value =
        serde_json::from_str(&bench.call("mcp_test_injected", json!({"project": "other"})).await.content)
            .unwrap();
    assert_eq!(injected["syndarix/project"], "p-1");
    assert_eq!(injected["syndarix/agent"], "p-1/dave");
    assert_eq!(injected["syndarix/task"], "p-1/T-1");
    assert!(injected["syndarix/effect"].as_str().unwrap().starts_with("p-1/T-1/run-1#1."));
}

#[tokio::test]
async fn hints_count_for_trusted_servers_and_configuration_wins() {
    let nature = |bench: &Bench, name: &str| {
        let spec = bench.session.specs().iter().find(|spec| spec.name == name).expect("a tool").clone();
        (spec.risk, spec.repeatability)
    };
    let distrusted = bench(stdio("test", "mcp")).await;
    assert_eq!(nature(&distrusted, "mcp_test_echo"), (Risk::High, Repeatability::Once));
    let mut server = stdio("test", "mcp");
    server.trusted = true;
    let configured = ToolOverride { risk: Some(Risk::Low), repeatability: Some(Repeatability::Idempotent) };
    server.tools.insert("slow".into(), configured);
    let trusted = bench(server).await;
    assert_eq!(nature(&trusted, "mcp_test_echo"), (Risk::Low, Repeatability::ReadOnly));
    assert_eq!(nature(&trusted, "mcp_test_slow"), (Risk::Low, Repeatability::Idempotent));
    assert_eq!(nature(&trusted, "mcp_test_process_id"), (Risk::High, Repeatability::Once));
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_given_up() {
    let mut server = stdio("test", "mcp");
    server.call_timeout_ms = 300;
    let bench = bench(server).await;
    let slow = bench.call("mcp_test_slow", json!({})).await;
    assert!(slow.is_error && slow.content.contains("did not answer in time"), "{}", slow.content);
    assert_eq!(bench.call("mcp_test_echo", json!({"text": "still here"})).await.content, "still here");
}

#[tokio::test]
async fn a_server_that_crashes_is_started_again() {
    let bench = bench(stdio("test", "mcp")).await;
    let before = bench.call("mcp_test_process_id", json!({})).await.content;
    match bench.session.call(&key(99), &call("mcp_test_crash", json!({}))).await {
        Err(Error::UnknownEffect { .. }) => {}
        other => panic!("{other:?}"),
    }
    let after = bench.call("mcp_test_process_id", json!({})).await.content;
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_server_that_does_not_start_is_named_with_its_last_words() {
    let error = refused(vec![stdio("licensed", "fail")]).await;
    let text = error.to_string();
    assert!(text.contains("`licensed`") && text.contains(LAUNCHER), "{text}");
    assert!(text.contains("ended at once") && text.contains("the license key is missing"), "{text}");
    assert!(error.hint().is_some());

    let mut silent = stdio("quiet", "silent");
    silent.connect_timeout_ms = 300;
    let text = refused(vec![silent]).await.to_string();
    assert!(text.contains("did not answer within 0.3 s"), "{text}");

    let absent =
        McpTransport::Stdio { command: "no-such-program".into(), args: vec![], env: BTreeMap::new() };
    let text = refused(vec![config("absent", absent)]).await.to_string();
    assert!(text.contains("there is no such program"), "{text}");

    let nowhere = McpTransport::Http { url: "http://127.0.0.1:9/mcp".into(), headers: BTreeMap::new() };
    let error = refused(vec![config("nowhere", nowhere)]).await;
    let said = "the MCP server `nowhere` (http://127.0.0.1:9/mcp) did not start: it cannot be reached: Connection refused";
    assert!(error.to_string().starts_with(said), "{error}");
    assert!(error.hint().expect("a hint").contains("at this address"));

    let text = refused(vec![stdio("a", "mcp"), stdio("a", "mcp")]).await.to_string();
    assert!(text.contains("two MCP servers are named `a`"), "{text}");
    let text = refused(vec![stdio("a b", "mcp")]).await.to_string();
    assert!(text.contains("cannot be the name"), "{text}");
    let mut misnamed = stdio("a", "mcp");
    misnamed.tools.insert("eccho".into(), ToolOverride::default());
    let text = refused(vec![misnamed]).await.to_string();
    assert!(text.contains("has no tool `eccho`; it has echo"), "{text}");
}

/// Answers as a streamable HTTP server that keeps no session and replies in plain JSON.
fn respond(request: &Request) -> ResponseTemplate {
    let message: Value = serde_json::from_slice(&request.body).unwrap();
    let result = match message["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "wire", "version": "1"},
        }),
        "tools/list" => json!({"tools": [{
            "name": "shout",
            "description": "Says it loudly.",
            "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        }]}),
        "tools/call" => {
            let text = message["params"]["arguments"]["text"].as_str().unwrap().to_uppercase();
            json!({"content": [{"type": "text", "text": text}]})
        }
        _ => return ResponseTemplate::new(202),
    };
    ResponseTemplate::new(200).set_body_json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}

#[tokio::test]
async fn a_server_is_reached_over_http() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "Bearer t0ken"))
        .respond_with(respond)
        .mount(&server)
        .await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(405)).mount(&server).await;
    let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer t0ken".to_owned())]);
    let bench =
        bench(config("wire", McpTransport::Http { url: format!("{}/mcp", server.uri()), headers })).await;
    assert_eq!(bench.call("mcp_wire_shout", json!({"text": "hello"})).await.content, "HELLO");
}

/// Servers that no one here wrote, where they are installed: `SYNDARIX_TEST_MCP_TIME` is the path of
/// `mcp-server-time` (PyPI), `SYNDARIX_TEST_MCP_EVERYTHING` of `mcp-server-everything` (npm), and
/// `SYNDARIX_TEST_MCP_URL` the address of the latter as it runs with `streamableHttp`.
#[tokio::test]
#[ignore = "needs servers from PyPI and npm"]
async fn servers_of_others_are_called() {
    let stdio = |variable: &str| McpTransport::Stdio {
        command: std::env::var(variable).expect("a path"),
        args: Vec::new(),
        env: BTreeMap::new(),
    };
    let time = bench(config("time", stdio("SYNDARIX_TEST_MCP_TIME"))).await;
    let now = time.call("mcp_time_get_current_time", json!({"timezone": "UTC"})).await;
    assert!(!now.is_error && now.content.contains("datetime"), "{}", now.content);
    let nowhere = time.call("mcp_time_get_current_time", json!({"timezone": "Nowhere"})).await;
    assert!(nowhere.is_error, "{}", nowhere.content);

    let url = std::env::var("SYNDARIX_TEST_MCP_URL").expect("an address");
    let over_http = McpTransport::Http { url, headers: BTreeMap::new() };
    for transport in [stdio("SYNDARIX_TEST_MCP_EVERYTHING"), over_http] {
        let everything = bench(config("everything", transport)).await;
        let echo = everything.call("mcp_everything_echo", json!({"message": "hello"})).await;
        assert_eq!(echo.content, "Echo: hello");
    }
}

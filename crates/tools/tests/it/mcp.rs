//! Servers named in configuration.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syndarix_core::effect::Repeatability;
use syndarix_core::tool::Risk;
use syndarix_tools::mcp::{Audience, Holder, McpServerConfig, McpTransport, ToolOverride};
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
        trusted: None,
        tools: BTreeMap::new(),
        agents: Audience::All,
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
async fn hints_count_as_far_as_a_server_is_trusted_and_configuration_wins() {
    let nature = |bench: &Bench, name: &str| {
        let spec = bench.session.specs().iter().find(|spec| spec.name == name).expect("a tool").clone();
        (spec.risk, spec.repeatability)
    };
    let unsaid = bench(stdio("test", "mcp")).await;
    assert_eq!(nature(&unsaid, "mcp_test_echo"), (Risk::Low, Repeatability::Once), "it says that it reads");
    let mut server = stdio("test", "mcp");
    server.trusted = Some(false);
    let distrusted = bench(server).await;
    assert_eq!(nature(&distrusted, "mcp_test_echo"), (Risk::High, Repeatability::Once));
    let mut server = stdio("test", "mcp");
    server.trusted = Some(true);
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

async fn respond_at(port: u16) -> MockServer {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let server = MockServer::builder().listener(listener).start().await;
    Mock::given(method("POST")).respond_with(respond).mount(&server).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(405)).mount(&server).await;
    server
}

#[tokio::test]
async fn a_server_over_http_that_is_gone_is_noticed_at_once_and_found_again() {
    let server = respond_at(0).await;
    let (url, port) = (format!("{}/mcp", server.uri()), server.address().port());
    let bench = bench(config("wire", McpTransport::Http { url, headers: BTreeMap::new() })).await;
    assert_eq!(bench.call("mcp_wire_shout", json!({"text": "before"})).await.content, "BEFORE");
    drop(server);
    // It stops in the background, and could hear of a call until then.
    let stopped = || std::net::TcpStream::connect(("127.0.0.1", port)).is_err();
    crate::support::eventually("it stops", stopped).await;
    let started = std::time::Instant::now();
    let gone = bench.call("mcp_wire_shout", json!({"text": "lost?"})).await;
    assert!(gone.is_error, "{}", gone.content);
    assert!(
        gone.content
            .contains("`wire` is gone and did not come back, so it was not asked: it cannot be reached"),
        "{}",
        gone.content
    );
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    let _server = respond_at(port).await;
    // Servers that did not come back are left alone for a moment.
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    assert_eq!(bench.call("mcp_wire_shout", json!({"text": "after"})).await.content, "AFTER");
}

#[tokio::test]
async fn a_call_that_a_server_over_http_may_have_heard_is_for_a_human() {
    // Answers everything but calls of tools: those it hears and then hangs up.
    let server = respond_at(0).await;
    let upstream = *server.address();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut heard = vec![0; 64 * 1024];
                let mut length = 0;
                while let Ok(read @ 1..) = caller.read(&mut heard[length..]).await {
                    length += read;
                    if String::from_utf8_lossy(&heard[..length]).contains("tools/call") {
                        return;
                    }
                    let mut server = tokio::net::TcpStream::connect(upstream).await.unwrap();
                    if heard[..length].ends_with(b"}") || heard.starts_with(b"GET") {
                        server.write_all(&heard[..length]).await.unwrap();
                        tokio::io::copy_bidirectional(&mut caller, &mut server).await.ok();
                        return;
                    }
                }
            });
        }
    });
    let bench = bench(config("wire", McpTransport::Http { url, headers: BTreeMap::new() })).await;
    match bench.session.call(&key(99), &call("mcp_wire_shout", json!({"text": "heard"}))).await {
        Err(Error::UnknownEffect { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_is_killed_before_a_call_is_started_again_without_a_question() {
    let bench = bench(stdio("test", "mcp")).await;
    for _ in 0..5 {
        let id = bench.call("mcp_test_process_id", json!({})).await.content;
        assert!(std::process::Command::new("kill").args(["-9", &id]).status().unwrap().success());
        // Until the last of its threads has ended, its input is open and it could hear of a call.
        let ended = || {
            let threads = std::fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            threads == 0 || threads == 1 && stat.contains(") Z ")
        };
        crate::support::eventually("it ends", ended).await;
        let next = bench.call("mcp_test_process_id", json!({})).await;
        assert!(!next.is_error && next.content != id, "{}", next.content);
    }
}

#[tokio::test]
async fn tools_of_servers_reach_whom_they_are_meant_for() {
    let holder = |role: &str| Holder { role: role.into(), agent_type: role.into(), name: "Dave".into() };
    let engineers = Audience::Named(vec!["engineer".into()]);
    for (agents, scopes, role, expected) in [
        (Audience::All, &["workspace.read_file"][..], "qa", 7),
        (engineers.clone(), &[], "engineer", 7),
        (engineers, &[], "qa", 0),
        (Audience::All, &["mcp.test.echo"], "engineer", 1),
    ] {
        let server = McpServerConfig { agents: agents.clone(), ..stdio("test", "mcp") };
        let bench = Bench::with(Setup {
            mcp_servers: vec![server],
            scopes: Some(scopes.iter().map(|&scope| scope.to_owned()).collect()),
            holder: holder(role),
            ..Setup::default()
        })
        .await;
        let specs = bench.session.specs();
        let found = specs.iter().filter(|spec| spec.name.starts_with("mcp_test_")).count();
        assert_eq!(found, expected, "{agents:?} {scopes:?} {role}");
        let [report] = bench.toolbox.mcp_servers().try_into().expect("one server");
        assert_eq!(
            (report.how, report.tools.len(), report.read_only.as_slice()),
            ("started", 7, &["echo".to_owned()][..])
        );
    }
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

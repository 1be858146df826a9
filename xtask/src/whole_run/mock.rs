//! The mock server: the npm package `@copilotkit/aimock`, which speaks the providers' formats and keeps a log.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::local_server::LocalServer;

use super::{Outcome, succeed};

const PACKAGE: &str = "@copilotkit/aimock@1.43.0";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server, ended when dropped.
pub(crate) struct MockServer(LocalServer);

impl MockServer {
    /// Starts a server that answers as the fixtures say. It is installed below the workspace's root where it is not yet.
    pub(crate) fn start(root: &Path, fixtures: &Path) -> Outcome<Self> {
        let modules = root.join("target/mock-server");
        let program = modules.join("node_modules/.bin/llmock");
        if !program.exists() {
            succeed(
                Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&modules).arg(PACKAGE),
            )?;
        }
        let command = |port: u16| {
            let mut command = Command::new(&program);
            command
                .args(["--port", &port.to_string(), "--strict", "--log-level", "warn", "--fixtures"])
                .arg(fixtures);
            command
        };
        LocalServer::start(command, |port| log(port).is_ok(), PATIENCE).map(Self)
    }

    pub(crate) fn address(&self) -> String {
        self.0.address()
    }

    /// Every request that the server has answered.
    pub(crate) fn log(&self) -> Outcome<Vec<Value>> {
        log(self.0.port())
    }
}

fn log(port: u16) -> Outcome<Vec<Value>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let request = "GET /__aimock/journal HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the mock server answered without a body")?;
    let body = body.find('[').and_then(|start| Some(&body[start..=body.rfind(']')?])).unwrap_or(body);
    serde_json::from_str(body).map_err(|error| format!("the mock server's log: {error}"))
}

//! The mock server: the npm package `@copilotkit/aimock`, which speaks the providers' formats and keeps a log.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Bench, Outcome, succeed};

const PACKAGE: &str = "@copilotkit/aimock@1.43.0";

/// A running server, ended when dropped.
pub(crate) struct MockServer {
    process: Child,
    port: u16,
}

impl MockServer {
    pub(crate) fn start(bench: &Bench) -> Outcome<Self> {
        let modules = bench.root.join("target/mock-server");
        let program = modules.join("node_modules/.bin/llmock");
        if !program.exists() {
            succeed(
                Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&modules).arg(PACKAGE),
            )?;
        }
        // The port is free now and may not be in a moment; the server then fails to start, which is said.
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let process = Command::new(&program)
            .args(["--port", &port.to_string(), "--strict", "--log-level", "warn", "--fixtures"])
            .arg(bench.root.join("xtask/real-input/fixtures.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut server = Self { process, port };
        let started = Instant::now();
        while server.log().is_err() {
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(format!("the mock server ended with {status}"));
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err("the mock server does not answer".to_owned());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request that the server has answered.
    pub(crate) fn log(&self) -> Outcome<Vec<Value>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        let request = "GET /__aimock/journal HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("the mock server answered without a body")?;
        let body = body.find('[').and_then(|start| Some(&body[start..=body.rfind(']')?])).unwrap_or(body);
        serde_json::from_str(body).map_err(|error| format!("the mock server's log: {error}"))
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

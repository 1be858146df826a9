//! A server that says what a test tells it to, byte for byte: what a well-behaved HTTP library would not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does after it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, this often, until the client hangs up.
    Repeat(Vec<u8>, usize),
    /// Nothing, for this long.
    Wait(Duration),
}

/// A server for one test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

/// A request as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Server {
    /// Answers every request like this, and closes the connection.
    pub(crate) async fn start(says: Vec<Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, says.clone(), seen.clone()));
            }
        });
        Self { url, requests, accepting }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(mut stream: TcpStream, says: Vec<Say>, seen: Arc<Mutex<Vec<Request>>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().expect("not poisoned").push(request);
    for say in says {
        let written = match say {
            Say::Bytes(bytes) => stream.write_all(&bytes).await,
            Say::Repeat(bytes, times) => {
                let mut written = Ok(());
                for _ in 0..times {
                    written = stream.write_all(&bytes).await;
                    if written.is_err() {
                        break;
                    }
                }
                written
            }
            Say::Wait(duration) => {
                tokio::time::sleep(duration).await;
                Ok(())
            }
        };
        if written.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(position) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break position + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[head_end..]).unwrap_or(Value::Null);
    Some(Request { head, body })
}

/// The head of a stream whose length is not announced: it ends when the connection does.
pub(crate) fn stream_head(content_type: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n").into_bytes()
}

/// The head of a stream in chunks, which can be told from one that is cut.
pub(crate) fn chunked_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

/// One HTTP chunk.
pub(crate) fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// A whole answer with a status.
pub(crate) fn status(line: &str, headers: &str, body: &str) -> Vec<Say> {
    let length = body.len();
    vec![Say::Bytes(
        format!(
            "HTTP/1.1 {line}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .into_bytes(),
    )]
}

//! Somebody else's server on this machine, on a port of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, String>;

/// How often a server is started at most: a port that is free may not be in a moment, and then the server ends.
const ATTEMPTS: u32 = 3;

/// A running server, ended when dropped.
pub(crate) struct LocalServer {
    process: Child,
    port: u16,
}

impl LocalServer {
    /// Starts what the command for a port says, and waits until it answers there.
    pub(crate) fn start(
        command: impl Fn(u16) -> Command,
        answers: impl Fn(u16) -> bool,
        patience: Duration,
    ) -> Outcome<Self> {
        let mut ended = String::new();
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind(("127.0.0.1", 0))
                .and_then(|listener| listener.local_addr())
                .map_err(|error| error.to_string())?
                .port();
            let mut command = command(port);
            let program = command.get_program().display().to_string();
            let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
            let mut server = Self { process: process.map_err(|error| format!("{program}: {error}"))?, port };
            let begun = Instant::now();
            loop {
                if answers(port) {
                    return Ok(server);
                }
                if let Some(status) = server.process.try_wait().map_err(|error| error.to_string())? {
                    ended = format!("{program} ended with {status} before it answered, {ATTEMPTS} times");
                    break;
                }
                if begun.elapsed() > patience {
                    return Err(format!("{program} does not answer"));
                }
                sleep(Duration::from_millis(50));
            }
        }
        Err(ended)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_before_it_answers_is_started_again() {
        let ports = std::cell::RefCell::new(Vec::new());
        let command = |port| {
            ports.borrow_mut().push(port);
            let mut command = Command::new("sleep");
            command.arg(if ports.borrow().len() == 1 { "0" } else { "60" });
            command
        };
        let answers = |port| ports.borrow().len() == 2 && ports.borrow()[1] == port;
        let server = LocalServer::start(command, answers, Duration::from_mins(1)).expect("it starts");
        assert_eq!(server.port(), ports.borrow()[1]);
    }

    #[test]
    fn a_server_that_always_ends_is_given_up() {
        let command = |_| Command::new("false");
        let error = LocalServer::start(command, |_| false, Duration::from_mins(1)).err();
        assert_eq!(error.as_deref(), Some("false ended with exit status: 1 before it answered, 3 times"));
    }
}

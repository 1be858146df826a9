//! Another process for a test: this binary again, at one of its ignored tests, and what that says. What it
//! said before it was killed is heard, too: the pipe outlives it.

use crate::world::PATIENCE;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Tells a line of the other process from what the test harness prints around it.
const MARK: &str = "SAYS ";

/// Says a line to the test that started this process.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}").and_then(|()| out.flush()).expect("the test listens");
}

/// A runtime as the engine has it in a program.
pub fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(body);
}

pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts this binary at an ignored test, with these environment variables.
    pub fn start(test: &str, settings: &[(&str, String)]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test binary"))
            .args(["--exact", test, "--ignored", "--nocapture"])
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the process starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            for said in lines.filter_map(|line| Some(line.split_once(MARK)?.1.to_owned())) {
                if heard.send(said).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says before this line.
    pub fn until(&self, line: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let next = self.lines.recv_timeout(PATIENCE);
            let next = next.unwrap_or_else(|_| panic!("it says {line:?}, after {said:?}"));
            if next == line {
                return said;
            }
            said.push(next);
        }
    }

    /// What it says next: so many lines, or fewer if it falls silent for so long.
    pub fn next(&self, most: usize, silence: Duration) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.lines.recv_timeout(silence).ok());
        lines.take(most).collect()
    }

    /// What it says until it has ended, and how it has.
    pub fn end(mut self) -> (Vec<String>, ExitStatus) {
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it ends in time, after {said:?}"),
            }
        }
        (said, self.child.wait().expect("it is gone"))
    }

    /// Kills it, and says what it had said.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it is killed");
        self.end().0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where a test has seen it end; where a test has failed it must not live on.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number from the environment: how much of something a test does.
pub fn number(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}

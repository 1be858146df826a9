//! What the confinement costs: a command, a script of many processes, and the start of a server, beside the same without any.
//! The commands go the way of an agent's, over the server's pipe.

#![expect(clippy::print_stdout, reason = "the report is the purpose")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syndarix_tools::workspace_server::{Prepared, WorkspaceOptions};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_syndarix-tools-launcher");

/// How often each command is run; a row is the median.
const ROUNDS: usize = 101;
/// The same for what takes longer.
const LONG_ROUNDS: usize = 11;

/// A script that starts five hundred processes: what a build does to a kernel.
const SCRIPT: &str = "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done";

/// A workspace server and its pipe.
struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
}

impl Server {
    fn start(root: &Path, isolated: bool) -> Result<Self, Box<dyn Error>> {
        let name = json!({"name": "Bench", "email": "bench@syndarix.invalid"});
        let prepared = Prepared { isolated, own_processes: isolated, ..Prepared::default() };
        let options: WorkspaceOptions = serde_json::from_value(json!({
            "root": root.join("tree"),
            "scratch": root.join("scratch"),
            "prepared": prepared,
            "signature": {"author": name, "committer": name},
        }))?;
        let mut process = Command::new(LAUNCHER)
            .args(["workspace", "--options", &serde_json::to_string(&options)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = "a pipe is missing";
        let input = process.stdin.take().ok_or(missing)?;
        let output = BufReader::new(process.stdout.take().ok_or(missing)?);
        let mut server = Self { process, input, output, calls: 0 };
        server.ask(
            "initialize",
            &json!({"protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"}}),
        )?;
        writeln!(server.input, "{}", json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(server)
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Box<dyn Error>> {
        self.calls += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params});
        writeln!(self.input, "{request}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    fn run(&mut self, command: &[&str]) -> Result<(), Box<dyn Error>> {
        let call = json!({"name": "run_command", "arguments": {"command": command}});
        let answer = self.ask("tools/call", &call)?;
        let exit_code = &answer["result"]["structuredContent"]["exit_code"];
        if *exit_code == json!(0) { Ok(()) } else { Err(format!("{command:?}: {answer}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn unconfined(command: &[&str]) -> Result<(), Box<dyn Error>> {
    let status = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// The median of what it takes.
fn median(
    rounds: usize,
    mut once: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut took = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        once()?;
        took.push(started.elapsed());
    }
    took.sort_unstable();
    Ok(took[rounds / 2])
}

fn row(what: &str, took: Duration, floor: Duration) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = took.as_secs_f64() / floor.as_secs_f64();
    println!("{what:<46} {:>9.2} ms  {:>9.2} ms  {ratio:>6.2}", ms(took), ms(took.saturating_sub(floor)));
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    std::fs::create_dir(root.join("tree"))?;
    println!("{:<46} {:>12}  {:>12}  {:>6}", "", "median", "above floor", "ratio");
    let script = ["sh", "-c", SCRIPT];
    let command = median(ROUNDS, || unconfined(&["true"]))?;
    let processes = median(LONG_ROUNDS, || unconfined(&script))?;
    row("a command, unconfined: fork and exec", command, command);
    row("500 processes, unconfined", processes, processes);
    for (isolated, how) in [(true, "with namespaces"), (false, "without namespaces")] {
        let mut server = Server::start(&root, isolated)?;
        row(&format!("a command, {how}"), median(ROUNDS, || server.run(&["true"]))?, command);
        row(&format!("500 processes, {how}"), median(LONG_ROUNDS, || server.run(&script))?, processes);
        drop(server);
        let start = median(LONG_ROUNDS, || Server::start(&root, isolated).map(drop))?;
        row(&format!("a server starts and answers, {how}"), start, command);
    }
    Ok(())
}

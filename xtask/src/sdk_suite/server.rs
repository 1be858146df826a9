//! The engine with its port open, on a file of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::{Bench, Outcome};
use crate::real_input::succeed;

/// The attributes that the suite expects a server to have.
const SEARCH_ATTRIBUTES: [&str; 2] = ["CustomTextField=Text", "CustomIntField=Int"];

/// Ended when dropped, if it was started here.
pub(super) struct Server {
    address: String,
    process: Option<Child>,
}

impl Server {
    pub(super) fn running(address: &str) -> Self {
        Self { address: address.to_owned(), process: None }
    }

    pub(super) fn start(bench: &Bench) -> Outcome<Self> {
        let serve = ["--package", "syndarix-engine", "--features", "port", "--example", "serve"];
        succeed(Command::new("cargo").current_dir(&bench.root).args(["build", "--release"]).args(serve))?;
        let data = bench.folder.join("engine.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(bench.folder.join(format!("engine.db{suffix}")));
        }
        let mut command = Command::new(bench.root.join("target/release/examples/serve"));
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
        for attribute in SEARCH_ATTRIBUTES {
            command.args(["--search-attribute", attribute]);
        }
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = started.map_err(|error| format!("the engine could not be started: {error}"))?;
        let lines = process.stdout.take().map(BufReader::new).ok_or("the engine has no output")?;
        let address = lines
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .ok_or("the engine ended before it listened")?;
        Ok(Self { address: format!("http://{address}"), process: Some(process) })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

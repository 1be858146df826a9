//! The engine with its port open, on a file of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::workspace;

type Outcome<T> = Result<T, String>;

/// How the engine is built: as the tests build it, which is there already, or as it is used.
#[derive(Clone, Copy)]
pub(crate) enum Build {
    Debug,
    Release,
}

/// Ended when dropped, if it was started here.
pub(crate) struct Server {
    address: String,
    process: Option<Child>,
}

impl Server {
    /// One that somebody else started, at `HOST:PORT`, perhaps with `http://` before it.
    pub(crate) fn running(address: &str) -> Self {
        Self { address: address.trim_start_matches("http://").to_owned(), process: None }
    }

    /// Builds the engine's example `serve` and starts it on a new file in this folder, with these search attributes, each
    /// as `NAME=TYPE`.
    pub(crate) fn start(
        root: &Path,
        build: Build,
        folder: &Path,
        search_attributes: &[&str],
    ) -> Outcome<Self> {
        let profile = match build {
            Build::Debug => "dev",
            Build::Release => "release",
        };
        let serve = workspace::example(root, profile, "serve")?;
        let data = folder.join("engine.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("engine.db{suffix}")));
        }
        let mut command = Command::new(serve);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
        for attribute in search_attributes {
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
        Ok(Self { address, process: Some(process) })
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `http://HOST:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether the engine has ended, though nobody asked it to.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !matches!(process.try_wait(), Ok(None)))
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

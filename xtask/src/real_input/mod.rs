//! `cargo xtask real-input`: the main job on work that nobody here wrote. A published crate is put under git, a brief
//! asks for a real change to it, and the models are reached over HTTP, in OpenAI's and in Anthropic's format, at a mock
//! server that others wrote. What Syndarix prints is then compared with git, with exit codes and with that
//! server's own log.

mod mock;
mod sources;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use mock::MockServer;

type Outcome<T> = Result<T, String>;

/// How long the whole job may take before it is called stuck. It takes well under a minute.
const PATIENCE: Duration = Duration::from_mins(10);

/// A folder of its own, made anew for each run. It lies outside this workspace, as a user's project would.
pub(crate) struct Bench {
    root: PathBuf,
    syndarix: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn syndarix(&self) -> Command {
        let mut command = Command::new(&self.syndarix);
        command
            .current_dir(&self.folder)
            .env("OPENAI_API_KEY", "not-a-secret")
            .env("ANTHROPIC_API_KEY", "not-a-secret")
            .args(["--data-dir", "data", "--config", "syndarix.toml"]);
        command
    }

    /// What a command of the product says as JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Outcome<Value> {
        parse(arguments, &self.say_json(arguments)?)
    }

    /// What a command of the product says as lines of JSON.
    pub(crate) fn ask_lines(&self, arguments: &[&str]) -> Outcome<Vec<Value>> {
        self.say_json(arguments)?.lines().map(|line| parse(arguments, line)).collect()
    }

    fn say_json(&self, arguments: &[&str]) -> Outcome<String> {
        let output =
            self.syndarix().arg("--json").args(arguments).output().map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn parse(arguments: &[&str], text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| format!("`syndarix {}`: {error}: {text}", arguments.join(" ")))
}

/// Runs the job and says what agreed with what.
pub(crate) fn run(root: &Path) -> Outcome<String> {
    let bench = Bench {
        root: root.to_owned(),
        syndarix: root.join("target/debug/syndarix"),
        folder: std::env::temp_dir().join("syndarix-real-input"),
    };
    succeed(Command::new("cargo").current_dir(root).args(["build", "--package", "syndarix"]))?;
    let _ = fs::remove_dir_all(&bench.folder);
    fs::create_dir_all(&bench.folder).map_err(|error| error.to_string())?;

    let before = sources::prepare(&bench)?;
    let server = MockServer::start(&bench)?;
    let material = bench.root.join("xtask/real-input");
    fs::copy(material.join("brief.md"), bench.path("brief.md")).map_err(|error| error.to_string())?;
    let configuration =
        fs::read_to_string(material.join("syndarix.toml")).map_err(|error| error.to_string())?;
    fs::write(bench.path("syndarix.toml"), configuration.replace("{address}", &server.address()))
        .map_err(|error| error.to_string())?;

    let log = fs::File::create(bench.path("run.log")).map_err(|error| error.to_string())?;
    let job = bench
        .syndarix()
        .args(["run", "brief.md", "--repo", "repository", "--autonomy", "milestone", "--budget", "5"])
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .map_err(|error| format!("syndarix could not be started: {error}"))?;
    let approvals = approve_until_it_ends(&bench, job)?;
    verdict::judge(&bench, &server, &before, approvals)
}

/// Gives every approval that is asked for, on the command line, until the job ends.
fn approve_until_it_ends(bench: &Bench, mut job: Child) -> Outcome<usize> {
    let started = Instant::now();
    let mut given = 0;
    loop {
        if let Some(status) = job.try_wait().map_err(|error| error.to_string())? {
            let log = fs::read_to_string(bench.path("run.log")).unwrap_or_default();
            return if status.success() {
                Ok(given)
            } else {
                Err(format!("the job ended with {status}:\n{log}"))
            };
        }
        if started.elapsed() > PATIENCE {
            let _ = job.kill();
            let log = fs::read_to_string(bench.path("run.log")).unwrap_or_default();
            return Err(format!("the job is stuck:\n{log}"));
        }
        // Before the data directory exists there is nothing to list yet.
        for approval in
            bench.ask(&["approvals"]).ok().and_then(|list| list.as_array().cloned()).unwrap_or_default()
        {
            let id = approval["id"].as_str().ok_or("an approval without an id")?;
            succeed(bench.syndarix().args(["approve", id]))?;
            given += 1;
        }
        sleep(Duration::from_millis(300));
    }
}

/// Runs a command that must succeed, and returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!(
            "{command:?} ended with {}:\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

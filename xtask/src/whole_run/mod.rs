//! A whole `syndarix run` whose models are a mock server's, reached over HTTP in OpenAI's and in Anthropic's format. What
//! Syndarix says of it is compared with git, with exit codes and with that server's own log.

mod costs;
mod mock;
pub(crate) mod repository;
pub(crate) mod verdict;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use costs::costs;
pub(crate) use mock::MockServer;

type Outcome<T> = Result<T, String>;

/// The configuration: both providers at the mock server's address, their models and their prices.
const CONFIGURATION: &str = include_str!("../../whole-run/syndarix.toml");

/// How long a whole run may take before it is called stuck. Those that build take a few minutes on two idle cores, and
/// were seen to take a quarter of an hour on two that twenty others wanted.
const PATIENCE: Duration = Duration::from_mins(40);

/// A folder of its own for one run. It lies outside this workspace, as a user's project would, and the user's repository
/// is `repository` in it.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) syndarix: PathBuf,
    pub(crate) folder: PathBuf,
}

/// What is known of a run that has ended well.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it printed.
    pub(crate) printed: String,
    /// The titles of the approvals that were given on the command line, in their order.
    pub(crate) approvals: Vec<String>,
}

impl Bench {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn syndarix(&self) -> Command {
        let mut command = Command::new(&self.syndarix);
        command
            .current_dir(&self.folder)
            // Where this workspace builds is no place for what others build.
            .env_remove("CARGO_TARGET_DIR")
            .env("OPENAI_API_KEY", "not-a-secret")
            .env("ANTHROPIC_API_KEY", "not-a-secret")
            .env("XDG_STATE_HOME", self.folder.join("state"))
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

    /// Hands the brief to the team and gives every approval that is asked for, until the run ends with exit code 0. The
    /// last arguments are added to those of `syndarix run`.
    pub(crate) fn work(&self, server: &MockServer, brief: &str, arguments: &[&str]) -> Outcome<Ended> {
        let write = |name: &str, text: &str| {
            fs::write(self.path(name), text).map_err(|error| format!("{name}: {error}"))
        };
        write("brief.md", brief)?;
        write("syndarix.toml", &CONFIGURATION.replace("{address}", &server.address()))?;
        let log = fs::File::create(self.path("run.log")).map_err(|error| error.to_string())?;
        let job = self
            .syndarix()
            .args(["run", "brief.md", "--repo", "repository", "--autonomy", "milestone", "--budget", "5"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .map_err(|error| format!("syndarix could not be started: {error}"))?;
        let approvals = self.approve_until_it_ends(job)?;
        Ok(Ended { printed: self.printed(), approvals })
    }

    fn printed(&self) -> String {
        fs::read_to_string(self.path("run.log")).unwrap_or_default()
    }

    fn approve_until_it_ends(&self, mut job: Child) -> Outcome<Vec<String>> {
        let started = Instant::now();
        let mut given = Vec::new();
        loop {
            if let Some(status) = job.try_wait().map_err(|error| error.to_string())? {
                return if status.success() {
                    Ok(given)
                } else {
                    Err(format!("the run ended with {status}:\n{}", self.printed()))
                };
            }
            if started.elapsed() > PATIENCE {
                let _ = job.kill();
                let _ = job.wait();
                return Err(format!("the run is stuck:\n{}", self.printed()));
            }
            // Before the data directory exists there is nothing to list yet.
            let waiting = self.ask(&["approvals"]).ok().and_then(|list| list.as_array().cloned());
            for approval in waiting.unwrap_or_default() {
                let id = approval["id"].as_str().ok_or("an approval without an id")?;
                succeed(self.syndarix().args(["approve", id]))?;
                given.push(approval["title"].as_str().unwrap_or_default().to_owned());
            }
            sleep(Duration::from_millis(300));
        }
    }
}

fn parse(arguments: &[&str], text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| format!("`syndarix {}`: {error}: {text}", arguments.join(" ")))
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

/// Fails with these words where something does not hold.
pub(crate) fn require(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

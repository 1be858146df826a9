//! The examples that Temporal ships in its Rust SDK. A starter runs while its worker does, and has to end well and print
//! what its README says; a worker has to be there still when its starters have ended.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Outcome, build};
use crate::engine_server::Server;

/// How long a starter may take. The slowest, which sends heartbeats, needs ten seconds.
const PATIENCE: Duration = Duration::from_mins(1);

const WORKER: &str = "worker";

pub(super) struct Example {
    pub(super) name: String,
    program: PathBuf,
    readme: PathBuf,
}

pub(super) struct Verdict {
    pub(super) name: String,
    pub(super) result: Result<Duration, String>,
}

/// Builds every example of the sources in this folder.
pub(super) fn build_all(source: &Path, target: &Path) -> Outcome<Vec<Example>> {
    let messages = build(source, target, &["build", "--features", "examples", "--examples"])?;
    Ok(messages.iter().filter_map(Example::read).collect())
}

/// Runs those that are wanted: each worker with its starters, one worker at a time.
pub(super) fn run(
    examples: &[Example],
    wanted: &BTreeSet<String>,
    server: &Server,
    folder: &Path,
) -> Outcome<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    for example in examples.iter().filter(|example| example.stem().is_none()) {
        if wanted.contains(&example.name) && worker_of(&example.name, examples).is_none() {
            verdicts.push(example.verdict(example.end(server, folder)));
        }
    }
    for worker in examples.iter().filter(|example| example.stem().is_some()) {
        let starters = examples.iter().filter(|example| {
            wanted.contains(&example.name)
                && worker_of(&example.name, examples).is_some_and(|found| found.name == worker.name)
        });
        let mut starters = starters.peekable();
        if starters.peek().is_none() && !wanted.contains(&worker.name) {
            continue;
        }
        let started = Instant::now();
        let mut process = worker.start(server, folder)?;
        verdicts.extend(starters.map(|starter| starter.verdict(starter.end(server, folder))));
        let ended = process.try_wait().map_err(|error| error.to_string())?;
        let _ = process.kill();
        let _ = process.wait();
        verdicts.push(worker.verdict(match ended {
            None => Ok(started.elapsed()),
            Some(status) => Err(format!("ended before its starters, with {status}")),
        }));
    }
    Ok(verdicts)
}

fn worker_of<'a>(name: &str, examples: &'a [Example]) -> Option<&'a Example> {
    let is_worker_of = |example: &&Example| example.stem().is_some_and(|stem| name.starts_with(stem));
    examples.iter().find(is_worker_of).filter(|worker| worker.name != name)
}

impl Example {
    /// Reads what cargo says of a program that it built.
    fn read(message: &Value) -> Option<Self> {
        let target = &message["target"];
        target["kind"].as_array()?.iter().find(|kind| *kind == "example")?;
        Some(Self {
            name: target["name"].as_str()?.to_owned(),
            program: message["executable"].as_str()?.into(),
            readme: Path::new(target["src_path"].as_str()?).with_file_name("README.md"),
        })
    }

    /// What a worker's name shares with its starters'.
    fn stem(&self) -> Option<&str> {
        self.name.strip_suffix(WORKER)
    }

    fn verdict(&self, result: Result<Duration, String>) -> Verdict {
        Verdict { name: self.name.clone(), result }
    }

    fn log(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.log", self.name))
    }

    fn start(&self, server: &Server, folder: &Path) -> Outcome<Child> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.name);
        let log = File::create(self.log(folder)).map_err(failed)?;
        Command::new(&self.program)
            .env("TEMPORAL_ADDRESS", server.url())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)
    }

    /// Runs to the end. Returns how long it took, or what was not as it should be.
    fn end(&self, server: &Server, folder: &Path) -> Outcome<Duration> {
        let started = Instant::now();
        let mut process = self.start(server, folder)?;
        let status = loop {
            if let Some(status) = process.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            if started.elapsed() > PATIENCE {
                let _ = process.kill();
                let _ = process.wait();
                return Err(format!("did not end in {} s", PATIENCE.as_secs()));
            }
            sleep(Duration::from_millis(20));
        };
        if !status.success() {
            return Err(format!("ended with {status}"));
        }
        let printed = fs::read_to_string(self.log(folder)).map_err(|error| error.to_string())?;
        // Not every example has one.
        let readme = fs::read_to_string(&self.readme).unwrap_or_default();
        match promised(&readme).find(|line| !printed.lines().any(|printed| printed == *line)) {
            Some(line) => Err(format!("did not print `{line}`")),
            None => Ok(started.elapsed()),
        }
    }
}

/// The lines that a README says the starter prints.
fn promised(readme: &str) -> impl Iterator<Item = &str> {
    let (_, after) = readme.split_once("The starter should print:\n").unwrap_or_default();
    after.lines().skip_while(|line| line.is_empty()).map_while(|line| line.strip_prefix("    "))
}

#[cfg(test)]
mod tests {
    use super::{Example, promised, worker_of};

    #[test]
    fn what_a_readme_promises() {
        let cases: [(&str, &[&str]); 3] = [
            ("# One\n", &[]),
            (
                "The starter should print:\n\n    Result: 1\n    Result: 2\n\nAnd:\n\n    no\n",
                &["Result: 1", "Result: 2"],
            ),
            ("The starter should print both results.\n\n    no\n", &[]),
        ];
        for (readme, expected) in cases {
            assert_eq!(promised(readme).collect::<Vec<_>>(), expected, "{readme}");
        }
    }

    #[test]
    fn a_starter_has_the_worker_of_its_name() {
        let examples = ["alone", "polling-starter", "polling-worker", "saga-worker"].map(|name| Example {
            name: name.to_owned(),
            program: "program".into(),
            readme: "README.md".into(),
        });
        let cases = [
            ("alone", None),
            ("polling-starter", Some("polling-worker")),
            ("polling-worker", None),
            ("saga-other", Some("saga-worker")),
        ];
        for (name, expected) in cases {
            let worker = worker_of(name, &examples).map(|worker| worker.name.as_str());
            assert_eq!(worker, expected, "{name}");
        }
    }
}

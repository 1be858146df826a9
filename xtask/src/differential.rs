//! `cargo xtask differential`: programs that follow from seeds, performed on the engine and on a real Temporal server,
//! and compared. The server is the one inside Temporal's own command line, in memory; it is installed with Go, once.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::local_server::LocalServer;
use crate::whole_run::succeed;

type Outcome<T> = Result<T, String>;

/// The last release whose development server Go can install; it is server 1.29.1.
const SERVER: &str = "github.com/temporalio/cli/cmd/temporal@v1.5.1";

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    programs: u64,
    /// The first program's seed; the others' follow it.
    seed: u64,
    /// A running server, as `http://HOST:PORT`.
    server: Option<String>,
}

impl Asked {
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut asked = Self { programs: 300, seed: 1, server: None };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--programs" => asked.programs = arguments.next()?.parse().ok().filter(|count| *count > 0)?,
                "--seed" => asked.seed = arguments.next()?.parse().ok()?,
                "--server" => asked.server = Some((*arguments.next()?).to_owned()),
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// Runs the comparison. What differs is printed by the test itself.
pub(crate) fn run(root: &Path, asked: &Asked) -> Outcome<String> {
    let started;
    let address = if let Some(address) = &asked.server {
        address.clone()
    } else {
        started = start(&install(&root.join("target/differential"))?)?;
        started.address()
    };
    let status = Command::new("cargo")
        .current_dir(root)
        .args(["test", "--workspace", "--test", "differential", "--"])
        .args(["--ignored", "--exact", "--nocapture", "the_engine_does_what_the_server_does"])
        .env("SYNDARIX_DIFFERENTIAL_SERVER", address)
        .env("SYNDARIX_DIFFERENTIAL_PROGRAMS", asked.programs.to_string())
        .env("SYNDARIX_DIFFERENTIAL_SEED", asked.seed.to_string())
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(format!("the engine and the server agree on {} programs", asked.programs))
    } else {
        Err("the engine and the server differ\nhint: --programs 1 --seed SEED performs one of them"
            .to_owned())
    }
}

/// Installs the server in a folder, unless it is there.
fn install(folder: &Path) -> Outcome<PathBuf> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = folder.join("temporal");
    if !program.exists() {
        succeed(Command::new("go").args(["install", SERVER]).env("GOBIN", folder)).map_err(|error| {
            format!(
                "{error}\nhint: the server is installed with Go; --server names one that is running already"
            )
        })?;
    }
    Ok(program)
}

fn start(program: &Path) -> Outcome<LocalServer> {
    let command = |port: u16| {
        let mut command = Command::new(program);
        command
            .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "never"])
            .args(["--port", &port.to_string()]);
        command
    };
    LocalServer::start(command, |port| TcpStream::connect(("127.0.0.1", port)).is_ok(), PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn the_command_line() {
        let asked = Asked::parse(&["--programs", "5", "--seed", "9", "--server", "http://127.0.0.1:7233"]);
        let server = Some("http://127.0.0.1:7233".to_owned());
        assert_eq!(asked, Some(Asked { programs: 5, seed: 9, server }));
        assert_eq!(Asked::parse(&["--programs", "0"]), None);
        assert_eq!(Asked::parse(&["--slow"]), None);
    }
}

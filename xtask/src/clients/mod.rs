//! `cargo xtask clients`: clients of the engine that others wrote, as their users know them. Temporal's SDK for Python,
//! its command line, and its Web UI in a browser, driven by the tests in `crates/engine/tests/clients` against the
//! engine's port (or, to compare, against any server).

mod score;
mod tools;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use score::Score;
use tools::Tools;

use crate::engine_server::{Build, Server};

type Outcome<T> = Result<T, String>;

const TESTS: &str = "crates/engine/tests/clients";

/// What is asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// A running server instead of the engine, as `HOST:PORT`.
    server: Option<String>,
    /// Only the tests whose name contains this.
    only: Option<String>,
    no_browser: bool,
}

impl Asked {
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut asked = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--server" => asked.server = Some((*arguments.next()?).to_owned()),
                "--only" => asked.only = Some((*arguments.next()?).to_owned()),
                "--no-browser" => asked.no_browser = true,
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// Installs the clients, starts the engine, runs the tests, and says how many passed.
pub(crate) fn run(root: &Path, asked: &Asked) -> Outcome<String> {
    let folder = root.join("target/clients");
    let screenshots = folder.join("screenshots");
    fs::create_dir_all(&screenshots).map_err(|error| format!("{}: {error}", screenshots.display()))?;
    let tools = Tools::install(&folder, &root.join(TESTS).join("requirements.txt"), !asked.no_browser)?;
    let mut server = match &asked.server {
        Some(address) => Server::running(address),
        None => Server::start(root, Build::Debug, &folder, &[])?,
    };

    let mut command = Command::new(&tools.pytest);
    command
        .current_dir(root.join(TESTS))
        .env("PYTHONPYCACHEPREFIX", folder.join("bytecode"))
        .env("TEMPORAL_ADDRESS", server.address())
        .env("TEMPORAL_CLI", &tools.command_line)
        .env("SCREENSHOTS", &screenshots)
        .args(["sdk", "command_line"]);
    if let Some(browser) = &tools.browser {
        command.env("CHROMIUM", &browser.chromium).env("TEMPORAL_UI_SERVER", &browser.web_ui).arg("web_ui");
    }
    if let Some(only) = &asked.only {
        command.args(["-k", only]);
    }
    let score = watch(&mut command)?;
    if server.has_ended() {
        return Err("the engine ended while it was in use".to_owned());
    }
    if !score.is_good() {
        return Err(format!("clients: {score}"));
    }
    match tools.browser {
        Some(_) => Ok(format!("clients: {score}; pictures of the Web UI are in {}", screenshots.display())),
        None => Ok(format!("clients: {score}")),
    }
}

/// Runs the tests, passing on what they print, and reads their number off it.
#[expect(clippy::print_stdout, reason = "it is a command-line program")]
fn watch(command: &mut Command) -> Outcome<Score> {
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut process = started.map_err(|error| format!("{command:?}: {error}"))?;
    let output = process.stdout.take().ok_or("the tests have no output")?;
    let mut score = Score::default();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        println!("{line}");
        score = Score::read(&line).unwrap_or(score);
    }
    process.wait().map_err(|error| error.to_string())?;
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn the_command_line() {
        let asked = Asked::parse(&["--server", "127.0.0.1:7233", "--no-browser", "--only", "reset"]);
        let expected = Asked {
            server: Some("127.0.0.1:7233".to_owned()),
            only: Some("reset".to_owned()),
            no_browser: true,
        };
        assert_eq!(asked, Some(expected));
        assert_eq!(Asked::parse(&["--only"]), None);
        assert_eq!(Asked::parse(&["--browser"]), None);
    }
}

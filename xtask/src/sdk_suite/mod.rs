//! `cargo xtask sdk-suite`: the integration tests that Temporal ships inside its own Rust SDK, run against the engine's
//! port (or, to compare, against any server). It needs `protoc`, for those tests' own build.

mod scope;
mod score;
mod source;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use score::Score;

use crate::engine_server::{Build, Server};
use crate::real_input::succeed;

type Outcome<T> = Result<T, String>;

/// How long one run may take. A real server needs a minute and a half; a test that hangs is then named.
const PATIENCE: Duration = Duration::from_mins(15);

/// The attributes that the suite expects a server to have.
const SEARCH_ATTRIBUTES: [&str; 2] = ["CustomTextField=Text", "CustomIntField=Int"];

/// As many at once as the suite's own numbers were measured with.
const THREADS: &str = "8";

/// What is asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    runs: u32,
    /// A running server instead of the engine, as `http://HOST:PORT`.
    server: Option<String>,
    /// Only the tests whose name contains this.
    only: Option<String>,
    heavy: bool,
}

impl Asked {
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut asked = Self { runs: 1, ..Self::default() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--runs" => asked.runs = arguments.next()?.parse().ok().filter(|runs| *runs > 0)?,
                "--server" => asked.server = Some((*arguments.next()?).to_owned()),
                "--only" => asked.only = Some((*arguments.next()?).to_owned()),
                "--heavy" => asked.heavy = true,
                _ => return None,
            }
        }
        Some(asked)
    }
}

struct Bench {
    folder: PathBuf,
}

/// Builds the suite and the engine, runs what is in scope as often as asked, and says what did not pass.
#[expect(clippy::print_stdout, reason = "it is a command-line program")]
pub(crate) fn run(root: &Path, asked: &Asked) -> Outcome<String> {
    let bench = Bench { folder: root.join("target/sdk-suite") };
    fs::create_dir_all(&bench.folder).map_err(|error| error.to_string())?;
    succeed(Command::new("protoc").arg("--version"))
        .map_err(|error| format!("{error}\nthe suite's build needs protoc (Debian: protobuf-compiler)"))?;
    source::prepare(root, &bench.folder.join("source"))?;

    let suite = if asked.heavy { "heavy_tests" } else { "integ_tests" };
    let binary = bench.build(suite)?;
    let every = list(&binary)?;
    let inside = if asked.heavy { every } else { scope::in_scope(root, &every)? };
    let only = asked.only.as_deref().unwrap_or("");
    let wanted: BTreeSet<String> = inside.into_iter().filter(|name| name.contains(only)).collect();
    if wanted.is_empty() {
        // The test binary would take no names for all names.
        return Err(format!("no test in scope has `{only}` in its name"));
    }

    let mut wrong = Vec::new();
    for number in 1..=asked.runs {
        let server = match &asked.server {
            Some(address) => Server::running(address),
            None => Server::start(root, Build::Release, &bench.folder, &SEARCH_ATTRIBUTES)?,
        };
        let started = Instant::now();
        let score = bench.score(&binary, &wanted, &server, number)?;
        let missed = score.missed(&wanted);
        let seconds = started.elapsed().as_secs();
        println!("run {number}: {} of {} passed in {seconds} s", score.passed(), wanted.len());
        for line in &missed {
            println!("  {line}");
        }
        wrong.extend(missed);
    }
    if wrong.is_empty() {
        return Ok(format!(
            "temporalio-sdk-core {}: {} tests of {suite} passed",
            source::VERSION,
            wanted.len()
        ));
    }
    Err(format!("what the tests printed is in {}", bench.folder.display()))
}

impl Bench {
    /// Builds one of the suite's test binaries and returns where it is.
    fn build(&self, suite: &str) -> Outcome<PathBuf> {
        let features = "temporalio-common/serde_serialize,test-utilities,ephemeral-server,otel";
        let output = succeed(
            Command::new("cargo")
                .current_dir(self.folder.join("source"))
                .args([
                    "test",
                    "--no-run",
                    "--message-format",
                    "json",
                    "--features",
                    features,
                    "--test",
                    suite,
                ])
                .env("CARGO_TARGET_DIR", self.folder.join("target"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0")
                .stderr(Stdio::inherit()),
        )?;
        let messages = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        messages
            .filter(|message| message["target"]["name"] == suite)
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .ok_or_else(|| format!("cargo built no `{suite}`"))
    }

    fn score(
        &self,
        binary: &Path,
        wanted: &BTreeSet<String>,
        server: &Server,
        number: u32,
    ) -> Outcome<Score> {
        let printed = self.folder.join(format!("run-{number}.log"));
        let failed = |error: std::io::Error| format!("{}: {error}", printed.display());
        let log = File::create(&printed).map_err(failed)?;
        let mut process = Command::new(binary)
            .current_dir(self.folder.join("source"))
            .args(wanted)
            .args(["--exact", "--test-threads", THREADS])
            .env("TEMPORAL_SERVICE_ADDRESS", server.url())
            .env("INTEG_TEMPORAL_DEV_SERVER_ON", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let started = Instant::now();
        while process.try_wait().map_err(failed)?.is_none() {
            if started.elapsed() > PATIENCE {
                process.kill().map_err(failed)?;
                process.wait().map_err(failed)?;
            }
            sleep(Duration::from_millis(100));
        }
        // The tests print what is no text, too.
        let output = fs::read(&printed).map_err(failed)?;
        Ok(Score::read(&String::from_utf8_lossy(&output)))
    }
}

/// The names of every test in a test binary.
fn list(binary: &Path) -> Outcome<BTreeSet<String>> {
    let output = succeed(Command::new(binary).args(["--list", "--format", "terse"]))?;
    Ok(output.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn the_command_line() {
        let asked = Asked::parse(&["--runs", "3", "--only", "update", "--server", "http://127.0.0.1:7233"]);
        let expected = Asked {
            runs: 3,
            server: Some("http://127.0.0.1:7233".to_owned()),
            only: Some("update".to_owned()),
            heavy: false,
        };
        assert_eq!(asked, Some(expected));
        assert_eq!(Asked::parse(&["--runs", "0"]), None);
        assert_eq!(Asked::parse(&["--heavy", "--slow"]), None);
    }
}

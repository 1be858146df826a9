//! `cargo xtask sdk-suite`: the integration tests and the examples that Temporal ships inside its own Rust SDK, run
//! against the engine's port (or, to compare, against any server). It needs `protoc`, for their own build.

mod examples;
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
use serde_json::Value;

use crate::engine_server::{Build, Server};
use crate::whole_run::succeed;

type Outcome<T> = Result<T, String>;

/// The attributes that the suite and the examples expect a server to have.
const SEARCH_ATTRIBUTES: [&str; 3] =
    ["CustomTextField=Text", "CustomIntField=Int", "CustomKeywordField=Keyword"];

/// One of the SDK's test binaries, and how it is run.
struct Suite {
    name: &'static str,
    profile: &'static str,
    /// Tests at once.
    threads: &'static str,
    /// How long one run may take; a test that hangs is then named.
    patience: Duration,
}

/// As many at once as the suite's own numbers were measured with. A real server needs a minute and a half.
const TESTS: Suite =
    Suite { name: "integ_tests", profile: "dev", threads: "8", patience: Duration::from_mins(15) };

/// As Temporal runs them: in release, one after another, for at most twenty minutes.
const HEAVY_TESTS: Suite =
    Suite { name: "heavy_tests", profile: "release", threads: "1", patience: Duration::from_mins(20) };

/// What of the SDK is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Tests,
    HeavyTests,
    Examples,
}

/// What is asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    runs: u32,
    /// A running server instead of the engine, as `http://HOST:PORT`.
    server: Option<String>,
    /// Only those whose name contains this.
    only: Option<String>,
    part: Part,
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
                "--heavy" => asked.part = Part::HeavyTests,
                "--examples" => asked.part = Part::Examples,
                _ => return None,
            }
        }
        Some(asked)
    }
}

struct Bench {
    folder: PathBuf,
}

/// Builds what is asked for and the engine, runs what is in scope as often as asked, and says what did not pass.
pub(crate) fn run(root: &Path, asked: &Asked) -> Outcome<String> {
    let bench = Bench { folder: root.join("target/sdk-suite") };
    fs::create_dir_all(&bench.folder).map_err(|error| error.to_string())?;
    succeed(Command::new("protoc").arg("--version"))
        .map_err(|error| format!("{error}\nthe suite's build needs protoc (Debian: protobuf-compiler)"))?;
    match asked.part {
        Part::Tests => bench.run_tests(root, asked, &TESTS),
        Part::HeavyTests => bench.run_tests(root, asked, &HEAVY_TESTS),
        Part::Examples => bench.run_examples(root, asked),
    }
}

impl Asked {
    /// Those of what is in scope that were asked for.
    fn select(&self, inside: BTreeSet<String>) -> Outcome<BTreeSet<String>> {
        let only = self.only.as_deref().unwrap_or("");
        let wanted: BTreeSet<String> = inside.into_iter().filter(|name| name.contains(only)).collect();
        if wanted.is_empty() {
            // The test binary would take no names for all names.
            return Err(format!("nothing in scope has `{only}` in its name"));
        }
        Ok(wanted)
    }

    fn server(&self, root: &Path, folder: &Path) -> Outcome<Server> {
        match &self.server {
            Some(address) => Ok(Server::running(address)),
            None => Server::start(root, Build::Release, folder, &SEARCH_ATTRIBUTES),
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is a command-line program")]
impl Bench {
    fn run_tests(&self, root: &Path, asked: &Asked, suite: &Suite) -> Outcome<String> {
        let source = self.folder.join("source");
        source::prepare_suite(root, &source)?;
        let binary = build_suite(suite, &source, &self.target())?;
        let every = list(&binary)?;
        let inside = match asked.part {
            Part::HeavyTests => every,
            _ => scope::in_scope(root, scope::TESTS_LEFT_OUT, &every)?,
        };
        let wanted = asked.select(inside)?;

        let mut wrong = Vec::new();
        for number in 1..=asked.runs {
            let server = asked.server(root, &self.folder)?;
            let started = Instant::now();
            let score = self.score(suite, &binary, &wanted, &server, number)?;
            let missed = score.missed(&wanted);
            let seconds = started.elapsed().as_secs();
            println!("run {number}: {} of {} passed in {seconds} s", score.passed(), wanted.len());
            for line in &missed {
                println!("  {line}");
            }
            wrong.extend(missed);
        }
        if wrong.is_empty() {
            let source::Package { name, version } = source::CORE;
            return Ok(format!("{name} {version}: {} tests of {} passed", wanted.len(), suite.name));
        }
        Err(format!("what the tests printed is in {}", self.folder.display()))
    }

    fn run_examples(&self, root: &Path, asked: &Asked) -> Outcome<String> {
        let source = self.folder.join("examples-source");
        source::prepare_examples(root, &source)?;
        let examples = examples::build_all(&source, &self.target())?;
        let every = examples.iter().map(|example| example.name.clone()).collect();
        let wanted = asked.select(scope::in_scope(root, scope::EXAMPLES_LEFT_OUT, &every)?)?;

        let folder = self.folder.join("examples");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut failed = 0;
        for number in 1..=asked.runs {
            let server = asked.server(root, &folder)?;
            let verdicts = examples::run(&examples, &wanted, &server, &folder)?;
            println!("run {number}:");
            for verdict in &verdicts {
                match &verdict.result {
                    Ok(duration) => println!("  {}: passed in {:.1} s", verdict.name, duration.as_secs_f64()),
                    Err(error) => println!("  {}: FAILED: it {error}", verdict.name),
                }
            }
            failed += verdicts.iter().filter(|verdict| verdict.result.is_err()).count();
        }
        if failed == 0 {
            let source::Package { name, version } = source::SDK;
            return Ok(format!("{name} {version}: {} examples passed", wanted.len()));
        }
        Err(format!("what the examples printed is in {}", folder.display()))
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn score(
        &self,
        suite: &Suite,
        binary: &Path,
        wanted: &BTreeSet<String>,
        server: &Server,
        number: u32,
    ) -> Outcome<Score> {
        let printed = self.folder.join(format!("{}-{number}.log", suite.name));
        let failed = |error: std::io::Error| format!("{}: {error}", printed.display());
        let log = File::create(&printed).map_err(failed)?;
        let mut process = Command::new(binary)
            .current_dir(self.folder.join("source"))
            .args(wanted)
            .args(["--exact", "--test-threads", suite.threads])
            .env("TEMPORAL_SERVICE_ADDRESS", server.url())
            .env("INTEG_TEMPORAL_DEV_SERVER_ON", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let started = Instant::now();
        while process.try_wait().map_err(failed)?.is_none() {
            if started.elapsed() > suite.patience {
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

/// Builds one of the suite's test binaries and returns where it is.
fn build_suite(suite: &Suite, source: &Path, target: &Path) -> Outcome<PathBuf> {
    let features = "temporalio-common/serde_serialize,test-utilities,ephemeral-server,otel";
    let Suite { name, profile, .. } = suite;
    let arguments = ["test", "--no-run", "--profile", profile, "--features", features, "--test", name];
    let messages = build(source, target, &arguments)?;
    messages
        .iter()
        .filter(|message| message["target"]["name"] == *name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo built no `{name}`"))
}

/// Runs cargo in a folder and returns its messages.
fn build(source: &Path, target: &Path, arguments: &[&str]) -> Outcome<Vec<Value>> {
    let mut command = Command::new("cargo");
    command
        .current_dir(source)
        .args(arguments)
        .args(["--message-format", "json"])
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stderr(Stdio::inherit());
    let output = succeed(&mut command)?;
    Ok(output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The names of every test in a test binary.
fn list(binary: &Path) -> Outcome<BTreeSet<String>> {
    let output = succeed(Command::new(binary).args(["--list", "--format", "terse"]))?;
    Ok(output.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Asked, Part};

    #[test]
    fn the_command_line() {
        let asked = Asked::parse(&["--runs", "3", "--only", "update", "--server", "http://127.0.0.1:7233"]);
        let expected = Asked {
            runs: 3,
            server: Some("http://127.0.0.1:7233".to_owned()),
            only: Some("update".to_owned()),
            part: Part::Tests,
        };
        assert_eq!(asked, Some(expected));
        let examples = Asked { runs: 1, part: Part::Examples, ..Asked::default() };
        assert_eq!(Asked::parse(&["--examples"]), Some(examples));
        assert_eq!(Asked::parse(&["--runs", "0"]), None);
        assert_eq!(Asked::parse(&["--heavy", "--slow"]), None);
    }
}

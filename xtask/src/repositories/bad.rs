//! `cargo xtask repositories --bad`: input that cannot work. Each scenario is a small repository and what must be said
//! of it; whatever is wrong, the exit code is 2 and nothing is left of a set-up that did not succeed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::command::{self, Finished, Kept};
use super::{Outcome, inside, say};

const TEXT: &str = include_str!("../../repositories/bad.toml");

/// How long git may take for a repository of a few files.
const GIT_PATIENCE: Duration = Duration::from_mins(1);

/// How deep a data directory is looked through. What a set-up leaves lies no deeper than packages nest.
const DEPTH_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenarios {
    scenario: Vec<Scenario>,
}

/// A repository that cannot be set up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    /// What is wrong with it, and what a user must learn.
    what: String,
    /// The files of the repository.
    files: BTreeMap<String, String>,
    /// What the user's own `syndarix.toml` says.
    #[serde(default)]
    settings: String,
    /// Variables of the command's environment.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// A program without which the scenario means something; it is left out where this machine has it.
    absent: Option<String>,
    /// After how many seconds it must have ended.
    ends_within_seconds: u64,
    /// The verdict, where a document is printed.
    verdict: String,
    /// What its words have to contain, all of them.
    says: Vec<String>,
    /// How many bytes may be left in the data directory and where environments are made: an empty database and its
    /// settings, not a set-up.
    left_bytes_max: u64,
}

fn parse(text: &str) -> Outcome<Vec<Scenario>> {
    toml::from_str::<Scenarios>(text)
        .map(|scenarios| scenarios.scenario)
        .map_err(|error| format!("bad.toml: {error}"))
}

/// Runs the scenarios that are asked for and says which of them were told as they should be.
pub(crate) fn run(program: &Path, bench: &Path, only: &[String]) -> Outcome<String> {
    let scenarios = parse(TEXT)?;
    if let Some(unknown) = only.iter().find(|name| scenarios.iter().all(|scenario| scenario.name != **name)) {
        let known: Vec<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        return Err(format!("no scenario is called `{unknown}`\nhint: there are {}", known.join(", ")));
    }
    let (mut text, mut good, mut tried) = (String::new(), 0, 0);
    for scenario in scenarios.iter().filter(|scenario| only.is_empty() || only.contains(&scenario.name)) {
        say(&format!("{}: {}", scenario.name, scenario.what));
        if scenario.absent.as_deref().is_some_and(is_here) {
            let _ = writeln!(text, "{}: skipped, because this machine has what it lacks", scenario.name);
            continue;
        }
        tried += 1;
        let problems = judge(scenario, program, &bench.join(&scenario.name))?;
        if problems.is_empty() {
            good += 1;
            let _ = writeln!(text, "{}: told as it should be", scenario.name);
        } else {
            let _ = writeln!(text, "{}:\n  {}", scenario.name, problems.join("\n  "));
        }
    }
    let _ = write!(text, "\n{good} of {tried}");
    if good == tried { Ok(text) } else { Err(text) }
}

fn judge(scenario: &Scenario, program: &Path, folder: &Path) -> Outcome<Vec<String>> {
    let repository = commit(scenario, folder)?;
    let variables: Vec<(String, String)> =
        scenario.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    fs::write(folder.join("syndarix.toml"), &scenario.settings).map_err(|error| error.to_string())?;
    let checked = inside::check(program, &repository, folder, &variables)?;
    let verdict = checked.document.as_ref().map(|document| document.verdict.name());
    let left = ["data", "state"].iter().map(|name| bytes_below(&folder.join(name), 0)).sum();
    Ok(problems(scenario, &checked.finished, verdict, left))
}

/// What was not as the scenario expects.
fn problems(scenario: &Scenario, finished: &Finished, verdict: Option<&str>, left_bytes: u64) -> Vec<String> {
    let mut problems = Vec::new();
    if finished.exit_code() != Some(2) {
        problems.push(format!("its exit code is {:?} and not 2", finished.exit_code()));
    }
    if let Some(verdict) = verdict.filter(|verdict| *verdict != scenario.verdict) {
        problems.push(format!("its verdict is `{verdict}` and not `{}`", scenario.verdict));
    }
    if finished.took > Duration::from_secs(scenario.ends_within_seconds) {
        let took = finished.took.as_secs();
        problems.push(format!("it took {took} s and not less than {}", scenario.ends_within_seconds));
    }
    let told = format!("{}{}", finished.output, finished.complaints);
    for words in scenario.says.iter().filter(|words| !told.contains(*words)) {
        problems.push(format!("it does not say `{words}`"));
    }
    if left_bytes > scenario.left_bytes_max {
        problems.push(format!("it leaves {left_bytes} bytes and not at most {}", scenario.left_bytes_max));
    }
    if !problems.is_empty() {
        problems.push(format!("syndarix check {}", finished.describe()));
    }
    problems
}

/// A repository of the scenario's files, with one commit.
fn commit(scenario: &Scenario, folder: &Path) -> Outcome<PathBuf> {
    let repository = folder.join("repository");
    for (path, text) in &scenario.files {
        let path = repository.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&repository)).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch", "main"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=A User",
            "-c",
            "user.email=user@example.org",
            "commit",
            "--quiet",
            "--message",
            "bad",
        ],
    ] {
        let mut git = Command::new("git");
        git.current_dir(&repository).env("GIT_CONFIG_GLOBAL", "/dev/null").args(arguments);
        let finished = command::run(&mut git, Kept::Together(&folder.join("git.log")), GIT_PATIENCE)?;
        if !finished.succeeded() {
            return Err(format!("{git:?} {}", finished.describe()));
        }
    }
    Ok(repository)
}

/// Whether the search path has a program of this name.
fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The bytes of all files below a folder, without following links.
fn bytes_below(folder: &Path, depth: usize) -> u64 {
    if depth > DEPTH_MAX {
        return 0;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_below(&entry.path(), depth + 1),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn the_scenarios_are_read() {
        let scenarios = parse(TEXT).unwrap();
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "no-network",
                "never-ends",
                "fills-the-disk",
                "no-toolchain",
                "lock-conflict",
                "unreadable-settings"
            ]
        );
        assert!(scenarios.iter().all(|scenario| !scenario.says.is_empty() && !scenario.files.is_empty()));
    }

    #[test]
    fn what_is_not_as_expected_is_told() {
        let scenario = parse(TEXT).unwrap().remove(4);
        let finished = |code: i32, seconds: u64, output: &str| Finished {
            status: Some(ExitStatus::from_raw(code << 8)),
            output: output.to_owned(),
            complaints: String::new(),
            took: Duration::from_secs(seconds),
        };
        let good = scenario.says.join(" ");
        let verdict = Some(scenario.verdict.as_str());
        for (finished, verdict, left, expected) in [
            (finished(2, 1, &good), verdict, 10, None),
            (finished(2, 1, &good), None, 10, None),
            (finished(0, 1, &good), verdict, 10, Some("its exit code is Some(0) and not 2")),
            (
                finished(2, 1, &good),
                Some("green"),
                10,
                Some("its verdict is `green` and not `set-up failed`"),
            ),
            (finished(2, 9_999, &good), verdict, 10, Some("it took 9999 s")),
            (finished(2, 1, "no"), verdict, 10, Some("it does not say `")),
            (finished(2, 1, &good), verdict, u64::MAX, Some("it leaves 18446744073709551615 bytes")),
        ] {
            let problems = problems(&scenario, &finished, verdict, left);
            match expected {
                None => assert_eq!(problems, Vec::<String>::new()),
                Some(expected) => assert!(problems[0].starts_with(expected), "{problems:?}"),
            }
        }
    }
}

//! The baseline: what a repository needs is found and set up, and its checks run on the untouched commit, before anything
//! is created or paid for.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use syndarix_core::task::Check;
use syndarix_environment::find::{Configured, SETTINGS};
use syndarix_environment::make::{
    CheckRun, Checking, Progress, Request, SetUpError, SetUpRun, Workshop, files_of,
};
use syndarix_environment::results::{Outcome, flaky};
use syndarix_environment::{Environment, Machine, ProjectEnvironment};
use syndarix_tools::git::{Lacking, Repository, Source};

use crate::config::Config;
use crate::display::text::one_line;
use crate::failure::Failure;
use crate::input::repository_refused;

/// How much of an output a person is shown, in lines from its end.
const SHOWN_LINES: usize = 30;
/// How much of an output the JSON has, in bytes from its end.
const JSON_OUTPUT_BYTES: usize = 16 * 1024;
/// How many failing tests are named.
const NAMED_TESTS: usize = 10;

/// What the user says of checks and set-up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// The command that decides, in the place of what is found.
    pub(crate) check: Option<Vec<String>>,
    /// No check is wanted.
    pub(crate) unchecked: bool,
    /// Set-up may use the network.
    pub(crate) allow_set_up: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every check passes.
    Green,
    /// A check fails.
    Red,
    /// A check cannot start.
    CannotStart,
    /// There is no check.
    NoCheck,
    /// Set-up failed.
    SetUpFailed,
    /// Set-up needs the network, and nobody allowed it.
    SetUpRefused,
    /// Something that is needed is not on this machine.
    Missing,
}

impl Verdict {
    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::CannotStart => "cannot_start",
            Self::NoCheck => "no_check",
            Self::SetUpFailed => "set_up_failed",
            Self::SetUpRefused => "set_up_refused",
            Self::Missing => "missing",
        }
    }
}

/// Everything that was found out.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) verdict: Verdict,
    pub(crate) kept: ProjectEnvironment,
    pub(crate) set_up: Vec<SetUpRun>,
}

/// What the baseline is taken with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bench<'a> {
    pub(crate) workshop: &'a Workshop,
    pub(crate) machine: &'a Machine,
    pub(crate) config: &'a Config,
    /// The folder to work in, which is emptied before and after.
    pub(crate) folder: &'a Path,
}

/// Takes the baseline of the commit that is checked out. `say` is told what happens; `may_set_up` is asked before anything
/// uses the network.
pub(crate) async fn take(
    bench: Bench<'_>,
    source: &Source,
    wishes: &Wishes,
    say: &mut (dyn FnMut(&str) + Send),
    may_set_up: &mut (dyn FnMut(&Environment) -> bool + Send),
) -> Result<Baseline, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::bad_input(format!("the folder {} cannot be used", bench.folder.display())).because(error)
    };
    let _ = std::fs::remove_dir_all(bench.folder);
    std::fs::create_dir_all(bench.folder).map_err(cannot)?;
    let taken = Box::pin(within(bench, source, wishes, say, may_set_up)).await;
    let _ = std::fs::remove_dir_all(bench.folder);
    taken
}

async fn within(
    bench: Bench<'_>,
    source: &Source,
    wishes: &Wishes,
    say: &mut (dyn FnMut(&str) + Send),
    may_set_up: &mut (dyn FnMut(&Environment) -> bool + Send),
) -> Result<Baseline, Failure> {
    let Bench { workshop, machine, config, folder } = bench;
    let repository = folder.join("repository");
    let repository = Repository::clone_from(&repository, source, &source.head, "check").await;
    let repository = repository.map_err(repository_refused)?;
    let files = files_of(&repository, &source.head).await.map_err(repository_refused)?;
    left_out(&repository.lacking(&source.head).await.map_err(repository_refused)?, &source.root, config)?;
    readable(&files, source)?;
    let mut kept = ProjectEnvironment {
        version: 1,
        name: name_of(&source.root),
        configured: config.file.environment.configured(),
        unchecked: wishes.unchecked,
        within: source.within.clone(),
        ..ProjectEnvironment::default()
    };
    let mut environment = kept.at(&files, machine);
    if let Some(check) = &wishes.check {
        environment.parts.iter_mut().for_each(|part| part.checks.clear());
        environment.add_check(check, "--check");
    }
    kept.environment = environment.clone();
    say(environment.describe().trim_end());
    let baseline = |verdict, kept, set_up| Ok(Baseline { verdict, kept, set_up });
    if !environment.missing.is_empty() {
        return baseline(Verdict::Missing, kept, Vec::new());
    }
    let key = workshop.key(&environment, &files, &kept.name);
    let needs = environment.needs_network() && workshop.made(&key).is_none();
    kept.set_up_allowed = wishes.allow_set_up;
    if needs && !wishes.allow_set_up && !may_set_up(&environment) {
        return baseline(Verdict::SetUpRefused, kept, Vec::new());
    }
    let request = Request {
        repository: &repository,
        commit: &source.head,
        name: &kept.name,
        environment: &environment,
        key: &key,
        warm: true,
    };
    let mut progress = |told: Progress<'_>| match told {
        Progress::Begins { step, .. } => say(&format!("Setting up: {} …", line(&step.command))),
        Progress::Ended(run) => {
            say(&format!("  exit code {} after {:.1} s", run.exit_code, run.duration_ms as f64 / 1000.0));
        }
        Progress::Checks => say("Checking the untouched commit …"),
    };
    let made = match workshop.make(request, &mut progress).await {
        Ok(made) => made,
        Err(SetUpError::Failed(runs)) => return baseline(Verdict::SetUpFailed, kept, runs),
        Err(error) => return Err(not_made(error)),
    };
    if environment.checks().next().is_none() {
        return baseline(Verdict::NoCheck, kept, made.set_up);
    }
    let checks = if let Some(checks) = made.checks_of(&environment, &source.head) {
        checks.to_vec()
    } else {
        say("Checking the untouched commit …");
        check_in(workshop, &repository, &folder.join("first"), &kept, &key, &source.head).await?
    };
    let set_up = made.set_up;
    let verdict = verdict(&checks);
    if verdict != Verdict::CannotStart {
        say("Checking once more, to find tests that end now this way, now that way …");
        let again = check_in(workshop, &repository, &folder.join("again"), &kept, &key, &source.head).await?;
        for (first, second) in checks.iter().zip(&again) {
            if let (Some(first), Some(second)) = (&first.results, &second.results) {
                kept.flaky.extend(flaky(first, second));
            }
        }
    }
    kept.baseline = checks;
    for run in &kept.baseline {
        say(&told(run));
    }
    if !kept.flaky.is_empty() {
        let named: Vec<&str> = kept.flaky.iter().map(String::as_str).take(NAMED_TESTS).collect();
        say(&format!("Flaky, and not counted: {}", named.join(", ")));
    }
    baseline(verdict, kept, set_up)
}

fn verdict(checks: &[CheckRun]) -> Verdict {
    if checks.iter().any(|run| run.cannot_start) {
        Verdict::CannotStart
    } else if checks.iter().all(CheckRun::passed) {
        Verdict::Green
    } else {
        Verdict::Red
    }
}

/// Runs the checks in a clone of its own, in a folder that is not there yet.
async fn check_in(
    workshop: &Workshop,
    repository: &Repository,
    folder: &Path,
    kept: &ProjectEnvironment,
    key: &syndarix_environment::make::Key,
    commit: &str,
) -> Result<Vec<CheckRun>, Failure> {
    let (root, scratch) = (folder.join("tree"), folder.join("scratch"));
    let clone = repository.clone_for_task(&root, "again", commit).await.map_err(repository_refused)?;
    std::fs::create_dir_all(&scratch)
        .map_err(|error| Failure::internal("a folder for the check cannot be made").because(error))?;
    let place = (clone.path.as_path(), scratch.as_path());
    let (environment, name) = (&kept.environment, kept.name.as_str());
    let fitted = workshop.fit((environment, key, name), place, &clone.read_only, &mut |_| {}).await;
    fitted.map_err(not_made)?;
    let prepared = workshop.prepared(environment, Some(key), name, place);
    let read_only = clone.read_only.as_slice();
    let checking =
        Checking { environment, prepared: &prepared, root: &clone.path, scratch: &scratch, read_only };
    workshop.check(checking).await.map_err(super::tools::refused)
}

/// What clones would lack is refused, unless the user knows.
fn left_out(lacking: &[Lacking], root: &Path, config: &Config) -> Result<(), Failure> {
    let known = &config.file.environment.without;
    let mut unknown = lacking.iter().filter(|one| !known.iter().any(|kind| kind == one.kind())).peekable();
    let Some(first) = unknown.peek().copied() else { return Ok(()) };
    let (more, kind) = (unknown.count() - 1, first.kind());
    let more = if more == 0 { String::new() } else { format!(", and {more} more like it") };
    let what = format!("{} lacks {first}{more}: clones of it would be without", root.display());
    Err(Failure::bad_input(what).hint(format!(
        "run `{}` in it; to work without, set `[environment] without = [\"{kind}\"]` in your syndarix.toml",
        first.remedy()
    )))
}

/// What is said of the environment in the repository itself is readable, and the folder to work on is in the commit.
fn readable(files: &syndarix_environment::Repository, source: &Source) -> Result<(), Failure> {
    if let Some(text) = files.text(SETTINGS)
        && let Err(error) = Configured::in_repository(text)
    {
        let settings = source.root.join(SETTINGS);
        return Err(Failure::bad_input(format!("{} cannot be used", settings.display()))
            .because(error)
            .hint("mend it and commit it: what counts is the commit"));
    }
    let folder = &source.within;
    if folder.is_empty() || files.paths.iter().any(|path| path.starts_with(&format!("{folder}/"))) {
        return Ok(());
    }
    Err(Failure::bad_input(format!("the folder {folder} has no files in the commit {}", &source.head[..10]))
        .hint("commit what is in it, or name another folder with --repo"))
}

/// The name of the folder in which worktrees are seen: the repository's own, as far as every tool takes it.
fn name_of(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(plain).take(60).collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() { "project".to_owned() } else { name }
}

fn not_made(error: SetUpError) -> Failure {
    let hint = match &error {
        SetUpError::Tools(error) => error.hint(),
        SetUpError::Git(error) => error.hint(),
        SetUpError::Failed(_) | SetUpError::Path { .. } => None,
    };
    let failure = Failure::bad_input("the environment cannot be made").because(error);
    failure.hint(hint.unwrap_or_else(|| "look at the disk's space and permissions, and try again".to_owned()))
}

pub(crate) fn line(command: &[String]) -> String {
    Check { command: command.to_vec() }.to_string()
}

/// A check in one line, with the tests that fail.
fn told(run: &CheckRun) -> String {
    let place = if run.folder.is_empty() { String::new() } else { format!(" in {}", run.folder) };
    let mut text = format!("{}{place}: exit code {}", line(&run.command), run.exit_code);
    if let Some(results) = &run.results {
        let count = |outcome| results.with(outcome).count();
        text.push_str(&format!(
            ", {} passed, {} failed, {} skipped",
            count(Outcome::Passed),
            results.failed_count(),
            count(Outcome::Skipped)
        ));
        for name in results.failing().take(NAMED_TESTS) {
            text.push_str(&format!("\n  fails: {}", one_line(name, 120)));
        }
    }
    text
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().flat_map(|line| ["  ", line, "\n"]).collect()
}

impl Baseline {
    /// Why work cannot begin on this, with what to do; `None` where it can.
    pub(crate) fn refusal(&self, accept_red: bool) -> Option<Failure> {
        match self.verdict {
            Verdict::Green | Verdict::NoCheck => None,
            Verdict::Red if accept_red => None,
            Verdict::Red => {
                let mut text = String::from("the check fails before anything was changed");
                for run in self.kept.baseline.iter().filter(|run| !run.passed()) {
                    let output = last_lines(&run.output);
                    text.push_str(&format!("\n{}\nits output ends with:\n{}", told(run), output.trim_end()));
                }
                Some(Failure::bad_input(text).hint(
                    "mend it first, or go on with --accept-red: then nothing that passes now may fail later; \
                         another command can be given with --check",
                ))
            }
            Verdict::CannotStart => {
                let run = self.kept.baseline.iter().find(|run| run.cannot_start)?;
                Some(
                    Failure::bad_input(format!(
                        "the check `{}` cannot start (exit code {})\nits output ends with:\n{}",
                        line(&run.command),
                        run.exit_code,
                        last_lines(&run.output).trim_end()
                    ))
                    .hint(
                        "see what was found with `syndarix check`; say what installs its runner with \
                         `[environment] set_up = [\"…\"]`, let it be read with `[tools] readable = [\"…\"]`, or give another \
                         command with --check",
                    ),
                )
            }
            Verdict::SetUpFailed => {
                let run = self.set_up.last()?;
                Some(
                    Failure::bad_input(format!(
                        "set-up failed: `{}` ended with exit code {}\nits output ends with:\n{}",
                        line(&run.command),
                        run.exit_code,
                        last_lines(&run.output).trim_end()
                    ))
                    .hint("mend it, or say how it is set up with `[environment] set_up = [\"…\"]` in syndarix.toml"),
                )
            }
            Verdict::SetUpRefused => {
                Some(Failure::bad_input("set-up needs the network, and nobody has allowed it").hint(
                    "allow the commands that were shown with --allow-set-up, or for good with \
                     `[environment] allow_set_up = true`",
                ))
            }
            Verdict::Missing => {
                let mut text = String::from("what the repository needs is not on this machine");
                let mut hints = Vec::new();
                for missing in &self.kept.environment.missing {
                    text.push_str(&format!("\n  {} (asked for by {})", missing.what, missing.witness));
                    if !missing.looked.is_empty() {
                        text.push_str(&format!("; looked for in {}", missing.looked.join(", ")));
                    }
                    hints.push(missing.hint.clone());
                }
                Some(Failure::bad_input(text).hint(hints.join("; ")))
            }
        }
    }

    /// All of it, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let end = |text: &str| {
            let start = text.ceil_char_boundary(text.len().saturating_sub(JSON_OUTPUT_BYTES));
            text[start..].to_owned()
        };
        let set_up = self.set_up.iter().map(|run| {
            json!({
                "folder": run.folder, "command": run.command, "exit_code": run.exit_code,
                "duration_ms": run.duration_ms, "output": end(&run.output),
            })
        });
        let checks = self.kept.baseline.iter().map(|run| {
            let tests = run.results.as_ref().map(|results| {
                let count = |outcome| results.with(outcome).count();
                json!({
                    "passed": count(Outcome::Passed), "failed": results.failed_count(),
                    "skipped": count(Outcome::Skipped),
                })
            });
            // A runner that names only what fails may have named it in the other run.
            let is_of_it = |name: &&String| {
                run.results
                    .as_ref()
                    .is_some_and(|results| results.partial || results.tests.contains_key(*name))
            };
            let flaky: Vec<&String> = self.kept.flaky.iter().filter(is_of_it).collect();
            json!({
                "folder": run.folder, "kind": run.kind, "command": run.command, "exit_code": run.exit_code,
                "duration_ms": run.duration_ms, "output": end(&run.output), "tests": tests,
                "results": run.results.as_ref().map(|results| &results.tests),
                "flaky": flaky,
            })
        });
        json!({
            "version": 1,
            "verdict": self.verdict.name(),
            "environment": self.kept.environment,
            "set_up": set_up.collect::<Vec<_>>(),
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}

/// Where a baseline is taken, below the folder of environments; one for each process.
pub(crate) fn folder(environments: &Path) -> PathBuf {
    environments.join(format!("checking-{}", std::process::id()))
}

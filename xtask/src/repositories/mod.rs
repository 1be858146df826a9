//! `cargo xtask repositories`: `syndarix check` on work that nobody here wrote. Published packages are fetched by their
//! ecosystems' own clients, their tests are run as their documents say, and then `syndarix check` has to find, set up
//! and run the same without any configuration. What the two say is compared test by test.

mod bad;
mod command;
mod compare;
mod document;
mod fetch;
mod inside;
mod list;
mod outside;
mod page;
mod report;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use document::{Counts, Document};
use list::{List, Package};
use outside::Reference;
use report::Row;

use crate::workspace;

pub(crate) use page::PAGE;

type Outcome<T> = Result<T, String>;

/// What is asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Only the packages, scenarios or runs of these names.
    only: Vec<String>,
    /// The small set instead of all.
    small: bool,
    /// Whether the repositories, logs and data directories are kept.
    keep: bool,
    tried: Tried,
    /// Another program instead of the one that is built here.
    program: Option<PathBuf>,
}

/// What is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tried {
    /// The packages, outside and inside.
    #[default]
    Packages,
    /// The packages, outside only: how a new one comes to the list.
    Outside,
    /// Bad input.
    Bad,
    /// Whole runs, with a mock server of the model providers.
    Runs,
}

impl Asked {
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut asked = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--only" => asked.only.push((*arguments.next()?).to_owned()),
                "--set" => {
                    asked.small = match *arguments.next()? {
                        "small" => true,
                        "all" => false,
                        _ => return None,
                    }
                }
                "--keep" => asked.keep = true,
                "--outside" => asked.tried = Tried::Outside,
                "--bad" => asked.tried = Tried::Bad,
                "--runs" => asked.tried = Tried::Runs,
                "--program" => asked.program = Some(PathBuf::from(*arguments.next()?)),
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// Runs what is asked for and returns the table; fails with it where a package does not count.
pub(crate) fn run(root: &Path, asked: &Asked) -> Outcome<String> {
    let list = List::parse(list::TEXT)?;
    let packages = match asked.tried {
        Tried::Bad | Tried::Runs => Vec::new(),
        Tried::Packages | Tried::Outside => list.chosen(&asked.only, asked.small)?,
    };
    let program = match asked.tried {
        Tried::Outside => None,
        Tried::Packages | Tried::Bad | Tried::Runs => Some(program(root, asked)?),
    };
    // Outside of this workspace, as a user's repositories are.
    let bench = std::env::temp_dir().join(format!("syndarix-repositories-{}", std::process::id()));
    fs::create_dir_all(&bench).map_err(|error| format!("{}: {error}", bench.display()))?;
    let result = match &program {
        Some(program) if asked.tried == Tried::Bad => bad::run(program, &bench, &asked.only),
        Some(program) if asked.tried == Tried::Runs => {
            runs::run(root, program, &bench, &list, (&asked.only, asked.keep))
        }
        _ => work(&packages, program.as_deref(), &bench, asked.keep),
    };
    if asked.keep {
        let kept = format!("\nkept: {}", bench.display());
        return result.map(|text| text + &kept).map_err(|text| text + &kept);
    }
    remove(&bench)?;
    result
}

fn work(packages: &[&Package], program: Option<&Path>, bench: &Path, keep: bool) -> Outcome<String> {
    let mut rows = Vec::new();
    for package in packages {
        let folder = bench.join(&package.name);
        let row = judge(package, program, &folder);
        say(&format!("{}: {}", package.name, if row.problems.is_empty() { "good" } else { "not good" }));
        rows.push(row);
        // All of them together would fill small disks.
        if !keep {
            remove(&folder)?;
        }
    }
    let text = report::render(&rows);
    if rows.iter().all(|row| row.problems.is_empty()) { Ok(text) } else { Err(text) }
}

/// What one package comes to.
fn judge(package: &Package, program: Option<&Path>, folder: &Path) -> Row {
    let mut row = Row {
        name: package.name.clone(),
        ecosystem: package.ecosystem.name(),
        commands: String::new(),
        set_up_took: Duration::ZERO,
        outside: "-".to_owned(),
        inside: "-".to_owned(),
        verdict: "not tried",
        problems: Vec::new(),
    };
    match fetch::repository(package, folder).and_then(|repository| {
        say(&format!("{}: fetched; its tests run outside", package.name));
        let reference = outside::run(package, &repository, None, &folder.join("outside"))?;
        Ok((repository, reference))
    }) {
        Err(error) => row.problems.push(error),
        Ok((repository, reference)) => {
            row.outside = Counts::of(&reference.results).to_string();
            match program {
                None => tell_outside(package, &reference, &mut row),
                Some(program) => {
                    say(&format!("{}: checked", package.name));
                    judge_inside(package, program, &repository, &reference, &mut row);
                }
            }
        }
    }
    row
}

/// The row of a run that was asked for outside only: its commands are the recipe's.
fn tell_outside(package: &Package, reference: &Reference, row: &mut Row) {
    row.commands = format!("tests took {:.1} s: {}", reference.tests_took.as_secs_f64(), package.test);
    row.set_up_took = reference.set_up_took;
    row.verdict = "passes";
    if reference.results.tests.is_empty() && package.compared != list::Compared::ExitCode {
        row.problems.push("its tests pass, and what they print names none of them".to_owned());
    }
}

fn judge_inside(package: &Package, program: &Path, repository: &Path, reference: &Reference, row: &mut Row) {
    let folder = repository.with_file_name("inside");
    match inside::check(program, repository, &folder, &[]) {
        Err(error) => row.problems.push(error),
        Ok(checked) => match &checked.document {
            None => row.problems.push(format!("syndarix check {}", checked.finished.describe())),
            Some(document) => {
                row.commands = commands(document);
                row.set_up_took =
                    document.set_up.iter().map(|ran| Duration::from_millis(ran.duration_ms)).sum();
                row.inside = document.counts().to_string();
                row.verdict = document.verdict.name();
                row.problems = compare::problems(package, &reference.results, document);
                let (expected, found) = (document.verdict.exit_code(), checked.finished.exit_code());
                if found != Some(expected) {
                    row.problems.push(format!("its exit code is {found:?} and not {expected}"));
                }
            }
        },
    }
}

/// The commands that were found: the set-up's, and behind an arrow the checks'.
fn commands(document: &Document) -> String {
    let parts = &document.environment.parts;
    let set_up: Vec<String> =
        parts.iter().flat_map(|part| &part.set_up).map(|step| step.command.join(" ")).collect();
    let checks: Vec<String> =
        parts.iter().flat_map(|part| &part.checks).map(|check| check.command.join(" ")).collect();
    format!("{} → {}", set_up.join("; "), checks.join("; "))
}

/// The program that is asked for, or the one of this workspace, built.
fn program(root: &Path, asked: &Asked) -> Outcome<PathBuf> {
    if let Some(program) = &asked.program {
        return fs::canonicalize(program).map_err(|error| format!("{}: {error}", program.display()));
    }
    workspace::program(root)
}

/// Removes a folder in which some clients leave what even its owner may not write.
fn remove(folder: &Path) -> Outcome<()> {
    let _ = Command::new("chmod").args(["-R", "u+w"]).arg(folder).status();
    fs::remove_dir_all(folder).map_err(|error| format!("{} cannot be removed: {error}", folder.display()))
}

#[expect(clippy::print_stderr, reason = "it is a command-line program, and the table is its output")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line() {
        let asked = Asked::parse(&["--only", "uuid", "--only", "toml", "--keep", "--program", "a/b"]);
        let expected = Asked {
            only: vec!["uuid".to_owned(), "toml".to_owned()],
            keep: true,
            program: Some(PathBuf::from("a/b")),
            ..Asked::default()
        };
        assert_eq!(asked, Some(expected));
        assert_eq!(Asked::parse(&["--set", "small"]), Some(Asked { small: true, ..Asked::default() }));
        for wrong in [&["--set", "large"][..], &["--only"], &["uuid"]] {
            assert_eq!(Asked::parse(wrong), None, "{wrong:?}");
        }
    }
}

//! `cargo xtask repositories --runs`: whole runs of `syndarix run` on published packages, with a mock server of both
//! model providers. Each change needs a package that is not installed yet, so that set-up has to run again in the middle.

mod fixtures;
mod verdict;
mod work;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::whole_run::repository::look;
use crate::whole_run::{Bench, MockServer};

use super::document::Verdict;
use super::list::{List, Package};
use super::{Outcome, fetch, inside, remove, say};

use work::Work;

/// Does the work of the packages that are asked for and says what each run came to.
pub(crate) fn run(
    root: &Path,
    program: &Path,
    bench: &Path,
    list: &List,
    (only, keep): (&[String], bool),
) -> Outcome<String> {
    let works = Work::all()?;
    if let Some(unknown) = only.iter().find(|name| works.iter().all(|work| work.package != **name)) {
        let known: Vec<_> = works.iter().map(|work| work.package.as_str()).collect();
        return Err(format!("no run is of `{unknown}`\nhint: there are {}", known.join(", ")));
    }
    let chosen: Vec<&Work> =
        works.iter().filter(|work| only.is_empty() || only.contains(&work.package)).collect();
    let (mut text, mut good) = (String::new(), 0);
    for work in &chosen {
        let package = list.chosen(std::slice::from_ref(&work.package), false)?[0];
        let folder = bench.join(&work.package);
        let begun = Instant::now();
        let (verdict, report) = match of_package(root, program, package, work, &folder) {
            Ok(report) => {
                good += 1;
                ("good", report)
            }
            Err(problem) => ("not good", problem),
        };
        say(&format!("{}: {verdict}", work.package));
        let took = begun.elapsed().as_secs();
        let _ = writeln!(text, "{}: {verdict} after {took} s", work.package);
        for line in report.lines() {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
        if !keep {
            remove(&folder)?;
        }
    }
    let _ = write!(text, "{good} of {}", chosen.len());
    if good == chosen.len() { Ok(text) } else { Err(text) }
}

fn of_package(root: &Path, program: &Path, package: &Package, work: &Work, folder: &Path) -> Outcome<String> {
    let repository = fetch::repository(package, folder)?;
    // Set-up is allowed for this check alone. What it makes is kept in the data directory, so that the run may begin; but
    // when the change needs something else, a human has to be asked.
    say(&format!("{}: fetched; checked", package.name));
    let checked = inside::check(program, &repository, folder, &[])?;
    if checked.document.as_ref().map(|document| document.verdict) != Some(Verdict::Green) {
        return Err(format!("before the run, syndarix check {}", checked.finished.describe()));
    }
    let fixtures = folder.join("fixtures.json");
    fs::write(&fixtures, format!("{:#}", fixtures::of(work)))
        .map_err(|error| format!("{}: {error}", fixtures.display()))?;
    let server = MockServer::start(root, &fixtures)?;
    let bench = Bench { syndarix: program.to_owned(), folder: folder.to_owned() };
    let before = look(&bench)?;
    say(&format!("{}: green; worked on", package.name));
    let ended = bench.work(&server, &work.brief, &[])?;
    say(&format!("{}: completed; its branch is tried outside", package.name));
    verdict::judge(&bench, &server, (package, work), &before, &ended)
}

//! Python: uv, poetry, pdm, pipenv, and pip with what is declared in the many places where Python's projects do so.

mod declared;
mod ini;
mod needs;
mod packages;
mod requirement;
mod runner;
mod source;
mod tools;

use std::collections::BTreeSet;

use declared::Declared;
use packages::Packages;
use runner::Runner;
pub(crate) use runner::is_test;
use tools::Planned;

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use crate::environment::{CheckKind, Witness};

const MANIFESTS: &[&str] =
    &["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "tox.ini", "noxfile.py"];
/// The interpreter that set-up makes, and that checks run with.
const PYTHON: &str = ".venv/bin/python";

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let manifest = folder.first_of(MANIFESTS);
    let manifest = manifest.or_else(|| loose_tests(folder))?;
    let mut found = Found::default();
    let declared = Declared::of(folder, &mut found);
    let plans = tools::planned(folder, &declared);
    let commands: Vec<(&Vec<String>, &Witness)> =
        plans.iter().flat_map(|plan| plan.commands.iter().map(|command| (command, &plan.witness))).collect();
    let runner = runner::runner(folder, &declared, &commands);
    // Settings alone, such as those of a formatter, are no project.
    if runner.is_none()
        && !declared.installable
        && declared.dependencies.is_empty()
        && !folder.has("requirements.txt")
    {
        return None;
    }
    let needs = runner.as_ref().map(|runner| needs::needs(folder, &declared, runner)).unwrap_or_default();
    let python = python(folder, &mut found, &declared, manifest);
    set_up(folder, &mut found, &declared, &plans, &needs, &python);
    check(&mut found, runner);
    found.workspace = declared.at(&["tool", "uv", "workspace"]).is_some();
    found.path.push(".venv/bin".to_owned());
    found.variable("VIRTUAL_ENV", "${PART}/.venv");
    let tests_only = plans.first().map(|plan| plan.variables.clone()).unwrap_or_default();
    found.variables.extend(tests_only);
    found.inputs_of(folder, MANIFESTS);
    found.inputs_of(
        folder,
        &[
            "uv.lock",
            "poetry.lock",
            "pdm.lock",
            "Pipfile.lock",
            ".python-version",
            "MANIFEST.in",
            "constraints.txt",
        ],
    );
    let listed = folder.files().filter(|path| is_requirements(path)).take(50).map(|path| folder.full(path));
    found.inputs.extend(listed);
    found.inputs.sort();
    found.inputs.dedup();
    Some(found)
}

/// The first test of a repository without a manifest: beside the root's sources or in its folder of tests, for tests that
/// lie deeper belong to what is there.
fn loose_tests<'a>(folder: &Folder<'a>) -> Option<&'a str> {
    let near = |path: &&str| {
        matches!(path.rsplit_once('/').map(|(folder, _)| folder), None | Some("tests" | "test"))
    };
    runner::test_files(folder).find(near).filter(|_| folder.path.is_empty())
}

/// Whether a path looks like a requirements file: by its name, or by its folder's.
pub(crate) fn is_requirements(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let beside = folder.rsplit('/').next().unwrap_or_default().starts_with("requirement");
    let is_list = [".txt", ".in"].iter().any(|ending| name.ends_with(ending));
    is_list
        && path.matches('/').count() < 4
        && (beside || name.contains("requirements") || name == "constraints.txt")
}

/// The interpreter that the virtual environment is made with.
fn python(folder: &Folder<'_>, found: &mut Found, declared: &Declared, manifest: &str) -> String {
    let mut wanted = pinned(folder, &["python"], &[".python-version"]);
    if wanted.is_empty() {
        let version = folder.ci.version("python");
        wanted.extend(version.map(|(version, witness)| Wanted::wish(version, witness)));
    }
    wanted.extend(declared.python.as_ref().map(|(asked, witness)| Wanted::must(asked, witness.clone())));
    let machine = folder.machine;
    let chosen =
        toolchain::choose(folder, found, "python", &["python3", "python"], &wanted, folder.witness(manifest));
    let plain = if machine.has("python3") || !machine.has("python") { "python3" } else { "python" };
    let Some(chosen) = chosen.filter(|chosen| toolchain::is_system(&chosen.bin)) else {
        return plain.to_owned();
    };
    // The system's versions lie in one folder, and only one of them is called `python3`.
    let minor: Vec<&str> = chosen.version.split('.').take(2).collect();
    let exact = format!("python{}", minor.join("."));
    let default = machine.versions("python").first().is_some_and(|first| first.version == chosen.version);
    let first = machine.programs.get("python3").and_then(|path| path.parent()) == Some(chosen.bin.as_path());
    if default && first { plain.to_owned() } else { exact }
}

/// The manager of a lock file, where it is on this machine.
fn set_up(
    folder: &Folder<'_>,
    found: &mut Found,
    declared: &Declared,
    plans: &[Planned],
    needs: &BTreeSet<String>,
    python: &str,
) {
    let poetry = folder.has("poetry.lock").then_some("poetry.lock");
    let managers = [
        ("uv", folder.has("uv.lock").then_some("uv.lock")),
        (
            "poetry",
            poetry.or_else(|| declared.at(&["tool", "poetry", "dependencies"]).map(|_| "pyproject.toml")),
        ),
        ("pdm", folder.has("pdm.lock").then_some("pdm.lock")),
        ("pipenv", folder.has("Pipfile.lock").then_some("Pipfile.lock")),
    ];
    let manager = managers.into_iter().find_map(|(name, file)| Some((name, file?)));
    match manager {
        Some((name, file)) if folder.machine.has(name) => locked(folder, found, declared, name, file, needs),
        Some((name, file)) => {
            if file != "pyproject.toml" {
                found.notes.push(format!(
                    "{name} is not installed: pip installs what is declared, without the versions that {} pins",
                    folder.full(file)
                ));
            }
            by_pip(folder, found, declared, plans, needs, python);
        }
        None => by_pip(folder, found, declared, plans, needs, python),
    }
}

/// Set-up by the manager whose lock file is there. It leaves that file as it is.
fn locked(
    folder: &Folder<'_>,
    found: &mut Found,
    declared: &Declared,
    name: &str,
    file: &str,
    needs: &BTreeSet<String>,
) {
    let extras = declared.extras.keys().filter(|name| packages::is_for_tests(name));
    let groups = declared.groups.keys().filter(|name| packages::is_for_tests(name));
    let mut command: Vec<&str> = match name {
        "uv" => vec!["uv", "sync", "--frozen"],
        "poetry" => vec!["poetry", "install", "--no-interaction"],
        "pdm" => vec!["pdm", "sync"],
        _ => vec!["pipenv", "sync", "--dev"],
    };
    let (extra, group) = match name {
        "uv" => ("--extra", Some("--group")),
        "poetry" => ("--extras", Some("--with")),
        "pdm" => ("--group", Some("--group")),
        _ => ("", None),
    };
    if let Some(group) = group {
        extras.for_each(|name| command.extend([extra, name]));
        groups.for_each(|name| command.extend([group, name]));
    }
    if name == "uv" && declared.at(&["tool", "uv", "workspace"]).is_some() {
        command.push("--all-packages");
    }
    found.step(&command, folder.witness(file));
    let lock = folder.text(file).unwrap_or_default();
    let absent = needs.contains("pytest") && !lock.is_empty() && !lock.contains("\"pytest\"");
    match name {
        "uv" => {
            found.variable("UV_PROJECT_ENVIRONMENT", ".venv");
            if let Some(bin) =
                found.tools.iter().find(|tool| tool.name == "python").and_then(|tool| tool.bin.as_ref())
            {
                let python = bin.join("python3").display().to_string();
                found.variable("UV_PYTHON", &python);
            }
            if absent {
                found.step(&["uv", "pip", "install", "pytest"], folder.witness(file));
            }
        }
        "poetry" => {
            found.variable("POETRY_VIRTUALENVS_IN_PROJECT", "true");
            if absent {
                found.step(&["poetry", "run", "pip", "install", "pytest"], folder.witness(file));
            }
        }
        "pdm" => found.variable("PDM_CHECK_UPDATE", "0"),
        _ => found.variable("PIPENV_VENV_IN_PROJECT", "1"),
    }
}

fn by_pip(
    folder: &Folder<'_>,
    found: &mut Found,
    declared: &Declared,
    plans: &[Planned],
    needs: &BTreeSet<String>,
    python: &str,
) {
    let packages = Packages::choose(folder, declared, plans, needs);
    let witness = folder.witness(folder.first_of(MANIFESTS).unwrap_or_default());
    let venv_witness = if witness.file.is_empty() { packages.witness(folder) } else { witness };
    found.step(&[python, "-m", "venv", ".venv"], venv_witness);
    if packages.is_empty() {
        return;
    }
    let mut command = vec![PYTHON, "-m", "pip", "install", "--disable-pip-version-check"];
    command.extend(packages.arguments.iter().map(String::as_str));
    let witness = packages.witness(folder);
    found.step(&command, witness);
    if !packages.added.is_empty() {
        found.notes.push(format!(
            "{} declared nowhere and installed because the tests use {}",
            packages.added.join(", ") + if packages.added.len() == 1 { " is" } else { " are" },
            if packages.added.len() == 1 { "it" } else { "them" },
        ));
    }
}

fn check(found: &mut Found, runner: Option<Runner>) {
    match runner {
        Some(Runner::Pytest(paths, witness)) => {
            let mut command = vec![PYTHON, "-m", "pytest"];
            command.extend(paths.iter().map(String::as_str));
            found.check(CheckKind::Tests, &command, witness);
        }
        Some(Runner::Unittest(arguments, witness)) => {
            let mut command = vec![PYTHON, "-m", "unittest"];
            command.extend(arguments.iter().map(String::as_str));
            found.check(CheckKind::Tests, &command, witness);
        }
        Some(Runner::Django(witness)) => {
            found.check(CheckKind::Tests, &[PYTHON, "manage.py", "test"], witness);
        }
        None => {}
    }
}

//! JavaScript and TypeScript: npm, pnpm, yarn, bun, and the scripts of `package.json`.

mod hooks;

use serde_json::Value;

use super::command::words;
use super::folder::{Folder, Found};
use super::json;
use super::toolchain::{self, Wanted, pinned};
use super::version::numbers;
use crate::environment::{CheckKind, Witness};

/// A package manager, with the file that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installer {
    Npm,
    Pnpm,
    Yarn,
    Bun,
}

const LOCKS: &[(&str, Installer)] = &[
    ("package-lock.json", Installer::Npm),
    ("npm-shrinkwrap.json", Installer::Npm),
    ("pnpm-lock.yaml", Installer::Pnpm),
    ("yarn.lock", Installer::Yarn),
    ("bun.lock", Installer::Bun),
    ("bun.lockb", Installer::Bun),
];
/// Where a package manager is kept that is not installed.
const KEPT: &str = "node_modules/.manager";
const TYPE_SCRIPTS: &[&str] = &["typecheck", "type-check", "check-types", "types:check", "check:types"];
const LINT_SCRIPTS: &[&str] = &["lint", "lint:check", "eslint"];

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let text = folder.text("package.json")?;
    let mut found = Found::default();
    let manifest = match json::parse(text) {
        Ok(manifest) => manifest,
        Err(why) => {
            found.unreadable(folder, "package.json", &why);
            return Some(found);
        }
    };
    found.workspace = manifest.get("workspaces").is_some() || folder.has("pnpm-workspace.yaml");
    let lock = LOCKS.iter().find(|(file, _)| folder.has(file));
    let named = manifest["packageManager"].as_str().unwrap_or_default();
    let (name, version) = named.split('+').next().unwrap_or_default().split_once('@').unwrap_or(("", ""));
    let installer = match name {
        "pnpm" => Installer::Pnpm,
        "yarn" => Installer::Yarn,
        "bun" => Installer::Bun,
        "npm" => Installer::Npm,
        _ => lock.map_or_else(|| in_ci(folder), |(_, installer)| *installer),
    };
    let witness = match lock {
        Some((file, _)) => folder.witness(file),
        None if !name.is_empty() => folder.witness_of("package.json", "packageManager"),
        None => folder.witness("package.json"),
    };
    let has_lock = lock.is_some_and(|(_, of)| *of == installer);
    let needs_packages = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]
        .iter()
        .any(|key| manifest[*key].as_object().is_some_and(|packages| !packages.is_empty()));
    let run = command(folder, &mut found, installer, version);
    if needs_packages || found.workspace {
        install(folder, &mut found, installer, version, &run, has_lock, witness.clone());
        keep_fetched(&mut found, &manifest, &run, witness);
    }
    scripts(folder, &mut found, &manifest, installer, &run);
    found.path.push("node_modules/.bin".to_owned());
    // Runners that watch for changes do so only where no service runs them.
    found.variable("CI", "true");
    found.inputs_of(
        folder,
        &["package.json", "pnpm-workspace.yaml", ".yarnrc.yml", ".npmrc", ".nvmrc", ".node-version"],
    );
    found.inputs.extend(LOCKS.iter().filter(|(file, _)| folder.has(file)).map(|(file, _)| folder.full(file)));
    if found.workspace {
        let members =
            folder.files().filter(|path| path.ends_with("/package.json") && !path.contains("node_modules/"));
        found.inputs.extend(members.take(200).map(|path| folder.full(path)));
    }
    node(folder, &mut found, &manifest);
    Some(found)
}

/// The package manager that continuous integration installs with most often: some packages are tried with all of them.
/// npm where it installs with none.
fn in_ci(folder: &Folder<'_>) -> Installer {
    let installs = |program: &str| {
        let by = |words: &[String]| match words {
            [first] => first == program && program == "yarn",
            [first, second, ..] => first == program && matches!(second.as_str(), "install" | "i" | "ci"),
            [] => false,
        };
        folder.lines().filter(|line| by(&line.words)).count()
    };
    let others = [("pnpm", Installer::Pnpm), ("yarn", Installer::Yarn), ("bun", Installer::Bun)];
    let mut most = (installs("npm"), Installer::Npm);
    for (program, installer) in others {
        let count = installs(program);
        if count > most.0 {
            most = (count, installer);
        }
    }
    most.1
}

/// How the package manager is run on this machine.
fn command(folder: &Folder<'_>, found: &mut Found, installer: Installer, version: &str) -> Vec<String> {
    let machine = folder.machine;
    let (program, default) = match installer {
        Installer::Npm => ("npm", ""),
        Installer::Pnpm => ("pnpm", pnpm_of_lock(folder)),
        Installer::Yarn => ("yarn", "1"),
        Installer::Bun => ("bun", "latest"),
    };
    if machine.has(program) || installer == Installer::Npm || !machine.has("npx") {
        return vec![program.to_owned()];
    }
    // `yarn` on npm ends with the first major version; later ones lie beside the project or have a package of their own.
    let wanted = if version.is_empty() { default } else { version };
    let package = match installer {
        Installer::Yarn if is_berry(folder, version) => {
            format!("@yarnpkg/cli-dist@{}", if version.is_empty() { "latest" } else { version })
        }
        _ => format!("{program}@{wanted}"),
    };
    found.notes.push(format!("{program} is not installed: {package} is run by npx, which fetches it"));
    let mut command = vec!["npx".to_owned(), "--yes".to_owned()];
    if package.starts_with('@') {
        command.extend(["--package".to_owned(), package, program.to_owned()]);
    } else {
        command.push(package);
    }
    command
}

/// The major version of pnpm that reads a lock file.
fn pnpm_of_lock(folder: &Folder<'_>) -> &'static str {
    let lock = folder.text("pnpm-lock.yaml").unwrap_or_default();
    let version = lock.lines().find_map(|line| line.strip_prefix("lockfileVersion:")).unwrap_or_default();
    match version.trim().trim_matches(['\'', '"']).split('.').next() {
        Some("5") => "7",
        Some("6") => "8",
        _ => "9",
    }
}

fn is_berry(folder: &Folder<'_>, version: &str) -> bool {
    numbers(version).map_or_else(
        || {
            folder.has(".yarnrc.yml")
                || folder.text("yarn.lock").is_some_and(|lock| lock.contains("__metadata:"))
        },
        |numbers| numbers[0] > 1,
    )
}

fn install(
    folder: &Folder<'_>,
    found: &mut Found,
    installer: Installer,
    version: &str,
    run: &[String],
    has_lock: bool,
    witness: Witness,
) {
    let arguments: &[&str] = match installer {
        Installer::Npm if has_lock => &["ci"],
        // Without a lock file in the repository, none is to appear in it.
        Installer::Npm => &["install", "--no-package-lock"],
        Installer::Yarn if is_berry(folder, version) && has_lock => &["install", "--immutable"],
        Installer::Yarn if is_berry(folder, version) => &["install"],
        Installer::Pnpm | Installer::Yarn | Installer::Bun if has_lock => &["install", "--frozen-lockfile"],
        Installer::Pnpm | Installer::Yarn => &["install", "--no-lockfile"],
        Installer::Bun => &["install", "--no-save"],
    };
    let mut step: Vec<&str> = run.iter().map(String::as_str).collect();
    step.extend(arguments);
    found.step(&step, witness);
    if installer == Installer::Yarn && is_berry(folder, version) {
        // Its global cache lies in the home folder, which is another one in each clone.
        found.variable("YARN_ENABLE_TELEMETRY", "0");
        found.variable("YARN_NODE_LINKER", "node-modules");
    }
}

/// Keeps a package manager that npx fetches for the scripts that call it by its name, beside the packages that it
/// installed: before them, it would take the folder for one of another manager and empty it.
fn keep_fetched(found: &mut Found, manifest: &Value, run: &[String], witness: Witness) {
    let [npx, .., last] = run else { return };
    let scripts = manifest["scripts"].as_object().into_iter().flatten();
    let (package, program) = match run {
        [_, _, flag, package, program] if flag == "--package" => (package, program.as_str()),
        _ => (last, last.split('@').next().unwrap_or_default()),
    };
    let is_program = |word: &str| word == program;
    let called = scripts
        .filter_map(|(_, script)| script.as_str())
        .any(|script| script.split([' ', '&', '|', ';', '(', ')', '"', '\'']).any(is_program));
    if npx == "npx" && called {
        found.step(&["npm", "install", "--global", "--prefix", KEPT, package], witness);
        found.path.push(format!("{KEPT}/bin"));
    }
}

/// What is checked: the build where tests need it, types, lint where continuous integration runs it, tests.
fn scripts(folder: &Folder<'_>, found: &mut Found, manifest: &Value, installer: Installer, run: &[String]) {
    let script = |name: &str| manifest["scripts"][name].as_str().filter(|script| is_real(script));
    let witness = |name: &str| folder.witness_of("package.json", &format!("\"{name}\":"));
    let command = |name: &'static str| -> Vec<String> {
        // npx would look for packages; scripts run as well with npm, which is there wherever Node.js is.
        let run =
            if run.first().is_some_and(|word| word == "npx") { vec!["npm".to_owned()] } else { run.to_vec() };
        match name {
            "test" if installer != Installer::Bun => [run, vec!["test".to_owned()]].concat(),
            _ => [run, vec!["run".to_owned(), name.to_owned()]].concat(),
        }
    };
    let in_ci = |name: &str| {
        folder.lines().find(|line| {
            let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
            matches!(words.first(), Some(&("npm" | "pnpm" | "yarn" | "bun")))
                && (words[1..].first() == Some(&name)
                    || words[1..].windows(2).any(|pair| pair == ["run", name]))
        })
    };
    let add = |found: &mut Found, kind, name, witness| {
        let words = command(name);
        found.check(kind, &words.iter().map(String::as_str).collect::<Vec<_>>(), witness);
    };
    let test = script("test");
    if script("build").is_some() {
        if let Some(line) = in_ci("build") {
            add(found, CheckKind::Build, "build", line.witness.clone());
        } else if needs_build(folder, manifest, test) {
            add(found, CheckKind::Build, "build", witness("build"));
        }
    }
    if let Some((name, line)) =
        LINT_SCRIPTS.iter().find_map(|name| script(name).and(in_ci(name)).map(|line| (*name, line)))
    {
        add(found, CheckKind::Lint, name, line.witness.clone());
    }
    let by_tests = |name: &str| test.is_some_and(|test| test.contains(name));
    if let Some(name) = TYPE_SCRIPTS.iter().find(|name| script(name).is_some() && !by_tests(name)) {
        add(found, CheckKind::Types, name, witness(name));
    }
    let by_npm = run.first().is_some_and(|word| word == "npm" || word == "npx");
    if let Some(line) = hooks::without_audits(manifest).filter(|_| by_npm) {
        let words = words(&line);
        found.check(CheckKind::Tests, &words.iter().map(String::as_str).collect::<Vec<_>>(), witness("test"));
        found.notes.push(
            "the audit of dependencies around the script `test` is left out: a check has no network"
                .to_owned(),
        );
    } else if test.is_some() {
        add(found, CheckKind::Tests, "test", witness("test"));
    } else if let Some(name) = ["test:unit", "tests", "unit", "test:ci", "mocha", "jest", "vitest"]
        .iter()
        .find(|name| script(name).is_some())
    {
        add(found, CheckKind::Tests, name, witness(name));
    } else if let Some((words, file)) = configured_runner(folder) {
        found.check(CheckKind::Tests, words, folder.witness(file));
    }
}

/// Whether a script does anything: npm writes one that fails on purpose.
fn is_real(script: &str) -> bool {
    let script = script.trim();
    let does_nothing = script.contains("no test specified")
        || script.is_empty()
        || matches!(script, "exit 0" | "exit 1" | "true" | "false" | ":")
        || (script.starts_with("echo ") && !script.contains("&&"));
    !does_nothing
}

/// The runner whose configuration is there, though no script runs it.
fn configured_runner(folder: &Folder<'_>) -> Option<(&'static [&'static str], &'static str)> {
    let table: [(&[&str], &[&str]); 3] = [
        (
            &["vitest.config.ts", "vitest.config.js", "vitest.config.mts", "vitest.config.mjs"],
            &["npx", "--no-install", "vitest", "run"],
        ),
        (
            &["jest.config.js", "jest.config.ts", "jest.config.cjs", "jest.config.mjs", "jest.config.json"],
            &["npx", "--no-install", "jest"],
        ),
        (
            &[".mocharc.json", ".mocharc.js", ".mocharc.cjs", ".mocharc.yml", ".mocharc.yaml"],
            &["npx", "--no-install", "mocha"],
        ),
    ];
    for (files, words) in table {
        if let Some(file) = files.iter().find(|file| folder.has(file)) {
            let file: &'static str = file;
            return Some((words, file));
        }
    }
    None
}

/// Whether what is tested is what a build writes: the package's entry is not in the repository, and its tests do not
/// build by themselves.
fn needs_build(folder: &Folder<'_>, manifest: &Value, test: Option<&str>) -> bool {
    let builds_itself = [test, manifest["scripts"]["pretest"].as_str()]
        .into_iter()
        .flatten()
        .any(|script| script.contains("build") || script.contains("tsc") || script.contains("compile"));
    if builds_itself {
        return false;
    }
    let mut entries: Vec<&str> = Vec::new();
    gather(&manifest["exports"], &mut entries, 0);
    entries.extend(["main", "module", "types", "typings"].iter().filter_map(|key| manifest[*key].as_str()));
    gather(&manifest["bin"], &mut entries, 0);
    entries.iter().any(|entry| {
        let entry = entry.trim_start_matches("./").trim_end_matches('/');
        let there = entry.is_empty()
            || entry.contains('*')
            || ["", ".js", ".json", "/index.js", ".cjs", ".mjs"]
                .iter()
                .any(|ending| folder.has(&format!("{entry}{ending}")))
            || folder.has_folder(entry);
        !there
    })
}

/// The paths in an `exports` or `bin` of any form.
fn gather<'a>(value: &'a Value, entries: &mut Vec<&'a str>, depth: usize) {
    match value {
        Value::String(entry) => entries.push(entry),
        // Conditions nest a few levels deep.
        Value::Object(table) if depth < 6 => {
            table.values().for_each(|value| gather(value, entries, depth + 1));
        }
        Value::Array(list) if depth < 6 => list.iter().for_each(|value| gather(value, entries, depth + 1)),
        _ => {}
    }
}

fn node(folder: &Folder<'_>, found: &mut Found, manifest: &Value) {
    let mut wanted = pinned(folder, &["node", "nodejs"], &[".nvmrc", ".node-version"]);
    let volta = manifest["volta"]["node"].as_str();
    wanted.extend(volta.map(|version| Wanted::wish(version, folder.witness_of("package.json", "volta"))));
    let engines = manifest["engines"]["node"].as_str();
    wanted.extend(engines.map(|asked| Wanted::wish(asked, folder.witness_of("package.json", asked))));
    if wanted.is_empty() {
        let version = folder.ci.version("node");
        wanted.extend(version.map(|(version, witness)| Wanted::wish(version, witness)));
    }
    toolchain::choose(folder, found, "node", &["node"], &wanted, folder.witness("package.json"));
}

//! How a Python project's tests are run.

use super::super::folder::Folder;
use super::declared::Declared;
use super::ini::Ini;
use super::needs::imports;
use crate::environment::Witness;

/// What runs the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runner {
    /// pytest, with the paths that it is given.
    Pytest(Vec<String>, Witness),
    /// unittest, with its arguments.
    Unittest(Vec<String>, Witness),
    /// Django's `manage.py test`.
    Django(Witness),
}

/// Of how many test files the texts are looked at.
pub(super) const SAMPLED_TESTS: usize = 60;

/// The paths of the files that look like tests, relative to the folder.
pub(super) fn test_files<'a>(folder: &Folder<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    folder.files().filter(|path| is_test(path))
}

/// Whether a path looks like a Python test that is the project's own.
pub(crate) fn is_test(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let foreign = folder.split('/').any(|name| {
        name.starts_with('.')
            || matches!(name, "node_modules" | "vendor" | "_vendor" | "third_party" | "site-packages")
    });
    let Some(stem) = name.strip_suffix(".py") else { return false };
    !foreign && (stem.starts_with("test_") || stem.ends_with("_test") || stem == "tests" || stem == "test")
}

/// How the tests are run; `None` where there are none.
pub(super) fn runner(
    folder: &Folder<'_>,
    declared: &Declared,
    planned: &[(&Vec<String>, &Witness)],
) -> Option<Runner> {
    let configured = pytest_configuration(folder, declared);
    let in_ci = folder.lines().find(|line| after_pytest(&line.words).is_some());
    let first_test = test_files(folder).next();
    if first_test.is_none() && configured.is_none() && in_ci.is_none() {
        return None;
    }
    let texts: Vec<&str> = texts(folder).collect();
    let imported = texts.iter().any(|text| imports(text).any(|module| module == "pytest"));
    let conftest = folder.files().find(|path| *path == "conftest.py" || path.ends_with("/conftest.py"));
    let listed = declared
        .extras
        .values()
        .chain(declared.groups.values())
        .chain(&declared.for_tests)
        .find(|listed| listed.requirements.iter().any(|one| super::requirement::name(one) == "pytest"));
    let in_plan = planned.iter().find(|(words, _)| after_pytest(words).is_some());
    let witness = configured
        .as_ref()
        .map(|file| folder.witness_of(file, "pytest"))
        .or_else(|| in_ci.map(|line| line.witness.clone()))
        .or_else(|| in_plan.map(|(_, witness)| (*witness).clone()))
        .or_else(|| conftest.map(|file| folder.witness(file)))
        .or_else(|| listed.map(|listed| listed.witness.clone()));
    let by_unittest = texts.iter().any(|text| text.contains("unittest") || text.contains("TestCase"));
    let unittest_in_ci = folder.lines().map(|line| (&line.words, line.witness.clone()));
    let unittest_in_plan = planned.iter().map(|(words, witness)| (*words, (*witness).clone()));
    let said = unittest_in_ci
        .chain(unittest_in_plan)
        .find_map(|(words, witness)| Some((after_unittest(words)?, witness)));
    if let Some(witness) =
        witness.or_else(|| imported.then(|| folder.witness(first_test.unwrap_or_default())))
    {
        let paths = paths(folder, declared, planned);
        return Some(Runner::Pytest(paths, witness));
    }
    if folder.has("manage.py") {
        return Some(Runner::Django(folder.witness("manage.py")));
    }
    if let Some((arguments, witness)) = said {
        return Some(Runner::Unittest(arguments, witness));
    }
    let first = first_test?;
    if by_unittest {
        return Some(Runner::Unittest(discovery(folder), folder.witness(first)));
    }
    Some(Runner::Pytest(paths(folder, declared, planned), folder.witness(first)))
}

/// The file that configures pytest.
fn pytest_configuration(folder: &Folder<'_>, declared: &Declared) -> Option<&'static str> {
    let ini = |file: &str, section: &str| folder.text(file).is_some_and(|text| Ini::parse(text).has(section));
    if let Some(file) = folder.first_of(&["pytest.ini", ".pytest.ini", "pytest.toml"]) {
        Some(file)
    } else if declared.at(&["tool", "pytest"]).is_some() {
        Some("pyproject.toml")
    } else if ini("setup.cfg", "tool:pytest") {
        Some("setup.cfg")
    } else {
        ini("tox.ini", "pytest").then_some("tox.ini")
    }
}

/// What pytest is configured with: its keys and values.
pub(super) fn configuration(folder: &Folder<'_>, declared: &Declared) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for keys in [&["tool", "pytest", "ini_options"][..], &["tool", "pytest"]] {
        let table = declared.at(keys).and_then(toml::Value::as_table).into_iter().flatten();
        entries.extend(
            table
                .filter(|(key, _)| *key != "ini_options")
                .map(|(key, value)| (key.clone(), super::declared::texts(Some(value)).join(" "))),
        );
    }
    for (file, section) in [
        ("pytest.ini", "pytest"),
        (".pytest.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
        ("tox.ini", "pytest"),
    ] {
        let Some(text) = folder.text(file) else { continue };
        let ini = Ini::parse(text);
        entries.extend(ini.entries(section).map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    entries
}

/// The words after `pytest`, where a command runs it.
fn after_pytest(words: &[String]) -> Option<&[String]> {
    let position = words.iter().take(8).position(|word| matches!(word.as_str(), "pytest" | "py.test"))?;
    let runs = words[..position].iter().all(|word| {
        word.starts_with('-')
            || word.contains("python")
            || matches!(
                word.as_str(),
                "uv" | "poetry" | "pdm" | "pipenv" | "hatch" | "run" | "coverage" | "rye"
            )
    });
    // In `pip install pytest` it is a package.
    runs.then(|| &words[position + 1..])
}

/// The arguments of unittest, where a command runs it with words that mean the same here.
fn after_unittest(words: &[String]) -> Option<Vec<String>> {
    let position = words.windows(2).position(|pair| pair == ["-m", "unittest"])?;
    let arguments = &words[position + 2..];
    let plain = arguments.iter().all(|word| !word.contains(['{', '$', '*', '|', '>', '&']));
    plain.then(|| arguments.to_vec())
}

/// The paths that pytest is given: none where its configuration has them.
fn paths(folder: &Folder<'_>, declared: &Declared, planned: &[(&Vec<String>, &Witness)]) -> Vec<String> {
    if configuration(folder, declared).iter().any(|(key, _)| key == "testpaths") {
        return Vec::new();
    }
    let ci = folder.lines().filter_map(|line| after_pytest(&line.words));
    for words in ci.chain(planned.iter().filter_map(|(words, _)| after_pytest(words))) {
        let paths: Vec<String> = words
            .iter()
            .map(|word| word.trim_start_matches("./").trim_end_matches('/'))
            .filter(|word| {
                !word.starts_with('-') && !word.is_empty() && (folder.has(word) || folder.has_folder(word))
            })
            .map(str::to_owned)
            .collect();
        if !paths.is_empty()
            && paths.iter().any(|path| test_files(folder).any(|test| test.starts_with(path.as_str())))
        {
            return paths;
        }
    }
    // Tests that lie with examples and documents often need what the project's own do not.
    let own = ["tests", "test"]
        .into_iter()
        .find(|name| test_files(folder).any(|path| path.starts_with(&format!("{name}/"))));
    let strays = test_files(folder).any(|path| {
        let top = path.split('/').next().unwrap_or_default();
        matches!(
            top,
            "examples"
                | "example"
                | "docs"
                | "doc"
                | "benchmarks"
                | "benchmark"
                | "scripts"
                | "tools"
                | "demo"
        )
    });
    own.filter(|_| strays).map(str::to_owned).into_iter().collect()
}

/// Where unittest finds tests by itself.
fn discovery(folder: &Folder<'_>) -> Vec<String> {
    let mut arguments = vec!["discover".to_owned()];
    let tests: Vec<&str> = test_files(folder).collect();
    let top = ["tests", "test"]
        .into_iter()
        .find(|name| tests.iter().any(|path| path.starts_with(&format!("{name}/"))));
    let elsewhere = tests.iter().any(|path| top.is_none_or(|top| !path.starts_with(&format!("{top}/"))));
    if let Some(top) = top.filter(|_| !elsewhere) {
        arguments.extend(["-s".to_owned(), top.to_owned()]);
        if folder.has(&format!("{top}/__init__.py")) {
            arguments.extend(["-t".to_owned(), ".".to_owned()]);
        }
    }
    let name = |path: &&str| path.rsplit('/').next().unwrap_or_default().to_owned();
    if !tests.iter().any(|path| name(path).starts_with("test")) {
        arguments.extend(["-p".to_owned(), "*_test.py".to_owned()]);
    }
    arguments
}

/// The texts of what tests share, and of the tests that were looked at.
pub(super) fn texts<'a>(folder: &Folder<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let here = *folder;
    let shared = folder.files().filter(|path| path.ends_with("conftest.py"));
    shared.chain(test_files(folder)).filter_map(move |path| here.text(path)).take(SAMPLED_TESTS)
}

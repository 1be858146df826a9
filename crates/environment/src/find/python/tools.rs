//! What tox, nox and hatch say of the environment that tests run in.

use super::super::folder::Folder;
use super::declared::{Declared, texts};
use super::ini::{Ini, lines};
use super::source::Source;
use crate::environment::Witness;

/// What one of them installs and runs.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Arguments of pip: requirements, and `-r FILE`.
    pub(super) arguments: Vec<String>,
    pub(super) extras: Vec<String>,
    pub(super) groups: Vec<String>,
    /// The commands, each in its words.
    pub(super) commands: Vec<Vec<String>>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) witness: Witness,
}

impl Planned {
    fn at(witness: Witness) -> Self {
        Self {
            arguments: Vec::new(),
            extras: Vec::new(),
            groups: Vec::new(),
            commands: Vec::new(),
            variables: Vec::new(),
            witness,
        }
    }
}

/// All that is planned, tox first.
pub(super) fn planned(folder: &Folder<'_>, declared: &Declared) -> Vec<Planned> {
    let legacy = declared.at(&["tool", "tox", "legacy_tox_ini"]).and_then(toml::Value::as_str);
    let files = [
        ("tox.ini", folder.text("tox.ini")),
        ("setup.cfg", folder.text("setup.cfg")),
        ("pyproject.toml", legacy),
    ];
    let mut planned = Vec::new();
    for (file, text) in files {
        planned.extend(text.and_then(|text| tox(folder, file, &Ini::parse(text))));
    }
    planned.extend(native_tox(folder, declared));
    planned.extend(nox(folder));
    planned.extend(hatch(folder, declared));
    planned
}

fn tox(folder: &Folder<'_>, file: &str, ini: &Ini) -> Option<Planned> {
    let first = ["testenv", "testenv:py", "testenv:py3", "testenv:test", "testenv:tests"];
    let sections: Vec<&str> =
        first.into_iter().filter(|name| ini.names().any(|known| known == *name)).collect();
    let section = *sections.first()?;
    let mut planned = Planned::at(folder.witness_of(file, &format!("[{section}]")));
    for section in sections {
        let value = |key: &str| ini.get(section, key).unwrap_or_default();
        for line in lines(value("deps")) {
            planned.arguments.extend(dependency(folder, line));
        }
        planned.extras.extend(value("extras").split([',', '\n']).map(|name| name.trim().to_owned()));
        planned
            .groups
            .extend(value("dependency_groups").split([',', '\n']).map(|name| name.trim().to_owned()));
        planned.commands.extend(lines(&value("commands").replace("\\\n", " ")).filter_map(command));
        for line in lines(value("setenv")).chain(lines(value("set_env"))) {
            let Some((name, value)) = line.split_once('=') else { continue };
            let value = value.trim().replace("{toxinidir}", "${PART}").replace("{tox_root}", "${PART}");
            let name = name.trim();
            // Another's search path would hide what is installed; what tox fills in is not known here.
            let bare = value.replace("${PART}", "");
            if !bare.contains(['{', '$']) && !name.contains([' ', ':']) && name != "PATH" && !value.is_empty()
            {
                planned.variables.push((name.to_owned(), value));
            }
        }
    }
    planned.extras.retain(|name| !name.is_empty());
    planned.groups.retain(|name| !name.is_empty());
    Some(planned)
}

/// A line of tox's `deps`, as pip's arguments; nothing for one that holds for some of its environments alone.
fn dependency(folder: &Folder<'_>, line: &str) -> Vec<String> {
    let line = line.replace("{toxinidir}/", "").replace("{tox_root}/", "").replace("{toxinidir}", ".");
    let conditional = line.split_once(':').is_some_and(|(factors, after)| {
        after.starts_with(' ')
            && factors.chars().all(|character| character.is_alphanumeric() || "-,{}!._".contains(character))
    });
    if conditional || line.contains('{') {
        return Vec::new();
    }
    if let Some(file) = line.strip_prefix("-r").map(str::trim) {
        let file = file.trim_start_matches("./");
        return if folder.has(file) { vec!["-r".to_owned(), file.to_owned()] } else { Vec::new() };
    }
    if line.starts_with('-') {
        return Vec::new();
    }
    vec![line.trim().to_owned()]
}

fn command(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start_matches('-').trim();
    let line = line.replace("{envpython}", "python").replace("{posargs}", "").replace("{[]}", "");
    shlex::split(&line)
}

fn native_tox(folder: &Folder<'_>, declared: &Declared) -> Option<Planned> {
    let base = declared.at(&["tool", "tox", "env_run_base"])?;
    let mut planned = Planned::at(folder.witness_of("pyproject.toml", "env_run_base"));
    planned.arguments = texts(base.get("deps")).iter().flat_map(|line| dependency(folder, line)).collect();
    planned.extras = texts(base.get("extras"));
    planned.groups = texts(base.get("dependency_groups"));
    for command in base.get("commands").and_then(toml::Value::as_array).into_iter().flatten() {
        planned.commands.push(texts(Some(command)));
    }
    Some(planned)
}

fn nox(folder: &Folder<'_>) -> Option<Planned> {
    let file = "noxfile.py";
    let text = folder.text(file)?;
    // The session that tests is a function of its own.
    let begin = ["def tests(", "def test(", "def pytest(", "def unit(", "def unit_tests(", "def run_tests("]
        .iter()
        .find_map(|name| text.find(name))?;
    let body = &text[begin..];
    let end = body.find("\n@").or_else(|| body[4..].find("\ndef ").map(|at| at + 4)).unwrap_or(body.len());
    let source = Source::parse(&body[..end]);
    let mut planned = Planned::at(folder.witness_of(file, text[begin..].lines().next().unwrap_or_default()));
    for call in source.calls("install") {
        take_pip(folder, &call, &mut planned.arguments, &mut planned.extras, &mut planned.groups);
    }
    planned.groups.extend(source.calls("dependency_groups").into_iter().flatten());
    planned.commands = source.calls("run");
    Some(planned)
}

fn hatch(folder: &Folder<'_>, declared: &Declared) -> Option<Planned> {
    let environments = declared.at(&["tool", "hatch", "envs"])?;
    let mut planned = Planned::at(folder.witness_of("pyproject.toml", "tool.hatch.envs"));
    for name in ["default", "test", "tests", "hatch-test", "dev"] {
        let Some(environment) = environments.get(name) else { continue };
        for key in ["dependencies", "extra-dependencies"] {
            planned
                .arguments
                .extend(texts(environment.get(key)).into_iter().filter(|one| !one.contains('{')));
        }
        planned.extras.extend(texts(environment.get("features")));
        planned.groups.extend(texts(environment.get("dependency-groups")));
    }
    Some(planned)
}

/// Takes the arguments of one `pip install`: what is no longer of use once the project is installed is left out.
pub(super) fn take_pip(
    folder: &Folder<'_>,
    words: &[String],
    arguments: &mut Vec<String>,
    extras: &mut Vec<String>,
    groups: &mut Vec<String>,
) {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let next_file = |word: &str, words: &mut std::slice::Iter<'_, String>| match word.len() {
            2 => words.next().cloned(),
            _ => Some(word.trim_start_matches("--requirement=").trim_start_matches("-r").to_owned()),
        };
        if word.starts_with("-r") || word.starts_with("--requirement") {
            let file =
                if word == "--requirement" { words.next().cloned() } else { next_file(word, &mut words) };
            let file = file.map(|file| file.trim_start_matches("./").to_owned());
            if let Some(file) = file.filter(|file| folder.has(file) && !is_for_other_work(file)) {
                arguments.extend(["-r".to_owned(), file]);
            }
        } else if word == "--group" {
            groups.extend(words.next().cloned());
        } else if matches!(
            word.as_str(),
            "-c" | "--constraint" | "-i" | "--index-url" | "--extra-index-url" | "-f" | "--python"
        ) {
            words.next();
        } else if word.starts_with('-') {
        } else if let Some(named) =
            word.strip_prefix('.').filter(|rest| rest.is_empty() || rest.starts_with(['[', '/']))
        {
            if let Some((_, names)) = named.split_once('[') {
                extras.extend(names.trim_end_matches(']').split(',').map(|name| name.trim().to_owned()));
            }
        } else if !word.contains(['$', '*', '{', '/', '\\']) {
            let name = super::requirement::name(word);
            if !name.is_empty() && !OTHER_TOOLS.contains(&name.as_str()) {
                arguments.push(word.clone());
            }
        }
    }
}

/// What is installed beside tests and not used by them.
pub(super) const OTHER_TOOLS: &[&str] = &[
    "pip",
    "wheel",
    "tox",
    "tox-gh",
    "tox-gh-actions",
    "tox-uv",
    "nox",
    "build",
    "twine",
    "codecov",
    "coveralls",
    "flake8",
    "black",
    "codespell",
    "isort",
    "mypy",
    "ruff",
    "pylint",
    "pre-commit",
    "pre-commit-uv",
    "pyright",
    "bandit",
    "sphinx",
    "cibuildwheel",
    "hatch",
    "poetry",
    "uv",
    "pdm",
    "pipenv",
    "virtualenv",
    "pipx",
    "check-manifest",
    "mkdocs",
    "pyroma",
    "safety",
    "setuptools",
    "bumpversion",
];

/// Whether a requirements file is for something else than tests, going by its name.
pub(super) fn is_for_other_work(file: &str) -> bool {
    let name = file.to_lowercase();
    [
        "lint", "doc", "release", "publish", "deploy", "oldest", "minimum", "lowest", "bench", "mypy",
        "typing", "style",
    ]
    .iter()
    .any(|work| name.contains(work))
}

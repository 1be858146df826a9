//! GitHub Actions: the `run` steps of workflows, and the versions that they set up.

use super::super::yaml::{self, Yaml};
use super::{Ci, Script, join};
use crate::environment::Witness;
use crate::repository::Repository;

const FOLDER: &str = ".github/workflows/";
/// The workflow that prepares a workspace for agents: it is believed before the others.
const SET_UP: &str = "copilot-setup-steps";
/// What workflows and their jobs are called that do not test.
const OTHER_WORK: &[&str] = &[
    "publish",
    "release",
    "deploy",
    "docs",
    "downstream",
    "codeql",
    "stale",
    "label",
    "scorecard",
    "nightly",
    "bench",
    "fuzz",
    "spell",
    "typos",
    "changelog",
];
/// Workflows read of one repository; the largest projects have about as many.
const WORKFLOWS: usize = 40;

/// The actions that set up a language, with the input that names its version.
const VERSIONS: &[(&str, &str, &str)] = &[
    ("actions/setup-python", "python-version", "python"),
    ("actions/setup-node", "node-version", "node"),
    ("actions/setup-go", "go-version", "go"),
    ("actions/setup-java", "java-version", "java"),
    ("actions/setup-dotnet", "dotnet-version", "dotnet"),
    ("ruby/setup-ruby", "ruby-version", "ruby"),
    ("shivammathur/setup-php", "php-version", "php"),
    ("erlef/setup-beam", "elixir-version", "elixir"),
    ("astral-sh/setup-uv", "python-version", "python"),
];

pub(super) fn read(repository: &Repository, ci: &mut Ci) {
    let is_workflow = |path: &&String| [".yml", ".yaml"].iter().any(|ending| path.ends_with(ending));
    let workflows = repository.paths.range(FOLDER.to_owned()..).take_while(|path| path.starts_with(FOLDER));
    let mut files: Vec<&String> = workflows.filter(is_workflow).take(WORKFLOWS).collect();
    files.retain(|file| {
        let name = file[FOLDER.len()..].to_lowercase();
        name.starts_with(SET_UP) || !is_other_work(&name)
    });
    // What is called after tests tells more of them than what is not.
    files.sort_by_key(|file| {
        let name = file[FOLDER.len()..].to_lowercase();
        if name.starts_with(SET_UP) {
            0
        } else if name.contains("test") || name.starts_with("ci") || name.starts_with("main") {
            1
        } else {
            2
        }
    });
    for file in files {
        let Some(text) = repository.text(file) else { continue };
        match yaml::parse(text) {
            Ok(workflow) => take(file, text, &workflow, ci),
            Err(why) => ci.notes.push(format!("{file} cannot be read and is left out: {why}")),
        }
    }
}

fn take(file: &str, whole: &str, workflow: &Yaml, ci: &mut Ci) {
    let Some(jobs) = workflow.get("jobs") else { return };
    let is_set_up = file[FOLDER.len()..].starts_with(SET_UP);
    for (name, job) in jobs.entries() {
        let name = name.to_lowercase();
        if is_other_work(&name) && !name.contains("test") && !is_set_up {
            continue;
        }
        let runs_on = job.get("runs-on").and_then(Yaml::text).unwrap_or_default();
        if runs_on.contains("windows") || runs_on.contains("macos") {
            continue;
        }
        let default = working_directory(job).or_else(|| working_directory(workflow)).unwrap_or_default();
        for step in job.get("steps").map(Yaml::elements).unwrap_or_default() {
            versions(file, job, step, ci);
            let Some(run) = step.get("run") else { continue };
            let shell = step.get("shell").and_then(Yaml::text).unwrap_or("bash");
            let condition = step.get("if").and_then(Yaml::text).unwrap_or_default().to_lowercase();
            if shell.contains("pwsh")
                || shell.contains("powershell")
                || (condition.contains("== 'windows") || condition.contains("== 'macos"))
            {
                continue;
            }
            let folder = step.get("working-directory").and_then(Yaml::text).unwrap_or(default);
            let Some(folder) = join("", &filled(folder, job)) else { continue };
            let text = filled(run.text().unwrap_or_default(), job);
            ci.script(&Script { file, whole, begins: run.line(), folder: &folder, text: &text });
        }
    }
}

fn is_other_work(name: &str) -> bool {
    OTHER_WORK.iter().any(|other| name.contains(other))
}

fn working_directory(node: &Yaml) -> Option<&str> {
    node.at(&["defaults", "run", "working-directory"]).and_then(Yaml::text)
}

fn versions(file: &str, job: &Yaml, step: &Yaml, ci: &mut Ci) {
    let Some(uses) = step.get("uses").and_then(Yaml::text) else { return };
    for (action, input, language) in VERSIONS {
        let is_it = uses.split('@').next() == Some(action);
        let Some(version) = step.get("with").and_then(|with| with.get(input)).filter(|_| is_it) else {
            continue;
        };
        let asked: Vec<String> = version
            .elements()
            .iter()
            .filter_map(Yaml::text)
            .flat_map(|text| match matrix_key(text) {
                Some(key) => matrix_values(job, key),
                None => text.lines().map(str::to_owned).collect(),
            })
            .filter(|version| !version.contains("${{") && !version.trim().is_empty())
            .collect();
        let mut seen = Vec::new();
        let asked: Vec<String> = asked
            .into_iter()
            .filter(|version| {
                let new = !seen.contains(version);
                seen.push(version.clone());
                new
            })
            .collect();
        if !asked.is_empty() {
            let witness = Witness { file: file.to_owned(), line: version.line() };
            ci.versions.push(((*language).to_owned(), asked.join(" || "), witness));
        }
    }
}

/// The key of `${{ matrix.KEY }}`, where that is all.
fn matrix_key(text: &str) -> Option<&str> {
    let key = text.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim().strip_prefix("matrix.")?;
    key.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character)).then_some(key)
}

fn matrix_values(job: &Yaml, key: &str) -> Vec<String> {
    let Some(matrix) = job.at(&["strategy", "matrix"]) else { return Vec::new() };
    let listed = matrix.get(key).map(Yaml::elements).unwrap_or_default().iter();
    let included = matrix.get("include").map(Yaml::elements).unwrap_or_default().iter();
    listed
        .chain(included.filter_map(|entry| entry.get(key)))
        .filter_map(Yaml::text)
        .map(str::to_owned)
        .collect()
}

/// A text with its matrix's expressions replaced by the first of their values.
fn filled(text: &str, job: &Yaml) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find("${{") {
        let Some(length) = rest[begin..].find("}}") else { break };
        let expression = &rest[begin..begin + length + 2];
        filled.push_str(&rest[..begin]);
        match matrix_key(expression).and_then(|key| matrix_values(job, key).into_iter().next()) {
            Some(value) => filled.push_str(&value),
            None => filled.push_str(expression),
        }
        rest = &rest[begin + length + 2..];
    }
    filled.push_str(rest);
    filled
}

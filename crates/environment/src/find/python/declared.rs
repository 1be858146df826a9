//! What a Python project declares: its dependencies, its extras and groups, and whether it can be installed.

use std::collections::BTreeMap;

use super::super::folder::{Folder, Found};
use super::ini::{Ini, lines};
use super::requirement::{converted, normalised};
use super::source::Source;
use crate::environment::Witness;

/// A name's requirements, with the file that lists them.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) requirements: Vec<String>,
    pub(super) witness: Witness,
}

/// What is declared in `pyproject.toml`, `setup.cfg`, `setup.py` and `Pipfile`.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) pyproject: toml::Table,
    /// What the project itself is called, normalised; empty where no file says so.
    pub(super) name: String,
    /// Whether pip can install the project itself.
    pub(super) installable: bool,
    /// The versions of Python that it allows, with where it says so.
    pub(super) python: Option<(String, Witness)>,
    pub(super) dependencies: Vec<String>,
    pub(super) extras: BTreeMap<String, Listed>,
    pub(super) groups: BTreeMap<String, Listed>,
    /// What `setup.py` lists for its own way to test.
    pub(super) for_tests: Option<Listed>,
}

impl Declared {
    pub(super) fn of(folder: &Folder<'_>, found: &mut Found) -> Self {
        let mut declared = Self::default();
        if let Some(text) = folder.text("pyproject.toml") {
            match text.parse::<toml::Table>() {
                Ok(table) => declared.pyproject = table,
                Err(error) => found.unreadable(folder, "pyproject.toml", &error.to_string()),
            }
        }
        declared.project(folder);
        declared.poetry(folder);
        declared.dependency_groups(folder);
        declared.setup_cfg(folder);
        declared.setup_py(folder);
        declared.pipfile(folder, found);
        declared.distributed(folder);
        declared
    }

    /// A table of `pyproject.toml`.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&toml::Value> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.pyproject.get(*first)?, |value, key| value.get(key))
    }

    /// Takes the project's name where none was found before.
    fn named(&mut self, name: &str) {
        if self.name.is_empty() {
            self.name = normalised(name);
        }
    }

    fn project(&mut self, folder: &Folder<'_>) {
        let file = "pyproject.toml";
        let builds = self.pyproject.contains_key("build-system");
        let Some(project) = self.at(&["project"]).cloned() else {
            // Sources in `src`, or a `setup.py`, make a project of what only says how it is built.
            self.installable =
                builds && (folder.has("setup.py") || folder.has("setup.cfg") || folder.has_folder("src"));
            return;
        };
        self.named(project.get("name").and_then(toml::Value::as_str).unwrap_or_default());
        self.installable = project.get("name").is_some()
            && (builds || folder.has("setup.py") || folder.has_folder("src"))
            && self.at(&["tool", "uv", "package"]).and_then(toml::Value::as_bool) != Some(false);
        let python = project.get("requires-python").and_then(toml::Value::as_str);
        self.python = python.map(|asked| (asked.to_owned(), folder.witness_of(file, "requires-python")));
        self.dependencies = texts(project.get("dependencies"));
        for (name, listed) in
            project.get("optional-dependencies").and_then(toml::Value::as_table).into_iter().flatten()
        {
            let witness = folder.witness_of(file, &format!("{name} = ["));
            self.extras.insert(name.clone(), Listed { requirements: texts(Some(listed)), witness });
        }
        let dynamic = self.at(&["tool", "setuptools", "dynamic", "optional-dependencies"]).cloned();
        for (name, from) in dynamic.as_ref().and_then(toml::Value::as_table).into_iter().flatten() {
            let files = texts(from.get("file"));
            let requirements =
                files.iter().filter_map(|file| folder.text(file)).flat_map(lines).map(str::to_owned);
            let listed = Listed { requirements: requirements.collect(), witness: folder.witness(file) };
            self.extras.insert(name.clone(), listed);
        }
    }

    fn poetry(&mut self, folder: &Folder<'_>) {
        let Some(poetry) = self.at(&["tool", "poetry"]).and_then(toml::Value::as_table).cloned() else {
            return;
        };
        let file = "pyproject.toml";
        if poetry.get("package-mode").and_then(toml::Value::as_bool) == Some(false) {
            self.installable = false;
        } else if let Some(name) = poetry.get("name") {
            self.named(name.as_str().unwrap_or_default());
            self.installable = true;
        }
        let table = |value: Option<&toml::Value>| -> Vec<String> {
            let table = value.and_then(toml::Value::as_table).into_iter().flatten();
            table.filter_map(|(name, value)| converted(name, value)).collect()
        };
        if let Some(python) = poetry.get("dependencies").and_then(|all| all.get("python")?.as_str()) {
            self.python.get_or_insert((python.to_owned(), folder.witness_of(file, "python =")));
        }
        self.dependencies.extend(table(poetry.get("dependencies")));
        for (name, _) in poetry.get("extras").and_then(toml::Value::as_table).into_iter().flatten() {
            let listed = Listed { requirements: Vec::new(), witness: folder.witness_of(file, name) };
            self.extras.entry(name.clone()).or_insert(listed);
        }
        if let Some(old) = poetry.get("dev-dependencies") {
            let witness = folder.witness_of(file, "dev-dependencies");
            self.groups.insert("dev".to_owned(), Listed { requirements: table(Some(old)), witness });
        }
        for (name, group) in poetry.get("group").and_then(toml::Value::as_table).into_iter().flatten() {
            let witness = folder.witness_of(file, &format!("group.{name}"));
            let requirements = table(group.get("dependencies"));
            self.groups.insert(name.clone(), Listed { requirements, witness });
        }
    }

    fn dependency_groups(&mut self, folder: &Folder<'_>) {
        let file = "pyproject.toml";
        let groups =
            self.at(&["dependency-groups"]).and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for name in groups.keys() {
            let mut requirements = Vec::new();
            expand(&groups, name, &mut requirements, 0);
            let witness = folder.witness_of(file, &format!("{name} = ["));
            self.groups.insert(name.clone(), Listed { requirements, witness });
        }
        let old = self.at(&["tool", "pdm", "dev-dependencies"]).and_then(toml::Value::as_table).cloned();
        for (name, listed) in old.into_iter().flatten() {
            let requirements =
                texts(Some(&listed)).into_iter().filter(|one| !one.starts_with("-e")).collect();
            let witness = folder.witness_of(file, "tool.pdm.dev-dependencies");
            self.groups.entry(name).or_insert(Listed { requirements, witness });
        }
        if let Some(listed) = self.at(&["tool", "uv", "dev-dependencies"]) {
            let listed = Listed {
                requirements: texts(Some(listed)),
                witness: folder.witness_of(file, "dev-dependencies"),
            };
            self.groups.entry("dev".to_owned()).or_insert(listed);
        }
    }

    fn setup_cfg(&mut self, folder: &Folder<'_>) {
        let file = "setup.cfg";
        let Some(text) = folder.text(file) else { return };
        let ini = Ini::parse(text);
        if let Some(name) = ini.get("metadata", "name") {
            self.named(name);
            self.installable = true;
        }
        if let Some(python) = ini.get("options", "python_requires") {
            self.python.get_or_insert((python.to_owned(), folder.witness_of(file, "python_requires")));
        }
        self.dependencies
            .extend(lines(ini.get("options", "install_requires").unwrap_or_default()).map(str::to_owned));
        for (name, value) in ini.entries("options.extras_require") {
            let witness = folder.witness_of(file, name);
            let requirements = lines(value).map(str::to_owned).collect();
            self.extras.entry(name.to_owned()).or_insert(Listed { requirements, witness });
        }
        if let Some(tests) = ini.get("options", "tests_require") {
            let requirements = lines(tests).map(str::to_owned).collect();
            self.for_tests = Some(Listed { requirements, witness: folder.witness_of(file, "tests_require") });
        }
    }

    fn setup_py(&mut self, folder: &Folder<'_>) {
        let file = "setup.py";
        let Some(text) = folder.text(file) else { return };
        self.installable = true;
        let source = Source::parse(text);
        if let [name] = source.texts("name").as_slice() {
            self.named(name);
        }
        if let [python] = source.texts("python_requires").as_slice() {
            self.python.get_or_insert((python.clone(), folder.witness_of(file, "python_requires")));
        }
        self.dependencies.extend(source.texts("install_requires"));
        for (name, requirements) in source.table("extras_require") {
            let witness = folder.witness_of(file, "extras_require");
            self.extras.entry(name).or_insert(Listed { requirements, witness });
        }
        let tests = source.texts("tests_require");
        if !tests.is_empty() {
            self.for_tests =
                Some(Listed { requirements: tests, witness: folder.witness_of(file, "tests_require") });
        }
    }

    fn pipfile(&mut self, folder: &Folder<'_>, found: &mut Found) {
        let Some(text) = folder.text("Pipfile") else { return };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => return found.unreadable(folder, "Pipfile", &error.to_string()),
        };
        let convert = |key: &str| -> Vec<String> {
            let packages = table.get(key).and_then(toml::Value::as_table).into_iter().flatten();
            packages.filter_map(|(name, value)| converted(name, value)).collect()
        };
        self.dependencies.extend(convert("packages"));
        let witness = folder.witness_of("Pipfile", "[dev-packages]");
        self.groups.insert("dev".to_owned(), Listed { requirements: convert("dev-packages"), witness });
    }

    /// What a source distribution says of itself, for what its `setup.py` computes.
    fn distributed(&mut self, folder: &Folder<'_>) {
        let Some(text) = folder.text("PKG-INFO") else { return };
        for header in text.lines().take_while(|line| !line.is_empty()) {
            let witness = || folder.witness_of("PKG-INFO", header);
            if let Some(name) = header.strip_prefix("Name: ") {
                self.named(name);
            } else if let Some(extra) = header.strip_prefix("Provides-Extra: ") {
                let listed = Listed { requirements: Vec::new(), witness: witness() };
                self.extras.entry(extra.trim().to_owned()).or_insert(listed);
            } else if let Some(python) = header.strip_prefix("Requires-Python: ") {
                self.python.get_or_insert((python.to_owned(), witness()));
            } else if let Some(required) = header.strip_prefix("Requires-Dist: ") {
                let (requirement, marker) = required.split_once(';').unwrap_or((required, ""));
                match marker.split_once("extra ==") {
                    Some((_, extra)) => {
                        let extra = extra.trim().trim_matches(['"', '\'']);
                        if let Some(listed) = self.extras.get_mut(extra) {
                            listed.requirements.push(requirement.trim().to_owned());
                        }
                    }
                    None => self.dependencies.push(requirement.trim().to_owned()),
                }
            }
        }
    }
}

/// The texts of a list.
pub(super) fn texts(value: Option<&toml::Value>) -> Vec<String> {
    match value {
        Some(toml::Value::Array(list)) => {
            list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
        }
        Some(toml::Value::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// A group's requirements with those of the groups that it includes; deeper than eight it is a circle.
fn expand(groups: &toml::Table, name: &str, requirements: &mut Vec<String>, depth: usize) {
    let Some(group) = groups.get(name).and_then(toml::Value::as_array).filter(|_| depth < 8) else { return };
    for entry in group {
        if let Some(requirement) = entry.as_str() {
            requirements.push(requirement.to_owned());
        } else if let Some(included) = entry.get("include-group").and_then(toml::Value::as_str) {
            expand(groups, included, requirements, depth + 1);
        }
    }
}

//! Which packages pip installs for the tests, of all the places that list some.

use std::collections::BTreeSet;

use super::declared::{Declared, Listed};
use super::needs::by_name;
use super::requirement::name;
use super::tools::{OTHER_TOOLS, Planned, is_for_other_work, take_pip};
use crate::environment::Witness;
use crate::find::folder::Folder;

/// Requirements files for tests, and those for all of a developer's work; in this order.
const FOR_TESTS: &[&str] = &[
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements_test.txt",
    "requirements_tests.txt",
    "requirements-testing.txt",
    "test-requirements.txt",
    "tests-requirements.txt",
    "test_requirements.txt",
    "testing-requirements.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/testing.txt",
    "requirements/requirements-test.txt",
    "tests/requirements.txt",
    "test/requirements.txt",
    "tests/requirements-test.txt",
    "requirements/tests.in",
    "requirements/test.in",
];
const FOR_DEVELOPERS: &[&str] = &[
    "requirements-dev.txt",
    "requirements_dev.txt",
    "dev-requirements.txt",
    "dev_requirements.txt",
    "requirements-develop.txt",
    "requirements-ci.txt",
    "ci-requirements.txt",
    "requirements/dev.txt",
    "requirements/develop.txt",
    "requirements/development.txt",
    "requirements/ci.txt",
    "requirements/local.txt",
    "requirements.dev.txt",
    "requirements.txt",
    "requirements.in",
];
/// How deep requirements files name each other.
const DEPTH: usize = 5;

/// Whether a requirements file is for all of a developer's work where there is one for tests: it pins more than tests need,
/// now and then even the project itself.
fn is_too_much(folder: &Folder<'_>, file: &str) -> bool {
    FOR_DEVELOPERS.contains(&file)
        && !file.starts_with("requirements.")
        && FOR_TESTS.iter().any(|file| folder.has(file))
}

/// What pip is given.
#[derive(Debug, Default)]
pub(super) struct Packages {
    /// The project's own name, which is installed from its folder alone; empty where it is not installed.
    own: String,
    pub(super) arguments: Vec<String>,
    /// What no file declares.
    pub(super) added: Vec<String>,
    extras: BTreeSet<String>,
    provided: BTreeSet<String>,
    /// What the tests need.
    needs: BTreeSet<String>,
    witness: Option<Witness>,
}

/// Whether an extra or a group is for tests alone.
pub(super) fn is_for_tests(name: &str) -> bool {
    matches!(name, "test" | "tests" | "testing" | "pytest" | "unittest" | "unit-test" | "unit_test")
}

fn is_for_developers(name: &str) -> bool {
    matches!(
        name,
        "dev" | "develop" | "development" | "devel" | "ci" | "all-dev" | "dev-test" | "complete-dev"
    )
}

impl Packages {
    pub(super) fn choose(
        folder: &Folder<'_>,
        declared: &Declared,
        plans: &[Planned],
        needs: &BTreeSet<String>,
    ) -> Self {
        let mut packages = Self { needs: needs.clone(), ..Self::default() };
        packages.provide(&declared.dependencies);
        if declared.installable {
            packages.own.clone_from(&declared.name);
            packages.provided.insert(declared.name.clone());
        } else {
            packages.arguments.extend(declared.dependencies.iter().cloned());
            if folder.has("requirements.txt") {
                packages.file(folder, "requirements.txt", folder.witness("requirements.txt"));
            }
        }
        packages.take_ci(folder, declared);
        for plan in plans {
            packages.plan(folder, declared, plan);
        }
        packages.named(declared, is_for_tests);
        // What follows is more than tests need: it is taken only where it has what is still needed.
        for file in FOR_TESTS {
            packages.file_if_needed(folder, needs, file);
        }
        if let Some(listed) = &declared.for_tests
            && packages.misses(needs, &listed.requirements)
        {
            packages.list(listed);
        }
        let by_developers = |listed: &Listed, packages: &Self| packages.misses(needs, &listed.requirements);
        let extras: Vec<String> = declared
            .extras
            .iter()
            .filter(|(name, listed)| is_for_developers(name) && by_developers(listed, &packages))
            .map(|(name, _)| name.clone())
            .collect();
        packages.extras(declared, &extras, None);
        for (name, listed) in &declared.groups {
            if is_for_developers(name) && packages.misses(needs, &listed.requirements) {
                packages.list(listed);
            }
        }
        for file in FOR_DEVELOPERS.iter().filter(|file| !is_too_much(folder, file)) {
            packages.file_if_needed(folder, needs, file);
        }
        packages.others(declared, needs);
        let unmet = needs.iter().filter(|need| !packages.provided.contains(*need));
        packages.added =
            unmet.filter(|need| !is_local(folder, need)).filter_map(|need| by_name(need)).collect();
        packages.finish(declared)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// Where most of it comes from.
    pub(super) fn witness(&self, folder: &Folder<'_>) -> Witness {
        self.witness.clone().unwrap_or_else(|| {
            folder.witness(
                folder
                    .first_of(super::MANIFESTS)
                    .unwrap_or_else(|| super::runner::test_files(folder).next().unwrap_or("tests")),
            )
        })
    }

    fn take_ci(&mut self, folder: &Folder<'_>, declared: &Declared) {
        let (mut arguments, mut extras, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        let mut witness = None;
        for line in folder.lines() {
            let Some(rest) = after_install(&line.words) else { continue };
            let before = arguments.len() + extras.len();
            take_pip(folder, rest, &mut arguments, &mut extras, &mut groups);
            if arguments.len() + extras.len() > before {
                witness.get_or_insert(line.witness.clone());
            }
        }
        let mut words = arguments.into_iter();
        while let Some(word) = words.next() {
            if word == "-r" {
                let file = words.next().filter(|file| !is_too_much(folder, file));
                if let (Some(file), Some(witness)) = (file, &witness) {
                    self.file(folder, &file, witness.clone());
                }
            } else {
                self.add(word, witness.as_ref());
            }
        }
        extras.retain(|name| !is_for_other_work(name));
        self.extras(declared, &extras, witness.as_ref());
        groups.retain(|name| !is_for_other_work(name));
        self.groups(declared, &groups);
    }

    fn plan(&mut self, folder: &Folder<'_>, declared: &Declared, plan: &Planned) {
        let mut words = plan.arguments.iter();
        while let Some(word) = words.next() {
            if word == "-r" {
                if let Some(file) = words.next() {
                    self.file(folder, file, plan.witness.clone());
                }
            } else {
                self.add(word.clone(), Some(&plan.witness));
            }
        }
        self.extras(declared, &plan.extras, Some(&plan.witness));
        self.groups(declared, &plan.groups);
    }

    fn named(&mut self, declared: &Declared, is_wanted: fn(&str) -> bool) {
        let names = |listed: &std::collections::BTreeMap<String, Listed>| -> Vec<String> {
            listed.keys().filter(|name| is_wanted(name)).cloned().collect()
        };
        self.extras(declared, &names(&declared.extras), None);
        self.groups(declared, &names(&declared.groups));
    }

    fn extras(&mut self, declared: &Declared, names: &[String], witness: Option<&Witness>) {
        for name in names {
            let Some((name, listed)) = declared.extras.iter().find(|(known, _)| {
                super::requirement::normalised(known) == super::requirement::normalised(name)
            }) else {
                continue;
            };
            self.provide(&listed.requirements);
            if declared.installable {
                self.extras.insert(name.clone());
            } else {
                self.arguments.extend(listed.requirements.iter().cloned());
            }
            self.witness.get_or_insert_with(|| witness.unwrap_or(&listed.witness).clone());
        }
    }

    fn groups(&mut self, declared: &Declared, names: &[String]) {
        for listed in names.iter().filter_map(|name| declared.groups.get(name)) {
            self.list(listed);
        }
    }

    fn list(&mut self, listed: &Listed) {
        for requirement in &listed.requirements {
            let name = name(requirement);
            if OTHER_TOOLS.contains(&name.as_str()) && !self.needs.contains(&name) {
                continue;
            }
            self.add(requirement.clone(), Some(&listed.witness));
        }
    }

    fn add(&mut self, requirement: String, witness: Option<&Witness>) {
        if requirement.starts_with('.') || self.arguments.contains(&requirement) {
            return;
        }
        if !self.own.is_empty() && name(&requirement) == self.own {
            self.extras.extend(extras_of(&requirement));
            return;
        }
        self.provide(std::slice::from_ref(&requirement));
        self.arguments.push(requirement);
        if self.witness.is_none() {
            self.witness = witness.cloned();
        }
    }

    fn file(&mut self, folder: &Folder<'_>, file: &str, witness: Witness) {
        if self.arguments.iter().any(|argument| argument == file) {
            return;
        }
        let listed = listed_in(folder, file, 0);
        self.provide(&listed);
        self.arguments.extend(["-r".to_owned(), file.to_owned()]);
        self.witness.get_or_insert(witness);
    }

    fn file_if_needed(&mut self, folder: &Folder<'_>, needs: &BTreeSet<String>, file: &str) {
        if folder.has(file) && self.misses(needs, &listed_in(folder, file, 0)) {
            self.file(folder, file, folder.witness(file));
        }
    }

    /// The remaining extras and groups, where tests import what one of them brings: an optional feature that is tested.
    fn others(&mut self, declared: &Declared, needs: &BTreeSet<String>) {
        let all = declared.extras.iter();
        let extras: Vec<String> = all
            .filter(|(name, listed)| !is_for_other_work(name) && self.misses(needs, &listed.requirements))
            .map(|(name, _)| name.clone())
            .collect();
        for name in extras {
            // One extra may bring what another was needed for.
            let still =
                declared.extras.get(&name).is_some_and(|listed| self.misses(needs, &listed.requirements));
            if still {
                self.extras(declared, &[name], None);
            }
        }
        for (name, listed) in &declared.groups {
            if !is_for_other_work(name) && self.misses(needs, &listed.requirements) {
                self.list(listed);
            }
        }
    }

    /// Whether these requirements have something that is needed and that nothing brings so far.
    fn misses(&self, needs: &BTreeSet<String>, requirements: &[String]) -> bool {
        requirements
            .iter()
            .map(|one| name(one))
            .any(|name| needs.contains(&name) && !self.provided.contains(&name))
    }

    fn provide(&mut self, requirements: &[String]) {
        self.provided.extend(requirements.iter().map(|one| name(one)).filter(|name| !name.is_empty()));
    }

    fn finish(mut self, declared: &Declared) -> Self {
        let mut arguments = Vec::new();
        if declared.installable {
            let known = |name: &&String| declared.extras.contains_key(*name);
            let extras: Vec<&str> = self.extras.iter().filter(known).map(String::as_str).collect();
            let own = if extras.is_empty() { ".".to_owned() } else { format!(".[{}]", extras.join(",")) };
            arguments.extend(["-e".to_owned(), own]);
        }
        arguments.append(&mut self.arguments);
        arguments.extend(self.added.iter().cloned());
        self.arguments = arguments;
        self
    }
}

/// The extras that a requirement asks for: of `name[a, b]>=1` they are `a` and `b`.
fn extras_of(requirement: &str) -> impl Iterator<Item = String> {
    let brackets = requirement.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    let extras = brackets.map(|(extras, _)| extras).unwrap_or_default().split(',');
    extras.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The words after `pip install`, where a command is one.
fn after_install(words: &[String]) -> Option<&[String]> {
    let position = words
        .windows(2)
        .position(|pair| matches!(pair[0].as_str(), "pip" | "pip3") && pair[1] == "install")?;
    Some(&words[position + 2..])
}

/// Whether a module is the repository's own.
fn is_local(folder: &Folder<'_>, module: &str) -> bool {
    let module = module.replace('-', "_");
    ["", "src/", "tests/", "test/", "lib/"].iter().any(|parent| {
        folder.has(&format!("{parent}{module}.py")) || folder.has(&format!("{parent}{module}/__init__.py"))
    })
}

/// The requirements of a file and of those that it names.
fn listed_in(folder: &Folder<'_>, file: &str, depth: usize) -> Vec<String> {
    let mut listed = Vec::new();
    for line in folder.text(file).unwrap_or_default().lines().map(str::trim) {
        let included = line.strip_prefix("-r").or_else(|| line.strip_prefix("--requirement"));
        match included.map(|file| file.trim_start_matches('=').trim()) {
            Some(included) if depth < DEPTH => {
                let beside = file
                    .rsplit_once('/')
                    .map_or(included.to_owned(), |(folder, _)| format!("{folder}/{included}"));
                listed.extend(listed_in(folder, &beside.replace("/./", "/"), depth + 1));
            }
            Some(_) => {}
            None => listed.push(line.to_owned()),
        }
    }
    listed.retain(|line| !line.is_empty());
    listed
}

//! GitLab, CircleCI and Travis: their scripts alone.

use super::super::yaml::{self, Yaml};
use super::{Ci, Script};
use crate::repository::Repository;

/// The keys of a GitLab file that are not jobs.
const GITLAB_KEYS: &[&str] =
    &["stages", "variables", "include", "workflow", "cache", "image", "services", "pages"];

pub(super) fn read(repository: &Repository, ci: &mut Ci) {
    let files: [(&str, fn(&Yaml) -> Vec<&Yaml>); 3] =
        [(".gitlab-ci.yml", gitlab), (".circleci/config.yml", circle), (".travis.yml", travis)];
    for (file, scripts) in files {
        let Some(text) = repository.text(file) else { continue };
        match yaml::parse(text) {
            Ok(root) => {
                for script in scripts(&root) {
                    let text_of_script = script.text().unwrap_or_default();
                    let begins = script.line();
                    ci.script(&Script { file, whole: text, begins, folder: "", text: text_of_script });
                }
            }
            Err(why) => ci.notes.push(format!("{file} cannot be read and is left out: {why}")),
        }
    }
}

fn elements<'a>(node: Option<&'a Yaml>) -> impl Iterator<Item = &'a Yaml> {
    node.map(Yaml::elements).unwrap_or_default().iter()
}

fn gitlab(root: &Yaml) -> Vec<&Yaml> {
    let jobs = root.entries().iter().filter(|(name, _)| !GITLAB_KEYS.contains(&name.as_str()));
    let before = elements(root.get("before_script"));
    let of_jobs =
        jobs.flat_map(|(_, job)| elements(job.get("before_script")).chain(elements(job.get("script"))));
    before.chain(of_jobs).collect()
}

fn circle(root: &Yaml) -> Vec<&Yaml> {
    let jobs = root.get("jobs").map(Yaml::entries).unwrap_or_default().iter();
    let steps = jobs.flat_map(|(_, job)| elements(job.get("steps")));
    steps.filter_map(|step| step.get("run")).map(|run| run.get("command").unwrap_or(run)).collect()
}

fn travis(root: &Yaml) -> Vec<&Yaml> {
    ["before_install", "install", "before_script", "script"]
        .iter()
        .flat_map(|key| elements(root.get(key)))
        .collect()
}

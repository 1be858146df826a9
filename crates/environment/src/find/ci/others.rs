//! GitLab, CircleCI and Travis: their scripts alone.

use super::super::yaml::{self, Yaml};
use super::{Ci, Script};
use crate::repository::Repository;

/// The keys of a GitLab file that are not jobs.
const GITLAB_KEYS: &[&str] =
    &["stages", "variables", "include", "workflow", "cache", "image", "services", "pages"];

/// What finds the lines of each job in a file.
type Reader = fn(&Yaml) -> Vec<Vec<&Yaml>>;

pub(super) fn read(repository: &Repository, ci: &mut Ci) {
    let files: [(&str, Reader); 3] =
        [(".gitlab-ci.yml", gitlab), (".circleci/config.yml", circle), (".travis.yml", travis)];
    for (file, jobs) in files {
        let Some(text) = repository.text(file) else { continue };
        match yaml::parse(text) {
            Ok(root) => jobs(&root).iter().for_each(|job| take(file, text, job, ci)),
            Err(why) => ci.notes.push(format!("{file} cannot be read and is left out: {why}")),
        }
    }
}

/// Takes the lines of one job: each begins in the folder that the one before it ended in.
fn take(file: &str, whole: &str, job: &[&Yaml], ci: &mut Ci) {
    let mut folder = Some(String::new());
    for line in job {
        let Some(begins_in) = folder else { return };
        let text = line.text().unwrap_or_default();
        folder = ci.script(&Script { file, whole, begins: line.line(), folder: &begins_in, text });
    }
}

fn elements(node: Option<&Yaml>) -> impl Iterator<Item = &Yaml> {
    node.map(Yaml::elements).unwrap_or_default().iter()
}

fn gitlab(root: &Yaml) -> Vec<Vec<&Yaml>> {
    let jobs = root.entries().iter().filter(|(name, _)| !GITLAB_KEYS.contains(&name.as_str()));
    let of_jobs =
        jobs.map(|(_, job)| elements(job.get("before_script")).chain(elements(job.get("script"))).collect());
    std::iter::once(elements(root.get("before_script")).collect()).chain(of_jobs).collect()
}

/// Each of its steps begins in the repository's root.
fn circle(root: &Yaml) -> Vec<Vec<&Yaml>> {
    let jobs = root.get("jobs").map(Yaml::entries).unwrap_or_default().iter();
    let steps = jobs.flat_map(|(_, job)| elements(job.get("steps")));
    steps.filter_map(|step| step.get("run")).map(|run| vec![run.get("command").unwrap_or(run)]).collect()
}

fn travis(root: &Yaml) -> Vec<Vec<&Yaml>> {
    let keys = ["before_install", "install", "before_script", "script"];
    vec![keys.iter().flat_map(|key| elements(root.get(key))).collect()]
}

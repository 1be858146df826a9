//! `syndarix diff`: what a project changed, or one of its tasks.

use clap::Args;
use serde_json::json;
use syndarix_core::project::Project;
use syndarix_core::task::Task;
use syndarix_tools::git::Repository;

use super::subject::{self, Subject};
use crate::cli::Global;
use crate::display::patch;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::repository_refused;
use crate::output::{self, Output};
use crate::records::refused;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project; its id or the beginning of it [default: the only one, or the one that began last]
    #[arg(value_name = "PROJECT")]
    first: Option<String>,
    /// A task, such as `T-3`: only what it changed [default: everything that was merged]
    #[arg(value_name = "TASK")]
    second: Option<String>,
    /// Only which files changed, and by how many lines
    #[arg(long)]
    stat: bool,
}

/// Prints it, without a pager.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let found = subject::find(arguments.first, arguments.second, global, output).await?;
    let Some(Subject { store, project, part }) = found else { return Ok(Exit::Done) };
    let tasks = store.tasks(&project.id).await.map_err(refused)?;
    let task = match &part {
        Some(word) => Some(subject::task(&tasks, word).ok_or_else(|| {
            let names: Vec<String> = tasks.iter().map(|task| task.id.key().to_owned()).collect();
            subject::unknown(&project.id, "task", word, &names)
        })?),
        None => None,
    };
    let Some((base, tip)) = range(&project, task) else {
        let of = task.map_or_else(|| project.id.to_string(), |task| task.id.to_string());
        if output.is_json() {
            output.document(
                &json!({ "project": project.id, "task": task.map(|task| &task.id), "base": null }),
            )?;
        } else {
            output.line(&format!("{of} has changed nothing yet."))?;
        }
        return Ok(Exit::Done);
    };
    let repository = Repository::open(project.repository.as_ref()).await.map_err(repository_refused)?;
    let stat = repository.diff_stat(&base, &tip).await.map_err(repository_refused)?;
    if output.is_json() {
        let patch = repository.diff(&base, &tip).await.map_err(repository_refused)?;
        output.document(&json!({
            "project": project.id,
            "task": task.map(|task| &task.id),
            "base": repository.commit(&base).await.map_err(repository_refused)?,
            "tip": repository.commit(&tip).await.map_err(repository_refused)?,
            "stat": stat,
            "patch": String::from_utf8_lossy(&patch),
        }))?;
    } else if arguments.stat {
        let end = if stat.is_empty() { "Nothing is changed.\n" } else { "\n" };
        output.text(&format!("{stat}{end}"))?;
    } else {
        let patch = repository.diff(&base, &tip).await.map_err(repository_refused)?;
        // In a pipe it is the patch byte for byte, so that `git apply` takes it.
        match output::width() {
            Some(_) => output.text(&patch::render(&String::from_utf8_lossy(&patch), output.color()))?,
            None => output.bytes(&patch)?,
        }
    }
    Ok(Exit::Done)
}

/// The two ends of a change: of a task's merge where it is merged, of its branch where it has one, or of the whole
/// project. `None` where nothing can have changed yet.
fn range(project: &Project, task: Option<&Task>) -> Option<(String, String)> {
    let Some(task) = task else {
        return Some((project.base_commit.clone()?, project.branch.clone()));
    };
    let merged = task.receipt.as_ref().and_then(|receipt| receipt.commit.as_ref());
    match (merged, &task.branch) {
        (Some(commit), _) => Some((format!("{commit}^1"), commit.clone())),
        (None, Some(branch)) => Some((project.branch.clone(), branch.clone())),
        (None, None) => None,
    }
}

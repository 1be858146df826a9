//! `syndarix show`: what the team wrote, and everything about one task.

use clap::Args;
use serde_json::json;
use syndarix_core::blob::BlobHash;
use syndarix_core::ports::Blobs as _;
use syndarix_core::task::Task;
use syndarix_store::{ArtifactRecord, Store};

use super::subject::{self, Subject};
use crate::cli::Global;
use crate::display::documents::{self, Entry};
use crate::display::task::TaskSheet;
use crate::display::text::many_lines;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::records::{self, refused};
use crate::service::session::command;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project; its id or the beginning of it [default: the only one, or the one that began last]
    #[arg(value_name = "PROJECT")]
    first: Option<String>,
    /// A document, such as `vision`, `requirements`, `architecture` or `delivery`, or a task, such as `T-3`
    /// [default: list what there is]
    #[arg(value_name = "WHAT")]
    second: Option<String>,
}

/// Shows it.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let found = subject::find(arguments.first, arguments.second, global, output).await?;
    let Some(Subject { store, project, part }) = found else { return Ok(Exit::Done) };
    let artifacts = store.artifacts(&project.id).await.map_err(refused)?;
    let tasks = store.tasks(&project.id).await.map_err(refused)?;
    let Some(word) = part else {
        list(&artifacts, &tasks, &store, &project.id, global, output).await?;
        return Ok(Exit::Done);
    };
    if let Some(artifact) = documents::find(&artifacts, &word) {
        document(artifact, &store, output).await?;
    } else if let Some(task) = subject::task(&tasks, &word) {
        sheet(task, &artifacts, &store, global, output).await?;
    } else {
        let names = artifacts.iter().map(|artifact| documents::short(&artifact.name).to_owned());
        let names: Vec<String> = names.chain(tasks.iter().map(|task| task.id.key().to_owned())).collect();
        return Err(subject::unknown(&project.id, "document or task", &word, &names));
    }
    Ok(Exit::Done)
}

async fn list(
    artifacts: &[ArtifactRecord],
    tasks: &[Task],
    store: &Store,
    project: &syndarix_core::id::ProjectId,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    if output.is_json() {
        return output.document(&json!({ "project": project, "documents": artifacts, "tasks": tasks }));
    }
    let names = records::names(store, project).await?;
    let entries: Vec<Entry> = artifacts
        .iter()
        .map(|artifact| Entry {
            name: artifact.name.clone(),
            version: artifact.version,
            by: artifact.agent.as_ref().and_then(|agent| names.get(agent)).cloned(),
            at: artifact.at,
        })
        .collect();
    output.text(&documents::list(&entries, tasks, &command(global, &format!("show {project}"))))
}

/// A document as it was written; on a terminal without what could steer it.
async fn document(artifact: &ArtifactRecord, store: &Store, output: &Output) -> Result<(), Failure> {
    let text = text_of(store, &artifact.content).await?;
    if output.is_json() {
        return output.document(&json!({ "document": artifact, "text": text }));
    }
    let text = if output::width().is_some() { many_lines(&text) } else { text };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    output.text(&format!("{text}{end}"))
}

async fn sheet(
    task: &Task,
    artifacts: &[ArtifactRecord],
    store: &Store,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let reviews = store.reviews(&task.id).await.map_err(refused)?;
    let check = task.receipt.as_ref().and_then(|receipt| receipt.check.as_ref());
    let check_output = match check {
        Some(check) => Some(text_of(store, &check.output).await?),
        None => None,
    };
    if output.is_json() {
        return output.document(&json!({ "task": task, "reviews": reviews, "check_output": check_output }));
    }
    let written: Vec<&str> = artifacts
        .iter()
        .filter(|artifact| artifact.task.as_ref() == Some(&task.id))
        .map(|artifact| artifact.name.as_str())
        .collect();
    let sheet = TaskSheet {
        task,
        reviews: &reviews,
        check_output: check_output.as_deref(),
        documents: &written,
        names: &records::names(store, &task.project).await?,
        program: &command(global, ""),
    };
    output.text(&sheet.render())
}

async fn text_of(store: &Store, content: &BlobHash) -> Result<String, Failure> {
    let bytes = store
        .get(content)
        .await
        .map_err(|error| Failure::internal("a document of the project cannot be read").because(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

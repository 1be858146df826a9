//! Gathers what a project's summary is made of.

use std::path::Path;

use syndarix_core::event::{Event, EventKind};
use syndarix_core::ports::Blobs as _;
use syndarix_core::project::Project;
use syndarix_core::task::Task;
use syndarix_store::{ArtifactRecord, Store};
use syndarix_tools::git::Repository;

use crate::cli::DEFAULT_DATA_DIR;
use crate::display::board::Board;
use crate::display::documents::DELIVERY;
use crate::display::summary::{AgentCost, FinalCheck, Summary, by_agent, quoted};
use crate::failure::Failure;
use crate::records::{self, refused};

/// What a summary borrows from.
#[derive(Debug)]
pub(crate) struct Closing {
    project: Project,
    board: Board,
    tasks: Vec<Task>,
    costs: Vec<AgentCost>,
    diff_stat: Option<String>,
    final_check: Option<FinalCheck>,
    documents: Vec<String>,
    delivery: Option<String>,
    program: String,
    data_dir: String,
}

/// Reads it from the records and the project's repository.
pub(crate) async fn gather(store: &Store, project: Project) -> Result<Closing, Failure> {
    let events = records::events(store, Some(&project.id), 0).await?;
    let agents = store.agents(&project.id).await.map_err(refused)?;
    let costs = store.costs(&project.id).await.map_err(refused)?;
    let data_dir = std::path::absolute(store.data_dir()).unwrap_or_else(|_| store.data_dir().to_owned());
    let artifacts = store.artifacts(&project.id).await.map_err(refused)?;
    Ok(Closing {
        board: Board::of(&events),
        tasks: store.tasks(&project.id).await.map_err(refused)?,
        costs: by_agent(&agents, &costs),
        diff_stat: diff_stat(&project).await,
        final_check: final_check(&events, &project),
        documents: artifacts.iter().map(|artifact| artifact.name.clone()).collect(),
        delivery: delivery(store, &artifacts).await,
        program: program(&data_dir),
        data_dir: data_dir.display().to_string(),
        project,
    })
}

impl Closing {
    /// The summary.
    pub(crate) fn summary(&self) -> Summary<'_> {
        Summary {
            project: &self.project,
            board: &self.board,
            tasks: &self.tasks,
            costs: &self.costs,
            diff_stat: self.diff_stat.as_deref(),
            final_check: self.final_check.as_ref(),
            documents: &self.documents,
            delivery: self.delivery.as_deref(),
            program: &self.program,
            data_dir: &self.data_dir,
        }
    }
}

/// What the document about the delivery says. A summary without it is better than none.
async fn delivery(store: &Store, artifacts: &[ArtifactRecord]) -> Option<String> {
    let artifact = artifacts.iter().find(|artifact| artifact.name == DELIVERY)?;
    let bytes = store.get(&artifact.content).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// How this program is called on these records, from the folder it was called in.
fn program(data_dir: &Path) -> String {
    if std::path::absolute(DEFAULT_DATA_DIR).is_ok_and(|default| default == data_dir) {
        return "syndarix".to_owned();
    }
    format!("syndarix --data-dir {}", quoted(&data_dir.display().to_string()))
}

/// The result against where the work began. A summary without it is better than none, so a repository that is
/// gone or has no such branch yet only leaves it out.
async fn diff_stat(project: &Project) -> Option<String> {
    let repository = Repository::open(project.repository.as_ref()).await.ok()?;
    let base = project.base_commit.as_deref()?;
    repository.diff_stat(base, &project.branch).await.ok()
}

/// The last time that the project's own check was run on the merged result.
fn final_check(events: &[Event], project: &Project) -> Option<FinalCheck> {
    let check = project.check.as_ref()?.to_string();
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::CheckRun { command, exit_code, .. } if *command == check => {
            Some(FinalCheck { command: command.clone(), exit_code: *exit_code })
        }
        _ => None,
    })
}

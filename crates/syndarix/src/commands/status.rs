//! `syndarix status`: how a project stands; its summary once it is over.

use clap::Args;
use serde_json::json;
use syndarix_core::time::{Clock as _, SystemClock};

use crate::cli::{Global, ProjectArgument};
use crate::display::board::Board;
use crate::display::status;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records;
use crate::service::closing;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArgument,
    /// The whole summary, also of a project that is not over
    #[arg(long)]
    summary: bool,
}

/// Says how it stands.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some((store, project)) = records::listing(global, &arguments.project, output).await? else {
        return Ok(Exit::Done);
    };
    if arguments.summary || project.state.is_final() {
        let closing = closing::gather(&store, project).await?;
        let summary = closing.summary();
        if output.is_json() {
            output.document(&summary.to_json())?;
        } else {
            output.text(summary.render().trim_start_matches('\n'))?;
        }
        return Ok(Exit::Done);
    }
    let events = records::events(&store, Some(&project.id), 0).await?;
    let board = Board::of(&events);
    if output.is_json() {
        let (done, tasks) = board.progress();
        output.document(&json!({
            "project": project,
            "spent": board.spent,
            "usage": board.usage,
            "tasks": tasks,
            "tasks_done": done,
            "waiting_for_human": board.waiting.keys().collect::<Vec<_>>(),
        }))?;
    } else {
        output.text(&status::render(&project.id, &board, SystemClock.now()))?;
    }
    Ok(Exit::Done)
}

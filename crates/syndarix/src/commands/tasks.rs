//! `syndarix tasks`: a project's tasks and their receipts.

use clap::Args;

use crate::cli::{Global, ProjectArgument};
use crate::display::table::{Align, Table};
use crate::display::text::{commit, one_line};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records::{self, refused};

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArgument,
}

/// Lists the tasks in the order of their creation.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some((store, project)) = records::listing(global, &arguments.project, output).await? else {
        return Ok(Exit::Done);
    };
    let tasks = store.tasks(&project.id).await.map_err(refused)?;
    if output.is_json() {
        output.document(&tasks)?;
        return Ok(Exit::Done);
    }
    let names = records::names(&store, &project.id).await?;
    let mut table = Table::new(&[
        ("task", Align::Left),
        ("title", Align::Left),
        ("kind", Align::Left),
        ("sprint", Align::Right),
        ("by", Align::Left),
        ("state", Align::Left),
        ("sent back", Align::Right),
        ("exit", Align::Right),
        ("commit", Align::Left),
    ]);
    let none = || "–".to_owned();
    for task in tasks {
        let receipt = task.receipt.as_ref();
        let check = receipt.and_then(|receipt| receipt.check.as_ref());
        table.row([
            task.id.key().to_owned(),
            one_line(&task.title, 48),
            task.kind.as_str().replace('_', " "),
            task.sprint.map_or_else(none, |sprint| sprint.to_string()),
            task.assignee.as_ref().and_then(|agent| names.get(agent)).cloned().unwrap_or_else(none),
            task.state.as_str().replace('_', " "),
            task.review_rounds.to_string(),
            check.map_or_else(none, |check| check.exit_code.to_string()),
            receipt
                .and_then(|receipt| receipt.commit.as_deref())
                .map_or_else(none, |id| commit(id).to_owned()),
        ]);
    }
    output.text(&table.render(0))?;
    Ok(Exit::Done)
}

//! `syndarix messages`: what a project's agents, and the human, said to one another.

use clap::Args;

use crate::cli::{Global, ProjectArgument};
use crate::display::table::{Align, Table};
use crate::display::text::one_line;
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

/// Lists the messages in the order in which they were sent.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some((store, project)) = records::listing(global, &arguments.project, output).await? else {
        return Ok(Exit::Done);
    };
    let messages = store.messages(&project.id).await.map_err(refused)?;
    if output.is_json() {
        output.document(&messages)?;
        return Ok(Exit::Done);
    }
    let names = records::names(&store, &project.id).await?;
    let mut table = Table::new(&[
        ("sent", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
        ("kind", Align::Left),
        ("task", Align::Left),
        ("summary", Align::Left),
    ]);
    for message in messages {
        let name = |agent| names.get(agent).cloned().unwrap_or_else(|| agent.to_string());
        table.row([
            message.sent_at.to_string(),
            message.sender.as_ref().map_or_else(|| "you".to_owned(), name),
            message.target.as_ref().map_or_else(|| "everyone".to_owned(), name),
            message.kind.to_string(),
            message.task.as_ref().map_or_else(|| "–".to_owned(), |task| task.key().to_owned()),
            one_line(&message.summary, 90),
        ]);
    }
    output.text(&table.render(0))?;
    Ok(Exit::Done)
}

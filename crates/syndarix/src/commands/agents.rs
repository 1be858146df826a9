//! `syndarix agents`: a project's team.

use clap::Args;

use crate::cli::{Global, ProjectArgument};
use crate::display::table::{Align, Table};
use crate::display::text::agent_name;
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

/// Lists the team, leads first.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some((store, project)) = records::listing(global, &arguments.project, output).await? else {
        return Ok(Exit::Done);
    };
    let agents = store.agents(&project.id).await.map_err(refused)?;
    if output.is_json() {
        output.document(&agents)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("role", Align::Left),
        ("type", Align::Left),
        ("reports to", Align::Left),
        ("state", Align::Left),
        ("since", Align::Left),
    ]);
    for agent in agents {
        table.row([
            agent.name,
            agent.role.title().to_owned(),
            agent.agent_type,
            agent.reports_to.as_ref().map_or_else(|| "–".to_owned(), agent_name),
            agent.state.as_str().replace('_', " "),
            agent.state_since.to_string(),
        ]);
    }
    output.text(&table.render(0))?;
    Ok(Exit::Done)
}

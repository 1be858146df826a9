//! `syndarix projects`: every project.

use crate::cli::Global;
use crate::display::table::{Align, Table};
use crate::display::text::{money, one_line};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records::{self, refused};

/// Lists projects, the oldest first.
pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let projects = match records::open(global).await? {
        Some(store) => store.projects().await.map_err(refused)?,
        None => Vec::new(),
    };
    if output.is_json() {
        output.document(&projects)?;
        return Ok(Exit::Done);
    }
    if projects.is_empty() {
        output.line("No project yet. Start one with `syndarix run BRIEF.md`, or watch `syndarix demo`.")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("project", Align::Left),
        ("title", Align::Left),
        ("state", Align::Left),
        ("phase", Align::Left),
        ("autonomy", Align::Left),
        ("budget", Align::Right),
        ("began", Align::Left),
    ]);
    for project in projects {
        table.row([
            project.id.to_string(),
            one_line(&project.title, 40),
            project.state.to_string(),
            project.phase.to_string(),
            project.autonomy.to_string(),
            money(project.budget),
            project.created_at.to_string(),
        ]);
    }
    output.text(&table.render(0))?;
    Ok(Exit::Done)
}

//! `syndarix costs`: what models used and cost, by agent, task and model, and how the budgets stand.

use clap::Args;
use serde_json::json;

use crate::cli::{Global, ProjectArgument};
use crate::display::summary::{by_agent, costs_table};
use crate::display::table::{Align, Table};
use crate::display::text::{agent_name, money};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records::{self, refused};

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArgument,
    /// List every call
    #[arg(long)]
    calls: bool,
}

/// Lists the costs.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some((store, project)) = records::listing(global, &arguments.project, output).await? else {
        return Ok(Exit::Done);
    };
    if arguments.calls {
        let calls = store.calls(&project.id).await.map_err(refused)?;
        if output.is_json() {
            output.document(&calls)?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&[
            ("call", Align::Left),
            ("model", Align::Left),
            ("outcome", Align::Left),
            ("in", Align::Right),
            ("out", Align::Right),
            ("cost", Align::Right),
            ("ms", Align::Right),
        ]);
        for call in calls {
            table.row([
                call.call.to_string(),
                call.model,
                call.outcome.unwrap_or_else(|| "under way".to_owned()),
                call.usage.input_tokens.to_string(),
                call.usage.output_tokens.to_string(),
                money(call.cost),
                call.latency_ms.to_string(),
            ]);
        }
        output.text(&table.render(0))?;
        return Ok(Exit::Done);
    }
    let costs = store.costs(&project.id).await.map_err(refused)?;
    let budgets = store.budgets(&project.id).await.map_err(refused)?;
    if output.is_json() {
        output.document(&json!({ "costs": costs, "budgets": budgets }))?;
        return Ok(Exit::Done);
    }
    let agents = store.agents(&project.id).await.map_err(refused)?;
    output.text(&costs_table(&by_agent(&agents, &costs), Some(project.budget)).render(0))?;

    let mut table = Table::new(&[
        ("agent", Align::Left),
        ("task", Align::Left),
        ("model", Align::Left),
        ("calls", Align::Right),
        ("failed", Align::Right),
        ("tokens in", Align::Right),
        ("tokens out", Align::Right),
        ("cost", Align::Right),
    ]);
    for line in &costs {
        table.row([
            agent_name(&line.agent),
            line.task.key().to_owned(),
            line.model.clone(),
            line.calls.to_string(),
            line.failed_calls.to_string(),
            line.usage.input_tokens.to_string(),
            line.usage.output_tokens.to_string(),
            money(line.cost),
        ]);
    }
    output.line("")?;
    output.text(&table.render(0))?;

    let mut table = Table::new(&[
        ("budget", Align::Left),
        ("limit", Align::Right),
        ("spent", Align::Right),
        ("reserved", Align::Right),
    ]);
    for line in budgets.iter().filter(|line| line.limit.is_some()) {
        table.row([
            line.scope.to_string(),
            line.limit.map_or_else(|| "–".to_owned(), money),
            money(line.spent),
            money(line.reserved),
        ]);
    }
    output.line("")?;
    output.text(&table.render(0))?;
    Ok(Exit::Done)
}

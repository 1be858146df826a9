//! The commands, one file each: what it accepts, and what it does.

pub(crate) mod agents;
pub(crate) mod approvals;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod costs;
pub(crate) mod decide;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod feedback;
pub(crate) mod log;
pub(crate) mod messages;
pub(crate) mod open;
pub(crate) mod projects;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod status;
mod subject;
pub(crate) mod tasks;
pub(crate) mod up;
pub(crate) mod workspace_server;

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command that was asked for.
pub(crate) fn dispatch(cli: Cli, output: &Output) -> Result<Exit, Failure> {
    let global = cli.global;
    // Confinement is per thread, so the workspace server starts before there is a second one.
    if let Command::WorkspaceServer(arguments) = cli.command {
        return workspace_server::run(&arguments);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("the async runtime cannot be started").because(error))?;
    let exit = runtime.block_on(async {
        match cli.command {
            Command::Run(arguments) => Box::pin(run::run(arguments, &global, output)).await,
            Command::Demo(arguments) => Box::pin(demo::run(arguments, &global, output)).await,
            Command::Up(arguments) => Box::pin(up::run(arguments, &global, output)).await,
            Command::Status(arguments) => status::run(arguments, &global, output).await,
            Command::Projects => projects::run(&global, output).await,
            Command::Show(arguments) => show::run(arguments, &global, output).await,
            Command::Diff(arguments) => diff::run(arguments, &global, output).await,
            Command::Log(arguments) => log::run(arguments, &global, output).await,
            Command::Open(arguments) => open::run(arguments, &global, output).await,
            Command::Agents(arguments) => agents::run(arguments, &global, output).await,
            Command::Tasks(arguments) => tasks::run(arguments, &global, output).await,
            Command::Messages(arguments) => messages::run(arguments, &global, output).await,
            Command::Events(arguments) => events::run(arguments, &global, output).await,
            Command::Costs(arguments) => costs::run(arguments, &global, output).await,
            Command::Approvals(arguments) => approvals::run(arguments, &global, output).await,
            Command::Approve(arguments) => decide::approve(arguments, &global, output).await,
            Command::Reject(arguments) => decide::reject(arguments, &global, output).await,
            Command::Feedback(arguments) => feedback::run(arguments, &global, output).await,
            Command::Cancel(arguments) => cancel::run(arguments, &global, output).await,
            Command::Check(arguments) => Box::pin(check::run(arguments, &global, output)).await,
            Command::Doctor => doctor::run(&global, output).await,
            Command::Config(arguments) => config::run(&arguments, &global, output),
            Command::Completions(arguments) => completions::run(&arguments, output),
            Command::WorkspaceServer(arguments) => workspace_server::run(&arguments),
        }
    });
    // A command that was told to end does not wait for a thread that still reads standard input or a socket.
    runtime.shutdown_background();
    exit
}

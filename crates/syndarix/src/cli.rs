//! The command line: what can be asked for. What each command does is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    agents, approvals, cancel, check, completions, config, costs, decide, demo, diff, events, feedback, log,
    messages, open, run, show, status, tasks, up, workspace_server,
};
use crate::exit::Exit;

/// A team of AI agents as one durable program.
///
/// Hand over a brief, and a team of agents works it through discovery, architecture, sprints, review and QA
/// until it is merged in git and its checks pass.
#[derive(Debug, Parser)]
#[command(name = "syndarix", version, after_help = Exit::HELP, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where projects and records are kept if nothing else is said.
pub(crate) const DEFAULT_DATA_DIR: &str = ".syndarix";

/// What every command accepts.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where projects and records are kept
    #[arg(
        long,
        global = true,
        help_heading = "Everywhere",
        value_name = "DIR",
        env = "SYNDARIX_DATA_DIR",
        default_value = DEFAULT_DATA_DIR
    )]
    pub(crate) data_dir: PathBuf,
    /// The configuration file [default: syndarix.toml here, if there is one]
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "FILE", env = "SYNDARIX_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give a team a brief and watch it work
    Run(run::Arguments),
    /// Watch the built-in example project, with a scripted model: no key, no network
    Demo(demo::Arguments),
    /// Keep the service running and continue what is unfinished
    Up(up::Arguments),
    /// How a project stands
    Status(status::Arguments),
    /// List projects
    Projects,
    /// Read what the team wrote, or everything about one task
    Show(show::Arguments),
    /// Print what a project, or one task, changed
    Diff(diff::Arguments),
    /// List the commits of a project's result
    Log(log::Arguments),
    /// Print where a project's repository is, or open it
    Open(open::Arguments),
    /// List a project's team
    Agents(agents::Arguments),
    /// List a project's tasks
    Tasks(tasks::Arguments),
    /// List the messages between a project's agents
    Messages(messages::Arguments),
    /// Tell the journal
    Events(events::Arguments),
    /// List what models used and cost
    Costs(costs::Arguments),
    /// List what waits, or waited, for a human
    Approvals(approvals::Arguments),
    /// Approve what waits for a human
    Approve(decide::Approve),
    /// Reject what waits for a human
    Reject(decide::Reject),
    /// Tell a project's team something
    Feedback(feedback::Arguments),
    /// Stop a project for good
    Cancel(cancel::Arguments),
    /// Find what a repository needs, set it up, and run its checks once; no model is called
    Check(check::Arguments),
    /// Check that this machine has what Syndarix needs
    Doctor,
    /// Look at the configuration
    Config(config::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    #[command(hide = true)]
    WorkspaceServer(workspace_server::Arguments),
}

/// Which project a command is about.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectArgument {
    /// The project; its id or the beginning of it [default: the only one, or the one that began last]
    #[arg(long, short, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

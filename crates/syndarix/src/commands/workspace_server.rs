//! `syndarix workspace-server`: the confined process in which agents' tools run. Started by Syndarix itself.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use syndarix_tools::launch;
use syndarix_tools::workspace_server::{WorkspaceOptions, serve, try_isolation};

use crate::exit::Exit;
use crate::failure::Failure;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to serve, as JSON
    #[arg(long, value_name = "JSON", required_unless_present_any = ["try_isolation", "launch"])]
    options: Option<String>,
    /// Only try whether commands can have a root and a network of their own, with a folder to try it in
    #[arg(long, value_name = "DIR")]
    try_isolation: Option<PathBuf>,
    /// Try processes of their own, too
    #[arg(long, requires = "try_isolation")]
    own_processes: bool,
    /// What the first process of a command's own is to know of its outside
    #[arg(long, value_name = "TEXT")]
    inside: Option<String>,
    /// Only start a program without a terminal
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    launch: Vec<OsString>,
}

/// Serves until standard input ends.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let inside = arguments.inside.as_deref();
    let done = match (&arguments.try_isolation, &arguments.options) {
        _ if !arguments.launch.is_empty() => Err(launch(&arguments.launch)),
        (Some(folder), _) => try_isolation(folder, arguments.own_processes, inside),
        (None, options) => {
            let options = options.as_deref().unwrap_or_default();
            let options: WorkspaceOptions = serde_json::from_str(options).map_err(|error| {
                Failure::bad_input("the workspace server's options cannot be read").because(error)
            })?;
            serve(options, inside)
        }
    };
    match done {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            let hint = error.hint();
            let failure = Failure::internal(error.to_string());
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

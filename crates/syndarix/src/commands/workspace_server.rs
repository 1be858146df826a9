//! `syndarix workspace-server`: the confined process in which agents' tools run. Started by Syndarix itself.

use clap::Args;
use syndarix_tools::workspace_server::{WorkspaceOptions, serve};

use crate::exit::Exit;
use crate::failure::Failure;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to serve, as JSON
    #[arg(long, value_name = "JSON")]
    options: String,
}

/// Serves until standard input ends.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let options: WorkspaceOptions = serde_json::from_str(&arguments.options).map_err(|error| {
        Failure::bad_input("the workspace server's options cannot be read").because(error)
    })?;
    match serve(options) {
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

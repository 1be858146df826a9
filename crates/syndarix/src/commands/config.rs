//! `syndarix config check`: reads the configuration and says what is effective, without secrets.

use clap::{Args, Subcommand};

use crate::cli::Global;
use crate::config::{self, audience, process_environment, providers, show};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::service::models;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the configuration and print what is effective, without secrets
    Check,
}

/// Checks and prints.
pub(crate) fn run(arguments: &Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Action::Check = arguments.action;
    let config = config::load(global.config.as_deref())?;
    let settings = providers::settings(&config.file, &process_environment);
    models::check(&config, &process_environment, &settings)?;
    if let Some(team) = audience::default_team(&config) {
        audience::check(&config, &team)?;
    }
    if output.is_json() {
        output.document(&show::json(&config, &settings))?;
    } else {
        output.text(&show::text(&config, &settings, &process_environment))?;
    }
    Ok(Exit::Done)
}

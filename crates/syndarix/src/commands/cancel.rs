//! `syndarix cancel`: stops a project for good. What was merged stays.

use clap::Args;

use super::decide::tell;
use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;
use crate::records;
use crate::service::control;
use crate::service::word::Word;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project; its id or the beginning of it
    #[arg(value_name = "PROJECT")]
    project: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Cancels it.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let store = records::open_existing(global).await?;
    let project = records::project(&store, Some(&arguments.project)).await?;
    drop(store);
    let word = Word::Cancel { project: project.id, by: input::user(), reason: arguments.reason };
    let heard = control::say(&global.data_dir, &word).await?;
    tell(&heard, output)
}

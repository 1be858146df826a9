//! `syndarix feedback`: a word from the human to a project's team.

use std::io::Read as _;

use clap::Args;

use super::decide::tell;
use crate::cli::{Global, ProjectArgument};
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
    /// What to tell the team; `-` reads it from standard input
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    project: ProjectArgument,
}

/// Passes it on.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let text = if arguments.text == "-" { from_standard_input()? } else { arguments.text };
    if text.trim().is_empty() {
        return Err(Failure::bad_input("the feedback is empty").hint("write what the team should know"));
    }
    let store = records::open_existing(global).await?;
    let project = records::project(&store, arguments.project.project.as_deref()).await?;
    drop(store);
    let word = Word::Feedback { project: project.id, by: input::user(), text };
    let heard = control::say(&global.data_dir, &word).await?;
    tell(&heard, output)
}

fn from_standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| Failure::bad_input("standard input cannot be read as text").because(error))?;
    Ok(text)
}

//! `syndarix check`: what a repository needs is found and set up, and its checks are run once, without any model.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use syndarix_environment::Environment;
use syndarix_environment::Machine;
use syndarix_environment::make::Workshop;
use syndarix_tools::git::Source;

use crate::cli::Global;
use crate::config::{self, Config, process_environment};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;
use crate::service::baseline::{self, Baseline, Bench, Verdict, Wishes, line};
use crate::service::host::{launcher, work_directory};
use crate::service::{tools, workshop};

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The git repository, or a folder of one
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    #[command(flatten)]
    wishes: WishArguments,
}

/// What `check` and `run` accept of checks and set-up.
#[derive(Debug, Args)]
pub(crate) struct WishArguments {
    /// The command that the result must pass, such as "cargo test", or "none" [default: what the repository's files tell]
    #[arg(long, value_name = "COMMAND")]
    check: Option<String>,
    /// Let dependencies be installed, with the network, without a question
    #[arg(long)]
    allow_set_up: bool,
}

impl WishArguments {
    /// What is wished, with what is configured where the flags are silent.
    pub(crate) fn wishes(&self, config: &Config) -> Result<Wishes, Failure> {
        let unchecked = self.check.as_deref().is_some_and(|check| check.trim() == "none");
        let check = match &self.check {
            Some(_) if unchecked => None,
            Some(check) => Some(config::command::of_flag("--check", check)?),
            None => config.file.defaults.check.clone(),
        };
        let allow_set_up = self.allow_set_up || config.file.environment.allow_set_up;
        Ok(Wishes { check, unchecked, allow_set_up })
    }
}

/// Takes the baseline, and says what came of it.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref())?;
    let wishes = arguments.wishes.wishes(&config)?;
    let source = input::source_as_it_is(&arguments.repo).await?;
    let baseline = take(&config, global, &source, &wishes, output).await?;
    if output.is_json() {
        output.document(&baseline.to_json())?;
        return Ok(match baseline.verdict {
            Verdict::Green => Exit::Done,
            Verdict::Red => Exit::Failed,
            _ => Exit::BadInput,
        });
    }
    match baseline.verdict {
        Verdict::Red => {
            output.line("\nThe check fails.")?;
            Ok(Exit::Failed)
        }
        Verdict::Green => {
            output.line("\nReady to be worked on.")?;
            Ok(Exit::Done)
        }
        Verdict::NoCheck if baseline.kept.unchecked => {
            output.line("\nReady to be worked on. Nothing will be verified, as you asked.")?;
            Ok(Exit::Done)
        }
        Verdict::NoCheck => Err(Failure::bad_input("no check was found")
            .hint("name one with --check, or with `[environment] checks = [\"…\"]` in syndarix.toml")),
        _ => Err(baseline.refusal(false).unwrap_or_else(|| Failure::internal("there is no baseline"))),
    }
}

/// Takes the baseline of a repository with what this machine and the configuration have.
pub(crate) async fn take(
    config: &Config,
    global: &Global,
    source: &Source,
    wishes: &Wishes,
    output: &Output,
) -> Result<Baseline, Failure> {
    let (workshop, machine, folder) = bench(config, global).await?;
    let bench = Bench { workshop: &workshop, machine: &machine, config, folder: &folder };
    let mut failed = None;
    let quiet = output.is_json();
    let mut say = |text: &str| {
        if !quiet && let Err(failure) = output.line(text) {
            failed = Some(failure);
        }
    };
    let mut may_set_up = |environment: &Environment| !quiet && asked(environment);
    let taken = Box::pin(baseline::take(bench, source, wishes, &mut say, &mut may_set_up)).await?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok(taken),
    }
}

async fn bench(
    config: &Config,
    global: &Global,
) -> Result<(Workshop, std::sync::Arc<Machine>, PathBuf), Failure> {
    let data_dir = std::path::absolute(&global.data_dir)
        .map_err(|error| Failure::bad_input("the data directory has no absolute path").because(error))?;
    let environments = work_directory(&data_dir, &process_environment).join("environments");
    input::room::room(&environments, "free some space, or set XDG_STATE_HOME to a folder on another disk")?;
    let policy = tools::policy(config, &[]);
    let (workshop, machine) = workshop::open(config, &policy, launcher()?, &environments).await;
    Ok((workshop, machine, baseline::folder(&environments)))
}

/// Asks at the terminal, if there is one, whether the commands may run.
fn asked(environment: &Environment) -> bool {
    let commands = environment.parts.iter().flat_map(|part| &part.set_up);
    let commands: Vec<String> = commands.map(|step| format!("  {}", line(&step.command))).collect();
    let input = std::io::stdin();
    if !input.is_terminal() {
        return false;
    }
    crate::output::prompt(&format!(
        "To install dependencies, these commands run confined, with the network:\n{}\nMay they? [y/N] ",
        commands.join("\n")
    ));
    let mut answer = String::new();
    input.lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

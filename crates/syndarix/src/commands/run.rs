//! `syndarix run`: hands a brief to a team and watches it work.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use syndarix_agents::team::Team;
use syndarix_core::autonomy::Autonomy;
use syndarix_core::task::Check;
use syndarix_environment::ProjectEnvironment;
use syndarix_tools::git::{Identity, Source};

use super::check::{WishArguments, take};
use crate::cli::Global;
use crate::config::{self, Config, process_environment};
use crate::display::live::Live;
use crate::display::text::money;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Brief};
use crate::output::Output;
use crate::records;
use crate::service::baseline::{Verdict, Wishes};
use crate::service::begin::{self, Beginning, Origin};
use crate::service::host::{Service, ServiceOptions};
use crate::service::models::{self, Callable, Wanted};
use crate::service::session::{command, stay};
use crate::service::tools;
use crate::service::unfinished;
use crate::service::watch::Until;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What is wanted: a Markdown file
    #[arg(value_name = "BRIEF")]
    brief: PathBuf,
    /// The git repository to work on a clone of, or a folder of one, which the work is then about; it gets the result
    /// as a branch, and is otherwise left alone
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// The team file [default: the built-in team]
    #[arg(long, value_name = "TEAM")]
    team: Option<PathBuf>,
    /// How much the team may do without asking [default: milestone]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(AUTONOMY_LEVELS))]
    autonomy: Option<String>,
    /// The most that may be spent [default: 5]
    #[arg(long, value_name = "USD", allow_hyphen_values = true)]
    budget: Option<String>,
    #[command(flatten)]
    wishes: WishArguments,
    /// Go on although the check fails before anything was changed: what passes now must not fail later
    #[arg(long)]
    accept_red: bool,
    /// End when nothing is left to do but what waits for a human
    #[arg(long)]
    until_idle: bool,
}

/// The names of the autonomy levels.
pub(crate) const AUTONOMY_LEVELS: [&str; 3] = ["full_control", "milestone", "autonomous"];

/// Everything about a project that is checked before anything is created.
#[derive(Debug)]
struct Checked {
    beginning: Beginning,
    callable: Callable,
}

/// Begins the project and watches it to its end.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref())?;
    let checked = Box::pin(check(&arguments, &config, global, output)).await?;
    let introduction = models::introduce(&checked.beginning.team, &checked.callable);
    let options = ServiceOptions {
        data_dir: &global.data_dir,
        config: &config,
        callable: checked.callable,
        repeatable_commands: unfinished::repeatable_commands(),
        port: None,
    };
    let beginning = checked.beginning;
    let terms = format!(
        "Autonomy {}, budget {}, check {}.",
        beginning.autonomy,
        money(beginning.budget),
        beginning.check.as_ref().map_or_else(|| "none".to_owned(), |check| format!("`{check}`"))
    );
    if !output.is_json() {
        output.line("Models that will be called:")?;
        for line in introduction {
            output.line(&format!("  {line}"))?;
        }
        output.line(&terms)?;
    }
    let team = beginning.team.clone();
    let service = Service::start(options).await?;
    if !output.is_json() {
        tell_servers(&service, Some(&team), output)?;
    }
    let after = service.store().last_seq().await.map_err(records::refused)?;
    let project = begin::begin(&service, beginning, begin::random()).await?;
    service.resume().await?;
    if !output.is_json() {
        output.line(&format!(
            "Project {}. Look around with `{}`; Ctrl-C stops, `{}` continues.\n",
            project.id,
            command(global, "status"),
            command(global, "up")
        ))?;
    }
    let until = Until { project: Some(project.id), idle: arguments.until_idle };
    stay(service, Live::new(output.is_json()), after, until, global, output).await
}

/// Tells which MCP servers there are, and who gets their tools.
pub(crate) fn tell_servers(service: &Service, team: Option<&Team>, output: &Output) -> Result<(), Failure> {
    let servers = tools::describe(service.mcp_servers(), team);
    if servers.is_empty() {
        return Ok(());
    }
    output.line("MCP servers:")?;
    for line in servers {
        output.line(&format!("  {line}"))?;
    }
    Ok(())
}

/// What the repository needs, set up and checked; work cannot begin on what cannot be checked.
async fn baseline(
    arguments: &Arguments,
    config: &Config,
    global: &Global,
    source: &Source,
    wishes: Wishes,
    autonomy: Autonomy,
    output: &Output,
) -> Result<ProjectEnvironment, Failure> {
    let allow_set_up = wishes.allow_set_up || autonomy == Autonomy::Autonomous;
    let wishes = Wishes { allow_set_up, ..wishes };
    let taken = take(config, global, source, &wishes, output).await?;
    if let Some(refusal) = taken.refusal(arguments.accept_red) {
        return Err(refusal);
    }
    if taken.verdict == Verdict::NoCheck && !output.is_json() {
        output.line(if wishes.unchecked {
            "No check is wanted: nothing of the result will be verified."
        } else {
            "No check was found: the team is told to make one first."
        })?;
    }
    Ok(taken.kept)
}

async fn check(
    arguments: &Arguments,
    config: &Config,
    global: &Global,
    output: &Output,
) -> Result<Checked, Failure> {
    let defaults = &config.file.defaults;
    let brief = Brief::read(&arguments.brief)?;
    let budget = match &arguments.budget {
        Some(budget) => input::budget(budget)?,
        None => defaults.budget,
    };
    let autonomy = match &arguments.autonomy {
        Some(level) => level.parse::<Autonomy>().map_err(|error| Failure::bad_input(error.to_string()))?,
        None => defaults.autonomy,
    };
    let source = match &arguments.repo {
        Some(path) => Some(input::source(path).await?),
        None => None,
    };
    if config.file.git.needs_user() {
        // Without a repository, as git knows them outside of any.
        let folder = source.as_ref().map_or(Path::new("/"), |source| &source.root);
        Identity::of_user(folder).await.map_err(input::repository_refused)?;
    }
    let wishes = arguments.wishes.wishes(config)?;

    let scripted = unfinished::read(global).await?.scripted();
    let wanted = Wanted { real: true, scripted };
    let callable = models::prepare(config, &process_environment, wanted).await?;
    let team_file =
        arguments.team.clone().or_else(|| defaults.team.as_ref().map(|team| config.relative(team)));
    let team = input::team::read(team_file.as_deref(), &callable.models)?;
    models::everyone_has_a_model(&team, &callable)?;
    config::audience::check(config, &team)?;

    // Last, because it takes longest: whoever is told of a slip in the team file has not waited for it.
    let environment = match &source {
        Some(source) => {
            Some(baseline(arguments, config, global, source, wishes.clone(), autonomy, output).await?)
        }
        None => None,
    };
    let found = environment.as_ref().and_then(|kept| kept.environment.checks().last());
    let check = found.map(|(_, check)| Check { command: check.command.clone() });
    let check = check.or_else(|| wishes.check.map(|command| Check { command }));
    let origin = source.map_or(Origin::Nothing, Origin::Repository);
    let beginning = Beginning { brief, team, autonomy, budget, check, environment, origin };
    Ok(Checked { beginning, callable })
}

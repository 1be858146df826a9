//! `syndarix demo`: the built-in example project, played by a scripted model to its end.

use clap::Args;
use clap::builder::PossibleValuesParser;
use syndarix_core::autonomy::Autonomy;
use syndarix_core::task::Check;

use super::run::AUTONOMY_LEVELS;
use crate::cli::Global;
use crate::config::{self, process_environment};
use crate::demo::CRONWISE;
use crate::display::live::Live;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, Brief};
use crate::output::Output;
use crate::records;
use crate::service::begin::{self, Beginning, Origin};
use crate::service::host::{Service, ServiceOptions};
use crate::service::models::{self, Wanted};
use crate::service::session::{command, stay};
use crate::service::unfinished;
use crate::service::watch::Until;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Multiplies the scripted model's delays: 0 is as fast as the machine, 3 is slow enough to read along
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pace: f64,
    /// How much the team may do without asking
    #[arg(long, value_name = "LEVEL", default_value = "autonomous", value_parser = PossibleValuesParser::new(AUTONOMY_LEVELS))]
    autonomy: String,
    /// End when nothing is left to do but what waits for a human
    #[arg(long)]
    until_idle: bool,
}

/// Plays it; one that was interrupted is continued.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    if !(arguments.pace.is_finite() && arguments.pace >= 0.0) {
        return Err(Failure::bad_input(format!("`{}` is not a pace", arguments.pace))
            .hint("write how much slower it should be: --pace 3"));
    }
    let config = config::load(global.config.as_deref())?;
    let unfinished = unfinished::read(global).await?;
    if let Some(project) = unfinished.real.first() {
        return Err(Failure::bad_input(format!(
            "{} is not over and would be continued with real models",
            project.id
        ))
        .hint("give the demo a --data-dir of its own"));
    }
    if !output.is_json() {
        output.line(&format!(
            "A scripted model plays the team of `{}`: no real model is called, and the money is pretended.\n",
            CRONWISE.name
        ))?;
    }
    let wanted = Wanted { real: false, scripted: Some((&CRONWISE, arguments.pace)) };
    let callable = models::prepare(&config, &process_environment, wanted).await?;
    let beginning = beginning(&arguments, &callable.models)?;
    let service = Service::start(ServiceOptions {
        data_dir: &global.data_dir,
        config: &config,
        callable,
        repeatable_commands: unfinished::repeatable_commands(),
        port: None,
    })
    .await?;
    let after = service.store().last_seq().await.map_err(records::refused)?;
    let project = match unfinished.demos.into_iter().next() {
        Some(project) => {
            if !output.is_json() {
                output.line(&format!("Continuing {}.", project.id))?;
            }
            project
        }
        None => begin::begin(&service, beginning, begin::random()).await?,
    };
    service.resume().await?;
    if !output.is_json() {
        output.line(&format!("Ctrl-C stops; `{}` continues.\n", command(global, "up")))?;
    }
    let until = Until { project: Some(project.id), idle: arguments.until_idle };
    stay(service, Live::new(output.is_json()), after, until, global, output).await
}

fn beginning(arguments: &Arguments, models: &syndarix_agents::team::Models) -> Result<Beginning, Failure> {
    let ours = |error: Failure| Failure::internal("the demo cannot be read").because(error.chain());
    let brief = Brief::from_bytes("demo", CRONWISE.brief.as_bytes().to_vec()).map_err(ours)?;
    let mut team =
        input::team::parse("demo/team.toml", CRONWISE.team, &models::scripted_tiers(models, &CRONWISE)?)
            .map_err(ours)?;
    models::pin(&mut team, &CRONWISE);
    let autonomy: Autonomy =
        arguments.autonomy.parse().map_err(|error| Failure::bad_input("no such level").because(error))?;
    let check = Check { command: CRONWISE.check.iter().map(|&word| word.to_owned()).collect() };
    Ok(Beginning {
        brief,
        team,
        autonomy,
        budget: CRONWISE.budget,
        check: Some(check),
        environment: None,
        origin: Origin::Demo(&CRONWISE),
    })
}

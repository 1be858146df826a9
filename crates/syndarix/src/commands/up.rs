//! `syndarix up`: keeps the service running and continues what is unfinished.

use std::net::SocketAddr;

use clap::Args;

use crate::cli::Global;
use crate::commands::run::tell_servers;
use crate::config::{self, process_environment};
use crate::display::live::Live;
use crate::display::text::count;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records;
use crate::service::host::{Service, ServiceOptions};
use crate::service::models::{self, Wanted};
use crate::service::port;
use crate::service::session::stay;
use crate::service::unfinished;
use crate::service::watch::Until;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// End when nothing is left to do but what waits for a human
    #[arg(long)]
    until_idle: bool,
    /// Let Temporal's own tools and SDKs in at this address, such as 127.0.0.1:7233
    #[arg(long, value_name = "HOST:PORT")]
    temporal_listen: Option<SocketAddr>,
    /// Multiplies the delays of a demo's scripted model
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pace: f64,
}

/// Continues everything, and watches.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref())?;
    let port = match arguments.temporal_listen {
        Some(address) => Some(port::options(&config, address, &process_environment)?),
        None => None,
    };
    let unfinished = unfinished::read(global).await?;
    let scripted = unfinished.scripted().map(|(demo, _)| (demo, arguments.pace));
    let wanted = Wanted { real: !unfinished.real.is_empty(), scripted };
    let callable = models::prepare(&config, &process_environment, wanted).await?;
    if !output.is_json() && !unfinished.real.is_empty() {
        output.line("Models that will be called:")?;
        for (tier, chain) in &callable.tiers {
            output.line(&format!("  {tier}: {}", callable.describe(chain)))?;
        }
    }
    let service = Service::start(ServiceOptions {
        data_dir: &global.data_dir,
        config: &config,
        callable,
        repeatable_commands: unfinished::repeatable_commands(),
        port,
    })
    .await?;
    if !output.is_json() {
        tell_servers(&service, None, output)?;
    }
    if let (false, Some(address)) = (output.is_json(), service.port()) {
        output.line(&format!("Temporal's tools reach the engine at {address}."))?;
    }
    let after = service.store().last_seq().await.map_err(records::refused)?;
    let open = service.resume().await?;
    if !output.is_json() {
        output.line(&match open {
            0 => "Nothing is unfinished.".to_owned(),
            open => format!("Continuing {}.", count(open, "project")),
        })?;
    }
    let until = Until { project: None, idle: arguments.until_idle };
    stay(service, Live::new(output.is_json()), after, until, global, output).await
}

//! What a data directory holds that is not over: whoever starts a service continues it, and needs its models.

use syndarix_agents::team::Team;
use syndarix_core::ports::Blobs as _;
use syndarix_core::project::Project;

use super::models::is_scripted;
use crate::cli::Global;
use crate::demo::{CRONWISE, Demo};
use crate::failure::Failure;
use crate::records::{self, refused};

/// The projects that are not over, by who plays their teams.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// Played by real models.
    pub(crate) real: Vec<Project>,
    /// Played by the demo's script.
    pub(crate) demos: Vec<Project>,
}

/// Reads which projects are not over.
pub(crate) async fn read(global: &Global) -> Result<Unfinished, Failure> {
    let mut unfinished = Unfinished::default();
    let Some(store) = records::open(global).await? else { return Ok(unfinished) };
    for project in store.projects().await.map_err(refused)? {
        if project.state.is_final() {
            continue;
        }
        let stored = store.get(&project.team).await.map_err(|error| {
            Failure::internal(format!("the team of {} cannot be read", project.id)).because(error)
        })?;
        let team = Team::from_toml(&String::from_utf8_lossy(&stored)).map_err(|error| {
            Failure::bad_input(format!("{} cannot be continued by this version", project.id))
                .because(error)
                .hint("use the version of Syndarix it was started with, or cancel it")
        })?;
        if is_scripted(&team) { unfinished.demos.push(project) } else { unfinished.real.push(project) }
    }
    Ok(unfinished)
}

impl Unfinished {
    /// The script that is needed to continue, at its own pace.
    pub(crate) fn scripted(&self) -> Option<(&'static Demo, f64)> {
        (!self.demos.is_empty()).then_some((&CRONWISE, 1.0))
    }
}

/// Commands of the demo that may be repeated where a crash lost their result: it only ever prints.
pub(crate) fn repeatable_commands() -> &'static [&'static [&'static str]] {
    CRONWISE.repeatable_commands
}

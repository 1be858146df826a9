//! One stay with a service, from its start to the last word: what `run`, `demo` and `up` have in common.

use syndarix_core::id::ProjectId;
use syndarix_core::project::ProjectState;

use super::closing;
use super::host::Service;
use super::stop::force_on_second_signal;
use super::watch::{Ended, Until, watch};
use crate::cli::Global;
use crate::display::live::Live;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records::refused;

/// Watches a service, stops it, and says how it ended.
pub(crate) async fn stay(
    service: Service,
    mut live: Live,
    after: u64,
    until: Until,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let begun = unfinished(service.store()).await?;
    let watched = watch(&service, &mut live, after, &until).await;
    live.finish();
    let (ended, reason) = match watched {
        Ok(ended) => ended,
        Err(failure) => {
            let stopped = service.stop().await;
            return Err(stopped.err().filter(|_| failure.is_silent()).unwrap_or(failure));
        }
    };
    force_on_second_signal();
    if ended == Ended::Stopped && !output.is_json() {
        output.line(
            "\nStopping: what is under way goes on to its next checkpoint. Ctrl-C again stops at once.",
        )?;
    }
    if let (Ended::Over(_), Some(project)) = (ended, &until.project) {
        service.closed(project).await;
    }
    let store = service.store().clone();
    let stopped = service.stop().await;
    let mut failed = false;
    for project in &begun {
        let state = store.project(project).await.map_err(refused)?.state;
        if state.is_final() {
            summarize(&store, project, output).await?;
            failed |= state != ProjectState::Completed;
        }
    }
    let exit = match ended {
        Ended::Over(ProjectState::Completed) => Exit::Done,
        Ended::Over(_) => Exit::Failed,
        Ended::Idle { waiting: true } => {
            waiting(&store, global, output).await?;
            Exit::WaitingForHuman
        }
        Ended::Idle { waiting: false } => {
            if !output.is_json() {
                output.line("Nothing is left to do.")?;
            }
            if failed { Exit::Failed } else { Exit::Done }
        }
        Ended::Stopped => {
            if !output.is_json() {
                output.line(&format!("Stopped. Continue with `{}`.", command(global, "up")))?;
            }
            Exit::Interrupted
        }
        Ended::Broken => {
            let reason = reason.unwrap_or_else(|| "a part of the service ended".to_owned());
            let mut failure = Failure::internal(reason)
                .hint(format!("what was recorded is safe; continue with `{}`", command(global, "up")));
            if let Err(error) = stopped {
                failure = failure.because(error.chain());
            }
            return Err(failure);
        }
    };
    stopped?;
    Ok(exit)
}

/// The projects that are not over.
async fn unfinished(store: &syndarix_store::Store) -> Result<Vec<ProjectId>, Failure> {
    let projects = store.projects().await.map_err(refused)?;
    Ok(projects.into_iter().filter(|project| !project.state.is_final()).map(|project| project.id).collect())
}

async fn summarize(
    store: &syndarix_store::Store,
    project: &ProjectId,
    output: &Output,
) -> Result<(), Failure> {
    let project = store.project(project).await.map_err(refused)?;
    let closing = closing::gather(store, project).await?;
    let summary = closing.summary();
    if output.is_json() {
        output.document_line(&serde_json::json!({ "summary": summary.to_json() }))
    } else {
        output.text(&summary.render())
    }
}

/// Says what waits for a human, and how to go on.
async fn waiting(store: &syndarix_store::Store, global: &Global, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(());
    }
    let approvals = store.approvals(None).await.map_err(refused)?;
    let pending =
        approvals.iter().filter(|approval| approval.state == syndarix_core::approval::ApprovalState::Pending);
    output.line("\nNothing is left to do but what waits for you:")?;
    for approval in pending {
        let title = crate::display::text::one_line(&approval.title, 100);
        output.line(&format!("  {}  {title}", approval.id))?;
    }
    output.line(&format!(
        "Look with `{}`, decide with `approve ID` or `reject ID --comment WHY`, continue with `{}`.",
        command(global, "approvals ID"),
        command(global, "up")
    ))
}

/// A command on the same data, as it can be typed.
pub(crate) fn command(global: &Global, command: &str) -> String {
    let default = std::path::Path::new(".syndarix");
    if global.data_dir == default {
        return format!("syndarix {command}");
    }
    format!(
        "syndarix --data-dir {} {command}",
        crate::display::summary::quoted(&global.data_dir.display().to_string())
    )
}

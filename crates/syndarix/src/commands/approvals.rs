//! `syndarix approvals`: what waits, or waited, for a human, and what was allowed for always.

mod rules;

use clap::Args;
use serde_json::json;
use syndarix_core::approval::{Approval, ApprovalState};
use syndarix_core::time::{Clock as _, SystemClock, Timestamp};

use crate::cli::{Global, ProjectArgument};
use crate::display::table::{Align, Table};
use crate::display::text::{many_lines, one_line};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records::{self, refused};

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Show this one in full, such as `A-2`
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    project: ProjectArgument,
    /// Also those that are decided, expired or superseded; with --rules, those that were taken back
    #[arg(long)]
    all: bool,
    /// List what is allowed for the whole project, with `syndarix approve ID --always`
    #[arg(long, conflicts_with = "id")]
    rules: bool,
    /// Take back what was allowed with this approval, such as `A-2`
    #[arg(long, value_name = "ID", conflicts_with_all = ["id", "rules", "all"])]
    revoke: Option<String>,
}

/// Lists approvals, or shows one.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    if let Some(id) = &arguments.id {
        return show(id, global, output).await;
    }
    if let Some(id) = &arguments.revoke {
        return rules::revoke(id, global, output).await;
    }
    if arguments.rules {
        return rules::list(&arguments.project, arguments.all, global, output).await;
    }
    let mut approvals: Vec<Approval> = match records::open(global).await? {
        Some(store) => {
            let project = match arguments.project.project.as_deref() {
                Some(name) => Some(records::project(&store, Some(name)).await?.id),
                None => None,
            };
            store.approvals(project.as_ref()).await.map_err(refused)?
        }
        None => Vec::new(),
    };
    let now = SystemClock.now();
    let expired = approvals.iter().filter(|approval| is_overdue(approval, now)).count();
    for approval in &mut approvals {
        approval.state = approval.state_at(now);
    }
    if !arguments.all {
        approvals.retain(|approval| approval.state == ApprovalState::Pending);
    }
    if output.is_json() {
        output.document(&approvals)?;
        return Ok(Exit::Done);
    }
    if approvals.is_empty() {
        output.line(if arguments.all { "Nothing was ever asked." } else { "Nothing waits for you." })?;
        return tell_expired(expired, output);
    }
    let mut table = Table::new(&[
        ("approval", Align::Left),
        ("kind", Align::Left),
        ("state", Align::Left),
        ("asked", Align::Left),
        ("until", Align::Left),
        ("shows", Align::Left),
        ("title", Align::Left),
    ]);
    let waiting = approvals.iter().any(|approval| approval.state == ApprovalState::Pending);
    for approval in approvals {
        table.row([
            approval.id.to_string(),
            approval.kind.as_str().replace('_', " "),
            approval.state.as_str().to_owned(),
            approval.requested_at.to_string(),
            approval.expires_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            approval.shown.short().to_owned(),
            one_line(&approval.title, 80),
        ]);
    }
    output.text(&table.render(0))?;
    if waiting {
        output.line("\nLook with `syndarix approvals ID`; decide with `syndarix approve ID` or `syndarix reject ID --comment WHY`.")?;
    }
    tell_expired(expired, output)
}

/// Whether nobody decided in time and no service has noted that yet.
fn is_overdue(approval: &Approval, now: Timestamp) -> bool {
    approval.state == ApprovalState::Pending && approval.state_at(now) == ApprovalState::Expired
}

fn tell_expired(expired: usize, output: &Output) -> Result<Exit, Failure> {
    if expired > 0 {
        let what =
            if expired == 1 { "One question has".to_owned() } else { format!("{expired} questions have") };
        output.line(&format!("{what} expired; `syndarix up` asks again what still matters."))?;
    }
    Ok(Exit::Done)
}

async fn show(id: &str, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let store = records::open_existing(global).await?;
    let mut approval = records::approval(&store, id).await?;
    approval.state = approval.state_at(SystemClock.now());
    let shown = records::shown(&store, &approval).await?;
    if output.is_json() {
        output.document(&json!({ "approval": approval, "shown": shown }))?;
        return Ok(Exit::Done);
    }
    let decided = match (&approval.decided_by, &approval.comment) {
        (Some(by), Some(comment)) => format!(" by {by}: {}", one_line(comment, 200)),
        (Some(by), None) => format!(" by {by}"),
        _ => match (approval.state, approval.expires_at) {
            (ApprovalState::Pending, Some(at)) => format!(" until {at}"),
            (ApprovalState::Expired, Some(at)) => format!(" at {at}"),
            _ => String::new(),
        },
    };
    output.text(&format!(
        "{}: {}\n{}, {}{decided}\nshows {}\n\n{}\n",
        approval.id,
        one_line(&approval.title, 200),
        approval.kind.as_str().replace('_', " "),
        approval.state.as_str(),
        approval.shown,
        many_lines(&shown).trim_end()
    ))?;
    Ok(Exit::Done)
}

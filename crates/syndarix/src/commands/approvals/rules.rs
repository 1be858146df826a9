//! What a human allowed for a whole project: listed, and taken back.

use syndarix_core::permission::Permission;

use crate::cli::{Global, ProjectArgument};
use crate::commands::decide::tell;
use crate::display::table::{Align, Table};
use crate::display::text::one_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;
use crate::records::{self, refused};
use crate::service::control;
use crate::service::word::Word;

/// The most characters of what a rule covers on its line. No rule covers a longer command.
const COVERS_LIMIT: usize = 500;

/// Lists what is allowed; with `all` also what was taken back.
pub(super) async fn list(
    project: &ProjectArgument,
    all: bool,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut rules: Vec<Permission> = match records::open(global).await? {
        Some(store) => {
            let project = match project.project.as_deref() {
                Some(name) => Some(records::project(&store, Some(name)).await?.id),
                None => None,
            };
            store.permissions(project.as_ref()).await.map_err(refused)?
        }
        None => Vec::new(),
    };
    if !all {
        rules.retain(Permission::holds);
    }
    if output.is_json() {
        output.document(&rules)?;
        return Ok(Exit::Done);
    }
    if rules.is_empty() {
        output.line("Nothing is allowed for always.")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("rule", Align::Left),
        ("by", Align::Left),
        ("since", Align::Left),
        ("until", Align::Left),
        ("nobody is asked about", Align::Left),
    ]);
    for rule in &rules {
        table.row([
            rule.approval.to_string(),
            one_line(&rule.granted_by, 40),
            rule.granted_at.to_string(),
            rule.revoked_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            one_line(&rule.scope.to_string(), COVERS_LIMIT),
        ]);
    }
    output.text(&table.render(0))?;
    output.line("\nTake one back with `syndarix approvals --revoke RULE`.")?;
    Ok(Exit::Done)
}

/// Takes one back.
pub(super) async fn revoke(id: &str, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let store = records::open_existing(global).await?;
    let approval = records::approval(&store, id).await?.id;
    drop(store);
    let word = Word::Revoke { approval, by: input::user() };
    let heard = control::say(&global.data_dir, &word).await?;
    tell(&heard, output)
}

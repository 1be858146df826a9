//! `syndarix log`: the commits of a project's result, with who made each and for which task.

use clap::Args;
use serde_json::{Value, json};
use syndarix_core::project::Project;
use syndarix_tools::git::{Commit, Repository};

use crate::cli::Global;
use crate::display::table::{Align, Table};
use crate::display::text::{commit, one_line};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::repository_refused;
use crate::output::Output;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project; its id or the beginning of it [default: the only one, or the one that began last]
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
}

/// Lists them, the oldest first.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let argument = crate::cli::ProjectArgument { project: arguments.project };
    let Some((_, project)) = crate::records::listing(global, &argument, output).await? else {
        return Ok(Exit::Done);
    };
    let commits = commits(&project).await?;
    if output.is_json() {
        output.document(&commits.iter().map(document).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    if commits.is_empty() {
        output.line(&format!("Nothing is merged into `{}` yet.", project.branch))?;
        return Ok(Exit::Done);
    }
    output.text(&table(&commits).render(0))?;
    Ok(Exit::Done)
}

async fn commits(project: &Project) -> Result<Vec<Commit>, Failure> {
    let Some(base) = &project.base_commit else { return Ok(Vec::new()) };
    let repository = Repository::open(project.repository.as_ref()).await.map_err(repository_refused)?;
    repository.commits(base, &project.branch).await.map_err(repository_refused)
}

fn table(commits: &[Commit]) -> Table {
    let mut table = Table::new(&[
        ("commit", Align::Left),
        ("when", Align::Left),
        ("by", Align::Left),
        ("task", Align::Left),
        ("subject", Align::Left),
    ]);
    for found in commits {
        let task = found.task.as_deref().map_or("–", |task| task.rsplit('/').next().unwrap_or(task));
        table.row([
            commit(&found.id).to_owned(),
            found.at.to_string(),
            one_line(&found.author, 24),
            one_line(task, 16),
            one_line(&found.subject, 72),
        ]);
    }
    table
}

fn document(found: &Commit) -> Value {
    json!({
        "commit": found.id, "at": found.at, "author": found.author, "task": found.task, "subject": found.subject,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use syndarix_core::time::Timestamp;

    use super::*;

    #[test]
    fn a_commit_is_told_with_its_author_and_task() {
        let found = |author: &str, task: Option<&str>, subject: &str| Commit {
            id: "0123456789abcdef".to_owned(),
            author: author.to_owned(),
            subject: subject.to_owned(),
            task: task.map(str::to_owned),
            at: Timestamp(0),
        };
        expect![[r#"
            commit      when                  by        task  subject
            0123456789  1970-01-01T00:00:00Z  Dave      –     Parse the flag\x1b
            0123456789  1970-01-01T00:00:00Z  Syndarix  T-3   T-3: Parse the flag
        "#]]
        .assert_eq(
            &table(&[
                found("Dave", None, "Parse the flag\u{1b}"),
                found("Syndarix", Some("p-1/T-3"), "T-3: Parse the flag"),
            ])
            .render(0),
        );
    }
}

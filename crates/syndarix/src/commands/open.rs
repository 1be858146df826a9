//! `syndarix open`: where a project's repository is; with `--editor` it is opened there.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::cli::{Global, ProjectArgument};
use crate::config::process_environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::records;

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project; its id or the beginning of it [default: the only one, or the one that began last]
    #[arg(value_name = "PROJECT")]
    project: Option<String>,
    /// Open it with $VISUAL, $EDITOR or the desktop instead of printing where it is
    #[arg(long)]
    editor: bool,
}

/// What opens a folder on a desktop.
const DESKTOP: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Prints where it is, so that `cd "$(syndarix open)"` goes there, or opens it.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let argument = ProjectArgument { project: arguments.project };
    let store = records::open_existing(global).await?;
    let project = records::project(&store, argument.project.as_deref()).await?;
    let path = Path::new(&project.repository);
    if !path.is_dir() {
        return Err(Failure::bad_input(format!(
            "the repository of {} is not at {}",
            project.id,
            path.display()
        ))
        .hint("it was moved or removed; what was handed over is in your own repository"));
    }
    if arguments.editor {
        let words = editor(process_environment("VISUAL").or_else(|| process_environment("EDITOR")))?;
        edit(&words, path).await?;
    } else if output.is_json() {
        output.document(&json!({
            "project": project.id, "repository": project.repository, "branch": project.branch,
        }))?;
    } else {
        output.line(&project.repository)?;
    }
    Ok(Exit::Done)
}

/// The command that opens a folder. An editor may be set with arguments, as in `code --wait`.
fn editor(set: Option<String>) -> Result<Vec<String>, Failure> {
    let Some(set) = set else { return Ok(vec![DESKTOP.to_owned()]) };
    let words = shlex::split(&set).filter(|words| !words.is_empty());
    words.ok_or_else(|| {
        Failure::bad_input(format!("`{set}`, the editor that is set, cannot be read as a command"))
            .hint("mend VISUAL or EDITOR: a quote in it is not closed")
    })
}

async fn edit(words: &[String], path: &Path) -> Result<(), Failure> {
    let (program, arguments) = words.split_first().expect("an editor has a program");
    let hint = || format!("set EDITOR to another program, or go there: {}", path.display());
    let status =
        tokio::process::Command::new(program).args(arguments).arg(path).status().await.map_err(|error| {
            Failure::bad_input(format!("`{program}` cannot be started")).because(error).hint(hint())
        })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::bad_input(format!("`{program}` ended with {status}")).hint(hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_may_have_arguments() {
        let words = |set: Option<&str>| editor(set.map(str::to_owned)).expect("a command");
        assert_eq!(words(Some("code --wait")), ["code", "--wait"]);
        assert_eq!(words(Some("'/opt/my editor/run'")), ["/opt/my editor/run"]);
        assert_eq!(words(None), [DESKTOP]);
        assert!(editor(Some("it's".to_owned())).is_err());
    }
}

//! `docs/commands.md`: what `syndarix --help` says, for every command.

use std::path::Path;
use std::process::Command;

use crate::generated::Page;
use crate::workspace;

pub(crate) const PAGE: Page = Page { path: "docs/commands.md", render };

const INTRODUCTION: &str = "\
# Commands

What `syndarix COMMAND --help` says, for every command. Written by `cargo xtask docs`; do not edit.
";

fn render(root: &Path) -> Result<String, String> {
    let mut text = INTRODUCTION.to_owned();
    describe(&workspace::program(root)?, &mut Vec::new(), &mut text)?;
    Ok(text)
}

/// Adds the help of one command and of those below it.
fn describe(program: &Path, command: &mut Vec<String>, text: &mut String) -> Result<(), String> {
    let help = help(program, command)?;
    let title = std::iter::once("syndarix").chain(command.iter().map(String::as_str)).collect::<Vec<_>>();
    *text = [text, "\n## `", &title.join(" "), "`\n\n```text\n", help.trim_end(), "\n```\n"].concat();
    for name in subcommands(&help) {
        command.push(name.to_owned());
        describe(program, command, text)?;
        command.pop();
    }
    Ok(())
}

/// The help as printed, without colours and at a fixed width, so that it is the same on every machine.
fn help(program: &Path, command: &[String]) -> Result<String, String> {
    let output = Command::new(program)
        .args(command)
        .arg("--help")
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`syndarix {} --help` failed: {said}", command.join(" ")));
    }
    let help = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    Ok(help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

/// The names under `Commands:`; every line that begins a command is indented by two spaces and no more.
fn subcommands(help: &str) -> Vec<&str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_read_from_the_help() {
        let help = "A team.\n\nUsage: syndarix COMMAND\n\nCommands:\n  run     Runs a brief\n  events  Follows\n          \
                    the journal\n  help    Print this\n\nOptions:\n  --json  As JSON";
        assert_eq!(subcommands(help), ["run", "events"]);
        assert!(subcommands("Usage: syndarix run BRIEF\n\nOptions:\n  -h  Print help").is_empty());
    }
}

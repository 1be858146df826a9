//! A command as a person writes it: in a flag, or as a value of the configuration.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The shell that runs what only a shell understands: the one that every system has.
const SHELL: [&str; 2] = ["sh", "-c"];

/// A command, as it was written and as it is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Command {
    written: String,
    words: Vec<String>,
}

impl Command {
    /// The program and its arguments.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

impl TryFrom<String> for Command {
    type Error = InvalidCommand;

    fn try_from(written: String) -> Result<Self, InvalidCommand> {
        let words = parse(&written)?;
        Ok(Self { written, words })
    }
}

impl From<Command> for String {
    fn from(command: Command) -> Self {
        command.written
    }
}

/// Why a text is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidCommand {
    /// There is nothing in it.
    #[error("`{0}` is not a command: it needs a program")]
    Empty(String),
    /// Something is left open at its end.
    #[error("`{0}` cannot be read as a command: a quote in it is not closed, or it ends in a backslash")]
    Unbalanced(String),
}

/// The program and its arguments. Words are taken apart and quotes taken off as a shell does; a line that means
/// something else to a shell than its words, such as `npm ci && npm test`, is one that a shell runs.
pub(crate) fn parse(line: &str) -> Result<Vec<String>, InvalidCommand> {
    let line = line.trim();
    let words = shlex::split(line).ok_or_else(|| InvalidCommand::Unbalanced(line.to_owned()))?;
    if words.first().is_none_or(String::is_empty) {
        return Err(InvalidCommand::Empty(line.to_owned()));
    }
    if needs_shell(line) {
        return Ok(SHELL.into_iter().map(str::to_owned).chain([line.to_owned()]).collect());
    }
    Ok(words)
}

/// The command of a flag.
pub(crate) fn of_flag(flag: &str, line: &str) -> Result<Vec<String>, Failure> {
    parse(line).map_err(|error| {
        Failure::bad_input(format!("{flag}: {error}")).hint(format!(
            "write it as in a shell: {flag} 'cargo test --offline', {flag} 'npm ci && npm test'"
        ))
    })
}

/// Whether a line has something that a shell would not take for a part of a word. What is in single quotes is
/// nothing to a shell; in double quotes it still looks for what begins with `$` and for backquotes.
#[expect(clippy::match_same_arms, reason = "the arms are in the order in which the rules hold")]
fn needs_shell(line: &str) -> bool {
    let mut quote = None;
    let mut begins_word = true;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let expands = |next: Option<&char>| {
            next.is_some_and(|next| next.is_ascii_alphanumeric() || "_({?@*#".contains(*next))
        };
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                chars.next();
            }
            (_, '`') => return true,
            (_, '$') if expands(chars.peek()) => return true,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '&' | '|' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n') => return true,
            (None, '~') if begins_word => return true,
            (None, _) => {}
        }
        begins_word = quote.is_none() && c.is_whitespace();
    }
    sets_variable(line)
}

/// Whether a line begins with `NAME=VALUE`, which a shell puts into the environment of what follows.
fn sets_variable(line: &str) -> bool {
    line.split_whitespace().next().and_then(|word| word.split_once('=')).is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_a_shell_makes_of_them() {
        for (line, words) in [
            ("cargo test --offline", &["cargo", "test", "--offline"][..]),
            ("  go   test ./... ", &["go", "test", "./..."]),
            (r#"sh -c "npm ci && npm test""#, &["sh", "-c", "npm ci && npm test"]),
            ("pytest -k 'a or b'", &["pytest", "-k", "a or b"]),
            (r"pytest a\ b", &["pytest", "a b"]),
            ("'/opt/my tools/check' --all", &["/opt/my tools/check", "--all"]),
            ("/opt/sdk/bin/check", &["/opt/sdk/bin/check"]),
            ("test ''", &["test", ""]),
            ("grep '$(x)' a", &["grep", "$(x)", "a"]),
            ("make A=1", &["make", "A=1"]),
            ("echo 5$ a~b", &["echo", "5$", "a~b"]),
        ] {
            assert_eq!(parse(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_understands_is_run_by_one() {
        for line in [
            "npm ci && npm test",
            "a | b",
            "cd sub; make",
            "make > log",
            "echo $(date)",
            "echo `date`",
            "echo \"$HOME\"",
            "echo ${HOME}",
            "pytest tests/*.py",
            "~/bin/check",
            "(cd a && make)",
            "CI=1 npm test",
            "make\nmake test",
            "make &",
        ] {
            assert_eq!(parse(line).unwrap(), ["sh", "-c", line]);
        }
        assert_eq!(parse(r"echo a \&\& b").unwrap(), ["echo", "a", "&&", "b"]);
    }

    #[test]
    fn what_is_no_command_names_itself() {
        for line in ["sh -c \"npm test", "it's", "make \\"] {
            assert_eq!(parse(line), Err(InvalidCommand::Unbalanced(line.to_owned())));
        }
        for line in ["", "  ", "''", "# later"] {
            assert!(matches!(parse(line), Err(InvalidCommand::Empty(_))), "{line}");
        }
        let said = of_flag("--check", "it's").unwrap_err().render(false);
        assert!(said.contains("--check: `it's`") && said.contains("hint:"), "{said}");
    }
}

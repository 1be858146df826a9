//! What "always" would mean for a call: the calls like it that a human may allow at once.

use syndarix_core::permission::CallScope;

/// The most characters of a command that is offered for always: what is allowed must be read in full by a human.
const LONGEST_COMMAND: usize = 400;

/// Programs that run what their arguments say. Nothing but the whole command tells what it does.
const RUNS_ITS_ARGUMENTS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "fish", "ksh", "env", "sudo", "doas", "su", "xargs", "timeout", "nice",
    "nohup", "setsid", "time", "strace", "exec", "eval", "command", "ssh", "docker", "podman", "kubectl",
    "python", "python2", "python3", "node", "deno", "bun", "ruby", "perl", "php", "lua", "awk", "gawk",
    "npx", "bunx", "uvx", "pipx", "parallel", "watch", "find", "busybox", "script",
];

/// Subcommands that run what comes after them, as in `npm exec` and `uv run`.
const RUNS_THE_REST: &[&str] = &["exec", "run", "run-script", "x", "dlx", "shell", "tool"];

/// The calls like this one. A tool is one with all its arguments; of a command the program and the word that says what it
/// does, unless its arguments could be any program. `None` is a command too long to be judged.
pub(super) fn of(tool: &str, command: Option<&[&str]>) -> Option<CallScope> {
    let tool = tool.to_owned();
    let Some(words) = command else { return Some(CallScope::Tool { tool }) };
    if words.is_empty() || words.iter().map(|word| word.chars().count() + 1).sum::<usize>() > LONGEST_COMMAND
    {
        return None;
    }
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Some(match prefix(words) {
        Some(length) => CallScope::CommandsBeginning { tool, words: owned(&words[..length]) },
        None => CallScope::Command { tool, words: owned(words) },
    })
}

/// How many of the words say which program does what; `None` where only all of them do. A program in the clone may be
/// another one tomorrow, so it is not trusted with other arguments either.
fn prefix(words: &[&str]) -> Option<usize> {
    let program = *words.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let in_clone = program.contains('/') && !program.starts_with('/');
    let interpreter = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if in_clone || RUNS_ITS_ARGUMENTS.contains(&name) || RUNS_ITS_ARGUMENTS.contains(&interpreter) {
        return None;
    }
    match words.get(1) {
        Some(word) if RUNS_THE_REST.contains(word) => None,
        Some(word) if is_subcommand(word) => Some(2),
        // A flag before the subcommand, as in `git -C other push`, could turn it into anything.
        Some(word) if word.starts_with('-') => None,
        _ => Some(1),
    }
}

/// Whether a word names what a program is to do, rather than what it does it to.
fn is_subcommand(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | ':' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn always_covers_what_a_human_would_think_it_does() {
        let long = "x".repeat(LONGEST_COMMAND);
        for (command, said) in [
            (&["npm", "install", "left-pad"][..], Some("every command that begins with `npm install`")),
            (&["cargo", "publish"], Some("every command that begins with `cargo publish`")),
            (&["/usr/bin/git", "push", "origin"], Some("every command that begins with `/usr/bin/git push`")),
            (&["curl"], Some("every command that begins with `curl`")),
            (&["wget", "https://example.com/a"], Some("every command that begins with `wget`")),
            (&["git", "-C", "x", "push"], Some("the command `git -C x push`, with exactly these arguments")),
            (
                &["sh", "-c", "npm ci && rm x"],
                Some("the command `sh -c 'npm ci && rm x'`, with exactly these arguments"),
            ),
            (&["/bin/bash", "run.sh"], Some("the command `/bin/bash run.sh`, with exactly these arguments")),
            (
                &["python3.12", "-m", "pip", "install", "x"],
                Some("the command `python3.12 -m pip install x`, with exactly these arguments"),
            ),
            (&["uv", "run", "seed"], Some("the command `uv run seed`, with exactly these arguments")),
            (&["./deploy", "now"], Some("the command `./deploy now`, with exactly these arguments")),
            (&["echo", &long], None),
            (&[], None),
        ] {
            let found = of("workspace.run_command", Some(command)).map(|scope| scope.to_string());
            assert_eq!(found.as_deref(), said, "{command:?}");
        }
        let tool = of("mcp.git.push", None).map(|scope| scope.to_string());
        assert_eq!(tool.as_deref(), Some("every call of `mcp.git.push`, with whatever arguments"));
    }
}

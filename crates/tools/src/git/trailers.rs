//! The lines at the end of a commit's message by which programs find it: who made it, for which task, in which call.

/// The call that committed: a repeated one finds its commit by it.
pub const EFFECT: &str = "Syndarix-Effect";

/// The agent that committed, by its name in the project.
pub const AGENT: &str = "Syndarix-Agent";

/// The task that the commit is for, `PROJECT/T-3`. Merges carry it too.
pub const TASK: &str = "Syndarix-Task";

/// Whether a line of a message would be taken for one of these.
pub fn is_ours(line: &str) -> bool {
    let line = line.trim_start();
    [EFFECT, AGENT, TASK].into_iter().any(|name| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && line[name.len()..].trim_start().starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_writes_such_a_line() {
        for (line, ours) in [
            ("Syndarix-Effect: x", true),
            ("  syndarix-agent : dave", true),
            ("Syndarix-Task:", true),
            ("Syndarix-Tasks: x", false),
            ("Fix Syndarix-Task: x", false),
            ("Ü", false),
        ] {
            assert_eq!(is_ours(line), ours, "{line}");
        }
    }
}

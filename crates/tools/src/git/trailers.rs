//! The lines at the end of a commit's message by which programs find it: who made it, for which task, in which call.

/// The call that committed: a repeated one finds its commit by it.
pub const EFFECT: &str = "Syndarix-Effect";

/// The agent that committed, by its name in the project.
pub const AGENT: &str = "Syndarix-Agent";

/// The task that the commit is for, `PROJECT/T-3`. Merges carry it too.
pub const TASK: &str = "Syndarix-Task";

/// The trailers of an agent's commit. An effect is named after the run it belongs to, and a run after its task:
/// `PROJECT/T-3/develop-1#4.0`.
pub fn of_commit(agent: &str, effect: Option<&str>) -> Vec<String> {
    let mut trailers = Vec::new();
    if let Some(effect) = effect {
        trailers.push(format!("{EFFECT}: {effect}"));
    }
    trailers.push(format!("{AGENT}: {agent}"));
    if let Some(task) = effect.and_then(task_of) {
        trailers.push(format!("{TASK}: {task}"));
    }
    trailers
}

/// Whether a line of a message would be taken for one of these.
pub fn is_ours(line: &str) -> bool {
    let line = line.trim_start();
    [EFFECT, AGENT, TASK].into_iter().any(|name| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && line[name.len()..].trim_start().starts_with(':')
    })
}

/// The task that an effect belongs to.
fn task_of(effect: &str) -> Option<&str> {
    let (run, _) = effect.rsplit_once('#')?;
    let (task, _) = run.rsplit_once('/')?;
    let is_task = task.rsplit_once('/').is_some_and(|(_, key)| key.starts_with("T-"));
    is_task.then_some(task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_names_its_agent_its_task_and_its_call() {
        assert_eq!(
            of_commit("dave", Some("p-1/T-3/develop-1#4.0")),
            ["Syndarix-Effect: p-1/T-3/develop-1#4.0", "Syndarix-Agent: dave", "Syndarix-Task: p-1/T-3"]
        );
        assert_eq!(
            of_commit("dave", Some("P/run-1#1.1")),
            ["Syndarix-Effect: P/run-1#1.1", "Syndarix-Agent: dave"]
        );
        assert_eq!(of_commit("dave", None), ["Syndarix-Agent: dave"]);
    }

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

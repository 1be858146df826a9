//! What Syndarix says of a run, against what git says, and what the journal must have of it.

use std::fmt::Write as _;

use serde_json::Value;

use super::repository::git;
use super::{Bench, Outcome, require};

/// A task's proof, as the product tells it.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// The task's key.
    pub(crate) key: String,
    pub(crate) commit: String,
    pub(crate) exit_code: i64,
}

/// The printed diffstat is git's, line by line.
pub(crate) fn changes(bench: &Bench, branch: &str, printed: &str) -> Outcome<String> {
    let stat = git(bench, &["diff", "--stat", &format!("main...{branch}")])?;
    for line in stat.lines() {
        require(
            printed.lines().any(|printed| printed.trim() == line.trim()),
            &format!("the printed diffstat lacks git's `{}`:\n{printed}", line.trim()),
        )?;
    }
    let total = stat.lines().last().unwrap_or_default();
    Ok(format!("branch {branch}:{total}, each file as git says\n"))
}

/// Every task is done; every receipt says exit code 0, its commit is in the branch, and both are printed.
pub(crate) fn receipts(bench: &Bench, branch: &str, printed: &str) -> Outcome<Vec<Receipt>> {
    let mut receipts = Vec::new();
    let tasks = bench.ask(&["tasks"])?;
    for task in tasks.as_array().ok_or("tasks are not a list")? {
        let (id, state) = (task["id"].as_str().unwrap_or_default(), &task["state"]);
        require(state == "done", &format!("{id} is {state}"))?;
        let Some(exit_code) = task["receipt"]["check"]["exit_code"].as_i64() else { continue };
        require(exit_code == 0, &format!("{id}'s receipt says exit code {exit_code}"))?;
        let commit = task["receipt"]["commit"].as_str().unwrap_or_default();
        let is_in = git(bench, &["merge-base", "--is-ancestor", commit, branch]);
        require(is_in.is_ok(), &format!("{id}'s commit {commit} is not in the branch"))?;
        let key = id.rsplit('/').next().unwrap_or_default();
        let row = printed.lines().find(|line| line.trim_start().starts_with(&format!("{key} ")));
        let row: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        let short = commit.get(..10).unwrap_or_default();
        require(
            row.ends_with(&[exit_code.to_string().as_str(), short]),
            &format!("the summary shows another receipt for {key} than exit {exit_code}, {short}: {row:?}"),
        )?;
        receipts.push(Receipt { key: key.to_owned(), commit: commit.to_owned(), exit_code });
    }
    require(!receipts.is_empty(), "no task has a receipt")?;
    Ok(receipts)
}

/// A review sent the work back, and a later one accepted it.
pub(crate) fn mended(events: &[Value]) -> Outcome<()> {
    let verdict = |approved: bool| {
        move |event: &Value| {
            event["kind"]["event"] == "review_verdict" && event["kind"]["approved"] == approved
        }
    };
    let sent_back = events.iter().position(verdict(false));
    let sent_back = sent_back.ok_or("the journal has no review that sent the work back")?;
    require(events[sent_back..].iter().any(verdict(true)), "no review accepted what was sent back")
}

/// No tool failed. What the mock server makes the agents do is known to work.
pub(crate) fn tools_worked(events: &[Value]) -> Outcome<()> {
    let failed =
        |event: &&Value| event["kind"]["event"] == "tool_called" && event["kind"]["is_error"] == true;
    events.iter().find(failed).map_or(Ok(()), |event| Err(format!("a tool failed: {}", event["kind"])))
}

/// Each set-up that ran since the project began; there must be one, and all must have succeeded.
pub(crate) fn set_up_again(events: &[Value]) -> Outcome<String> {
    let begun = events.iter().position(|event| event["kind"]["event"] == "project_created");
    let begun = begun.ok_or("the journal does not say when the project began")?;
    let mut text = String::new();
    for event in events[begun..].iter().filter(|event| event["kind"]["event"] == "set_up_run") {
        let (command, code) =
            (event["kind"]["command"].as_str().unwrap_or_default(), &event["kind"]["exit_code"]);
        require(*code == 0, &format!("set-up during the run: `{command}` ended with {code}"))?;
        let _ = writeln!(text, "set-up during the run: `{command}`, exit {code}");
    }
    require(!text.is_empty(), "no set-up ran after the project had begun")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events(kinds: &[Value]) -> Vec<Value> {
        kinds.iter().map(|kind| json!({ "kind": kind })).collect()
    }

    #[test]
    fn work_that_was_sent_back_must_be_accepted_later() {
        let review = |approved: bool| json!({ "event": "review_verdict", "approved": approved });
        for (kinds, expected) in [
            (vec![review(false), review(true)], None),
            (vec![review(true)], Some("no review that sent the work back")),
            (vec![review(true), review(false)], Some("no review accepted")),
        ] {
            let error = mended(&events(&kinds)).err();
            match expected {
                None => assert_eq!(error, None),
                Some(expected) => {
                    assert!(error.as_deref().is_some_and(|error| error.contains(expected)), "{error:?}");
                }
            }
        }
    }

    #[test]
    fn a_tool_that_failed_is_told() {
        let called =
            |is_error: bool| json!({ "event": "tool_called", "tool": "git_diff", "is_error": is_error });
        assert_eq!(tools_worked(&events(&[called(false)])), Ok(()));
        let error = tools_worked(&events(&[called(false), called(true)])).unwrap_err();
        assert!(error.starts_with("a tool failed: ") && error.contains("git_diff"), "{error}");
    }

    #[test]
    fn set_up_must_run_after_the_beginning_and_succeed() {
        let begun = json!({ "event": "project_created" });
        let ran = |code: i32| json!({ "event": "set_up_run", "command": "npm ci", "exit_code": code });
        for (kinds, expected) in [
            (vec![begun.clone(), ran(0)], Ok("set-up during the run: `npm ci`, exit 0\n")),
            (vec![ran(0), begun.clone()], Err("no set-up ran after the project had begun")),
            (vec![begun, ran(0), ran(1)], Err("set-up during the run: `npm ci` ended with 1")),
            (vec![ran(0)], Err("the journal does not say when the project began")),
        ] {
            assert_eq!(set_up_again(&events(&kinds)), expected.map(str::to_owned).map_err(str::to_owned));
        }
    }
}

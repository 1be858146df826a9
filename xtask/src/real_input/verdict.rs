//! What Syndarix says, against what git, the exit codes and the mock server say.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::mock::MockServer;
use super::sources::{Before, git, look};
use super::{Bench, Outcome, succeed};

/// What every answer of the mock server reports, as its fixtures say.
const INPUT_TOKENS: u64 = 1000;
const OUTPUT_TOKENS: u64 = 100;

/// What a call of each provider costs at these tokens and the prices in the configuration, in nano-dollars.
const OPENAI_CALL: u64 = INPUT_TOKENS * 2_500 + OUTPUT_TOKENS * 10_000;
const ANTHROPIC_CALL: u64 = INPUT_TOKENS * 3_000 + OUTPUT_TOKENS * 15_000;

pub(crate) fn judge(
    bench: &Bench,
    server: &MockServer,
    before: &Before,
    approvals: usize,
) -> Outcome<String> {
    let mut report = String::new();
    let printed = fs::read_to_string(bench.path("run.log")).map_err(|error| error.to_string())?;

    let after = look(bench)?;
    require(after.head == before.head && after.files == before.files, "the user's work tree was touched")?;

    let branches = git(bench, &["branch", "--list", "syndarix/*", "--format=%(refname:short)"])?;
    let branch = branches.trim();
    require(
        !branch.is_empty() && !branch.contains('\n'),
        &format!("expected one result branch, found: {branches}"),
    )?;
    let stat = git(bench, &["diff", "--shortstat", &format!("main...{branch}")])?;
    require(
        printed.contains(stat.trim()),
        &format!("the printed diffstat lacks git's `{}`:\n{printed}", stat.trim()),
    )?;
    let _ = writeln!(report, "branch {branch}:{}", stat.trim_end());

    let result = bench.path("result");
    git(bench, &["worktree", "add", "--quiet", "--force", &result.display().to_string(), branch])?;
    let tests = succeed(
        Command::new("cargo")
            .current_dir(&result)
            .env("CARGO_TARGET_DIR", bench.path("result-target"))
            .args(["test", "--offline"]),
    )?;
    require(tests.contains("normalized_hamming_counts_characters ... ok"), "the new test did not run")?;
    require(tests.contains("hamming_works ... ok"), "the crate's own tests did not run")?;
    let passed: usize = tests.lines().filter(|line| line.ends_with("... ok")).count();
    let _ = writeln!(report, "cargo test on the branch: exit 0, {passed} tests");

    let tasks = bench.ask(&["tasks"])?;
    for task in tasks.as_array().ok_or("tasks are not a list")? {
        let (id, state) = (&task["id"], &task["state"]);
        require(state == "done", &format!("{id} is {state}"))?;
        if !task["receipt"]["check"].is_null() {
            require(task["receipt"]["check"]["exit_code"] == 0, &format!("{id}'s check did not pass"))?;
            let commit = task["receipt"]["commit"].as_str().unwrap_or_default();
            let is_in = git(bench, &["merge-base", "--is-ancestor", commit, branch]);
            require(is_in.is_ok(), &format!("{id}'s commit {commit} is not in the branch"))?;
            let _ = writeln!(report, "receipt of {id}: exit 0, commit {commit} is in the branch");
        }
    }

    let log = server.log()?;
    let answered = |path: &str| {
        log.iter()
            .filter(|entry| entry["path"].as_str().is_some_and(|p| p.contains(path)) && status(entry) == 200)
            .count() as u64
    };
    let (openai, anthropic) = (answered("/chat/completions"), answered("/messages"));
    require(openai > 0 && anthropic > 0, "both providers must have been asked")?;
    let costs = bench.ask(&["costs", "--calls"])?;
    let calls = costs.as_array().ok_or("calls are not a list")?;
    let by = |provider: &str| -> (u64, u64) {
        let made = calls
            .iter()
            .filter(|call| call["model"].as_str().is_some_and(|model| model.starts_with(provider)));
        made.fold((0, 0), |(count, cost), call| (count + 1, cost + call["cost"].as_u64().unwrap_or_default()))
    };
    for (provider, logged, price) in
        [("openai/", openai, OPENAI_CALL), ("anthropic/", anthropic, ANTHROPIC_CALL)]
    {
        let (count, cost) = by(provider);
        require(
            count == logged,
            &format!("{provider} {count} calls in the ledger, {logged} in the server's log"),
        )?;
        require(
            cost == logged * price,
            &format!("{provider} {cost} nano-dollars in the ledger, {} expected", logged * price),
        )?;
        let _ = writeln!(report, "{provider} {count} calls and {cost} nano-dollars, as in the server's log");
    }

    let sent_back = bench
        .ask_lines(&["events"])?
        .iter()
        .any(|event| event["kind"]["event"] == "review_verdict" && event["kind"]["approved"] == false);
    require(sent_back, "the journal has no review that sent the work back")?;
    let _ = write!(report, "approvals given on the command line: {approvals}");
    require(approvals > 0, "nothing was asked of a human")?;
    Ok(report)
}

fn status(entry: &Value) -> u64 {
    entry["response"]["status"].as_u64().or_else(|| entry["status"].as_u64()).unwrap_or_default()
}

fn require(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

//! What Syndarix says, against what git, the exit codes and the mock server say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::mock::MockServer;
use super::sources::{Before, git, look};
use super::{Bench, Outcome};

/// A provider: what its models' names begin with, where its answers are asked for, and what a token costs by the
/// configuration, in nano-dollars.
struct Provider {
    prefix: &'static str,
    path: &'static str,
    input: u64,
    output: u64,
}

const PROVIDERS: [Provider; 2] = [
    Provider { prefix: "openai/", path: "/chat/completions", input: 2_500, output: 10_000 },
    Provider { prefix: "anthropic/", path: "/messages", input: 3_000, output: 15_000 },
];

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
    let branch = branch(bench)?;
    report.push_str(&changes(bench, &branch, &printed)?);
    report.push_str(&receipts(bench, &branch, &printed)?);
    report.push_str(&costs(bench, server, &printed)?);

    let sent_back = bench
        .ask_lines(&["events"])?
        .iter()
        .any(|event| event["kind"]["event"] == "review_verdict" && event["kind"]["approved"] == false);
    require(sent_back, "the journal has no review that sent the work back")?;
    let _ = write!(report, "approvals given on the command line: {approvals}");
    require(approvals > 0, "nothing was asked of a human")?;
    Ok(report)
}

/// The one branch that the job left in the user's repository.
fn branch(bench: &Bench) -> Outcome<String> {
    let branches = git(bench, &["branch", "--list", "syndarix/*", "--format=%(refname:short)"])?;
    let branch = branches.trim();
    require(
        !branch.is_empty() && !branch.contains('\n'),
        &format!("expected one result branch, found: {branches}"),
    )?;
    Ok(branch.to_owned())
}

/// The printed diffstat is git's, line by line.
fn changes(bench: &Bench, branch: &str, printed: &str) -> Outcome<String> {
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

/// Every receipt's commit is in the branch, its check ends again as the receipt says, and both are printed.
fn receipts(bench: &Bench, branch: &str, printed: &str) -> Outcome<String> {
    let mut report = String::new();
    let tip = git(bench, &["rev-parse", branch])?.trim().to_owned();
    let mut ended = BTreeMap::from([(tip.clone(), test(bench, &tip)?)]);
    let (_, tests) = &ended[&tip];
    require(tests.contains("normalized_hamming_counts_characters ... ok"), "the new test did not run")?;
    require(tests.contains("hamming_works ... ok"), "the crate's own tests did not run")?;
    let passed = tests.lines().filter(|line| line.ends_with("... ok")).count();
    let _ = writeln!(report, "cargo test on the branch: exit {}, {passed} tests", ended[&tip].0);

    let tasks = bench.ask(&["tasks"])?;
    for task in tasks.as_array().ok_or("tasks are not a list")? {
        let (id, state) = (task["id"].as_str().unwrap_or_default(), &task["state"]);
        require(state == "done", &format!("{id} is {state}"))?;
        let Some(exit_code) = task["receipt"]["check"]["exit_code"].as_i64() else { continue };
        let commit = task["receipt"]["commit"].as_str().unwrap_or_default();
        let is_in = git(bench, &["merge-base", "--is-ancestor", commit, branch]);
        require(is_in.is_ok(), &format!("{id}'s commit {commit} is not in the branch"))?;
        if !ended.contains_key(commit) {
            ended.insert(commit.to_owned(), test(bench, commit)?);
        }
        let (again, said) = &ended[commit];
        require(
            exit_code == 0 && exit_code == *again,
            &format!("{id}'s receipt says exit code {exit_code}; the check now ends with {again}:\n{said}"),
        )?;
        let key = id.rsplit('/').next().unwrap_or_default();
        let row = printed.lines().find(|line| line.trim_start().starts_with(&format!("{key} ")));
        let row: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        let short = commit.get(..10).unwrap_or_default();
        require(
            row.ends_with(&[exit_code.to_string().as_str(), short]),
            &format!("the summary shows another receipt for {key} than exit {exit_code}, {short}: {row:?}"),
        )?;
        let _ =
            writeln!(report, "receipt of {key}: exit {exit_code}, again {again}; {short} is in the branch");
    }
    Ok(report)
}

/// Runs the crate's tests at a commit, on a clean checkout; its exit code and what it printed.
fn test(bench: &Bench, commit: &str) -> Outcome<(i64, String)> {
    let folder = bench.path(&format!("result-{commit}"));
    git(bench, &["worktree", "add", "--quiet", "--detach", &folder.display().to_string(), commit])?;
    let output = Command::new("cargo")
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", bench.path("result-target"))
        .args(["test", "--offline"])
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let code = output.status.code().map_or(-1, i64::from);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((code, text))
}

/// What one provider's models were asked, and what it cost.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bill {
    calls: u64,
    input: u64,
    output: u64,
    cost: u64,
}

/// The ledger has each call that the server answered, with the tokens that the server reported, at the configured price;
/// and the printed sum is theirs. Every call was streamed, and each provider was heard to call tools.
fn costs(bench: &Bench, server: &MockServer, printed: &str) -> Outcome<String> {
    let mut report = String::new();
    let log = server.log()?;
    let costs = bench.ask(&["costs", "--calls"])?;
    let calls = costs.as_array().ok_or("calls are not a list")?;
    let (mut input, mut output, mut logged_calls) = (0, 0, 0);
    for provider in &PROVIDERS {
        let logged = logged(provider, &log)?;
        let booked = booked(provider, calls);
        require(
            booked == logged,
            &format!("{} the ledger has {booked:?}, the server's log {logged:?}", provider.prefix),
        )?;
        let _ = writeln!(
            report,
            "{} {} calls, all streamed, {} nano-dollars, as in the server's log",
            provider.prefix, booked.calls, booked.cost
        );
        input += logged.input;
        output += logged.output;
        logged_calls += logged.calls;
    }
    require(logged_calls == calls.len() as u64, "the ledger has calls of other providers")?;
    let total = printed.lines().rfind(|line| line.trim_start().starts_with("total ")).unwrap_or_default();
    let words: Vec<&str> = total.split_whitespace().collect();
    let wanted = [logged_calls, 0, input, output].map(|number| number.to_string());
    require(
        words.windows(wanted.len()).any(|window| window == wanted),
        &format!("the summary's total is not {wanted:?}: {total}"),
    )?;
    let _ = writeln!(report, "total printed: {logged_calls} calls, {input} tokens in, {output} out");
    Ok(report)
}

/// What the server's log says of a provider.
fn logged(provider: &Provider, log: &[Value]) -> Outcome<Bill> {
    let mut bill = Bill::default();
    let mut called_tools = false;
    let of_provider =
        |entry: &&Value| entry["path"].as_str().is_some_and(|path| path.contains(provider.path));
    for entry in log.iter().filter(of_provider) {
        let response = &entry["response"];
        require(response["status"] == 200, &format!("the server refused a call: {response}"))?;
        require(entry["body"]["stream"] == true, "a call was not streamed")?;
        let answer = &response["fixture"]["response"];
        called_tools |= answer["toolCalls"].as_array().is_some_and(|calls| !calls.is_empty());
        let tokens = |name: &str| answer["usage"][name].as_u64().ok_or("an answer without usage");
        let (input, output) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
        bill.calls += 1;
        bill.input += input;
        bill.output += output;
        bill.cost += input * provider.input + output * provider.output;
    }
    require(called_tools, &format!("{} was not heard to call a tool", provider.prefix))?;
    Ok(bill)
}

/// What the ledger says of a provider.
fn booked(provider: &Provider, calls: &[Value]) -> Bill {
    let of_provider =
        |call: &&Value| call["model"].as_str().is_some_and(|model| model.starts_with(provider.prefix));
    calls.iter().filter(of_provider).fold(Bill::default(), |bill, call| {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        Bill {
            calls: bill.calls + 1,
            input: bill.input + number(&call["usage"]["input_tokens"]),
            output: bill.output + number(&call["usage"]["output_tokens"]),
            cost: bill.cost + number(&call["cost"]),
        }
    })
}

fn require(holds: bool, otherwise: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

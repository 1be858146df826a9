//! What Syndarix says of the crate, against what git, the exit codes and the mock server say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use crate::whole_run::repository::{Seen, branch, git, look};
use crate::whole_run::{Bench, Ended, MockServer, costs, require, verdict};

use super::{CHECK, Outcome};

pub(crate) fn judge(bench: &Bench, server: &MockServer, before: &Seen, ended: &Ended) -> Outcome<String> {
    let printed = &ended.printed;
    require(look(bench)? == *before, "the user's work tree was touched")?;
    let branch = branch(bench)?;
    let mut report = verdict::changes(bench, &branch, printed)?;
    report.push_str(&proofs(bench, &branch, printed)?);
    report.push_str(&costs(bench, server, printed)?);
    verdict::mended(&bench.ask_lines(&["events"])?)?;
    let approvals = ended.approvals.len();
    let _ = write!(report, "approvals given on the command line: {approvals}");
    require(approvals > 0, "nothing was asked of a human")?;
    Ok(report)
}

/// The branch passes the crate's tests and the new ones, and at every receipt's commit the check ends again as the receipt
/// says.
fn proofs(bench: &Bench, branch: &str, printed: &str) -> Outcome<String> {
    let mut report = String::new();
    let tip = git(bench, &["rev-parse", branch])?.trim().to_owned();
    let mut ended = BTreeMap::from([(tip.clone(), test(bench, &tip)?)]);
    let (_, tests) = &ended[&tip];
    require(tests.contains("normalized_hamming_counts_characters ... ok"), "the new test did not run")?;
    require(tests.contains("hamming_works ... ok"), "the crate's own tests did not run")?;
    let passed = tests.lines().filter(|line| line.ends_with("... ok")).count();
    let _ = writeln!(report, "cargo test on the branch: exit {}, {passed} tests", ended[&tip].0);
    for receipt in verdict::receipts(bench, branch, printed)? {
        let verdict::Receipt { key, commit, exit_code } = &receipt;
        if !ended.contains_key(commit) {
            ended.insert(commit.clone(), test(bench, commit)?);
        }
        let (again, said) = &ended[commit];
        require(
            exit_code == again,
            &format!("{key}'s receipt says exit code {exit_code}; the check now ends with {again}:\n{said}"),
        )?;
        let short = commit.get(..10).unwrap_or_default();
        let _ =
            writeln!(report, "receipt of {key}: exit {exit_code}, again {again}; {short} is in the branch");
    }
    Ok(report)
}

/// Runs the crate's tests at a commit, on a clean checkout; its exit code and what it printed.
fn test(bench: &Bench, commit: &str) -> Outcome<(i64, String)> {
    let folder = bench.path(&format!("result-{commit}"));
    git(bench, &["worktree", "add", "--quiet", "--detach", &folder.display().to_string(), commit])?;
    let output = Command::new(CHECK[0])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", bench.path("result-target"))
        .args(&CHECK[1..])
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let code = output.status.code().map_or(-1, i64::from);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((code, text))
}

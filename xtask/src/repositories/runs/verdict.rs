//! Whether a run did what it had to, inside by its records and outside by its branch.

use std::fmt::Write as _;

use serde_json::Value;
use syndarix_environment::results::{self, TestResults};

use crate::whole_run::repository::{Seen, branch, look};
use crate::whole_run::{Bench, Ended, MockServer, costs, require, verdict};

use super::super::document::Counts;
use super::super::list::Package;
use super::super::{Outcome, outside};
use super::fixtures::{AGAIN, DEVELOP};
use super::work::Work;

/// What a human is asked when dependencies change.
const QUESTION: &str = "May dependencies be installed, with the network?";

/// What a call is asked about with that has dependencies installed.
const WITH_NETWORK: &str = "with the network";

/// How the tool that runs commands tells an agent that one succeeded.
const SUCCEEDED: &str = "exit code 0 after";

pub(super) fn judge(
    bench: &Bench,
    server: &MockServer,
    (package, work): (&Package, &Work),
    before: &Seen,
    ended: &Ended,
) -> Outcome<String> {
    require(look(bench)? == *before, "the user's work tree was touched")?;
    let branch = branch(bench)?;
    let mut report = verdict::changes(bench, &branch, &ended.printed)?;
    for verdict::Receipt { key, commit, exit_code } in verdict::receipts(bench, &branch, &ended.printed)? {
        let short = commit.get(..10).unwrap_or_default();
        let _ = writeln!(report, "receipt of {key}: exit {exit_code}; {short} is in the branch");
    }
    let events = bench.ask_lines(&["events"])?;
    verdict::tools_worked(&events)?;
    verdict::mended(&events)?;
    report.push_str("a review sent the work back, and another accepted it\n");
    report.push_str(&verdict::set_up_again(&events)?);
    asked_as_expected(&ended.approvals, work.installs())?;
    require(
        succeeded_again(&server.log()?),
        &format!("in the second round `{}` did not succeed in the developer's worktree", work.command),
    )?;
    let _ = writeln!(
        report,
        "approvals given on the command line: {}, for set-up as expected",
        ended.approvals.len()
    );
    report.push_str(&costs(bench, server, &ended.printed)?);

    let repository = bench.path("repository");
    let reference = outside::run(package, &repository, Some(&branch), &bench.path("outside"))?;
    let missing = missing(&work.tests, &reference.results);
    require(
        missing.is_empty(),
        &format!("outside, on the branch, these tests did not pass: {}", missing.join(", ")),
    )?;
    let counts = Counts::of(&reference.results);
    let _ = writeln!(report, "outside, on the branch: {counts} tests passed, failed and were skipped");
    for test in &work.tests {
        let _ = writeln!(report, "  with {test}");
    }
    Ok(report)
}

/// The human is asked about set-up, and only the first time; or, where the developer has dependencies installed, about the two
/// calls by which it does.
fn asked_as_expected(approvals: &[String], installs: bool) -> Outcome<()> {
    let asked = approvals.iter().filter(|title| *title == QUESTION).count();
    let calls = approvals.iter().filter(|title| *title != QUESTION && title.contains(WITH_NETWORK)).count();
    let expected = if installs { (0, 2) } else { (1, 0) };
    require(
        (asked, calls) == expected,
        &format!(
            "set-up was asked about {asked} times, and {calls} calls that have the network: {approvals:?}"
        ),
    )
}

/// Whether the developer's own command succeeded in the second round, which it can only where what the change needs is
/// installed in the worktree, too.
fn succeeded_again(log: &[Value]) -> bool {
    log.iter()
        .map(|entry| entry["body"].to_string())
        .any(|asked| [DEVELOP.task, AGAIN, SUCCEEDED].into_iter().all(|words| asked.contains(words)))
}

/// Which of the tests did not pass, by the end of their names.
fn missing<'a>(tests: &'a [String], results: &TestResults) -> Vec<&'a str> {
    let passed = |wanted: &str| {
        results
            .tests
            .iter()
            .any(|(name, outcome)| name.ends_with(wanted) && *outcome == results::Outcome::Passed)
    };
    tests.iter().map(String::as_str).filter(|test| !passed(test)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_human_is_asked_about_set_up_as_often_as_needed() {
        let call = "May Dave call `npm install x` with the network?";
        for (titles, installs, good) in [
            (vec!["The vision", QUESTION], false, true),
            (vec!["The vision"], false, false),
            (vec![QUESTION, QUESTION], false, false),
            (vec![call, call], true, true),
            (vec![call, call, QUESTION], true, false),
            (vec![call], false, false),
        ] {
            let titles: Vec<String> = titles.into_iter().map(str::to_owned).collect();
            assert_eq!(asked_as_expected(&titles, installs).is_ok(), good, "{titles:?}");
        }
    }

    #[test]
    fn only_the_developers_second_round_counts() {
        let asked = |stage: &str, round: &str, result: &str| json!({ "body": { "messages": [stage, round, result] } });
        for (entry, expected) in [
            (asked(DEVELOP.task, "round 2", "exit code 0 after 1.0 s"), true),
            (asked(DEVELOP.task, "round 2", "exit code 1 after 1.0 s"), false),
            (asked(DEVELOP.task, "", "exit code 0 after 1.0 s"), false),
            (asked("test the sprint's result", "round 2", "exit code 0 after 1.0 s"), false),
        ] {
            assert_eq!(succeeded_again(std::slice::from_ref(&entry)), expected, "{entry}");
        }
    }

    #[test]
    fn a_test_is_there_when_it_passed() {
        let tests = [("suite.new", results::Outcome::Passed), ("suite.other", results::Outcome::Failed)];
        let tests = tests.map(|(name, outcome)| (name.to_owned(), outcome)).into_iter().collect();
        let results = TestResults { tests, ..TestResults::default() };
        let wanted = ["new", "other", "third"].map(str::to_owned);
        assert_eq!(missing(&wanted, &results), ["other", "third"]);
    }
}

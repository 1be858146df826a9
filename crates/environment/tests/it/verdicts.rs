//! What a check after a change is worth, given the check before it.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use syndarix_environment::Outcome;
use syndarix_environment::results::{Baseline, Observed, TestResults, judge, unmet};

/// `1: +a -b ?c` is a run with exit code 1 in which a passed, b failed and c was skipped; `1 …: -b` one that names only
/// what failed, `1 #3` one that only counts, and `1` one that tells nothing.
fn run(text: &str) -> Observed {
    let (head, tests) = text.split_once(": ").unwrap_or((text, ""));
    let mut head = head.split(' ');
    let exit_code = head.next().and_then(|code| code.parse().ok()).expect("an exit code");
    let how = head.next();
    let outcome = |mark: &str| match mark {
        "+" => Outcome::Passed,
        "-" => Outcome::Failed,
        _ => Outcome::Skipped,
    };
    let results = TestResults {
        tests: tests.split_whitespace().map(|test| (test[1..].to_owned(), outcome(&test[..1]))).collect(),
        partial: how.is_some(),
        failed: how.and_then(|how| how.strip_prefix('#')).map(|count| count.parse().expect("a count")),
        ..TestResults::default()
    };
    Observed { exit_code, results: (!results.is_empty()).then_some(results) }
}

fn check(before: &str, now: &str, removed: &[String], flaky: &[&str], expected: &Expect) {
    let before = run(before);
    let baseline = Baseline {
        exit_code: before.exit_code,
        results: before.results,
        flaky: flaky.iter().map(|name| (*name).to_owned()).collect(),
    };
    let verdict = judge(&baseline, &run(now), removed);
    let mut text =
        format!("{}\n{}\n", if verdict.accepted { "accepted" } else { "refused" }, verdict.sentence);
    for (what, names) in [("broken", &verdict.broken), ("missing", &verdict.missing)] {
        if !names.is_empty() {
            writeln!(text, "{what}: {}", names.join(" ")).expect("a string takes it");
        }
    }
    expected.assert_eq(&text);
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_green_baseline_leaves_it_to_the_exit_code() {
    let none: &[String] = &[];
    check(
        "0: +m::a +m::b",
        "0: +m::a",
        none,
        &[],
        &expect![[r"
        accepted
        The check passes. 1 is not there: m::b.
        missing: m::b
    "]],
    );
    check(
        "0: +m::a +m::b",
        "1: +m::a -m::b",
        none,
        &[],
        &expect![[r"
        refused
        The check fails (exit code 1) and passed before the change. 1 is broken: m::b.
        broken: m::b
    "]],
    );
    check(
        "0",
        "1",
        none,
        &[],
        &expect![[r"
        refused
        The check fails (exit code 1) and passed before the change.
    "]],
    );
    check(
        "0: +m::a +m::b",
        "1: +m::a -m::b",
        none,
        &["m::b"],
        &expect![[r"
        accepted
        The check fails (exit code 1), but only by tests that are known to be flaky. 1 is flaky, not counted: m::b.
    "]],
    );
    check(
        "0: +m::a +m::b",
        "1: -m::a -m::b",
        none,
        &["m::b"],
        &expect![[r"
        refused
        The check fails (exit code 1) and passed before the change. 1 is broken: m::a. 1 is flaky, not counted: m::b.
        broken: m::a
    "]],
    );
}

#[test]
fn on_a_red_baseline_nothing_that_passed_may_fail() {
    let none: &[String] = &[];
    check(
        "1: +m::a -m::b",
        "1: +m::a -m::b",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is as red as before: m::b.
    "]],
    );
    check(
        "1: +m::a -m::b",
        "1: -m::a -m::b",
        none,
        &[],
        &expect![[r"
        refused
        The check fails, and not only as it did before the change. 1 is broken: m::a. 1 is as red as before: m::b.
        broken: m::a
    "]],
    );
    check(
        "1: +m::a -m::b",
        "0: +m::a +m::b",
        none,
        &[],
        &expect![[r"
        accepted
        The check passes; before the change it failed. 1 is mended: m::b.
    "]],
    );
    // A mended test makes no room for one that breaks.
    check(
        "1: +m::a -m::b",
        "1: -m::a +m::b",
        none,
        &[],
        &expect![[r"
        refused
        The check fails, and not only as it did before the change. 1 is broken: m::a. 1 is mended: m::b.
        broken: m::a
    "]],
    );
    // A new test that fails.
    check(
        "1: +m::a -m::b",
        "1: +m::a -m::b -m::c",
        none,
        &[],
        &expect![[r"
        refused
        The check fails, and not only as it did before the change. 1 is broken: m::c. 1 is as red as before: m::b.
        broken: m::c
    "]],
    );
    // A file that could not be loaded at all, and now fails in one test.
    check(
        "1: +m::a -n.py",
        "1: +m::a -n.py::c +n.py::d",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is as red as before: n.py::c.
    "]],
    );
    check(
        "1: +m::a -m::b",
        "1: +m::a -m::b -m::c",
        none,
        &["m::c"],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is as red as before: m::b. 1 is flaky, not counted: m::c.
    "]],
    );
    // The runner does not get as far as its tests.
    check(
        "1: +m::a -m::b",
        "101",
        none,
        &[],
        &expect![[r"
        refused
        The check fails (exit code 101) and tells no single tests any more: most likely it does not get as far as running them.
    "]],
    );
}

#[test]
fn what_is_gone_is_named() {
    let none: &[String] = &[];
    // One of a file, the whole file, the whole file on purpose.
    check(
        "1: +m::a +m::c -m::b",
        "1: +m::a -m::b",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is not there: m::c. 1 is as red as before: m::b.
        missing: m::c
    "]],
    );
    check(
        "1: +n.py::a -m::b",
        "1: -m::b",
        none,
        &[],
        &expect![[r"
            refused
            The check fails, and not only as it did before the change. 1 is broken or not there: n.py::a. 1 is as red as before: m::b.
            broken: n.py::a
            missing: n.py::a
        "]],
    );
    let removed = names(&["n.py"]);
    check(
        "1: +n.py::a -m::b",
        "1: -m::b",
        &removed,
        &[],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is not there: n.py::a. 1 is as red as before: m::b.
        missing: n.py::a
    "]],
    );
    check(
        "1: +n.py::a -m::b",
        "0: +m::b",
        none,
        &[],
        &expect![[r"
        accepted
        The check passes; before the change it failed. 1 is not there: n.py::a. 1 is mended: m::b.
        missing: n.py::a
    "]],
    );
}

#[test]
fn what_the_task_names_must_pass() {
    for (named, runs, expected) in [
        ("b", &["1: +m::a -m::b +m::c"][..], "m::b: does not pass."),
        ("b", &["1: +m::a +m::b -m::c"], ""),
        ("b", &["0: +m::a ?m::b"], "m::b: does not pass."),
        ("m", &["0: +m::a ?m::b"], ""),
        ("m", &["1: +m::a -m::b"], "m::b: does not pass."),
        ("b", &["0: +m::a"], "b: is the name of no test that ran."),
        // Which of several checks it ran in does not matter, nor what those say that run no tests.
        ("b", &["0", "0: +m::a", "0: +n::b"], ""),
        ("b", &["0: +m::b", "1: -n::b"], "n::b: does not pass."),
        // What names only failures is believed of the rest.
        ("b", &["1 …: -m::c"], ""),
        ("b", &["1 …: -m::b"], "m::b: does not pass."),
        ("b", &["0: +m::a", "0 …: +n::a"], ""),
        // Nobody tells.
        ("b", &["0"], ""),
        ("b", &["1"], "b: is not told by the check's runner, and the check fails."),
        ("b", &["1 #3"], "b: is not told by the check's runner, and the check fails."),
        ("b d e", &["1: -m::b ?m::d"], "m::b, m::d: does not pass. e: is the name of no test that ran."),
        ("", &["1: -m::b"], ""),
    ] {
        let named = names(&named.split_whitespace().collect::<Vec<_>>());
        let runs: Vec<Observed> = runs.iter().map(|text| run(text)).collect();
        let said = unmet(&named, &runs).unwrap_or_default();
        let said = said.strip_prefix("The task names tests that must pass. ").unwrap_or(&said);
        assert_eq!(said, expected, "{named:?} {runs:?}");
    }
}

#[test]
fn where_names_are_missing_the_exit_code_and_the_count_decide() {
    let none: &[String] = &[];
    check(
        "1 …: -m::b",
        "1 …: -m::b",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails as it did before the change, and nothing that passed fails. 1 is as red as before: m::b.
    "]],
    );
    check(
        "1 …: -m::b",
        "1 …: -m::b -m::c",
        none,
        &[],
        &expect![[r"
        refused
        The check fails, and not only as it did before the change. 1 is broken: m::c. 1 is as red as before: m::b.
        broken: m::c
    "]],
    );
    check(
        "1 #3",
        "1 #3",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails with exit code 1, as it did before the change. Its runner tells no single tests, so that this does not prove that nothing else broke.
    "]],
    );
    check(
        "1 #3",
        "1 #4",
        none,
        &[],
        &expect![[r"
            refused
            The check fails with more tests than before the change, by its runner's count.
        "]],
    );
    check(
        "1",
        "1",
        none,
        &[],
        &expect![[r"
        accepted
        The check fails with exit code 1, as it did before the change. Its runner tells no single tests, so that this does not prove that nothing else broke.
    "]],
    );
    check(
        "1",
        "2",
        none,
        &[],
        &expect![[r"
        refused
        The check fails otherwise than before the change: exit code 2, before 1, without names to compare.
    "]],
    );
    check(
        "2",
        "0",
        none,
        &[],
        &expect![[r"
        accepted
        The check passes; before the change it failed.
    "]],
    );
}

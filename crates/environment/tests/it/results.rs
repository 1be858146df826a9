//! What real runners print and write, and what is read from it. Every file of `outputs` has its results beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use expect_test::{expect, expect_file};
use syndarix_environment::Outcome::{Failed, Passed, Skipped};
use syndarix_environment::results::{JunitError, TestResults, from_junit, from_output, gather, readable};
use syndarix_environment::{Outcome, results};

fn outputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/outputs")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(outputs().join(name)).expect("an output beside this test")
}

fn rendered(results: Option<&TestResults>) -> String {
    let Some(results) = results else { return "no results\n".into() };
    let mut text = String::new();
    for (name, outcome) in &results.tests {
        let outcome = match outcome {
            Passed => "passed ",
            Failed => "failed ",
            Skipped => "skipped",
        };
        writeln!(text, "{outcome} {name}").expect("a string takes it");
    }
    if results.partial {
        text.push_str("and others\n");
    }
    if let Some(failed) = results.failed {
        writeln!(text, "failed by count: {failed}").expect("a string takes it");
    }
    text
}

#[test]
fn outputs_are_read() {
    let mut names: Vec<String> = std::fs::read_dir(outputs())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension != "results"))
        .collect();
    names.sort();
    assert!(names.len() > 30, "the outputs are beside this test");
    for name in names {
        let content = text(&name);
        let is_report = Path::new(&name).extension().is_some_and(|extension| extension == "xml");
        let results =
            if is_report { Some(from_junit(content.as_bytes()).unwrap()) } else { from_output(&content) };
        expect_file![outputs().join(format!("{name}.results"))].assert_eq(&rendered(results.as_ref()));
    }
}

#[test]
fn either_end_may_be_missing() {
    // An output that is cut at either end is read to something, and nothing panics.
    for entry in std::fs::read_dir(outputs()).unwrap() {
        let Ok(content) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        let lines: Vec<&str> = content.lines().collect();
        for at in (0..lines.len()).step_by(3) {
            let start = lines[..at].join("\n");
            let _ = from_output(&start);
            let _ = from_junit(start.as_bytes());
            let _ = from_output(&lines[at..].join("\n"));
        }
    }
}

#[test]
fn reports_of_another_kind_are_errors() {
    for (xml, expected) in [
        ("<testsuite><testcase name='a'>", "it ends in the middle"),
        ("<testsuite><testcase name='a'/></testcase></testsuite>", "cannot be read"),
        ("<html/>", "not in JUnit's form"),
        ("", "not in JUnit's form"),
    ] {
        let error = from_junit(xml.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{xml}: {error}");
    }
    let long = vec![b' '; 65 * 1024 * 1024];
    assert!(matches!(from_junit(&long), Err(JunitError::TooLarge { .. })));
}

#[test]
fn a_report_is_believed_before_the_text_of_its_runner() {
    let reports = [text("pytest.xml").into_bytes(), b"<testsuite><testcase".to_vec()];
    let (results, unreadable) = gather(&text("several.txt"), &reports);
    let results = results.unwrap();
    assert_eq!(unreadable.len(), 1);
    assert!(results.tests.contains_key("tests.test_a::test_good"));
    assert!(
        !results.tests.contains_key("tests/test_a.py::test_good"),
        "the text of pytest is not read beside it"
    );
    assert!(results.tests.contains_key("adds"), "node's is");
    assert!(gather("nothing", &[]).0.is_none());
}

#[test]
fn go_s_events_are_text_again() {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let events = text("go-json.txt");
    let plain = readable(&words("go test ./..."), &events);
    expect![[r"
        # example.org/shapes/broken [example.org/shapes/broken.test]
        broken/b_test.go:3:28: undefined: undefined
        ok  	example.org/shapes/area	(cached)
        FAIL	example.org/shapes/broken [build failed]
        ?   	example.org/shapes/empty	[no test files]
        some output
            shapes_test.go:4: got 1
        --- FAIL: TestBad (0.00s)
            shapes_test.go:6: no
        --- FAIL: TestTable/three (0.00s)
        --- FAIL: TestTable (0.00s)
        FAIL
        FAIL	example.org/shapes	0.012s
    "]]
    .assert_eq(&plain);
    let verbose = readable(&words("go test -v ./..."), &events);
    assert_eq!(
        from_output(&verbose),
        from_output(&events).map(|results| TestResults { partial: false, ..results })
    );
    assert_eq!(readable(&words("make"), "{\"Action\": 1}\nother\n"), "{\"Action\": 1}\nother\n");
    assert_eq!(readable(&words("npm test"), "\u{1b}[32m✓\u{1b}[39m adds\n"), "✓ adds\n");
}

#[test]
fn two_runs_are_compared() {
    let run = |tests: &[(&str, Outcome)], partial: bool| TestResults {
        tests: tests.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect(),
        partial,
        ..TestResults::default()
    };
    let first = run(&[("a", Passed), ("b", Failed), ("c", Skipped), ("d", Failed)], false);
    let second = run(&[("a", Passed), ("b", Passed), ("c", Failed), ("e", Failed)], false);
    assert_eq!(results::flaky(&first, &second).into_iter().collect::<Vec<_>>(), ["b", "c"]);
    let told = run(&[("a", Failed)], true);
    assert_eq!(results::flaky(&first, &told).into_iter().collect::<Vec<_>>(), ["a", "b", "d"]);
    let agreement = results::compare(&first, &second);
    assert!(!agreement.is_complete());
    assert_eq!(agreement.alike, 1);
    assert_eq!(agreement.different, [("b".into(), Failed, Passed), ("c".into(), Skipped, Failed)]);
    assert_eq!((agreement.only_first, agreement.only_second), (vec!["d".to_owned()], vec!["e".to_owned()]));
    assert!(results::compare(&first, &first).is_complete());
}

//! Whether what happened inside of the confinement is what happened outside of it.

use syndarix_environment::results::{self, Outcome, TestResults};

use super::document::{Counts, Document, Verdict};
use super::list::{Compared, Package};

/// How many disagreements are told; more of them say nothing new.
const TOLD_MAX: usize = 10;

/// Everything that keeps a package from counting, a sentence each; empty where it counts.
pub(crate) fn problems(package: &Package, outside: &TestResults, document: &Document) -> Vec<String> {
    let mut problems = of_the_run(document);
    if document.verdict == Verdict::Green {
        problems.extend(of_the_tests(package, outside, document));
    }
    if problems.len() > TOLD_MAX {
        let more = problems.len() - TOLD_MAX;
        problems.truncate(TOLD_MAX);
        problems.push(format!("and {more} more"));
    }
    problems
}

/// What was not found, not set up or not green.
fn of_the_run(document: &Document) -> Vec<String> {
    let mut problems = Vec::new();
    if document.environment.parts.is_empty() {
        problems.push("no environment was found".to_owned());
    } else if document.environment.parts.iter().all(|part| part.checks.is_empty()) {
        problems.push("no check was found".to_owned());
    }
    for missing in &document.environment.missing {
        problems.push(format!("missing: {} ({})", missing.what, missing.witness.file));
    }
    if document.verdict != Verdict::Green {
        problems.push(format!("the verdict is: {}", document.verdict.name()));
    }
    let checks = document.checks.iter().map(|check| &check.ran);
    for ran in document.set_up.iter().chain(checks).filter(|ran| ran.exit_code != Some(0)) {
        let code =
            ran.exit_code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        let output = super::command::last_lines(&ran.output);
        problems.push(format!("`{}`: {code}\n{}", ran.command.join(" "), output.trim_end()));
    }
    for name in document.checks.iter().flat_map(|check| &check.flaky) {
        problems.push(format!("`{name}` ended differently when it ran again"));
    }
    problems
}

/// Where the two runs disagree on their tests.
fn of_the_tests(package: &Package, outside: &TestResults, document: &Document) -> Vec<String> {
    match package.compared {
        Compared::ExitCode => Vec::new(),
        Compared::Counts => {
            let (outside, inside) = (Counts::of(outside), document.counts());
            if outside == inside {
                Vec::new()
            } else {
                vec![format!("{outside} tests passed, failed and were skipped outside, and {inside} inside")]
            }
        }
        Compared::Names if outside.tests.is_empty() => vec!["the run outside names no test".to_owned()],
        Compared::Names => {
            let agreement = results::compare(outside, &document.results());
            let different = agreement.different.iter().map(|(name, outside, inside)| {
                (name, format!("`{name}` {} outside and {} inside", word(*outside), word(*inside)))
            });
            let only_outside =
                agreement.only_first.iter().map(|name| (name, format!("`{name}` ran only outside")));
            let only_inside =
                agreement.only_second.iter().map(|name| (name, format!("`{name}` ran only inside")));
            different
                .chain(only_outside)
                .chain(only_inside)
                .filter(|(name, _)| !tolerated(package, name))
                .map(|(_, problem)| problem)
                .collect()
        }
    }
}

fn tolerated(package: &Package, name: &str) -> bool {
    package.tolerance.iter().any(|tolerance| match tolerance.test.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == tolerance.test,
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "was skipped",
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::List;
    use super::*;

    /// A package that is compared as these lines of the list say.
    fn package(lines: &str) -> Package {
        let text = format!(
            "[[package]]\nname = \"a\"\necosystem = \"go\"\npublished = \"a\"\nversion = \"1\"\nwhy = \"\"\ntest = \"\"\n{lines}"
        );
        List::parse(&text).unwrap().package.remove(0)
    }

    fn ran_outside(tests: &[(&str, Outcome)]) -> TestResults {
        let tests = tests.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect();
        TestResults { tests, ..TestResults::default() }
    }

    /// The document of a green run with these results.
    fn green(results: &str, tests: &str) -> Document {
        let part = r#"{"folder":"","ecosystems":["go"],"tools":[],"set_up":[],"checks":[
            {"kind":"tests","command":["go","test"],"witness":{"file":"go.mod","line":null}}],"inputs":[],"variables":[]}"#;
        Document::parse(&format!(
            r#"{{"version":1,"verdict":"green","environment":{{"version":1,"parts":[{part}],"missing":[],"notes":[]}},
            "checks":[{{"command":["go","test"],"exit_code":0,"tests":{tests},"results":{results}}}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn runs_agree_by_what_the_list_says() {
        let outside = ran_outside(&[("a", Outcome::Passed), ("b/web", Outcome::Skipped)]);
        let counts = "compared = \"counts\"\ncompared_because = \"names repeat\"";
        let code = "compared = \"exitcode\"\ncompared_because = \"nothing is named\"";
        let tolerance = "[[package.tolerance]]\ntest = \"b/*\"\nreason = \"needs the network\"";
        for (lines, inside, tests, expected) in [
            ("", r#"{"a":"passed","b/web":"skipped"}"#, "null", vec![]),
            ("", r#"{"a":"failed","b/web":"skipped"}"#, "null", vec!["`a` passed outside and failed inside"]),
            (
                "",
                r#"{"a":"passed","c":"passed"}"#,
                "null",
                vec!["`b/web` ran only outside", "`c` ran only inside"],
            ),
            (tolerance, r#"{"a":"passed","b/web":"passed"}"#, "null", vec![]),
            (tolerance, r#"{"b/web":"passed"}"#, "null", vec!["`a` ran only outside"]),
            (counts, "{}", r#"{"passed":1,"failed":0,"skipped":1}"#, vec![]),
            (
                counts,
                "{}",
                r#"{"passed":2,"failed":0,"skipped":0}"#,
                vec!["1/0/1 tests passed, failed and were skipped outside, and 2/0/0 inside"],
            ),
            (code, "{}", "null", vec![]),
        ] {
            assert_eq!(
                problems(&package(lines), &outside, &green(inside, tests)),
                expected,
                "{lines} {inside}"
            );
        }
        let unnamed = problems(&package(""), &TestResults::default(), &green("{}", "null"));
        assert_eq!(unnamed, ["the run outside names no test"]);
    }

    #[test]
    fn what_was_not_done_is_told() {
        let outside = ran_outside(&[("a", Outcome::Passed)]);
        for (document, expected) in [
            (r#""verdict":"no_check""#, vec!["no environment was found", "the verdict is: no check"]),
            (
                r#""verdict":"set_up_failed","set_up":[{"command":["npm","ci"],"exit_code":1,"output":"no\nway\n"}]"#,
                vec![
                    "no environment was found",
                    "the verdict is: set-up failed",
                    "`npm ci`: exit code 1\n    no\n    way",
                ],
            ),
        ] {
            let document = Document::parse(&format!("{{\"version\":1,{document}}}")).unwrap();
            assert_eq!(problems(&package(""), &outside, &document), expected);
        }
    }

    #[test]
    fn many_disagreements_are_told_by_their_number() {
        let names: Vec<String> = (0..50).map(|number| format!("test {number:02}")).collect();
        let tests: Vec<_> = names.iter().map(|name| (name.as_str(), Outcome::Passed)).collect();
        let told = problems(&package(""), &ran_outside(&tests), &green("{}", "null"));
        assert_eq!((told.len(), told[TOLD_MAX].as_str()), (TOLD_MAX + 1, "and 40 more"));
    }
}

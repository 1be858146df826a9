//! `cargo test` and `cargo nextest`.

use super::super::lines::without_duration;
use super::super::{Outcome, TestResults};
use super::outcome_of;

/// libtest's text. Names are qualified as nextest does it: `shapes tests::good`, `shapes::it good`,
/// `shapes::bin/draw tests::good`, and `shapes::doc src/lib.rs - add`.
pub(super) fn test(lines: &[&str]) -> Option<TestResults> {
    let mut results = TestResults::default();
    let mut seen = false;
    let mut package = String::new();
    let mut binary = String::new();
    // The test whose outcome is on a later line, because it printed something itself.
    let mut waiting: Option<String> = None;
    for line in lines {
        if let Some(running) = line.trim_start().strip_prefix("Running ") {
            if let Some(name) = binary_of(running, &mut package) {
                binary = name;
            }
        } else if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
            binary = format!("{}::doc", name.trim());
        } else if line.starts_with("test result: ") {
            seen = true;
            waiting = None;
        } else if let Some(test) = line.strip_prefix("test ")
            && let Some((name, end)) = test.rsplit_once(" ... ")
        {
            match outcome(end) {
                Some(outcome) => results.add(&qualified(&binary, name), outcome),
                None => waiting = Some(qualified(&binary, name)),
            }
        } else if let Some(name) = &waiting
            && let Some(outcome) = outcome(line)
        {
            results.add(name, outcome);
            waiting = None;
        }
    }
    seen.then_some(results)
}

fn outcome(end: &str) -> Option<Outcome> {
    let end = without_duration(end.trim().split(" <").next().unwrap_or_default());
    if end.starts_with("ignored") { Some(Outcome::Skipped) } else { outcome_of(end) }
}

/// The binary's name, from `unittests src/lib.rs (target/debug/deps/shapes-8dbf0753c22d4c02)`. Integration tests of
/// several packages share names, so that they are told apart by the library that ran before them.
fn binary_of(running: &str, package: &mut String) -> Option<String> {
    let (source, program) = match running.rsplit_once(" (") {
        Some((source, program)) => (source, program.trim_end_matches(')')),
        None => ("", running.trim_matches('`')),
    };
    let file = program.rsplit(['/', '\\']).next()?.trim_end_matches(".exe");
    let (name, hash) = file.rsplit_once('-')?;
    if !hash.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let Some(path) = source.strip_prefix("unittests ") else {
        return Some(format!("{package}::{name}").trim_start_matches(':').to_owned());
    };
    Some(if path.ends_with("src/main.rs") || path.contains("src/bin/") {
        format!("{package}::bin/{name}").trim_start_matches(':').to_owned()
    } else if path.starts_with("examples/") {
        format!("{package}::example/{name}").trim_start_matches(':').to_owned()
    } else {
        name.clone_into(package);
        name.to_owned()
    })
}

/// A test's name without what changes with any line above it: a documentation test is named by its line, too.
fn qualified(binary: &str, name: &str) -> String {
    let name = name.trim();
    let name = [" - should panic", " - compile fail", " - compile"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    let name = match name.rsplit_once(" (line ") {
        Some((item, _)) if binary.ends_with("::doc") => item.trim_end_matches(" -"),
        _ => name,
    };
    format!("{binary} {name}").trim_start().to_owned()
}

/// nextest's text, a line a test: `PASS [   0.004s] (1/3) shapes tests::good`.
pub(super) fn nextest(lines: &[&str]) -> Option<TestResults> {
    if !lines.iter().any(|line| line.trim_start().starts_with("Summary [")) {
        return None;
    }
    let mut results = TestResults::default();
    for line in lines {
        let Some((status, rest)) = line.split_once('[') else { continue };
        let Some((_, name)) = rest.split_once(']') else { continue };
        let words: Vec<&str> = status.split_whitespace().collect();
        let outcome = match words.as_slice() {
            // A test that failed at first and passed when tried again passed.
            ["PASS" | "LEAK"] | ["FLAKY" | "TRY", _] | ["TRY", _, "PASS"] => Outcome::Passed,
            ["FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" | "EXECFAIL"] => Outcome::Failed,
            [signal] if signal.starts_with("SIG") => Outcome::Failed,
            ["SKIP"] => Outcome::Skipped,
            _ => continue,
        };
        let name = name.trim();
        let name = match name.strip_prefix('(').and_then(|counted| counted.split_once(')')) {
            Some((count, name)) if count.contains('/') => name.trim(),
            _ => name,
        };
        results.add(name, outcome);
    }
    Some(results)
}

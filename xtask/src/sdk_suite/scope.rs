//! What of the suite and of the examples is asked of the engine: all but what a file leaves out, with its reasons.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Outcome;

pub(super) const TESTS_LEFT_OUT: &str = "crates/engine/tests/sdk-suite/left-out.txt";
pub(super) const EXAMPLES_LEFT_OUT: &str = "crates/engine/tests/sdk-suite/examples-left-out.txt";

/// The module that the suite keeps its tests in. The file's names are without it.
const MODULE: &str = "integ_tests::";

/// What is left out: a name, or the beginning of names and a `*`.
struct LeftOut<'a> {
    pattern: &'a str,
    reason: &'a str,
}

impl LeftOut<'_> {
    fn covers(&self, test: &str) -> bool {
        let test = test.strip_prefix(MODULE).unwrap_or(test);
        self.pattern.strip_suffix('*').map_or(test == self.pattern, |start| test.starts_with(start))
    }
}

/// Those of `every` that are in scope. Every line of the file must name one of them, and have a reason.
pub(super) fn in_scope(root: &Path, path: &str, every: &BTreeSet<String>) -> Outcome<BTreeSet<String>> {
    let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
    select(&text, every).map_err(|error| format!("{path}: {error}"))
}

fn select(text: &str, every: &BTreeSet<String>) -> Outcome<BTreeSet<String>> {
    let left_out = parse(text);
    for line in &left_out {
        if line.reason.is_empty() {
            return Err(format!(
                "`{}` is left out without a reason; write one above it, after `#`",
                line.pattern
            ));
        }
        if !every.iter().any(|test| line.covers(test)) {
            return Err(format!("`{}` is left out, but there is no such name", line.pattern));
        }
    }
    Ok(every.iter().filter(|test| !left_out.iter().any(|line| line.covers(test))).cloned().collect())
}

/// A line that starts with `#` is the reason for those below it, up to an empty line.
fn parse(text: &str) -> Vec<LeftOut<'_>> {
    let mut reason = "";
    let mut left_out = Vec::new();
    for line in text.lines().map(str::trim) {
        match line.strip_prefix('#') {
            Some(text) => reason = text.trim(),
            None if line.is_empty() => reason = "",
            None => left_out.push(LeftOut { pattern: line, reason }),
        }
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::select;

    #[test]
    fn every_test_is_in_scope_or_left_out_for_a_reason() {
        let suite = ["a", "b", "c::d", "integ_tests::c::e"].map(str::to_owned).into();
        let cases: [(&str, Result<&[&str], &str>); 5] = [
            ("", Ok(&["a", "b", "c::d", "integ_tests::c::e"])),
            ("# off\nb\n\n# off, too\nc::*\n", Ok(&["a"])),
            ("b", Err("`b` is left out without a reason; write one above it, after `#`")),
            ("# off\nb\n\nc::*", Err("`c::*` is left out without a reason; write one above it, after `#`")),
            ("# off\nc::f", Err("`c::f` is left out, but there is no such name")),
        ];
        for (text, expected) in cases {
            let selected = select(text, &suite).map(|tests| tests.into_iter().collect::<Vec<_>>());
            let expected = expected.map(|tests| tests.iter().map(|&test| test.to_owned()).collect());
            assert_eq!(selected, expected.map_err(str::to_owned), "{text}");
        }
    }
}

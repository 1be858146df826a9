//! The texts of test runners. Each reader takes the lines of an output and returns the results, or `None` where the
//! line that only its runner prints is not among them: a program under test may print anything else.

mod cargo;
mod dotnet;
mod elixir;
mod go;
mod gradle;
mod jest;
mod mocha;
mod native;
mod nest;
mod node;
mod php;
mod pytest;
mod ruby;
mod surefire;
mod tap;
mod unittest;
mod uvu;
mod vitest;

pub(super) use go::without_parents;

use super::TestResults;

/// How one runner's text is read.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) read: fn(&[&str]) -> Option<TestResults>,
    /// Whether [`super::reporting()`] knows where the runner's reports are. They are then read instead of its text.
    pub(super) writes_reports: bool,
}

const fn text_only(read: fn(&[&str]) -> Option<TestResults>) -> Format {
    Format { read, writes_reports: false }
}

const fn with_reports(read: fn(&[&str]) -> Option<TestResults>) -> Format {
    Format { read, writes_reports: true }
}

/// Every format that is known.
pub(super) const ALL: &[Format] = &[
    text_only(cargo::test),
    text_only(cargo::nextest),
    text_only(super::go_json::read),
    text_only(go::read),
    text_only(tap::read),
    text_only(node::read),
    text_only(node::read_ava),
    text_only(mocha::read),
    text_only(jest::read),
    text_only(vitest::read),
    text_only(uvu::read),
    with_reports(pytest::read),
    text_only(unittest::read),
    with_reports(native::ctest),
    text_only(native::gtest),
    text_only(native::meson),
    with_reports(surefire::read),
    with_reports(gradle::read),
    text_only(php::read),
    text_only(ruby::read),
    text_only(elixir::read),
    text_only(dotnet::read),
];

/// Whether the outcome is said by one of these words, the usual ones of runners in any case.
fn outcome_of(word: &str) -> Option<super::Outcome> {
    use super::Outcome::{Failed, Passed, Skipped};
    Some(match word.to_ascii_lowercase().as_str() {
        "ok" | "pass" | "passed" | "expectedfail" => Passed,
        "fail" | "failed" | "error" | "timeout" | "unexpectedpass" => Failed,
        "skip" | "skipped" | "ignored" => Skipped,
        _ => return None,
    })
}

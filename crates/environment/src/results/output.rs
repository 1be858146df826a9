//! What a check's output says of single tests. Runners are recognised by their text, because the command is as often
//! `npm test` or `make check` as it is the runner itself.

use super::formats::{self, Format};
use super::junit::from_junit;
use super::lines::plain;
use super::{JunitError, TestResults};

/// What stands where the middle of a long output was left out.
const LEFT_OUT: &str = " bytes left out …";

/// The results that an output tells; `None` where it is no runner's that is known, or a runner came to no test.
///
/// One command may run several runners: the results are those of all together.
pub fn from_output(output: &str) -> Option<TestResults> {
    read(output, |_| true)
}

/// The results that a check's output and its report files tell together, and the reports that could not be read.
///
/// A report is believed before the text of the same runner, which may be shortened and often names failures only; the
/// text of runners that write no reports is read beside them.
pub fn gather(output: &str, reports: &[Vec<u8>]) -> (Option<TestResults>, Vec<JunitError>) {
    let mut reported = TestResults::default();
    let mut unreadable = Vec::new();
    for report in reports {
        match from_junit(report) {
            Ok(results) => reported = reported.merged(results),
            Err(error) => unreadable.push(error),
        }
    }
    if reported.is_empty() {
        return (from_output(output), unreadable);
    }
    let results = match read(output, |format| !format.writes_reports) {
        Some(told) => reported.merged(told),
        None => reported,
    };
    (Some(results), unreadable)
}

fn read(output: &str, wanted: impl Fn(&Format) -> bool) -> Option<TestResults> {
    let text = plain(output);
    let lines: Vec<&str> = text.lines().collect();
    let mut results = formats::ALL
        .iter()
        .filter(|format| wanted(format))
        .filter_map(|format| (format.read)(&lines))
        .filter(|results| !results.is_empty())
        .reduce(TestResults::merged)?;
    results.partial |= text.contains(LEFT_OUT);
    Some(results)
}

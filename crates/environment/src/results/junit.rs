//! Reports in the form of JUnit's XML, as the test runners of most languages write it.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Outcome, TestResults};

/// The largest report that is read: reports hold the whole output of tests, and one of more is most likely a loop's.
const REPORT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a report could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JunitError {
    /// It is too long.
    #[error("a test report has {bytes} bytes, more than the {REPORT_BYTES_MAX} that are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It is no XML, or it ends too early: the runner died while it wrote.
    #[error("a test report cannot be read: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// It is XML of another kind.
    #[error("a test report has no <testsuite>: it is not in JUnit's form")]
    NotAReport,
}

/// Reads a report. Tests are named `CLASS::NAME`, or by their suite where they have no class.
pub fn from_junit(xml: &[u8]) -> Result<TestResults, JunitError> {
    if xml.len() > REPORT_BYTES_MAX {
        return Err(JunitError::TooLarge { bytes: xml.len() });
    }
    let mut reader = Reader::from_reader(xml);
    let mut results = TestResults::default();
    let mut is_report = false;
    let mut depth = 0_usize;
    let mut suites: Vec<String> = Vec::new();
    let mut case: Option<(String, Outcome)> = None;
    loop {
        let event = reader.read_event().map_err(|error| malformed(&reader, &error))?;
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                depth += usize::from(!empty);
                match tag.local_name().as_ref() {
                    b"testsuites" => is_report = true,
                    b"testsuite" => {
                        is_report = true;
                        if !empty {
                            suites.push(attribute(&reader, &tag, "name")?.unwrap_or_default());
                        }
                    }
                    b"testcase" => {
                        let opened = test_case(&reader, &tag, suites.last().map_or("", String::as_str))?;
                        if empty {
                            results.add(&opened.0, opened.1);
                        } else {
                            case = Some(opened);
                        }
                    }
                    // A test that was tried again and passed has only `flakyFailure` and `rerunFailure`.
                    b"failure" | b"error" => set(&mut case, Outcome::Failed),
                    b"skipped" => set(&mut case, Outcome::Skipped),
                    _ => {}
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                match tag.local_name().as_ref() {
                    b"testsuite" => {
                        suites.pop();
                    }
                    b"testcase" => {
                        if let Some((name, outcome)) = case.take() {
                            results.add(&name, outcome);
                        }
                    }
                    _ => {}
                }
            }
            Event::Eof if depth > 0 => {
                return Err(JunitError::Malformed { reason: "it ends in the middle of an element".into() });
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if is_report { Ok(results) } else { Err(JunitError::NotAReport) }
}

/// Sets how a test ended; a failure stays one.
fn set(case: &mut Option<(String, Outcome)>, outcome: Outcome) {
    if let Some((_, found)) = case
        && *found != Outcome::Failed
    {
        *found = outcome;
    }
}

/// A test's name, and what its own attributes say of it: ctest and GoogleTest tell there that one was not run.
fn test_case(
    reader: &Reader<&[u8]>,
    tag: &BytesStart<'_>,
    suite: &str,
) -> Result<(String, Outcome), JunitError> {
    let name = attribute(reader, tag, "name")?.unwrap_or_default();
    let class = attribute(reader, tag, "classname")?.filter(|class| !class.is_empty());
    let class = class.unwrap_or_else(|| suite.to_owned());
    let outcome = match attribute(reader, tag, "status")?.as_deref() {
        Some("disabled" | "skipped" | "ignored") => Outcome::Skipped,
        // GoogleTest says in a second attribute why a test did not run. ctest has none: there it is a program that
        // is missing, for which ctest fails.
        Some("notrun") if attribute(reader, tag, "result")?.is_some() => Outcome::Skipped,
        Some("fail" | "failed" | "notrun") => Outcome::Failed,
        _ => Outcome::Passed,
    };
    let name = if class.is_empty() || class == name { name } else { format!("{class}::{name}") };
    Ok((name, outcome))
}

fn attribute(reader: &Reader<&[u8]>, tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, JunitError> {
    let found = tag.try_get_attribute(name).map_err(|error| malformed(reader, &error))?;
    found
        .map(|found| {
            let value = String::from_utf8_lossy(&found.value).into_owned();
            // A reference to an unknown entity is kept as it is written.
            Ok(quick_xml::escape::unescape(&value).map(std::borrow::Cow::into_owned).unwrap_or(value))
        })
        .transpose()
}

fn malformed(reader: &Reader<&[u8]>, error: &dyn std::fmt::Display) -> JunitError {
    JunitError::Malformed { reason: format!("{error} at byte {}", reader.buffer_position()) }
}

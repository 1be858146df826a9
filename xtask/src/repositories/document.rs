//! The document that `syndarix check --json` prints.

use std::collections::BTreeMap;

use serde::Deserialize;
use syndarix_environment::Environment;
use syndarix_environment::results::{Outcome, TestResults};

/// The version of the document that is understood.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    version: u32,
    pub(crate) verdict: Verdict,
    #[serde(default)]
    pub(crate) environment: Environment,
    #[serde(default)]
    pub(crate) set_up: Vec<Ran>,
    #[serde(default)]
    pub(crate) checks: Vec<CheckRan>,
}

/// What the whole command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Green,
    Red,
    CannotStart,
    NoCheck,
    SetUpFailed,
    SetUpRefused,
    Missing,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::CannotStart => "cannot start",
            Self::NoCheck => "no check",
            Self::SetUpFailed => "set-up failed",
            Self::SetUpRefused => "set-up refused",
            Self::Missing => "missing",
        }
    }

    /// What the command's exit code must be then.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Green => 0,
            Self::Red => 1,
            _ => 2,
        }
    }
}

/// A command that ran.
#[derive(Debug, Deserialize)]
pub(crate) struct Ran {
    #[serde(default)]
    pub(crate) command: Vec<String>,
    pub(crate) exit_code: Option<i32>,
    #[serde(default)]
    pub(crate) duration_ms: u64,
    #[serde(default)]
    pub(crate) output: String,
}

/// A check that ran.
#[derive(Debug, Deserialize)]
pub(crate) struct CheckRan {
    #[serde(flatten)]
    pub(crate) ran: Ran,
    /// How many tests there were, where that is known.
    pub(crate) tests: Option<Counts>,
    /// How each test ended; nothing where the check runs none, as a build.
    results: Option<BTreeMap<String, Outcome>>,
    #[serde(default)]
    pub(crate) flaky: Vec<String>,
}

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    pub(crate) fn of(results: &TestResults) -> Self {
        let count = |outcome| results.tests.values().filter(|found| **found == outcome).count();
        Self {
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed),
            skipped: count(Outcome::Skipped),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.passed, self.failed, self.skipped)
    }
}

impl Document {
    /// Reads a document of the version that is understood.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if document.version == VERSION {
            Ok(document)
        } else {
            Err(format!("version {} of the document is not {VERSION}", document.version))
        }
    }

    /// How every test ended, over all checks.
    pub(crate) fn results(&self) -> TestResults {
        let mut results = TestResults::default();
        for check in &self.checks {
            let tests = check.results.clone().unwrap_or_default();
            results = results.merged(TestResults { tests, ..TestResults::default() });
        }
        results
    }

    /// How many tests ended how: by the checks' own counts where they give them, else by the tests they name.
    pub(crate) fn counts(&self) -> Counts {
        let of_check = |check: &CheckRan| {
            check.tests.unwrap_or_else(|| {
                let tests = check.results.clone().unwrap_or_default();
                Counts::of(&TestResults { tests, ..TestResults::default() })
            })
        };
        self.checks.iter().map(of_check).fold(Counts::default(), Counts::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read() {
        let document = Document::parse(
            r#"{"version":1,"verdict":"green","environment":{"version":1,"parts":[],"missing":[],"notes":[]},
                "set_up":[{"folder":"","command":["npm","ci"],"exit_code":0,"duration_ms":12,"output":""}],
                "checks":[{"folder":"","kind":"build","command":["npm","run","build"],"exit_code":0,"duration_ms":1,
                "output":"","tests":null,"results":null,"flaky":[]},
                {"folder":"","kind":"tests","command":["npm","test"],"exit_code":0,"duration_ms":1,
                "output":"","tests":{"passed":1,"failed":0,"skipped":1},"results":{"a":"passed","b":"skipped"},
                "flaky":[]}]}"#,
        )
        .unwrap();
        assert_eq!((document.verdict, document.set_up[0].duration_ms), (Verdict::Green, 12));
        assert_eq!(document.counts().to_string(), "1/0/1");
        assert_eq!(Counts::of(&document.results()), document.counts());
    }

    #[test]
    fn a_document_that_is_not_understood_is_refused() {
        for (text, expected) in [
            ("{\"version\":2,\"verdict\":\"green\"}", "version 2 of the document"),
            ("{\"version\":1,\"verdict\":\"splendid\"}", "unknown variant `splendid`"),
            ("no JSON", "expected"),
        ] {
            let error = Document::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}

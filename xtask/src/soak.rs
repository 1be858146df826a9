//! The engine's tests of crashes, disks, time and load, with the numbers that it promises. The default runs of
//! the same tests do less of everything.

use std::path::Path;
use std::process::Command;

/// How much is done of what, where the environment does not say.
const AMOUNTS: [(&str, &str); 7] = [
    ("SYNDARIX_ENGINE_KILLS", "200"),
    ("SYNDARIX_ENGINE_KILLED_WORKFLOWS", "500"),
    ("SYNDARIX_ENGINE_STOP_SECONDS", "30"),
    ("SYNDARIX_ENGINE_OPEN_WORKFLOWS", "10000"),
    ("SYNDARIX_ENGINE_EVENTS", "50000"),
    ("SYNDARIX_ENGINE_FILE_EVENTS", "1000000"),
    ("SYNDARIX_ENGINE_SLEEPERS", "100000"),
];

/// The files of tests that go by these amounts.
const TESTS: [&str; 4] = ["crash::", "disk::", "time::", "load::"];

/// Builds the tests in release and runs them one after another, so that each has the machine to itself.
pub(crate) fn run(root: &Path) -> Result<String, String> {
    let missing = AMOUNTS.into_iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let status = Command::new("cargo")
        .current_dir(root)
        .args(["test", "--release", "--package", "syndarix-engine", "--test", "it", "--"])
        .args(["--nocapture", "--test-threads", "1"])
        .args(TESTS)
        .envs(missing)
        .status()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the engine's tests ended with {status}"));
    }
    Ok("\nCONTRIBUTING.md says what each number is".to_owned())
}

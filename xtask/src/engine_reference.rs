//! `docs/engine-rpcs.md`: which RPCs and commands the engine answers, as its own tables have them.

use std::fs;
use std::path::Path;
use std::process::Command;

const PATH: &str = "docs/engine-rpcs.md";

/// Writes the reference.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let text = render(root)?;
    fs::write(root.join(PATH), text).map_err(|error| format!("{PATH} cannot be written: {error}"))
}

/// Fails where the reference is not what [`write`] would write.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let stored = fs::read_to_string(root.join(PATH)).unwrap_or_default();
    if stored == render(root)? {
        Ok(())
    } else {
        Err(format!("{PATH} is stale\nhint: run `cargo xtask docs` and commit the result"))
    }
}

fn render(root: &Path) -> Result<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "syndarix-engine", "--example", "protocol_reference"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the engine does not say what it answers: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|_| "the engine's reference is not UTF-8".to_owned())
}

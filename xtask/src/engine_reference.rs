//! `docs/engine-rpcs.md`: which RPCs and commands the engine answers, as its own tables have them.

use std::path::Path;
use std::process::Command;

use crate::generated::Page;
use crate::workspace;

pub(crate) const PAGE: Page = Page { path: "docs/engine-rpcs.md", render };

fn render(root: &Path) -> Result<String, String> {
    let output = Command::new(workspace::example(root, "dev", "protocol_reference")?)
        .current_dir(root)
        .output()
        .map_err(|error| format!("the engine's reference cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the engine does not say what it answers: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|_| "the engine's reference is not UTF-8".to_owned())
}

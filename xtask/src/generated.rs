//! Pages that are written by what they describe.

use std::fs;
use std::path::Path;

/// A page of the documents, and what it should say.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) render: fn(&Path) -> Result<String, String>,
}

impl Page {
    pub(crate) fn write(&self, root: &Path) -> Result<(), String> {
        let text = (self.render)(root)?;
        fs::write(root.join(self.path), text)
            .map_err(|error| format!("{} cannot be written: {error}", self.path))
    }

    /// Fails where the page is not what [`Page::write`] would write.
    pub(crate) fn check(&self, root: &Path) -> Result<(), String> {
        let stored = fs::read_to_string(root.join(self.path)).unwrap_or_default();
        if stored == (self.render)(root)? {
            Ok(())
        } else {
            Err(format!("{} is stale\nhint: run `cargo xtask docs` and commit the result", self.path))
        }
    }
}

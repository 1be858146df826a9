//! The user's repository: looked at, never changed.

use std::path::Path;

use syndarix_tools::git::{Error as GitError, Source};

use crate::failure::Failure;

/// The repository to work from: one with a commit, and without changes that the team would not see.
pub(crate) async fn source(path: &Path) -> Result<Source, Failure> {
    let source = Source::inspect(path).await.map_err(refused)?;
    source.ensure_clean().await.map_err(refused)?;
    Ok(source)
}

/// The repository to look at, whatever its work tree holds: what is looked at is the commit.
pub(crate) async fn source_as_it_is(path: &Path) -> Result<Source, Failure> {
    Source::inspect(path).await.map_err(refused)
}

/// What git refuses, in a person's terms.
#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` asks for")]
pub(crate) fn refused(error: GitError) -> Failure {
    let hint = error.hint();
    let failure = Failure::bad_input(error.to_string());
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

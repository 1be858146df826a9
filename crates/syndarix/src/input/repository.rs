//! The user's repository: looked at, never changed.

use std::path::Path;

use syndarix_core::task::Check;
use syndarix_tools::git::{Error as GitError, Source};

use crate::failure::Failure;

/// The repository to work from: one with a commit, and without changes that the team would not see.
pub(crate) async fn source(path: &Path) -> Result<Source, Failure> {
    let source = Source::inspect(path).await.map_err(refused)?;
    source.ensure_clean().await.map_err(refused)?;
    Ok(source)
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

/// Which check a project of each kind has, by the file at the root that tells its kind.
const CHECKS: [(&str, &[&str]); 5] = [
    ("Cargo.toml", &["cargo", "test"]),
    ("go.mod", &["go", "test", "./..."]),
    ("package.json", &["npm", "test"]),
    ("pyproject.toml", &["python3", "-m", "pytest"]),
    ("Makefile", &["make", "test"]),
];

/// The check that a repository's own tests amount to, where its files tell.
pub(crate) fn check_for(root: &Path) -> Option<Check> {
    let (_, command) = CHECKS.iter().find(|(file, _)| root.join(file).is_file())?;
    Some(Check { command: command.iter().map(|&word| word.to_owned()).collect() })
}

//! The files of a commit that tell what it needs.

use std::convert::Infallible;

use syndarix_tools::git;

use crate::repository::Repository;

/// Reads them out of a repository.
pub async fn files_of(repository: &git::Repository, commit: &str) -> Result<Repository, git::Error> {
    let listing = repository.listing(commit).await?;
    let wanted = Repository::wanted(&Repository::entries(&listing));
    let mut contents = repository.contents(commit, &wanted).await?;
    let Ok(files) = Repository::read(&listing, |path| Ok::<_, Infallible>(contents.remove(path)));
    Ok(files)
}

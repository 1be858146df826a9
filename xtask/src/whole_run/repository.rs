//! The user's repository, which a run must leave alone but for one branch.

use std::process::Command;

use super::{Bench, Outcome, require, succeed};

/// What the user sees of their repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    head: String,
    files: String,
}

/// Looks at the commit and the branch that are checked out, and at the files.
pub(crate) fn look(bench: &Bench) -> Outcome<Seen> {
    Ok(Seen {
        head: git(bench, &["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"])?,
        files: git(bench, &["status", "--porcelain"])?,
    })
}

/// The one branch that the run left in the user's repository.
pub(crate) fn branch(bench: &Bench) -> Outcome<String> {
    let branches = git(bench, &["branch", "--list", "syndarix/*", "--format=%(refname:short)"])?;
    let branch = branches.trim();
    require(
        !branch.is_empty() && !branch.contains('\n'),
        &format!("expected one result branch, found: {branches}"),
    )?;
    Ok(branch.to_owned())
}

/// Runs git in the user's repository.
pub(crate) fn git(bench: &Bench, arguments: &[&str]) -> Outcome<String> {
    succeed(Command::new("git").current_dir(bench.path("repository")).args(arguments))
}

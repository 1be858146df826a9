//! Commits of other repositories.

use std::path::{Component, Path, PathBuf};

use super::super::carrier::Carrier;
use super::super::command::{Git, path_error};
use super::super::error::Error;
use super::Theirs;

/// The folder of a git folder that holds the git folders of submodules, here as in any repository.
pub(super) const FOLDER: &str = "modules";

/// The branch that keeps a submodule's commit.
const BRANCH: &str = "submodule";

/// A submodule of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submodule {
    /// Where it lies in the work tree.
    pub(super) path: String,
    /// What its git folder is called.
    pub(super) name: String,
    /// Its commit.
    pub(super) commit: String,
}

/// The submodules of a commit.
pub(super) async fn of(git: &Git, commit: &str) -> Result<Vec<Submodule>, Error> {
    let tree = git.must(["ls-tree", "-r", "-z", "--full-tree", commit]).await?;
    let links: Vec<(String, String)> = tree.entries().iter().filter_map(|line| link(line)).collect();
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let blob = format!("{commit}:.gitmodules");
    let paths = ["config", "--blob", &blob, "-z", "--get-regexp", r"^submodule\..*\.path$"];
    // Without that file, or with one that cannot be read, a submodule is called by its path.
    let said: Vec<(String, String)> =
        git.run(paths).await?.entries().iter().filter_map(|entry| name(entry)).collect();
    let named = links.into_iter().map(|(commit, path)| {
        let name = said.iter().find(|(_, at)| at.trim_end_matches('/') == path);
        let name = name.map_or_else(|| path.clone(), |(name, _)| name.clone());
        Submodule { path, name, commit }
    });
    Ok(named.filter(|submodule| is_plain(&submodule.name)).collect())
}

/// The commit and the path of a submodule in a line of `git ls-tree`.
fn link(line: &str) -> Option<(String, String)> {
    let (head, path) = line.split_once('\t')?;
    let mut words = head.strip_prefix("160000 commit ")?.split(' ');
    Some((words.next()?.to_owned(), path.to_owned()))
}

/// The name and the path of a submodule in an entry of `git config -z --get-regexp`.
fn name(entry: &str) -> Option<(String, String)> {
    let (key, path) = entry.split_once('\n')?;
    let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?;
    Some((name.to_owned(), path.to_owned()))
}

/// Whether a name stays below the folder that it is looked for in.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The user's repository of a submodule, if it has the commit: where the work tree says, or where git keeps it.
pub(super) async fn of_theirs(theirs: &Theirs, submodule: &Submodule) -> Option<Theirs> {
    let root = theirs.root.join(&submodule.path);
    let mut found = Vec::new();
    if root.join(".git").exists() {
        let common = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
        let ended = Git::at(&root).run(common).await.ok().filter(|ended| ended.code == Some(0));
        found.extend(ended.map(|ended| PathBuf::from(ended.text())));
    }
    found.push(theirs.git_dir.join(FOLDER).join(&submodule.name));
    for git_dir in found {
        if git_dir.is_dir() && Git::at(&git_dir).commit(&submodule.commit).await.is_ok() {
            return Some(Theirs { git_dir, root });
        }
    }
    None
}

/// Where a git folder holds a submodule, if it has the commit.
pub(super) async fn kept(ours: &Path, submodule: &Submodule) -> Option<PathBuf> {
    let folder = ours.join(FOLDER).join(&submodule.name);
    let has_it = folder.is_dir() && Git::at(&folder).commit(&submodule.commit).await.is_ok();
    has_it.then_some(folder)
}

/// Takes a submodule's commit over, and returns where it is held.
pub(super) async fn bring(ours: &Git, theirs: &Theirs, submodule: &Submodule) -> Result<PathBuf, Error> {
    let folder = ours.path.join(FOLDER).join(&submodule.name);
    std::fs::create_dir_all(&folder).map_err(path_error(&folder))?;
    let git = Git::at(&folder);
    let format = if submodule.commit.len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" };
    git.must(["init", "--quiet", "--bare", "--template=", format, "."]).await?;
    let carrier = format!("carrier-{}", std::process::id());
    let objects = theirs.git_dir.join("objects");
    let carrier = Carrier::over(folder.join(carrier), &objects, BRANCH, &submodule.commit)?;
    let address = carrier.path().display().to_string();
    let branch = format!("+refs/heads/{BRANCH}:refs/heads/{BRANCH}");
    // Its files are wanted, and not its history.
    let fetch =
        ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--end-of-options", &address];
    git.must(fetch.into_iter().chain([branch.as_str()])).await?;
    Ok(folder)
}

/// Puts the files of a submodule's commit into a folder, without a git folder of their own.
pub(super) async fn check_out(kept: &Path, commit: &str, folder: &Path) -> Result<(), Error> {
    let index = tempfile::tempdir().map_err(path_error(folder))?;
    let git = Git { index: Some(index.path().join("index")), ..Git::at(folder) };
    let git_dir = format!("--git-dir={}", kept.display());
    let files = [&git_dir, "--work-tree=.", "read-tree", "--reset", "-u", commit];
    git.must(files).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_no_names() {
        for (name, expected) in [
            ("lib", true),
            ("third/party", true),
            ("..", false),
            ("a/../../b", false),
            ("/etc", false),
            ("", false),
        ] {
            assert_eq!(is_plain(name), expected, "{name}");
        }
    }
}

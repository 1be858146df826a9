//! What a set-up left in a worktree, without what the commit has itself.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::process::Command;

/// The most patterns that git is told to pass over; a set-up that leaves more at the top of a worktree made a mess that a
/// person should see.
const LEFT: usize = 100;

/// Removes the tracked files and git's own folder from a worktree, so that what is left can lie beneath any other.
/// Returns what that is, as patterns for git: the highest folders that hold nothing tracked.
pub(super) fn strip(root: &Path) -> io::Result<Vec<String>> {
    let tracked = tracked(root)?;
    let mut left = BTreeSet::new();
    descend(root, root, &tracked, &mut left)?;
    Ok(left.into_iter().take(LEFT).collect())
}

/// The tracked paths, and every folder on the way to one.
fn tracked(root: &Path) -> io::Result<BTreeSet<String>> {
    let listed = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "ls-files", "-z"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(root)
        .output()?;
    if !listed.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&listed.stderr).trim().to_owned()));
    }
    let mut tracked = BTreeSet::new();
    for path in listed.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        for (at, _) in path.match_indices('/') {
            tracked.insert(path[..at].to_owned());
        }
        tracked.insert(path);
    }
    Ok(tracked)
}

fn descend(
    root: &Path,
    folder: &Path,
    tracked: &BTreeSet<String>,
    left: &mut BTreeSet<String>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        if name == ".git" {
            std::fs::remove_dir_all(&path)?;
        } else if !tracked.contains(&name) {
            left.insert(format!("/{}{}", escaped(&name), if is_folder { "/" } else { "" }));
        } else if is_folder {
            descend(root, &path, tracked, left)?;
            // Empty now: it held nothing but tracked files.
            let _ = std::fs::remove_dir(&path);
        } else {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A name as a pattern of git that stands for itself.
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|c| matches!(c, '*' | '?' | '[' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tracked_goes_and_what_was_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        let git = |args: &[&str]| {
            assert!(Command::new("git").args(args).current_dir(root).status().unwrap().success());
        };
        for path in ["package.json", "src/lib.ts", "packages/a/package.json", "docs/a.md"] {
            write(path);
        }
        git(&["init", "-q"]);
        git(&["add", "-A"]);
        for path in
            ["node_modules/x/index.js", "packages/a/node_modules/y.js", "src/pkg.egg-info/PKG-INFO", "odd[1]"]
        {
            write(path);
        }
        let left = strip(root).unwrap();
        assert_eq!(left, ["/node_modules/", "/odd\\[1]", "/packages/a/node_modules/", "/src/pkg.egg-info/"]);
        for gone in [".git", "package.json", "src/lib.ts", "packages/a/package.json", "docs"] {
            assert!(!root.join(gone).exists(), "{gone}");
        }
        for stays in ["node_modules/x/index.js", "packages/a/node_modules/y.js", "src/pkg.egg-info/PKG-INFO"]
        {
            assert!(root.join(stays).exists(), "{stays}");
        }
    }
}

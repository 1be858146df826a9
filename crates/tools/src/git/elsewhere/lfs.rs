//! Files whose content Git LFS holds, and of which a commit has only pointers.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::command::{Git, path_error};
use super::super::error::Error;
use super::super::repository::contents;
use super::plain_within;

/// The folder of a git folder that LFS keeps, here as in any repository.
pub(super) const FOLDER: &str = "lfs";

/// The largest file that can be a pointer; the format's own limit.
const POINTER_BYTES: u64 = 1024;
/// What a pointer begins with.
const FIRST_LINE: &str = "version https://git-lfs.github.com/spec/v1";
/// What says that there are pointers at all.
const FILTER: &[u8] = b"filter=lfs";

/// A pointer in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// The file.
    pub(super) path: String,
    oid: String,
    size: u64,
}

/// The pointers in a commit.
pub(super) async fn pointers(git: &Git, commit: &str) -> Result<Vec<Pointer>, Error> {
    let listed = git.must(["ls-tree", "-r", "-z", "--long", "--full-tree", commit]).await?.entries();
    let files: Vec<(String, u64)> = listed.iter().filter_map(|line| file(line)).collect();
    let attributes: Vec<String> = files
        .iter()
        .filter(|(path, _)| path == ".gitattributes" || path.ends_with("/.gitattributes"))
        .map(|(path, _)| path.clone())
        .collect();
    let said = contents(git, commit, &attributes).await?;
    if !said.values().any(|text| text.windows(FILTER.len()).any(|part| part == FILTER)) {
        return Ok(Vec::new());
    }
    let small: Vec<String> =
        files.into_iter().filter(|(_, size)| *size <= POINTER_BYTES).map(|(path, _)| path).collect();
    let read = contents(git, commit, &small).await?;
    Ok(read.into_iter().filter_map(|(path, text)| pointer(path, &text)).collect())
}

/// The path and the size of a regular file in a line of `git ls-tree --long`.
fn file(line: &str) -> Option<(String, u64)> {
    let (head, path) = line.split_once('\t')?;
    let size = head.strip_prefix("100")?.split_whitespace().last()?.parse().ok()?;
    Some((path.to_owned(), size))
}

fn pointer(path: String, text: &[u8]) -> Option<Pointer> {
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    if lines.next()? != FIRST_LINE {
        return None;
    }
    let (mut oid, mut size) = (None, None);
    for line in lines {
        match line.split_once(' ')? {
            ("oid", value) => oid = value.strip_prefix("sha256:"),
            ("size", value) => size = value.parse().ok(),
            _ => {}
        }
    }
    let is_oid = |oid: &&str| oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(Pointer { path, oid: oid.filter(is_oid)?.to_owned(), size: size? })
}

/// Where a git folder holds the content of a pointer.
pub(super) fn kept(git_dir: &Path, pointer: &Pointer) -> PathBuf {
    let Pointer { oid, .. } = pointer;
    git_dir.join(FOLDER).join("objects").join(&oid[..2]).join(&oid[2..4]).join(oid)
}

/// Takes over what a user's git folder holds of a commit's pointers. They are linked where they can be: neither side ever
/// changes what is in such a file.
pub(super) async fn bring(ours: &Git, theirs: &Path, commit: &str) -> Result<(), Error> {
    for pointer in pointers(ours, commit).await? {
        let (from, to) = (kept(theirs, &pointer), kept(&ours.path, &pointer));
        if !fs::metadata(&from).is_ok_and(|found| found.is_file() && found.len() == pointer.size) {
            continue;
        }
        let folder = to.parent().unwrap_or(&to);
        fs::create_dir_all(folder).map_err(path_error(folder))?;
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(path_error(&to))?;
        }
    }
    Ok(())
}

/// Puts the contents in the place of the pointers in a work tree. Where the work tree is a repository's own, git is told to
/// take these files for unchanged.
pub(super) async fn fill(ours: &Git, commit: &str, root: &Path) -> Result<(), Error> {
    let mut filled = Vec::new();
    for pointer in pointers(ours, commit).await? {
        let from = kept(&ours.path, &pointer);
        let Some(to) = plain_within(root, &pointer.path).filter(|_| from.is_file()) else { continue };
        // Opened for writing, and so keeping whether it can be run.
        let copied =
            fs::File::open(&from).and_then(|mut from| std::io::copy(&mut from, &mut fs::File::create(&to)?));
        copied.map_err(path_error(&to))?;
        filled.extend(pointer.path.into_bytes());
        filled.push(0);
    }
    if !filled.is_empty() && root.join(".git").is_dir() {
        let git = Git::at(root);
        let ended = git.run_with(filled, ["update-index", "--skip-worktree", "-z", "--stdin"]).await?;
        git.expect_success("update-index", ended)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_and_nothing_else_is_one() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        for (text, expected) in [
            (format!("{FIRST_LINE}\noid sha256:{oid}\nsize 12345\n"), Some(12345)),
            (format!("{FIRST_LINE}\next-0-foo sha256:{oid}\noid sha256:{oid}\nsize 1\n"), Some(1)),
            (format!("{FIRST_LINE}\noid sha256:{oid}\n"), None),
            (format!("{FIRST_LINE}\noid sha256:../../../../etc/passwd\nsize 1\n"), None),
            (format!("oid sha256:{oid}\nsize 12345\n"), None),
            ("plain text".to_owned(), None),
            (String::new(), None),
        ] {
            let found = pointer("a.bin".to_owned(), text.as_bytes());
            assert_eq!(found.map(|found| found.size), expected, "{text}");
        }
    }
}

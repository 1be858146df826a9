//! Putting files onto a branch without a work tree: the commit is made in the object store, with an index of its own.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::command::{Git, branch_name, path_error};
use super::error::Error;
use super::merge::ATTEMPTS;
use super::repository::Repository;

/// The most files of one commit: each is an argument of one call of git, and a system takes some thousands.
const MOST_FILES: usize = 500;

impl Repository {
    /// Commits files onto a branch, in place of what is at their paths, and returns the commit. Where the branch holds
    /// them already nothing is committed, and the branch's tip is returned: doing it again changes nothing. A work
    /// tree that shows the branch follows.
    pub async fn commit_files(
        &self,
        branch: &str,
        files: &[(PathBuf, Vec<u8>)],
        message: &str,
    ) -> Result<String, Error> {
        let paths = files.iter().map(|(path, _)| plain(path)).collect::<Result<Vec<_>, _>>()?;
        if files.len() > MOST_FILES {
            let stderr = format!("{} files are more than the {MOST_FILES} of one commit", files.len());
            return Err(Error::Failed {
                command: "update-index".into(),
                path: self.git.path.clone(),
                stderr,
            });
        }
        let _lock = self.lock().await?;
        let staging = Staging::create(&self.git, files)?;
        let mut message = format!("{}\n", message.trim_end());
        if let Some(sign_off) = self.git.signature.sign_off_trailer() {
            message.extend(["\n", &sign_off, "\n"]);
        }
        for _ in 0..ATTEMPTS {
            let tip = self.existing(branch_name(branch)?).await?;
            let tree = staging.tree(&tip, &paths).await?;
            if tree == self.tree_hash(&tip).await? {
                self.follow(branch).await?;
                self.sync().await?;
                return Ok(tip);
            }
            let commit = self.git.must(["commit-tree", &tree, "-p", &tip, "-m", &message]).await?.text();
            let name = format!("refs/heads/{branch}");
            let moved = self.git.run(["update-ref", "-m", "documents", &name, &commit, &tip]).await?;
            if moved.code == Some(0) {
                self.follow(branch).await?;
                self.sync().await?;
                return Ok(commit);
            }
            if self.existing(branch).await? == tip {
                return Err(self.git.failed("update-ref", &moved));
            }
        }
        let stderr = format!("the branch `{branch}` kept moving");
        Err(Error::Failed { command: "update-ref".into(), path: self.git.path.clone(), stderr })
    }
}

/// The files that documents become in a folder of a repository: each under its own name, with the ending that says what
/// it is, and with an end of its last line. A name that would lead out of the folder is left out.
pub fn document_files<N: AsRef<str>>(
    folder: &Path,
    documents: impl IntoIterator<Item = (N, Vec<u8>)>,
) -> Vec<(PathBuf, Vec<u8>)> {
    let file = |(name, mut bytes): (N, Vec<u8>)| {
        let mut path = folder.join(plain(Path::new(name.as_ref())).ok()?);
        if path.extension().is_none() {
            path.set_extension("md");
        }
        if bytes.last().is_some_and(|byte| *byte != b'\n') {
            bytes.push(b'\n');
        }
        Some((path, bytes))
    };
    documents.into_iter().filter_map(file).collect()
}

/// A path as git's index names it, refused where it leads out of the repository or into its own folder.
fn plain(path: &Path) -> Result<String, Error> {
    let refused = || Error::FileName(path.display().to_string());
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(refused)?),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(refused()),
        }
    }
    let is_bad = |part: &&str| part.eq_ignore_ascii_case(".git") || part.chars().any(char::is_control);
    if parts.is_empty() || parts.iter().any(is_bad) { Err(refused()) } else { Ok(parts.join("/")) }
}

/// The contents of the files and an index for them, beside the repository's own. Removed when dropped.
struct Staging {
    folder: PathBuf,
    git: Git,
    contents: Vec<String>,
}

impl Staging {
    fn create(git: &Git, files: &[(PathBuf, Vec<u8>)]) -> Result<Self, Error> {
        let folder = git.path.join(".git").join(format!("documents-{}", std::process::id()));
        // What a crash left there is of no use to anybody.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(path_error(&folder))?;
        let mut staging = Self {
            git: Git { index: Some(folder.join("index")), ..git.clone() },
            folder,
            contents: Vec::new(),
        };
        for (number, (_, bytes)) in files.iter().enumerate() {
            let file = staging.folder.join(number.to_string());
            fs::write(&file, bytes).map_err(path_error(&file))?;
            staging.contents.push(file.display().to_string());
        }
        Ok(staging)
    }

    /// The tree of a commit with the files in place of what is at their paths.
    async fn tree(&self, commit: &str, paths: &[String]) -> Result<String, Error> {
        self.git.must(["read-tree", commit]).await?;
        if !paths.is_empty() {
            let mut hash = vec!["hash-object", "-w", "--no-filters", "--"];
            hash.extend(self.contents.iter().map(String::as_str));
            let hashes = self.git.must(hash).await?.text();
            let mut update = vec!["update-index".to_owned(), "--add".to_owned(), "--replace".to_owned()];
            for (hash, path) in hashes.lines().zip(paths) {
                update.extend(["--cacheinfo".to_owned(), format!("100644,{hash},{path}")]);
            }
            self.git.must(update).await?;
        }
        Ok(self.git.must(["write-tree"]).await?.text())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        for (path, expected) in [
            ("docs/team/vision.md", Some("docs/team/vision.md")),
            ("./docs//vision.md", Some("docs/vision.md")),
            ("", None),
            (".", None),
            ("/etc/passwd", None),
            ("docs/../../x", None),
            (".git/config", None),
            ("docs/.GIT/hooks/x", None),
            ("a\nb", None),
        ] {
            assert_eq!(plain(Path::new(path)).ok().as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn documents_become_files_of_one_folder() {
        let documents = [("vision.md", "# V"), ("notes", "x\n"), ("../out.md", "y"), ("adr/0001.md", "")];
        let documents = documents.map(|(name, text)| (name, text.as_bytes().to_vec()));
        let files = document_files(Path::new("docs/team"), documents);
        let shown: Vec<(String, String)> = files
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
            .collect();
        let expected =
            [("docs/team/vision.md", "# V\n"), ("docs/team/notes.md", "x\n"), ("docs/team/adr/0001.md", "")];
        assert_eq!(shown, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }
}

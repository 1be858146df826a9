//! Reading commits out of a repository that is not ours, without running anything that repository configures.
//!
//! A repository's own `config` can name programs (file system monitors, filters, upload hooks, transports for
//! missing objects). So git never opens the other repository: its branch is read as a file, and its objects are read
//! through an empty repository of our own, which lists a user's as an alternate and has copies of an agent's. What comes in
//! is checked object by object (`fetch.fsckObjects`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::clone_files::{self, CloneFiles};
use super::command::{Ended, Git, path_error};
use super::error::Error;

/// The most tags that are brought along, the newest first.
const TAGS: usize = 5_000;

/// An empty repository whose one branch lies in another repository's objects. Removed when dropped.
pub(super) struct Carrier {
    path: PathBuf,
}

impl Carrier {
    /// Over a user's objects, which are read where they are. `path` must not be in use; what a crash left there is removed.
    pub(super) fn over(path: PathBuf, objects: &Path, branch: &str, tip: &str) -> Result<Self, Error> {
        let shallow = objects.with_file_name("shallow");
        let shallow = match fs::read_to_string(&shallow) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            read => Some(read.map_err(path_error(&shallow))?),
        };
        Self::create(path, objects, branch, tip, shallow)
    }

    /// With copies of what an agent's clone holds beside `ours`, which it borrows from.
    fn of_clone(path: PathBuf, taking: &Taking, ours: &Path) -> Result<Self, Error> {
        let Taking { clone, root, branch, tip } = taking;
        let shallow = clone.shallow().map_err(|error| clone_files::failed(branch, root, error))?;
        let carrier = Self::create(path, ours, branch, tip, shallow)?;
        let copied = clone.copy_objects(&carrier.path.join("objects"));
        copied.map_err(|error| clone_files::failed(branch, root, error))?;
        Ok(carrier)
    }

    fn create(
        path: PathBuf,
        alternate: &Path,
        branch: &str,
        tip: &str,
        shallow: Option<String>,
    ) -> Result<Self, Error> {
        let _ = fs::remove_dir_all(&path);
        let carrier = Self { path };
        let write = |name: &str, text: &str| {
            let file = carrier.path.join(name);
            let folder = file.parent().unwrap_or(&carrier.path);
            fs::create_dir_all(folder).and_then(|()| fs::write(&file, text)).map_err(path_error(&file))
        };
        write("HEAD", &format!("ref: refs/heads/{branch}\n"))?;
        let (version, extension) =
            if tip.len() == 64 { (1, "[extensions]\n\tobjectformat = sha256\n") } else { (0, "") };
        write(
            "config",
            &format!("[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{extension}"),
        )?;
        write("objects/info/alternates", &format!("{}\n", quoted(alternate)))?;
        write(&format!("refs/heads/{branch}"), &format!("{tip}\n"))?;
        if let Some(shallow) = shallow {
            write("shallow", &shallow)?;
        }
        Ok(carrier)
    }

    /// Gives it tags, whose objects lie where those of its branch do.
    fn tag(&self, tags: &[Tag]) -> Result<(), Error> {
        let mut lines = String::new();
        for tag in tags {
            let _ = writeln!(lines, "{} refs/tags/{}", tag.object, tag.name);
        }
        let file = self.path.join("packed-refs");
        fs::write(&file, lines).map_err(path_error(&file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A path as a line of `objects/info/alternates`, which takes C-style quotes.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(['"', '\\', '\n']) || text.starts_with('#') {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    } else {
        text
    }
}

/// A tag of a commit.
#[derive(Debug)]
struct Tag {
    name: String,
    /// The tag's own object, or the commit where it has none.
    object: String,
    commit: String,
}

/// Brings the tags of a commit and of those before it into `git`, which has the commits: versions are told from them. What
/// does not pass as a tag's object becomes a plain tag of its commit.
pub(super) async fn fetch_tags(git: &Git, theirs: &Git, tip: &str) -> Result<(), Error> {
    let format =
        "--format=%(refname:lstrip=2)%09%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)";
    let (count, merged) = (format!("--count={TAGS}"), format!("--merged={tip}"));
    let sorted = ["for-each-ref", "--sort=-creatordate", &count, &merged, format, "refs/tags"];
    let tags: Vec<Tag> = theirs.must(sorted).await?.text().lines().filter_map(tag).collect();
    if tags.is_empty() {
        return Ok(());
    }
    let carrier = Carrier::over(carrier_path(git, "tags"), &theirs.path.join("objects"), "tags", tip)?;
    carrier.tag(&tags)?;
    let address = carrier.path().display().to_string();
    let all = "+refs/tags/*:refs/tags/*";
    let fetch =
        ["fetch", "--quiet", "--no-write-fetch-head", "--update-shallow", "--end-of-options", &address, all];
    let fetched = git.run(fetch).await?;
    if fetched.code != Some(0) {
        let mut lines = String::new();
        for tag in tags {
            let _ = writeln!(lines, "update refs/tags/{} {}", tag.name, tag.commit);
        }
        let updated = git.run_with(lines.into_bytes(), ["update-ref", "--stdin"]).await?;
        git.expect_success("update-ref", updated)?;
    }
    Ok(())
}

/// A line of the list of tags; those of trees and files are passed over.
fn tag(line: &str) -> Option<Tag> {
    let mut fields = line.split('\t');
    let (name, kind, object) = (fields.next()?, fields.next()?, fields.next()?);
    // Empty for a plain tag, and gone from the end of the last line.
    let (peeled_kind, peeled) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
    let commit = match (kind, peeled_kind) {
        ("commit", _) => object,
        ("tag", "commit") => peeled,
        _ => return None,
    };
    Some(Tag { name: name.to_owned(), object: object.to_owned(), commit: commit.to_owned() })
}

/// Brings a user's commit into `git` as the branch `into`.
pub(super) async fn fetch_users(git: &Git, theirs: &Path, tip: &str, into: &str) -> Result<(), Error> {
    let carrier = Carrier::over(carrier_path(git, into), &theirs.join("objects"), into, tip)?;
    let ended = fetch(git, &carrier, into, into).await?;
    git.expect_success("fetch", ended).map(drop)
}

/// A branch of an agent's clone, to be taken over.
#[derive(Debug)]
pub(super) struct Taking {
    clone: CloneFiles,
    root: PathBuf,
    branch: String,
    pub(super) tip: String,
}

impl Taking {
    /// Looks at the branch in the clone with this root.
    pub(super) fn of(root: &Path, branch: &str) -> Result<Self, Error> {
        let failed = |error| clone_files::failed(branch, root, error);
        let clone = CloneFiles::open(root).map_err(failed)?;
        let tip = clone.tip(branch).map_err(failed)?.ok_or_else(|| Error::Untakeable {
            branch: branch.to_owned(),
            reason: "the clone has no such branch".to_owned(),
        })?;
        Ok(Self { clone, root: root.to_owned(), branch: branch.to_owned(), tip })
    }
}

/// Brings the tip of a branch of an agent's clone into `git` under the name `into`, moving it wherever it was.
pub(super) async fn fetch_clones(git: &Git, taking: Taking, into: &str) -> Result<(), Error> {
    let branch = taking.branch.clone();
    let path = carrier_path(git, &branch);
    let ours = git.path.join(".git/objects");
    let copying = tokio::task::spawn_blocking(move || Carrier::of_clone(path, &taking, &ours));
    let carrier = copying.await.map_err(|error| path_error(&git.path)(std::io::Error::other(error)))??;
    let ended = fetch(git, &carrier, &branch, into).await?;
    match ended.code {
        Some(0) => Ok(()),
        _ if SYSTEM.iter().any(|words| ended.stderr.contains(words)) => Err(git.failed("fetch", &ended)),
        // It was asked about files that do not change any more: it will say the same again.
        _ => Err(Error::Untakeable { branch, reason: ended.stderr }),
    }
}

/// What git says where not the commits are to blame but the machine.
const SYSTEM: [&str; 8] = [
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "Input/output error",
    "Permission denied",
    "Too many open files",
    "Cannot allocate memory",
    "cannot lock ref",
];

fn carrier_path(git: &Git, branch: &str) -> PathBuf {
    git.path.join(".git").join(format!("carrier-{}-{}", std::process::id(), branch.replace('/', "-")))
}

async fn fetch(git: &Git, carrier: &Carrier, branch: &str, into: &str) -> Result<Ended, Error> {
    let address = carrier.path().display().to_string();
    let refspec = format!("+refs/heads/{branch}:refs/heads/{into}");
    git.run([
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--update-head-ok",
        "--update-shallow",
        "--end-of-options",
        &address,
        &refspec,
    ])
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_commits_are_read_whether_they_have_objects_or_not() {
        for (line, expected) in [
            ("v1\ttag\taa\tcommit\tbb", Some(("v1", "aa", "bb"))),
            ("v1\tcommit\tcc\t\t", Some(("v1", "cc", "cc"))),
            ("v1\tcommit\tcc", Some(("v1", "cc", "cc"))),
            ("of-a-tree\ttree\tdd\t\t", None),
            ("of-a-tag-of-a-tree\ttag\taa\ttree\tdd", None),
            ("", None),
        ] {
            let found = tag(line);
            let found =
                found.as_ref().map(|tag| (tag.name.as_str(), tag.object.as_str(), tag.commit.as_str()));
            assert_eq!(found, expected, "{line:?}");
        }
    }
}

//! Reading commits out of a repository that is not ours, without running anything that repository configures.
//!
//! A repository's own `config` can name programs (file system monitors, filters, upload hooks, transports for
//! missing objects), and an agent may write its clone's. So git never opens the other repository: its branch is
//! read as a file, and its objects are read through an empty repository of our own that lists them as an
//! alternate. What comes in is checked object by object (`fetch.fsckObjects`).

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::command::{Git, path_error};
use super::error::Error;

/// The longest packed-refs file that is read.
const PACKED_REFS_BYTES: u64 = 16 * 1024 * 1024;

/// The tip of a branch, read from the files of a repository.
pub(super) fn read_tip(git_dir: &Path, branch: &str) -> Result<Option<String>, Error> {
    let loose = git_dir.join("refs/heads").join(branch);
    if let Some(text) = read_plain(&loose, 256)? {
        return Ok(object_id(text.trim()));
    }
    let name = format!("refs/heads/{branch}");
    let packed = read_plain(&git_dir.join("packed-refs"), PACKED_REFS_BYTES)?.unwrap_or_default();
    Ok(packed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(_, found)| *found == name)
        .and_then(|(id, _)| object_id(id)))
}

/// The text of a regular file of bounded size; `None` where there is none.
fn read_plain(path: &Path, limit: u64) -> Result<Option<String>, Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(path_error(path)(error)),
    };
    if !file.metadata().map_err(path_error(path))?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(path_error(path))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn object_id(text: &str) -> Option<String> {
    let valid = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| text.to_ascii_lowercase())
}

/// The most tags that are brought along, the newest first.
const TAGS: usize = 5_000;

/// An empty repository whose one branch lies in another repository's objects. Removed when dropped.
pub(super) struct Carrier {
    path: PathBuf,
}

impl Carrier {
    /// `path` must not be in use; what a crash left there is removed.
    pub(super) fn create(path: PathBuf, objects: &Path, branch: &str, tip: &str) -> Result<Self, Error> {
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
        write("objects/info/alternates", &format!("{}\n", quoted(objects)))?;
        write(&format!("refs/heads/{branch}"), &format!("{tip}\n"))?;
        if let Some(git_dir) = objects.parent()
            && let Some(shallow) = read_plain(&git_dir.join("shallow"), PACKED_REFS_BYTES)?
        {
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
    let name = format!("carrier-{}-tags", std::process::id());
    let carrier =
        Carrier::create(git.path.join(".git").join(name), &theirs.path.join("objects"), "tags", tip)?;
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

/// Brings a branch of another repository into `git` under the name `into`, moving it wherever it was.
pub(super) async fn fetch(
    git: &Git,
    git_dir: &Path,
    from: &Path,
    tip: &str,
    branch: &str,
    into: &str,
) -> Result<(), Error> {
    let name = format!("carrier-{}-{}", std::process::id(), branch.replace('/', "-"));
    let carrier = Carrier::create(git_dir.join(name), &from.join("objects"), branch, tip)?;
    let address = carrier.path().display().to_string();
    let refspec = format!("+refs/heads/{branch}:refs/heads/{into}");
    git.must([
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
    .await?;
    Ok(())
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

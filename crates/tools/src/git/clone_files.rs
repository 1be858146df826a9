//! The files of an agent's clone, read so that nothing leads out of it.
//!
//! Whoever works in a clone may put anything in its place: links to other repositories, a list of alternates, a pipe. So git
//! never opens a clone from outside of the confinement. What is needed of it is read beneath its root, without following
//! any link and on its own file system, and its objects are copied by their names into a repository of ours; what a clone
//! borrows from elsewhere than from us is not there then.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::command::path_error;
use super::error::Error;

/// The longest list of references that is read.
const PACKED_REFS_BYTES: u64 = 16 * 1024 * 1024;
/// The longest file that holds one reference.
const REFERENCE_BYTES: u64 = 256;

/// What of a pack is taken: it and its index.
const OF_PACKS: [&[u8]; 2] = [b".pack", b".idx"];

/// A clone's git folder, held open.
#[derive(Debug)]
pub(super) struct CloneFiles {
    git_dir: OwnedFd,
}

/// Why a clone could not be read: what is in it is to blame, or the machine.
pub(super) fn failed(branch: &str, root: &Path, error: io::Error) -> Error {
    let reason = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP) => "a link stands where git keeps its own files",
        Some(Errno::XDEV) => "git's own files lie on another file system",
        Some(Errno::NOENT | Errno::NOTDIR) => "git's own files are gone",
        _ => return path_error(root)(error),
    };
    Error::Untakeable { branch: branch.to_owned(), reason: reason.to_owned() }
}

impl CloneFiles {
    /// Opens a clone by its root, which is a path of ours.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let held = rustix::fs::openat(CWD, root, folder, Mode::empty())?;
        Ok(Self { git_dir: open_beneath(&held, c".git", folder)? })
    }

    /// The tip of a branch.
    pub(super) fn tip(&self, branch: &str) -> io::Result<Option<String>> {
        let name = format!("refs/heads/{branch}");
        if let Some(text) = self.read(&name, REFERENCE_BYTES)? {
            return Ok(object_id(text.trim()));
        }
        let packed = self.read("packed-refs", PACKED_REFS_BYTES)?.unwrap_or_default();
        let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.find(|(_, found)| *found == name).and_then(|(id, _)| object_id(id)))
    }

    /// Where its history was cut off, as git lists it.
    pub(super) fn shallow(&self) -> io::Result<Option<String>> {
        self.read("shallow", PACKED_REFS_BYTES)
    }

    /// Copies the objects that it holds itself to a folder.
    pub(super) fn copy_objects(&self, to: &Path) -> io::Result<()> {
        let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let objects = open_beneath(&self.git_dir, c"objects", folder)?;
        for name in names(&objects, FileType::Directory)? {
            let is_part = name.to_bytes().len() == 2 && is_hexadecimal(name.to_bytes());
            let wanted: fn(&[u8]) -> bool = match name.to_bytes() {
                b"pack" => |file| OF_PACKS.iter().any(|end| file.ends_with(end)),
                _ if is_part => |file| matches!(file.len(), 38 | 62) && is_hexadecimal(file),
                _ => continue,
            };
            let from = open_beneath(&objects, &name, folder)?;
            let to = to.join(name.to_string_lossy().as_ref());
            std::fs::create_dir_all(&to)?;
            for file in names(&from, FileType::RegularFile)?.filter(|file| wanted(file.to_bytes())) {
                let mut source = File::from(open_beneath(&from, &file, READ)?);
                if source.metadata()?.is_file() {
                    let mut target = File::create_new(to.join(file.to_string_lossy().as_ref()))?;
                    io::copy(&mut source, &mut target)?;
                }
            }
        }
        Ok(())
    }

    /// The text of a regular file of bounded size; `None` where there is none.
    fn read(&self, path: &str, limit: u64) -> io::Result<Option<String>> {
        match self.try_reading(path, limit) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read,
        }
    }

    fn try_reading(&self, path: &str, limit: u64) -> io::Result<Option<String>> {
        let file = File::from(open_beneath(&self.git_dir, &CString::new(path)?, READ)?);
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Without waiting for whoever would write to a pipe.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

fn open_beneath(folder: &OwnedFd, path: &CStr, flags: OFlags) -> io::Result<OwnedFd> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    Ok(rustix::fs::openat2(folder, path, flags, Mode::empty(), beneath)?)
}

/// The names in a folder of what is of one type. Links and all else are passed over.
fn names(folder: &OwnedFd, wanted: FileType) -> io::Result<impl Iterator<Item = CString>> {
    let entries: Vec<_> = Dir::read_from(folder)?.collect::<Result<_, _>>()?;
    let of_type = entries.into_iter().filter(move |entry| {
        // Some file systems do not say; what it is shows when it is opened.
        entry.file_type() == wanted || entry.file_type() == FileType::Unknown
    });
    Ok(of_type
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| !matches!(name.to_bytes(), b"." | b"..")))
}

fn is_hexadecimal(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_hexdigit)
}

fn object_id(text: &str) -> Option<String> {
    let valid = matches!(text.len(), 40 | 64) && is_hexadecimal(text.as_bytes());
    valid.then(|| text.to_ascii_lowercase())
}

//! Paths inside the worktree. The kernel resolves them beneath its root, so that `..`, absolute paths and
//! symbolic links cannot lead out, whatever changes meanwhile.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// How long between two attempts to claim a worktree.
const CLAIM_PAUSE: Duration = Duration::from_millis(10);

/// A worktree's root, held open.
#[derive(Debug)]
pub(super) struct Place {
    root: OwnedFd,
    path: PathBuf,
}

/// Why a path was refused; becomes what the model reads.
pub(super) type Refusal = String;

impl Place {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &path, flags, Mode::empty())?;
        Ok(Self { root, path })
    }

    /// Waits until no other server works here, and keeps others away for as long as the answer lives. The server of a
    /// program that was killed needs a moment to end what it started; until then the worktree is its.
    pub(super) fn claim(&self, patience: Duration) -> io::Result<File> {
        let claim = File::open(&self.path)?;
        let deadline = Instant::now() + patience;
        loop {
            match claim.try_lock() {
                Ok(()) => return Ok(claim),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(CLAIM_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let busy = "another workspace server still works in it";
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, busy));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// The root's real path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens an existing file or folder for reading.
    pub(super) fn read(&self, path: &str) -> Result<File, Refusal> {
        let clean = clean(path, &self.path)?;
        self.open_at(&clean, OFlags::RDONLY | OFlags::NONBLOCK)
            .map(File::from)
            .map_err(|error| refusal(path, error))
    }

    /// The real path of something that exists, relative to the root; links inside are followed.
    pub(super) fn real(&self, path: &str) -> Result<PathBuf, Refusal> {
        let clean = clean(path, &self.path)?;
        let found = self.open_at(&clean, OFlags::PATH).map_err(|error| refusal(path, error))?;
        real_path(&found, &self.path).map_err(|error| format!("`{path}` cannot be used: {error}"))
    }

    /// Where a file that a tool may change is, or is to be, relative to the root. A link to a file inside is followed,
    /// so that it stays a link. What belongs to git is refused.
    pub(super) fn target(&self, path: &str) -> Result<PathBuf, Refusal> {
        let clean = clean(path, &self.path)?;
        if clean.components().next().is_none() {
            return Err(format!("`{path}` is the worktree itself, not a file"));
        }
        if clean.components().any(|part| part.as_os_str() == ".git") {
            return Err(format!("`{path}` belongs to git; use the git tools"));
        }
        let target = match self.open_at(&clean, OFlags::PATH) {
            Ok(found) => {
                real_path(&found, &self.path).map_err(|error| format!("`{path}` cannot be used: {error}"))?
            }
            Err(Errno::NOENT) => clean,
            Err(error) => return Err(refusal(path, error)),
        };
        if target.components().next().is_some_and(|part| part.as_os_str() == ".git") {
            return Err(format!("`{path}` belongs to git; use the git tools"));
        }
        Ok(target)
    }

    /// Replaces a file's content whole: a reader sees the old or the new, and a crash leaves one of them.
    pub(super) fn write(&self, path: &str, content: &[u8]) -> Result<(), Refusal> {
        let target = self.target(path)?;
        self.replace(&target, content).map_err(|error| refusal(path, error))
    }

    /// Removes a file, and the folders that are empty without it.
    pub(super) fn remove(&self, path: &str) -> Result<(), Refusal> {
        let target = self.target(path)?;
        self.unlink(&target).map_err(|error| refusal(path, error))
    }

    fn unlink(&self, target: &Path) -> Result<(), Errno> {
        let name = target.file_name().ok_or(Errno::ISDIR)?;
        let mut parent = target.parent().unwrap_or(Path::new(""));
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        rustix::fs::unlinkat(self.open_at(parent, flags)?, name, AtFlags::empty())?;
        while let (Some(name), Some(above)) = (parent.file_name(), parent.parent()) {
            let emptied = self
                .open_at(above, flags)
                .and_then(|above| rustix::fs::unlinkat(above, name, AtFlags::REMOVEDIR));
            if emptied.is_err() {
                break;
            }
            parent = above;
        }
        Ok(())
    }

    /// Whether there is something at a path relative to the root.
    pub(super) fn exists(&self, target: &Path) -> bool {
        self.open_at(target, OFlags::PATH).is_ok()
    }

    /// Whether a file is a program.
    pub(super) fn is_executable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let found = self.read(path).and_then(|file| file.metadata().map_err(|error| error.to_string()));
        found.is_ok_and(|found| found.permissions().mode() & 0o100 != 0)
    }

    /// Makes a file a program, or no longer one.
    pub(super) fn set_executable(&self, path: &str, executable: bool) -> Result<(), Refusal> {
        let file = self.read(path)?;
        let mode = if executable { 0o755 } else { 0o644 };
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|error| refusal(path, error))
    }

    /// Writes a note of the server's own into git's folder; false where there is none.
    pub(super) fn note(&self, name: &str, content: &[u8]) -> io::Result<bool> {
        if self.open_at(Path::new(".git"), OFlags::PATH | OFlags::DIRECTORY).is_err() {
            return Ok(false);
        }
        self.replace(&Path::new(".git").join(name), content)?;
        Ok(true)
    }

    fn replace(&self, target: &Path, content: &[u8]) -> Result<(), Errno> {
        use std::io::Write as _;
        let name = target.file_name().ok_or(Errno::ISDIR)?;
        let folder = self.folder(target.parent().unwrap_or(Path::new("")))?;
        let mode = match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => match rustix::fs::FileType::from_raw_mode(found.st_mode) {
                rustix::fs::FileType::Directory => return Err(Errno::ISDIR),
                rustix::fs::FileType::RegularFile => Mode::from_raw_mode(found.st_mode & 0o777),
                _ => return Err(Errno::LOOP),
            },
            Err(Errno::NOENT) => Mode::from_raw_mode(0o644),
            Err(error) => return Err(error),
        };
        let temporary = format!(".{}.syndarix-{}", name.to_string_lossy(), std::process::id());
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&folder, &temporary, flags, mode)?);
        let written = file
            .write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(|error| error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error))
            .and_then(|()| rustix::fs::fchmod(&file, mode))
            .and_then(|()| rustix::fs::renameat(&folder, &temporary, &folder, name));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        }
        written
    }

    /// Opens a folder beneath the root, making what is missing on the way.
    fn folder(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let mut so_far = PathBuf::new();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let mut folder = self.open_at(Path::new(""), flags)?;
        for part in path.components() {
            let parent = folder;
            so_far.push(part);
            folder = match self.open_at(&so_far, flags) {
                Err(Errno::NOENT) => {
                    match rustix::fs::mkdirat(&parent, part.as_os_str(), Mode::from_raw_mode(0o755)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error),
                    }
                    self.open_at(&so_far, flags)?
                }
                other => other?,
            };
        }
        Ok(folder)
    }

    fn open_at(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                // Something was renamed while the kernel looked; it asks to look again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }
}

/// A model's path as one relative to the root. An absolute path inside the root is taken as meant.
fn clean(path: &str, root: &Path) -> Result<PathBuf, Refusal> {
    let outside = || format!("`{path}` is outside the worktree; give a path relative to it");
    if path.contains('\0') {
        return Err("a path cannot contain a zero byte".into());
    }
    let given = Path::new(path);
    let relative = if given.is_absolute() { given.strip_prefix(root).map_err(|_| outside())? } else { given };
    let mut clean = PathBuf::new();
    for component in relative.components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    Ok(clean)
}

fn real_path(found: &OwnedFd, root: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
    link.strip_prefix(root).map(Path::to_owned).map_err(io::Error::other)
}

fn refusal(path: &str, error: Errno) -> Refusal {
    match error {
        Errno::XDEV | Errno::LOOP => format!("`{path}` leads out of the worktree; that is not allowed"),
        Errno::NOENT => format!("there is no `{path}`"),
        Errno::ISDIR => format!("`{path}` is a folder"),
        Errno::NOTDIR => format!("a part of `{path}` is a file, not a folder"),
        Errno::ACCESS | Errno::PERM => format!("`{path}` may not be used"),
        other => format!("`{path}` cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/lib.rs"), "fn main() {}").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("out")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("absolute")).unwrap();
        std::os::unix::fs::symlink("src/lib.rs", root.join("inside")).unwrap();
        let place = Place::open(&root).unwrap();
        (folder, place)
    }

    #[test]
    fn nothing_leads_out() {
        let (folder, place) = place();
        for path in ["../secret", "src/../../secret", "/etc/passwd", "out", "absolute/passwd", "\0"] {
            assert!(place.read(path).is_err(), "{path:?} was read");
            assert!(place.write(path, b"x").is_err(), "{path:?} was written");
        }
        assert!(place.write(".git/config", b"x").is_err());
        assert!(place.write("src", b"x").is_err());
        assert!(place.write("", b"x").is_err());
        assert_eq!(std::fs::read_to_string(folder.path().join("secret")).unwrap(), "secret");
    }

    #[test]
    fn links_inside_are_written_through_and_modes_are_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, place) = place();
        let file = folder.path().join("root/src/lib.rs");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        place.write("inside", b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(std::fs::symlink_metadata(folder.path().join("root/inside")).unwrap().is_symlink());
        place.write("a/b/c.txt", b"deep").unwrap();
        let absolute = place.path().join("a/b/c.txt");
        assert!(place.read(absolute.to_str().unwrap()).is_ok());
    }
}

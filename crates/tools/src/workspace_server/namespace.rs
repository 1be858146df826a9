//! A file system, a network and temporary folders that are the command's own.
//!
//! Where the kernel lets it, the server moves into namespaces before it confines itself: a root that holds the system's
//! programs read-only, the worktree and the home at the same paths for every clone, a private `/tmp` and `/dev/shm`, and a
//! network that is nothing but a loopback interface. The same paths matter beyond tidiness: what set-up installs holds
//! absolute paths (a virtual environment, an editable install, a build's cache), and is seen by every clone through an
//! overlay whose upper layer is that clone's own. So each tests its own code, and none changes what another sees.
//!
//! What cannot be named cannot be touched: Landlock stands behind this, and alone where there are no namespaces.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use super::loopback;
use super::sandbox::{DEVICES, SHARED_MEMORY, system};

/// Where every worktree is seen, in a folder named after its repository.
const WORKSPACE: &str = "/workspace";
/// Where every home is seen. Beside the worktrees and not above them, because build tools look upwards.
pub(super) const HOME: &str = "/workspace-home";
/// The folder of a scratch folder that holds what is written there.
pub(super) const HOME_FOLDER: &str = "home";

/// The temporary folder whose files a machine keeps when it is started anew.
const LASTING: &str = "/var/tmp";

/// Who there is on a machine, and where they are at home.
const PEOPLE: &str = "/etc/passwd";

/// The most symbolic links that are followed on the way to one path, as many as the kernel follows.
const LINKS: u32 = 40;

/// What a command sees beside the system.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    /// The worktree, which is changed.
    pub(super) root: &'a Path,
    /// The last part of the path at which it is seen.
    pub(super) name: &'a str,
    /// What set-up left in a worktree, beneath it.
    pub(super) root_layer: Option<&'a Path>,
    /// What set-up left in homes, beneath it, the uppermost first.
    pub(super) home_layers: Vec<&'a Path>,
    /// Where home, temporary files and the workings of overlays are kept; beside the worktree on its file system.
    pub(super) scratch: &'a Path,
    /// Folders and files that are read.
    pub(super) readable: &'a [PathBuf],
    /// Whether the machine's network is used, and not one of its own.
    pub(super) network: bool,
    /// Whether processes that are started from now on see none but each other (see [`super::first`]).
    pub(super) own_processes: bool,
}

/// Where things are after the move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) root: PathBuf,
    pub(super) home: PathBuf,
    pub(super) temporary: PathBuf,
}

impl Inside {
    /// Where they are for a worktree of this name.
    pub(super) fn named(name: &str) -> Self {
        Self { root: root_of(name), home: HOME.into(), temporary: "/tmp".into() }
    }
}

/// The path at which a worktree of this name is seen.
pub(super) fn root_of(name: &str) -> PathBuf {
    Path::new(WORKSPACE).join(name)
}

/// Moves this process, of which the calling thread is the only one, into namespaces that hold this and nothing else.
/// Where it fails the process may have been moved in part, and must not go on.
pub(super) fn enter(contents: &Contents<'_>) -> io::Result<Inside> {
    let inside = Inside::named(contents.name);
    let folder = |name: &str| {
        let path = contents.scratch.join(name);
        std::fs::create_dir_all(&path).map(|()| path)
    };
    let [home, temporary, memory, upon] =
        [folder(HOME_FOLDER)?, folder("tmp")?, folder("shm")?, folder("root")?];
    let [root_work, home_work] = [folder("work-root")?, folder("work-home")?];

    let privileged = unshare(contents)?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    if !contents.network {
        loopback::bring_up()?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("tmpfs", &upon, "tmpfs", flags, Some(c"mode=0755,size=4m"))?;
    let mut root = Root { upon, provided: BTreeSet::new(), privileged };
    // First, because what is provided may lie below them.
    root.bind(&temporary, &inside.temporary)?;
    root.bind(&temporary, Path::new(LASTING))?;
    let people = contents.scratch.join("passwd");
    std::fs::write(&people, people_with_home(&inside.home))?;
    root.bind(&people, Path::new(PEOPLE))?;
    root.provided.insert(PEOPLE.into());
    for path in system().iter().chain(contents.readable) {
        root.provide(path, LINKS)?;
    }
    root.devices(&memory)?;
    root.layered(contents.root, contents.root_layer.as_slice(), &root_work, &inside.root)?;
    root.layered(&home, &contents.home_layers, &home_work, &inside.home)?;
    // The server measures what these hold. Without what is mounted in them, which is this very root.
    root.bind_alone(contents.root)?;
    root.bind_alone(contents.scratch)?;
    root.become_root()?;
    seal(&[&inside.root, &inside.home, &inside.temporary, Path::new(LASTING), Path::new(SHARED_MEMORY)])?;
    Ok(inside)
}

/// Leaves the machine's mounts, and its network where one is to be had of its own. Says whether this is done as root
/// of the machine, without a user namespace: there, overlays are more able.
fn unshare(contents: &Contents<'_>) -> io::Result<bool> {
    let mut wanted = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    wanted.set(CloneFlags::CLONE_NEWNET, !contents.network);
    wanted.set(CloneFlags::CLONE_NEWPID, contents.own_processes);
    if nix::sched::unshare(wanted).is_ok() {
        return Ok(true);
    }
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    nix::sched::unshare(wanted | CloneFlags::CLONE_NEWUSER)?;
    // Everybody keeps their own number; a group can only be mapped by whoever gives up changing groups.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{0} {0} 1", user.as_raw()))?;
    std::fs::write("/proc/self/gid_map", format!("{0} {0} 1", group.as_raw()))?;
    Ok(false)
}

/// A root that is being put together upon a folder.
#[derive(Debug)]
struct Root {
    upon: PathBuf,
    provided: BTreeSet<PathBuf>,
    privileged: bool,
}

impl Root {
    /// Where a path of the new root is before the process has moved there.
    fn place(&self, path: &Path) -> PathBuf {
        self.upon.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Lets a path of the machine be read at the same place, with the links that lead to it. What does not exist is
    /// left out.
    fn provide(&mut self, path: &Path, links: u32) -> io::Result<()> {
        if self.provided.iter().any(|provided| path.starts_with(provided)) {
            return Ok(());
        }
        let mut so_far = PathBuf::from("/");
        let mut parts = path.components().filter(|part| *part != Component::RootDir).peekable();
        while let Some(part) = parts.next() {
            so_far.push(part);
            if self.provided.iter().any(|provided| so_far.starts_with(provided)) {
                // The rest is visible through it, unless it leads on elsewhere.
                if let (Ok(real), true) = (path.canonicalize(), links > 0) {
                    return if real == path { Ok(()) } else { self.provide(&real, links - 1) };
                }
                return Ok(());
            }
            let Ok(found) = std::fs::symlink_metadata(&so_far) else { return Ok(()) };
            if found.is_symlink() {
                if links == 0 {
                    return Ok(());
                }
                let target = std::fs::read_link(&so_far)?;
                let place = self.place(&so_far);
                if std::fs::symlink_metadata(&place).is_err() {
                    parent(&place)?;
                    std::os::unix::fs::symlink(&target, &place)?;
                }
                let mut onward = so_far.parent().unwrap_or(Path::new("/")).join(target);
                onward.extend(parts);
                return self.provide(&plain(&onward), links - 1);
            }
        }
        self.bind(path, path)?;
        self.provided.insert(path.to_owned());
        Ok(())
    }

    /// Shows a folder or file of the machine at a path, with what is mounted in it.
    fn bind(&self, from: &Path, at: &Path) -> io::Result<()> {
        let place = self.place(at);
        if from.is_dir() {
            std::fs::create_dir_all(&place)?;
        } else {
            parent(&place)?;
            File::options().create(true).append(true).open(&place)?;
        }
        Ok(rustix::mount::mount_bind_recursive(from, &place)?)
    }

    /// Shows a folder of the machine at its own path, without what is mounted in it.
    fn bind_alone(&self, path: &Path) -> io::Result<()> {
        let place = self.place(path);
        std::fs::create_dir_all(&place)?;
        Ok(rustix::mount::mount_bind(path, &place)?)
    }

    fn devices(&self, memory: &Path) -> io::Result<()> {
        for device in DEVICES.iter().filter(|device| Path::new(device).exists()) {
            self.bind(Path::new(device), Path::new(device))?;
        }
        self.bind(memory, Path::new(SHARED_MEMORY))?;
        for (link, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
            std::os::unix::fs::symlink(
                format!("/proc/self/{target}"),
                self.place(&Path::new("/dev").join(link)),
            )?;
        }
        Ok(())
    }

    /// Shows a folder that is changed, upon another that is not.
    fn layered(&self, upper: &Path, lower: &[&Path], work: &Path, at: &Path) -> io::Result<()> {
        if lower.is_empty() {
            return self.bind(upper, at);
        }
        let place = self.place(at);
        std::fs::create_dir_all(&place)?;
        // By descriptor, because a path may hold a comma or a colon, which mean something here.
        let lower = lower.iter().map(|lower| held(lower)).collect::<io::Result<Vec<_>>>()?;
        let (upper, work) = (held(upper)?, held(work)?);
        let path = |held: &OwnedFd| format!("/proc/self/fd/{}", held.as_raw_fd());
        // Folders that are in both layers can be renamed where that may be noted down, which only root may.
        let extra = if self.privileged { "redirect_dir=on" } else { "userxattr" };
        let lower: Vec<String> = lower.iter().map(path).collect();
        let options =
            format!("lowerdir={},upperdir={},workdir={},{extra}", lower.join(":"), path(&upper), path(&work));
        let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("overlay", &place, "overlay", flags, Some(options.as_c_str()))?;
        Ok(())
    }

    fn become_root(self) -> io::Result<()> {
        std::env::set_current_dir(&self.upon)?;
        rustix::process::pivot_root(".", ".")?;
        rustix::mount::unmount(".", UnmountFlags::DETACH)?;
        std::env::set_current_dir("/")
    }
}

/// The machine's people, with this user at home in the given place: what does not ask `HOME`, as Java does not, asks there.
fn people_with_home(home: &Path) -> String {
    let user = rustix::process::geteuid().as_raw().to_string();
    let mut known = false;
    let mut people = String::new();
    for line in std::fs::read_to_string(PEOPLE).unwrap_or_default().lines() {
        let mut fields: Vec<&str> = line.split(':').collect();
        let home = home.to_string_lossy();
        if fields.len() == 7 && fields[2] == user {
            known = true;
            fields[5] = &home;
        }
        people.push_str(&fields.join(":"));
        people.push('\n');
    }
    if !known {
        let group = rustix::process::getegid().as_raw();
        let _ = writeln!(people, "agent:x:{user}:{group}::{}:/bin/sh", home.display());
    }
    people
}

fn held(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

fn parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

/// Forbids changes through every mount that is not at one of these places: of contents, and of modes, owners, times
/// and attributes too, which Landlock does not know.
fn seal(writable: &[&Path]) -> io::Result<()> {
    for place in mount_points(&std::fs::read("/proc/self/mountinfo")?) {
        if !writable.contains(&place.as_path()) {
            make_read_only(&place)?;
        }
    }
    Ok(())
}

/// Some file systems refuse; that their files are not written is Landlock's to see to.
pub(super) fn make_read_only(place: &Path) -> io::Result<()> {
    // What the mount forbids already must be said again, or it may not be changed in a user namespace.
    let kept = match rustix::fs::statvfs(place) {
        Ok(found) => kept_flags(found.f_flag),
        // What is mounted where nobody may look is not changed there either.
        Err(Errno::ACCESS | Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let _ = rustix::mount::mount_remount(place, MountFlags::BIND | MountFlags::RDONLY | kept, c"");
    Ok(())
}

/// The fifth field of each line of `/proc/self/mountinfo`, in which blanks and the like are written as octal numbers.
fn mount_points(info: &[u8]) -> Vec<PathBuf> {
    let fifth = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped);
    info.split(|byte| *byte == b'\n').filter_map(fifth).collect()
}

fn unescaped(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits =
            after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// A path without `.` and `..`, by its text alone: each part before a `..` is known to be a folder and no link.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn kept_flags(found: StatVfsMountFlags) -> MountFlags {
    [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ]
    .into_iter()
    .filter(|(flag, _)| found.contains(*flag))
    .fold(MountFlags::empty(), |flags, (_, flag)| flags | flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_whatever_their_names() {
        let info = b"22 1 8:1 / / rw - ext4 /dev/sda rw\n23 22 0:5 / /mnt/a\\040b\\134c rw shared:1 - tmpfs none rw\n";
        assert_eq!(mount_points(info), [PathBuf::from("/"), PathBuf::from("/mnt/a b\\c")]);
    }
}

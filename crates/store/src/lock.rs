//! One process at a time: an advisory lock on `DIR/lock` that ends with the process that holds it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// The name of the lock file in the data directory.
const FILE: &str = "lock";

/// How long a lock may outlive the process that held it: one that is killed while it starts another leaves the lock
/// with that one until it has become the program it is to be.
const AFTERLIFE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Holds the data directory until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock or says who holds it: at once where that process lives, otherwise when nothing of it can be left.
    /// The lock itself is the kernel's, so a file left by a dead process locks nobody out.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(
                |source| match source.kind() {
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                        Error::ReadOnlyDirectory { path: data_dir.to_owned(), source }
                    }
                    ErrorKind::StorageFull => Error::StorageFull { path: path.clone() },
                    _ => Error::Io { action: "open", path: path.clone(), source },
                },
            )?;
        let mut looks = AFTERLIFE.as_millis() / LOOK_AGAIN.as_millis();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(io("lock")(errno.into())),
            }
            let mut holder = String::new();
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut holder));
            let pid = holder.trim().parse().ok();
            if looks == 0 || !pid.is_some_and(is_gone) {
                return Err(Error::InUse { pid, path: data_dir.to_owned() });
            }
            looks -= 1;
            std::thread::sleep(LOOK_AGAIN);
        }
        // A full disk refuses these bytes; the lock holds without them.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }
}

/// Whether there is no such process any more.
fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a process into the lock file, and holds the lock as what that process has left behind.
    fn held_by(data_dir: &Path, pid: u32) -> File {
        std::fs::write(data_dir.join(FILE), pid.to_string()).expect("it is written");
        let file = File::open(data_dir.join(FILE)).expect("it opens");
        flock(&file, FlockOperation::NonBlockingLockExclusive).expect("it is free");
        file
    }

    fn ended_process() -> u32 {
        let mut child = std::process::Command::new("true").spawn().expect("it starts");
        child.wait().expect("it ends");
        child.id()
    }

    #[test]
    fn what_a_killed_process_has_left_behind_is_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let left = held_by(folder.path(), ended_process());
        let leaves = std::thread::spawn(move || {
            std::thread::sleep(5 * LOOK_AGAIN);
            drop(left);
        });
        Lock::acquire(folder.path()).expect("it is free in a moment");
        leaves.join().expect("it has left");
    }

    #[test]
    fn a_process_that_lives_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let _held = held_by(folder.path(), std::process::id());
        let Err(Error::InUse { pid, .. }) = Lock::acquire(folder.path()) else { panic!("two have it") };
        assert_eq!(pid, Some(std::process::id()));
    }
}

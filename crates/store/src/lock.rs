//! One process at a time: an advisory lock on `DIR/lock` that ends with the process that holds it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// The name of the lock file in the data directory.
const FILE: &str = "lock";

/// Holds the data directory until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at once or says who holds it. The process id in the file only serves the message: the
    /// lock itself is the kernel's, so a file left by a dead process locks nobody out.
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
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(Error::InUse { pid: holder.trim().parse().ok(), path: data_dir.to_owned() });
            }
            Err(errno) => return Err(io("lock")(errno.into())),
        }
        // A full disk refuses these bytes; the lock holds without them.
        let _ = file.set_len(0).and_then(|()| file.rewind());
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }
}

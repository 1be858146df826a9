//! The space on the disk: without some, nothing is begun, so that what is refused has left nothing behind.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use crate::failure::Failure;

/// The space below which nothing should be begun. The databases and their logs take a few megabytes from the start, and
/// the first clone and its build several times that.
pub(crate) const LEAST_BYTES: u64 = 64 * 1024 * 1024;

/// A folder, or the nearest one above it that is there: the one it would be created in.
pub(crate) fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// The bytes that are free where a folder is or would be; `None` on a file system that holds no data of its own.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<Option<u64>> {
    let found = statvfs(existing(folder))?;
    Ok((found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize)))
}

/// Refuses to begin in a folder on a full disk. A disk that does not tell is tried.
pub(crate) fn room(folder: &Path, hint: &str) -> Result<(), Failure> {
    let Ok(Some(free @ 0..LEAST_BYTES)) = free_bytes(folder) else { return Ok(()) };
    Err(Failure::bad_input(format!(
        "there is no room for {}: of {} MiB that are needed to begin, {} are free",
        folder.display(),
        LEAST_BYTES >> 20,
        free >> 20
    ))
    .hint(hint))
}

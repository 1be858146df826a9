//! What lies in the data and the state directory is the user's to read and nobody else's, whatever the umask says.

use std::ffi::OsStr;
use std::fs::{DirBuilder, DirEntry, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::failure::Failure;

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// What the names of all that we put into a data directory begin with.
const OURS: [&str; 6] = ["syndarix.db", "engine.db", "lock", "control.sock", "projects", "work"];

/// Makes a data directory that only the user can look into. One that is there is closed to others where nothing but what is
/// ours is in it; a folder that somebody uses for other things, too, stays as they have it, and only our files in it are closed.
pub(crate) fn data(path: &Path) -> Result<(), Failure> {
    let Ok(entries) = make(path).and_then(|()| std::fs::read_dir(path)) else {
        // Whoever opens what is in it says more of why it cannot be.
        return Ok(());
    };
    let is_foreign = |entry: DirEntry| !is_ours(&entry.file_name());
    if entries.filter_map(Result::ok).any(is_foreign) {
        return Ok(());
    }
    match close(path, FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::ReadOnlyFilesystem => Err(cannot(path, error)),
        _ => Ok(()),
    }
}

/// The same for a state directory, which is ours by its name.
pub(crate) fn state(path: &Path) -> Result<(), Failure> {
    make(path).and_then(|()| close(path, FOLDER)).map_err(|error| cannot(path, error))
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Closes our own files in a data directory to others; what SQLite makes beside a database is as closed as that.
pub(crate) fn files(data_dir: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(data_dir).map_err(|error| cannot(data_dir, error))?;
    for entry in entries.filter_map(Result::ok) {
        if is_ours(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            close(&entry.path(), FILE).map_err(|error| cannot(&entry.path(), error))?;
        }
    }
    Ok(())
}

fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| OURS.iter().any(|ours| name.starts_with(ours)))
}

fn close(path: &Path, mode: u32) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    let open = found.mode() & OTHERS != 0;
    // What belongs to somebody else is theirs to close; root may, and does not.
    if open && found.uid() == rustix::process::geteuid().as_raw() && !found.is_symlink() {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn cannot(path: &Path, error: io::Error) -> Failure {
    Failure::bad_input(format!("{} cannot be kept from others", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_ours_is_closed_and_what_is_not_stays() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a/data");
        data(&new).unwrap();
        assert_eq!((mode(&new), mode(new.parent().unwrap())), (0o700, 0o700));

        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        std::fs::write(new.join("syndarix.db"), "").unwrap();
        std::fs::write(new.join("engine.db-wal"), "").unwrap();
        open(&new.join("syndarix.db"), 0o644);
        open(&new, 0o755);
        data(&new).unwrap();
        files(&new).unwrap();
        assert_eq!((mode(&new), mode(&new.join("syndarix.db"))), (0o700, 0o600));

        std::fs::write(new.join("notes.txt"), "").unwrap();
        open(&new.join("notes.txt"), 0o644);
        open(&new, 0o755);
        data(&new).unwrap();
        files(&new).unwrap();
        assert_eq!((mode(&new), mode(&new.join("notes.txt"))), (0o755, 0o644), "somebody else's");

        let there = folder.path().join("state");
        std::fs::create_dir(&there).unwrap();
        std::fs::create_dir(there.join("a-project")).unwrap();
        open(&there, 0o755);
        state(&there).unwrap();
        assert_eq!(mode(&there), 0o700);
    }
}

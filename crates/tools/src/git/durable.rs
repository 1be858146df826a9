//! What a repository holds is on the disk before anybody is told of it: objects, references and the folders that name them.
//!
//! Git syncs the files that it writes where it is told to ([`SETTINGS`]), but never a folder, so that after a power cut a file
//! may be whole and have no name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::command::path_error;
use super::error::Error;

/// Settings of git where what it writes is to last.
pub(super) const SETTINGS: &[&str] = &["core.fsync=all", "core.fsyncMethod=fsync"];

/// The folders of a git folder whose entries are what it holds.
const HOLDING: [&str; 2] = ["objects", "refs"];

/// Syncs every folder of a git folder that names objects or references, and itself with its own files, which `git init` leaves
/// to the system. What has not changed costs nothing.
pub(super) async fn sync(git_dir: &Path) -> Result<(), Error> {
    let folder = git_dir.to_owned();
    let synced = tokio::task::spawn_blocking(move || {
        for name in HOLDING {
            sync_below(&folder.join(name))?;
        }
        for entry in fs::read_dir(&folder)?.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                sync_one(&entry.path())?;
            }
        }
        sync_one(&folder)
    });
    synced.await.map_err(io::Error::other).and_then(|synced| synced).map_err(path_error(git_dir))
}

/// How many folders above one that was made may have been made for it.
const MADE_ABOVE: usize = 5;

/// Syncs the folders that lead to a path.
pub(super) fn sync_names(path: &Path) -> Result<(), Error> {
    path.ancestors()
        .skip(1)
        .take(MADE_ABOVE)
        .filter(|folder| !folder.as_os_str().is_empty())
        .try_for_each(|folder| sync_one(folder).map_err(path_error(folder)))
}

/// A folder after all those in it.
fn sync_below(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // Git takes an empty one away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.iter().try_for_each(|folder| sync_below(folder))?;
    sync_one(folder)
}

fn sync_one(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_all(),
    }
}

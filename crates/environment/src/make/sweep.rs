//! Removing what nobody has worked in for long, and what crashes left.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::workshop::{READY, USED};

/// How long an environment is kept that nobody works in: longer than holidays, for making it anew takes minutes.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Removes what is not needed any more from a folder of environments, and returns how many there were. What somebody is
/// making is left alone, and what cannot be removed is tried again the next time.
pub(super) fn sweep(folder: &Path, now: SystemTime) -> io::Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        let left = path.is_dir() && !is_in_use(&path, now);
        if left && std::fs::remove_dir_all(&path).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a folder is one that somebody works in, makes, or may work in again.
fn is_in_use(path: &Path, now: SystemTime) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // What a process works in carries its number.
    if let Some((_, process)) = name.split_once('-') {
        return process.parse::<u32>().is_err() || Path::new("/proc").join(process).exists();
    }
    let lock = File::options().write(true).open(path.with_extension("lock"));
    if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
        return true;
    }
    if path.extension().is_some_and(|extension| extension == "building") {
        return false;
    }
    let used =
        [USED, READY].into_iter().filter_map(|file| path.join(file).metadata().ok()?.modified().ok()).max();
    used.is_none_or(|used| !now.duration_since(used).is_ok_and(|unused| unused >= KEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_any_more_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_000);
        let made = |name: &str, file: &str, days: u64| {
            std::fs::create_dir_all(path(name)).unwrap();
            let file = File::create(path(name).join(file)).unwrap();
            file.set_modified(now - Duration::from_hours(24 * days)).unwrap();
        };
        made("0a", READY, 3);
        made("0b", READY, 40);
        made("0c", READY, 40);
        made("0c", USED, 2);
        made("0d", READY, 40);
        made("0e.building", "half", 1);
        made("0f.building", "half", 1);
        made(&format!("checking-{}", std::process::id()), "half", 40);
        // No process has this number.
        made("checking-4194305", "half", 0);
        made("else", "what", 40);
        let held = |name: &str| {
            let lock = File::create(path(name)).unwrap();
            lock.lock().unwrap();
            lock
        };
        let _held = [held("0d.lock"), held("0f.lock")];
        assert_eq!(sweep(folder.path(), now).unwrap(), 3);
        for (name, stays) in [
            ("0a", true),
            ("0b", false),
            ("0c", true),
            ("0d", true),
            ("0e.building", false),
            ("0f.building", true),
            ("checking-4194305", false),
            ("else", true),
        ] {
            assert_eq!(path(name).exists(), stays, "{name}");
        }
        assert_eq!(sweep(&path("nowhere"), now).unwrap(), 0);
    }
}

//! Lock files that a killed git left behind. Git itself never removes them: for it, somebody may still be at work.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use syndarix_core::time::Timestamp;

/// Our own lock in a repository, which is locked by the system and not by being there.
pub(super) const OWN_LOCK: &str = "syndarix.lock";

/// How deep branches may lie below `refs`; a bound on a folder that an agent can write to.
const MAX_DEPTH: u32 = 16;

/// Removes the locks of index, HEAD, configuration and branches that are at least `age` old. The caller makes sure
/// that no git is at work in there for that long. Links are not followed: what they lead to is somebody else's.
pub(crate) fn remove_locks(git_dir: &Path, age: Duration, now: Timestamp) {
    let mut folders: Vec<(PathBuf, u32)> = vec![(git_dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let (name, path) = (entry.file_name(), entry.path());
            if kind.is_dir() {
                if (depth > 0 || name == "refs") && depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                }
            } else if kind.is_file() && path.extension() == Some(OsStr::new("lock")) && name != OWN_LOCK {
                let modified = entry.metadata().and_then(|found| found.modified());
                if modified.is_ok_and(|modified| now.since(timestamp(modified)) >= age) {
                    // Whoever needs it gone fails and says so.
                    let _ = fs::remove_file(&path);
                }
            }
        }
    }
}

fn timestamp(moment: SystemTime) -> Timestamp {
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use syndarix_core::time::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn only_old_locks_of_git_itself_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (git_dir, outside) = (folder.path().join(".git"), folder.path().join("outside"));
        let locks = ["HEAD.lock", "index.lock", "refs/heads/main.lock", "refs/heads/task/T-1-parser.lock"];
        let kept =
            ["syndarix.lock", "HEAD", "refs/heads/main", "objects/info/a.lock", "../outside/Cargo.lock"];
        for path in locks.iter().chain(&kept) {
            let path = git_dir.join(path);
            fs::create_dir_all(&git_dir).expect("a folder");
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        std::os::unix::fs::symlink(&outside, git_dir.join("refs/link")).expect("a link");

        let there = |paths: &[&str]| paths.iter().filter(|path| git_dir.join(path).exists()).count();
        let now = SystemClock.now();
        remove_locks(&git_dir, Duration::from_mins(1), now);
        assert_eq!(there(&locks), locks.len(), "somebody may be at work");
        remove_locks(&git_dir, Duration::from_mins(1), now.plus(Duration::from_mins(2)));
        assert_eq!((there(&locks), there(&kept)), (0, kept.len()));
    }
}

//! How much of the disk a workspace fills: its worktree and its scratch folder together.
//!
//! Looking at every file is dear, so it is done when the file systems as a whole have lost enough free space, and now
//! and then besides, because others may have freed some. What is deleted but still open is not seen.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How often a running command is looked after.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long a measurement is trusted where free space has not shrunk.
const TRUSTED: Duration = Duration::from_secs(5);
/// And how many times as long as it took: at most a twentieth of a processor is spent on looking.
const TRUSTED_TIMES: u32 = 20;
/// How much a workspace that is too large already may still grow, in bytes: deleting writes a little, too.
const SLACK: u64 = 16 << 20;
/// What a file takes beside its content, in bytes: without it, a million empty files would take nothing.
const PER_FILE: u64 = 512;
/// The unit of a file's blocks, whatever the file system's own.
const BLOCK: u64 = 512;

/// The disk space of one workspace.
#[derive(Debug)]
pub(super) struct Disk {
    folders: Vec<PathBuf>,
    max_bytes: u64,
    last: Mutex<Option<Measured>>,
}

#[derive(Debug, Clone, Copy)]
struct Measured {
    used: u64,
    /// What was free on the file systems then.
    free: u64,
    at: Instant,
    took: Duration,
}

impl Disk {
    pub(super) fn new(folders: Vec<PathBuf>, max_bytes: u64) -> Self {
        Self { folders, max_bytes, last: Mutex::new(None) }
    }

    /// How much there may be while the next command runs, in bytes: the limit, or what is there if that is more, so
    /// that a workspace that is too large can be emptied.
    pub(super) async fn allowance(&self) -> u64 {
        let known = *self.last.lock();
        let used = match known {
            Some(measured) if measured.used <= self.max_bytes => measured.used,
            // It may have been emptied since.
            _ => self.measure().await,
        };
        if used > self.max_bytes { used + SLACK } else { self.max_bytes }
    }

    /// Waits until there is more than allowed, for ever if need be, and says how much.
    pub(super) async fn exceeds(&self, allowance: u64) -> u64 {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if (self.may_exceed(allowance) || self.is_stale())
                && let Some(used) = self.exceeded(allowance).await
            {
                return used;
            }
        }
    }

    /// How much there is now, if that is more than allowed.
    pub(super) async fn exceeded(&self, allowance: u64) -> Option<u64> {
        if !self.may_exceed(allowance) && !self.is_stale() {
            return None;
        }
        let used = self.measure().await;
        (used > allowance).then_some(used)
    }

    /// Whether the space that was lost since the last measurement could be this workspace's.
    fn may_exceed(&self, allowance: u64) -> bool {
        let last = *self.last.lock();
        last.is_none_or(|last| last.used + last.free.saturating_sub(self.free()) > allowance)
    }

    fn is_stale(&self) -> bool {
        let last = *self.last.lock();
        last.is_none_or(|last| last.at.elapsed() > TRUSTED.max(last.took * TRUSTED_TIMES))
    }

    async fn measure(&self) -> u64 {
        let folders = self.folders.clone();
        let (started, free) = (Instant::now(), self.free());
        let used = tokio::task::spawn_blocking(move || used(folders)).await.unwrap_or(0);
        *self.last.lock() = Some(Measured { used, free, at: Instant::now(), took: started.elapsed() });
        used
    }

    /// What is free on the file systems of the folders; one that holds both counts twice, which only makes the look
    /// come sooner.
    fn free(&self) -> u64 {
        let free = |folder: &PathBuf| {
            let found = rustix::fs::statvfs(folder).ok()?;
            Some(found.f_bfree.saturating_mul(found.f_frsize))
        };
        self.folders.iter().filter_map(free).sum()
    }
}

/// What the folders and all in them take, each file once however many names it has. What cannot be looked at is left
/// out; links are not followed.
fn used(mut folders: Vec<PathBuf>) -> u64 {
    let mut total = 0;
    let mut seen = HashSet::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.nlink() > 1 && !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            total += metadata.blocks() * BLOCK + PER_FILE;
        }
    }
    total
}

/// An amount for people, such as `2.1 GB`.
pub(super) fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_once_whatever_their_names_and_links_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("one"), vec![1; 100_000]).unwrap();
        let alone = used(vec![folder.path().to_owned()]);
        assert!((100_000..200_000).contains(&alone), "{alone}");
        std::fs::hard_link(inner.join("one"), folder.path().join("two")).unwrap();
        assert_eq!(used(vec![folder.path().to_owned()]), alone);
        std::os::unix::fs::symlink("/usr", folder.path().join("usr")).unwrap();
        assert!(
            used(vec![folder.path().to_owned()]) <= alone + 2 * 4_096,
            "the link itself, not what it leads to"
        );
        for index in 0..100 {
            std::fs::write(inner.join(format!("empty-{index}")), "").unwrap();
        }
        assert!(used(vec![folder.path().to_owned()]) >= alone + 100 * PER_FILE, "empty files take something");
    }

    #[tokio::test]
    async fn what_is_too_large_already_may_shrink_but_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(vec![folder.path().to_owned()], 1_000_000);
        assert_eq!(disk.allowance().await, 1_000_000);
        std::fs::write(folder.path().join("big"), vec![1; 3_000_000]).unwrap();
        assert!(disk.exceeded(1_000_000).await.is_some());
        let allowance = disk.allowance().await;
        assert!(allowance >= 3_000_000 + SLACK, "{allowance}");
        std::fs::remove_file(folder.path().join("big")).unwrap();
        assert_eq!(disk.allowance().await, 1_000_000);
    }

    #[test]
    fn amounts_are_for_people() {
        assert_eq!([800, 50_000_000, 2_147_483_648].map(amount), ["1 kB", "50 MB", "2.1 GB"]);
    }
}

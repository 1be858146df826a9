//! The data directory: can it be written to, is there space, who uses it. Nothing is left behind.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;
use syndarix_store::{Error as StoreError, Store};

use super::Finding;
use crate::service::control;

/// The space below which a project is likely to fail: a few build directories.
const LITTLE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The space below which nothing should be begun.
const TOO_LITTLE_BYTES: u64 = 64 * 1024 * 1024;

/// Looks at it.
pub(super) async fn examine(data_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![writable(data_dir), space(data_dir)];
    findings.push(match Store::open_read_only(data_dir).await {
        Ok(store) => match store.last_seq().await {
            Ok(events) => Finding::ok("records", format!("{events} events")),
            Err(error) => unreadable(&error),
        },
        Err(StoreError::NoData { .. }) => Finding::ok("records", "none yet"),
        Err(error) => unreadable(&error),
    });
    let running = control::is_running(data_dir).await;
    findings.push(Finding::ok(
        "service",
        if running { "running on this data" } else { "not running on this data" },
    ));
    findings
}

fn unreadable(error: &StoreError) -> Finding {
    Finding::fail(
        "records",
        error.to_string(),
        error.hint().unwrap_or_else(|| "choose another --data-dir".to_owned()),
    )
}

/// The directory, or the nearest one above it that is there: the one it would be created in.
fn existing(data_dir: &Path) -> PathBuf {
    let absolute = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    absolute.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn writable(data_dir: &Path) -> Finding {
    let folder = existing(data_dir);
    let shown = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    match tempfile::tempfile_in(&folder) {
        Ok(_) => Finding::ok("data directory", shown.display().to_string()),
        Err(error) => Finding::fail(
            "data directory",
            format!("{} cannot be written to: {error}", folder.display()),
            "make it writable, or choose another --data-dir",
        ),
    }
}

fn space(data_dir: &Path) -> Finding {
    let free = match statvfs(existing(data_dir)) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Finding::warn("space", format!("cannot be told: {error}"), "look at the disk"),
    };
    let shown = format!("{}.{} GiB free", free >> 30, ((free & ((1 << 30) - 1)) * 10) >> 30);
    match free {
        0..TOO_LITTLE_BYTES => Finding::fail("space", shown, "free some space, or choose another --data-dir"),
        TOO_LITTLE_BYTES..LITTLE_BYTES => Finding::warn(
            "space",
            shown,
            "builds in many worktrees take space; free some before a large project",
        ),
        _ => Finding::ok("space", shown),
    }
}

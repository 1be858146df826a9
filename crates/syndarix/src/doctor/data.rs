//! The data directory: can it be written to, is there space, who uses it. Nothing is left behind.

use std::path::Path;

use syndarix_store::{Error as StoreError, Store};

use super::Finding;
use crate::input::room::{LEAST_BYTES, existing, free_bytes};
use crate::service::control;

/// The space below which a project is likely to fail: a few build directories.
const LITTLE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

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
    findings.push(workflows(&data_dir.join("engine.db")));
    let running = control::is_running(data_dir).await;
    findings.push(Finding::ok(
        "service",
        if running { "running on this data" } else { "not running on this data" },
    ));
    findings
}

fn workflows(database: &Path) -> Finding {
    if !database.exists() {
        return Finding::ok("workflows", "none yet");
    }
    match syndarix_engine::examine(database) {
        Ok(()) => Finding::ok("workflows", "sound"),
        Err(error) => Finding::fail(
            "workflows",
            std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
            "restore the data directory from a backup, or choose another --data-dir",
        ),
    }
}

fn unreadable(error: &StoreError) -> Finding {
    Finding::fail(
        "records",
        error.to_string(),
        error.hint().unwrap_or_else(|| "choose another --data-dir".to_owned()),
    )
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
    let free = match free_bytes(data_dir) {
        Ok(Some(free)) => free,
        Ok(None) => return Finding::warn("space", "cannot be told", "choose a --data-dir on a disk"),
        Err(error) => return Finding::warn("space", format!("cannot be told: {error}"), "look at the disk"),
    };
    let shown = format!("{}.{} GiB free", free >> 30, ((free & ((1 << 30) - 1)) * 10) >> 30);
    match free {
        0..LEAST_BYTES => Finding::fail("space", shown, "free some space, or choose another --data-dir"),
        LEAST_BYTES..LITTLE_BYTES => Finding::warn(
            "space",
            shown,
            "builds in many worktrees take space; free some before a large project",
        ),
        _ => Finding::ok("space", shown),
    }
}

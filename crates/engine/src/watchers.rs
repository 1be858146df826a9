//! Wakes those who wait for a run's history to grow, at the moment it durably has.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// Who waits for which run.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    runs: Mutex<HashMap<String, Weak<Notify>>>,
}

/// One waiter's place.
#[derive(Debug)]
pub(crate) struct Watch {
    run_id: String,
    notify: Arc<Notify>,
    watchers: Arc<Watchers>,
}

impl Watchers {
    pub(crate) fn watch(self: &Arc<Self>, run_id: &str) -> Watch {
        let mut runs = self.runs.lock();
        let entry = runs.entry(run_id.to_owned()).or_default();
        let notify = entry.upgrade().unwrap_or_else(|| {
            let fresh = Arc::new(Notify::new());
            *entry = Arc::downgrade(&fresh);
            fresh
        });
        Watch { run_id: run_id.to_owned(), notify, watchers: self.clone() }
    }

    pub(crate) fn notify(&self, run_id: &str) {
        if let Some(notify) = self.runs.lock().get(run_id).and_then(Weak::upgrade) {
            notify.notify_waiters();
        }
    }
}

impl Watch {
    /// Resolves at the next change after this was called, even if it happens before the first poll.
    pub(crate) fn changed(&self) -> std::pin::Pin<Box<tokio::sync::futures::Notified<'_>>> {
        let mut notified = Box::pin(self.notify.notified());
        notified.as_mut().enable();
        notified
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut runs = self.watchers.runs.lock();
        if Arc::strong_count(&self.notify) == 1 {
            runs.remove(&self.run_id);
        }
    }
}

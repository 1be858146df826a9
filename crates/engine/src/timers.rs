//! When each run next needs the clock. One entry per run: the kernel says what is due.

use crate::executor::RunRef;
use crate::kernel::Timestamp;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Notify;

/// Deadlines by time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    inner: Mutex<Deadlines>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Deadlines {
    by_time: BTreeSet<(Timestamp, Arc<RunRef>)>,
    by_run: HashMap<Arc<RunRef>, Timestamp>,
}

impl Timers {
    /// Sets when a run needs the clock; [`Timestamp::NONE`] for never. An earlier time that was set before stays:
    /// most deadlines are put off again and again and never come, and a run that is not due says so.
    pub(crate) fn set(&self, run: &Arc<RunRef>, deadline: Timestamp) {
        let mut inner = self.inner.lock();
        let first = inner.by_time.first().map(|(at, _)| *at);
        if let Some(previous) = inner.by_run.get(run).copied() {
            if deadline.is_set() && previous <= deadline {
                return;
            }
            inner.by_run.remove(run);
            inner.by_time.remove(&(previous, run.clone()));
        }
        if deadline.is_set() {
            inner.by_run.insert(run.clone(), deadline);
            inner.by_time.insert((deadline, run.clone()));
            if first.is_none_or(|first| deadline < first) {
                drop(inner);
                self.earlier.notify_one();
            }
        }
    }

    /// Takes the runs that are due, and says when the next one is.
    pub(crate) fn take_due(&self, now: Timestamp) -> (Vec<Arc<RunRef>>, Option<Timestamp>) {
        let mut inner = self.inner.lock();
        let mut due = Vec::new();
        while let Some((at, run)) = inner.by_time.first().cloned() {
            if at > now {
                return (due, Some(at));
            }
            inner.by_time.pop_first();
            inner.by_run.remove(&run);
            due.push(run);
        }
        (due, None)
    }

    /// Resolves when a deadline was set that is earlier than all others.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}

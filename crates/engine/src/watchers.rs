//! Wakes those who wait for a run's history to grow, at the moment it durably has.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// What of a run somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Any new event.
    Growth,
    /// That the run closes: most clients wait for a result, and need not be woken at every step towards it.
    Close,
}

/// Those who wait for one run.
#[derive(Debug, Default)]
struct Places {
    growth: Weak<Notify>,
    close: Weak<Notify>,
}

impl Places {
    fn of(&mut self, awaited: Awaited) -> &mut Weak<Notify> {
        match awaited {
            Awaited::Growth => &mut self.growth,
            Awaited::Close => &mut self.close,
        }
    }
}

/// Who waits for which run.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    runs: Mutex<HashMap<String, Places>>,
}

/// One waiter's place.
#[derive(Debug)]
pub(crate) struct Watch {
    run_id: String,
    notify: Arc<Notify>,
    watchers: Arc<Watchers>,
}

impl Watchers {
    pub(crate) fn watch(self: &Arc<Self>, run_id: &str, awaited: Awaited) -> Watch {
        let mut runs = self.runs.lock();
        let place = runs.entry(run_id.to_owned()).or_default().of(awaited);
        let notify = place.upgrade().unwrap_or_else(|| {
            let fresh = Arc::new(Notify::new());
            *place = Arc::downgrade(&fresh);
            fresh
        });
        Watch { run_id: run_id.to_owned(), notify, watchers: self.clone() }
    }

    /// A run's history has grown, perhaps by its last event.
    pub(crate) fn notify(&self, run_id: &str, is_closed: bool) {
        let (growth, close) = match self.runs.lock().get(run_id) {
            Some(places) => (places.growth.upgrade(), places.close.upgrade().filter(|_| is_closed)),
            None => return,
        };
        growth.into_iter().chain(close).for_each(|notify| notify.notify_waiters());
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
        if Arc::strong_count(&self.notify) == 1
            && let Some(places) = runs.get(&self.run_id)
        {
            // The other kind of waiters, if there are any, have a place of their own that is still held.
            let held = |place: &Weak<Notify>| {
                !place.ptr_eq(&Arc::downgrade(&self.notify)) && place.strong_count() > 0
            };
            if !held(&places.growth) && !held(&places.close) {
                runs.remove(&self.run_id);
            }
        }
    }
}

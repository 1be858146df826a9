//! Transfers that could not be delivered yet. What goes to one workflow id stays in order: while one
//! transfer waits, later ones to the same id wait behind it, and those to others are not held up.

use crate::kernel::Transfer;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The first pause before another attempt, and the longest: a read that fails for a moment costs little,
/// and one that keeps failing is not asked for more than a few times a minute.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

type Target = (String, String);

/// Transfers waiting for another attempt, by the workflow id they are for.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: BTreeMap<Target, VecDeque<(i64, Transfer)>>,
    failures: u32,
}

fn target(transfer: &Transfer) -> Target {
    (transfer.namespace.clone(), transfer.workflow_id.clone())
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a transfer in if others to the same id wait already; gives it back to be delivered otherwise.
    pub(super) fn queue_behind(&mut self, item: (i64, Transfer)) -> Option<(i64, Transfer)> {
        match self.waiting.get_mut(&target(&item.1)) {
            Some(queue) => {
                queue.push_back(item);
                None
            }
            None => Some(item),
        }
    }

    /// Keeps a transfer whose delivery failed, before all others to the same id.
    pub(super) fn keep(&mut self, item: (i64, Transfer)) {
        self.failures = self.failures.saturating_add(1);
        self.waiting.entry(target(&item.1)).or_default().push_front(item);
    }

    /// The first transfer of each id, for another attempt.
    pub(super) fn take_firsts(&mut self) -> Vec<(i64, Transfer)> {
        self.waiting.values_mut().filter_map(VecDeque::pop_front).collect()
    }

    /// A transfer was delivered: the next one to the same id, if one waits.
    pub(super) fn next_after(&mut self, delivered: &Transfer) -> Option<(i64, Transfer)> {
        self.failures = 0;
        let target = target(delivered);
        let next = self.waiting.get_mut(&target)?.pop_front();
        if next.is_none() {
            self.waiting.remove(&target);
        }
        next
    }

    /// How long to wait before the next attempt.
    pub(super) fn pause(&self) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(id: &str, key: i64) -> (i64, Transfer) {
        (key, Transfer { workflow_id: id.into(), ..Transfer::default() })
    }

    fn keys(items: &[(i64, Transfer)]) -> Vec<i64> {
        items.iter().map(|(key, _)| *key).collect()
    }

    #[test]
    fn one_id_that_fails_holds_back_only_its_own_and_in_order() {
        let mut backlog = Backlog::default();
        backlog.keep(to("a", 1));
        assert!(backlog.queue_behind(to("a", 2)).is_none());
        assert_eq!(backlog.queue_behind(to("b", 3)).map(|(key, _)| key), Some(3));
        let firsts = backlog.take_firsts();
        assert_eq!(keys(&firsts), [1]);
        backlog.keep(to("a", 1));
        assert_eq!(keys(&backlog.take_firsts()), [1]);
        assert_eq!(backlog.next_after(&firsts[0].1).map(|(key, _)| key), Some(2));
        assert!(backlog.next_after(&firsts[0].1).is_none());
        assert!(backlog.is_empty());
    }

    #[test]
    fn attempts_become_rarer() {
        let mut backlog = Backlog::default();
        backlog.keep(to("a", 1));
        assert_eq!(backlog.pause(), FIRST_PAUSE);
        backlog.keep(to("b", 2));
        assert_eq!(backlog.pause(), FIRST_PAUSE * 2);
        for key in 0..40 {
            backlog.keep(to("c", key));
        }
        assert_eq!(backlog.pause(), LONGEST_PAUSE);
    }
}

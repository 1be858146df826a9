//! Keyed rows of a run's state that remember which of them changed, so that a transition writes only
//! what it touched: a workflow with ten thousand pending activities pays for the one that completed. Rows
//! that wait for the clock are also indexed by when, so that finding the next of them is no scan.

use super::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A row, as far as a [`Table`] needs to know it.
pub(crate) trait Row {
    /// When this row next needs the clock; [`Timestamp::NONE`] for rows that wait for something else.
    fn due(&self) -> Timestamp {
        Timestamp::NONE
    }
}

/// A row's key, as it is stored.
pub(crate) trait Key: Ord + Clone {
    fn to_text(&self) -> String;
    fn from_text(text: &str) -> Option<Self>;
}

impl Key for i64 {
    fn to_text(&self) -> String {
        self.to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Key for String {
    fn to_text(&self) -> String {
        self.clone()
    }
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Rows of one kind, and the keys of those changed since the last [`Table::take_changes`].
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V> {
    /// Boxed, because a map has room for eleven from the first row on, and most hold one or none.
    rows: BTreeMap<K, Box<V>>,
    changed: BTreeSet<K>,
    /// When each row is due, as of the last [`Table::take_changes`]: what is in `changed` may differ.
    due: BTreeMap<K, Timestamp>,
    by_due: BTreeSet<(Timestamp, K)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
            due: BTreeMap::new(),
            by_due: BTreeSet::new(),
        }
    }
}

impl<K: Key, V: Row> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(Box::as_ref)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// The row for changing; it counts as changed from here on.
    pub(crate) fn edit(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.clone());
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: K, row: V) {
        self.changed.insert(key.clone());
        self.rows.insert(key, Box::new(row));
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.clone());
        Some(*row)
    }

    pub(crate) fn clear(&mut self) {
        self.changed.extend(std::mem::take(&mut self.rows).into_keys());
    }

    /// Removes and returns every row in key order.
    pub(crate) fn take_all(&mut self) -> Vec<V> {
        let rows = std::mem::take(&mut self.rows);
        self.changed.extend(rows.keys().cloned());
        rows.into_values().map(|row| *row).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, row.as_ref()))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values().map(Box::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn last_key(&self) -> Option<&K> {
        self.rows.last_key_value().map(|(key, _)| key)
    }

    /// Puts a stored row back without counting it as a change.
    pub(crate) fn restore(&mut self, key: K, row: V) {
        self.index(&key, row.due());
        self.rows.insert(key, Box::new(row));
    }

    /// When the first of the rows needs the clock; [`Timestamp::NONE`] if none does.
    pub(crate) fn next_due(&self) -> Timestamp {
        let settled = self.by_due.iter().find(|(_, key)| !self.changed.contains(key));
        self.changed_due()
            .map(|(at, _)| at)
            .fold(settled.map_or(Timestamp::NONE, |(at, _)| *at), Timestamp::earliest)
    }

    /// The rows that need the clock by `now`, earliest first.
    pub(crate) fn due_by(&self, now: Timestamp) -> Vec<K> {
        let settled = self
            .by_due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .filter(|(_, key)| !self.changed.contains(key))
            .map(|(at, key)| (*at, key));
        let changed = self.changed_due().filter(|(at, _)| *at <= now);
        let mut due: Vec<_> = settled.chain(changed).collect();
        due.sort();
        due.into_iter().map(|(_, key)| key.clone()).collect()
    }

    fn changed_due(&self) -> impl Iterator<Item = (Timestamp, &K)> {
        self.changed
            .iter()
            .filter_map(|key| Some((self.rows.get(key)?.due(), key)))
            .filter(|(at, _)| at.is_set())
    }

    fn index(&mut self, key: &K, due: Timestamp) {
        if let Some(before) = self.due.remove(key) {
            self.by_due.remove(&(before, key.clone()));
        }
        if due.is_set() {
            self.due.insert(key.clone(), due);
            self.by_due.insert((due, key.clone()));
        }
    }

    /// The changed keys with their rows; `None` where the row is gone.
    pub(crate) fn take_changes(&mut self) -> Vec<(K, Option<&V>)> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.changed);
        for key in &changed {
            let due = self.rows.get(key).map_or(Timestamp::NONE, |row| row.due());
            self.index(key, due);
        }
        let rows = &self.rows;
        changed.into_iter().map(|key| (key.clone(), rows.get(&key).map(Box::as_ref))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Row for i64 {
        fn due(&self) -> Timestamp {
            Timestamp(*self)
        }
    }

    proptest! {
        /// The index says what a scan would say, whenever it is asked.
        #[test]
        fn the_index_agrees_with_a_scan(
            steps in prop::collection::vec((0_i64..12, 0_i64..20, 0_u8..4), 1..60),
            now in 0_i64..20,
        ) {
            let mut table: Table<i64, i64> = Table::default();
            for (key, due, what) in steps {
                match what {
                    0 => table.insert(key, due),
                    1 => { table.remove(&key); }
                    2 => if let Some(row) = table.edit(&key) { *row = due; },
                    _ => { table.take_changes(); }
                }
                let mut scanned: Vec<_> =
                    table.iter().filter(|(_, at)| **at != 0).map(|(key, at)| (*at, *key)).collect();
                scanned.sort_unstable();
                prop_assert_eq!(table.next_due().0, scanned.first().map_or(0, |(at, _)| *at));
                let due: Vec<_> =
                    scanned.iter().filter(|(at, _)| *at <= now).map(|(_, key)| *key).collect();
                prop_assert_eq!(table.due_by(Timestamp(now)), due);
            }
        }
    }
}

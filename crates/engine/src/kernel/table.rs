//! Keyed rows of a run's state that remember which of them changed, so that a transition writes only
//! what it touched: a workflow with ten thousand pending activities pays for the one that completed.

use std::collections::{BTreeMap, BTreeSet};

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
    rows: BTreeMap<K, V>,
    changed: BTreeSet<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K: Key, V> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
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
        self.rows.insert(key, row);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.clone());
        Some(row)
    }

    pub(crate) fn clear(&mut self) {
        self.changed.extend(std::mem::take(&mut self.rows).into_keys());
    }

    /// Removes and returns every row in key order.
    pub(crate) fn take_all(&mut self) -> Vec<V> {
        let rows = std::mem::take(&mut self.rows);
        self.changed.extend(rows.keys().cloned());
        rows.into_values().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values()
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
        self.rows.insert(key, row);
    }

    /// The changed keys with their rows; `None` where the row is gone.
    pub(crate) fn take_changes(&mut self) -> Vec<(K, Option<&V>)> {
        let rows = &self.rows;
        std::mem::take(&mut self.changed).into_iter().map(|key| (key.clone(), rows.get(&key))).collect()
    }
}

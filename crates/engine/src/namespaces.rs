//! The namespaces of this engine.

use crate::storage::NamespaceRecord;
use parking_lot::RwLock;
use std::collections::BTreeMap;

/// All of them, by name.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    by_name: RwLock<BTreeMap<String, NamespaceRecord>>,
}

impl Namespaces {
    pub(crate) fn new(records: Vec<NamespaceRecord>) -> Self {
        let by_name = records.into_iter().map(|record| (record.name.clone(), record)).collect();
        Self { by_name: RwLock::new(by_name) }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.read().contains_key(name)
    }

    /// By name, or by id where the name is empty.
    pub(crate) fn find(&self, name: &str, id: &str) -> Option<NamespaceRecord> {
        let by_name = self.by_name.read();
        if name.is_empty() {
            return by_name.values().find(|record| !id.is_empty() && record.id == id).cloned();
        }
        by_name.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<NamespaceRecord> {
        self.by_name.read().values().cloned().collect()
    }

    pub(crate) fn insert(&self, record: NamespaceRecord) {
        self.by_name.write().insert(record.name.clone(), record);
    }
}

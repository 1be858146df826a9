//! The namespaces of this engine, in memory: who may be named in a request, and with which search attributes.

use crate::proto::enums::{IndexedValueType as Kind, NamespaceState};
use crate::storage::NamespaceRecord;
use crate::visibility::Attributes;
use crate::visibility::attributes::Custom;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All of them, by name.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    by_name: RwLock<BTreeMap<String, Known>>,
    /// Whoever changes a namespace holds this from reading it to inserting it again.
    pub changing: tokio::sync::Mutex<()>,
    /// Told when retention may have become shorter or a namespace is to go.
    pub changed: tokio::sync::Notify,
}

#[derive(Debug)]
struct Known {
    record: NamespaceRecord,
    attributes: Arc<Attributes>,
}

impl Namespaces {
    pub(crate) fn new(records: Vec<NamespaceRecord>) -> Self {
        let by_name = records.into_iter().map(|record| (record.name.clone(), Known::from(record))).collect();
        Self { by_name: RwLock::new(by_name), ..Self::default() }
    }

    /// Whether requests may name it.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.read().get(name).is_some_and(|known| !is_deleted(&known.record))
    }

    /// By name, or by id where the name is empty.
    pub(crate) fn find(&self, name: &str, id: &str) -> Option<NamespaceRecord> {
        let by_name = self.by_name.read();
        let known = if name.is_empty() {
            by_name.values().find(|known| !id.is_empty() && known.record.id == id)
        } else {
            by_name.get(name)
        };
        known.map(|known| known.record.clone()).filter(|record| !is_deleted(record))
    }

    /// Also those that are being deleted.
    pub(crate) fn all(&self) -> Vec<NamespaceRecord> {
        self.by_name.read().values().map(|known| known.record.clone()).collect()
    }

    /// Whether the name was deleted and its runs are not all gone yet.
    pub(crate) fn is_going(&self, name: &str) -> bool {
        self.by_name.read().get(name).is_some_and(|known| is_deleted(&known.record))
    }

    pub(crate) fn insert(&self, record: NamespaceRecord) {
        self.by_name.write().insert(record.name.clone(), Known::from(record));
        self.changed.notify_one();
    }

    pub(crate) fn remove(&self, name: &str) {
        self.by_name.write().remove(name);
    }

    /// The search attributes of a namespace.
    pub(crate) fn attributes(&self, name: &str) -> Arc<Attributes> {
        self.by_name.read().get(name).map_or_else(Arc::default, |known| known.attributes.clone())
    }
}

/// Whether a namespace is only there until its runs are gone.
pub(crate) fn is_deleted(record: &NamespaceRecord) -> bool {
    record.state == NamespaceState::Deleted as i32
}

impl From<NamespaceRecord> for Known {
    fn from(record: NamespaceRecord) -> Self {
        let custom = record.search_attributes.iter().map(|attribute| {
            let kind = Kind::try_from(attribute.kind).unwrap_or_default();
            (attribute.name.clone(), Custom { id: attribute.id, kind })
        });
        let attributes = Arc::new(Attributes { custom: custom.collect() });
        Self { record, attributes }
    }
}

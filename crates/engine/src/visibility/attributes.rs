//! Search attributes: the names a filter may use, and their types.

use crate::proto::enums::IndexedValueType as Kind;
use std::collections::BTreeMap;

/// An attribute that every run has by itself; it cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    WorkflowId,
    RunId,
    WorkflowType,
    StartTime,
    ExecutionTime,
    CloseTime,
    ExecutionStatus,
    TaskQueue,
    HistoryLength,
    ExecutionDuration,
    StateTransitionCount,
    HistorySizeBytes,
    ParentWorkflowId,
    ParentRunId,
    RootWorkflowId,
    RootRunId,
}

/// The names of system attributes with their types, as the protocol's reference server has them.
pub(crate) const SYSTEM: [(&str, System, Kind); 16] = [
    ("WorkflowId", System::WorkflowId, Kind::Keyword),
    ("RunId", System::RunId, Kind::Keyword),
    ("WorkflowType", System::WorkflowType, Kind::Keyword),
    ("StartTime", System::StartTime, Kind::Datetime),
    ("ExecutionTime", System::ExecutionTime, Kind::Datetime),
    ("CloseTime", System::CloseTime, Kind::Datetime),
    ("ExecutionStatus", System::ExecutionStatus, Kind::Keyword),
    ("TaskQueue", System::TaskQueue, Kind::Keyword),
    ("HistoryLength", System::HistoryLength, Kind::Int),
    ("ExecutionDuration", System::ExecutionDuration, Kind::Int),
    ("StateTransitionCount", System::StateTransitionCount, Kind::Int),
    ("HistorySizeBytes", System::HistorySizeBytes, Kind::Int),
    ("ParentWorkflowId", System::ParentWorkflowId, Kind::Keyword),
    ("ParentRunId", System::ParentRunId, Kind::Keyword),
    ("RootWorkflowId", System::RootWorkflowId, Kind::Keyword),
    ("RootRunId", System::RootRunId, Kind::Keyword),
];

/// Attributes that exist in every namespace and that SDKs and tools may set. The stored id of each is the
/// negative of its place here, counted from 1: append only.
pub(crate) const PREDEFINED: [(&str, Kind); 11] = [
    ("TemporalChangeVersion", Kind::KeywordList),
    ("BinaryChecksums", Kind::KeywordList),
    ("BuildIds", Kind::KeywordList),
    ("BatcherNamespace", Kind::Keyword),
    ("BatcherUser", Kind::Keyword),
    ("TemporalScheduledStartTime", Kind::Datetime),
    ("TemporalScheduledById", Kind::Keyword),
    ("TemporalSchedulePaused", Kind::Bool),
    ("TemporalNamespaceDivision", Kind::Keyword),
    ("TemporalPauseInfo", Kind::KeywordList),
    ("TemporalReportedProblems", Kind::KeywordList),
];

/// Names that no attribute may have, beside those above.
const RESERVED: [&str; 4] = ["NamespaceId", "MemoEncoding", "Memo", "VisibilityTaskKey"];
/// The prefix of names that belong to the protocol.
const RESERVED_PREFIX: &str = "Temporal";

/// Where an attribute's values are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    System(System),
    /// Rows of the table of search values, under this id.
    Stored(i64),
}

/// An attribute that a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub source: Source,
    pub kind: Kind,
}

/// An attribute someone added to a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Custom {
    /// Never given to another attribute of the namespace, so that what was stored under a removed one stays hidden.
    pub id: i64,
    pub kind: Kind,
}

/// The search attributes of one namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Attributes {
    pub custom: BTreeMap<String, Custom>,
}

impl Attributes {
    /// The attribute a filter means by a name. As the reference server has it, `ScheduleId` is the workflow
    /// id, and the prefix `Temporal` may be left out or added.
    pub(crate) fn named(&self, name: &str) -> Option<Attribute> {
        self.stored(name).or_else(|| system(name)).or_else(|| {
            let unprefixed = name.strip_prefix(RESERVED_PREFIX);
            if unprefixed.unwrap_or(name) == "ScheduleId" {
                return system("WorkflowId");
            }
            match unprefixed {
                Some(bare) => self.stored(bare).or_else(|| system(bare)),
                None => self.stored(&format!("{RESERVED_PREFIX}{name}")),
            }
        })
    }

    /// The attribute of this very name, if it is one that can be set.
    pub(crate) fn stored(&self, name: &str) -> Option<Attribute> {
        if let Some(custom) = self.custom.get(name) {
            return Some(Attribute { source: Source::Stored(custom.id), kind: custom.kind });
        }
        let place = PREDEFINED.iter().position(|(predefined, _)| *predefined == name)?;
        Some(Attribute { source: Source::Stored(-(place as i64) - 1), kind: PREDEFINED[place].1 })
    }
}

fn system(name: &str) -> Option<Attribute> {
    SYSTEM
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, system, kind)| Attribute { source: Source::System(*system), kind: *kind })
}

/// Whether a run has this attribute by itself.
pub(crate) fn is_system(name: &str) -> bool {
    system(name).is_some()
}

/// Whether a name cannot be given to a custom attribute.
pub(crate) fn is_reserved(name: &str) -> bool {
    is_system(name) || is_predefined(name) || RESERVED.contains(&name) || name.starts_with(RESERVED_PREFIX)
}

/// Whether every namespace has this attribute.
pub(crate) fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(known, _)| *known == name)
}

/// A type's name as messages and metadata write it.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Unspecified => "Unspecified",
        Kind::Text => "Text",
        Kind::Keyword => "Keyword",
        Kind::Int => "Int",
        Kind::Double => "Double",
        Kind::Bool => "Bool",
        Kind::Datetime => "Datetime",
        Kind::KeywordList => "KeywordList",
    }
}

//! How much the team may do without asking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The autonomy level of a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Ask at every phase, every sprint and every risky tool call.
    FullControl,
    /// Ask after architecture, at each sprint's end and for risky tool calls.
    #[default]
    Milestone,
    /// Ask only for what policy forbids to automate.
    Autonomous,
}

/// A place in a project where a human may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checkpoint {
    /// The requirements and backlog are written.
    Discovery,
    /// The architecture is written.
    Architecture,
    /// A sprint's work is developed and reviewed, and about to go to QA.
    SprintReview,
    /// A sprint is finished.
    SprintEnd,
    /// Everything is done and about to be delivered.
    Delivery,
    /// An agent wants to call a tool that policy marks as risky.
    RiskyTool,
}

impl Autonomy {
    /// The level's name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullControl => "full_control",
            Self::Milestone => "milestone",
            Self::Autonomous => "autonomous",
        }
    }

    /// Whether a human is asked at this checkpoint.
    pub fn asks_at(self, checkpoint: Checkpoint) -> bool {
        match self {
            Self::FullControl => true,
            Self::Milestone => {
                matches!(checkpoint, Checkpoint::Architecture | Checkpoint::SprintEnd | Checkpoint::RiskyTool)
            }
            Self::Autonomous => false,
        }
    }
}

impl fmt::Display for Autonomy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An autonomy level that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no autonomy level `{0}`; the levels are full_control, milestone, autonomous")]
pub struct UnknownAutonomy(pub String);

impl FromStr for Autonomy {
    type Err = UnknownAutonomy;
    fn from_str(text: &str) -> Result<Self, UnknownAutonomy> {
        [Self::FullControl, Self::Milestone, Self::Autonomous]
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| UnknownAutonomy(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_where() {
        let asks = |checkpoint: Checkpoint| {
            [Autonomy::FullControl, Autonomy::Milestone, Autonomy::Autonomous]
                .map(|level| level.asks_at(checkpoint))
        };
        for (checkpoint, expected) in [
            (Checkpoint::Discovery, [true, false, false]),
            (Checkpoint::Architecture, [true, true, false]),
            (Checkpoint::SprintReview, [true, false, false]),
            (Checkpoint::SprintEnd, [true, true, false]),
            (Checkpoint::Delivery, [true, false, false]),
            (Checkpoint::RiskyTool, [true, true, false]),
        ] {
            assert_eq!(asks(checkpoint), expected, "{checkpoint:?}");
        }
    }

    #[test]
    fn names_are_read_back_and_others_refused() {
        for level in [Autonomy::FullControl, Autonomy::Milestone, Autonomy::Autonomous] {
            assert_eq!(level.as_str().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).expect("stores"), level.as_str());
        }
        for bad in ["", "Milestone", "full-control", " milestone"] {
            assert_eq!(bad.parse::<Autonomy>(), Err(UnknownAutonomy(bad.to_owned())));
        }
    }
}

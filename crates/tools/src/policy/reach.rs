//! How far what a session runs can reach.

use serde::{Deserialize, Serialize};

use crate::workspace_server::SandboxRequirement;

/// What the workspace tools of a session can touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The agent's own clone and its scratch folder, and nothing else.
    OwnClone,
    /// The network, or whatever else the machine does not deny.
    Outside,
}

impl Reach {
    /// How far it is. Where full confinement is demanded, what is not confined is not run; where the best that can be had
    /// is enough, it depends on whether the machine `enforces` all of it.
    pub fn of(demanded: SandboxRequirement, enforces: bool, network: bool) -> Self {
        let confined = demanded == SandboxRequirement::Full || enforces;
        if confined && !network { Self::OwnClone } else { Self::Outside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_confined_and_without_network_stays_in_its_clone() {
        use SandboxRequirement::{BestEffort, Full};
        for (demanded, enforces, network, expected) in [
            (Full, true, false, Reach::OwnClone),
            (Full, false, false, Reach::OwnClone),
            (Full, true, true, Reach::Outside),
            (BestEffort, true, false, Reach::OwnClone),
            (BestEffort, false, false, Reach::Outside),
            (BestEffort, true, true, Reach::Outside),
            (BestEffort, false, true, Reach::Outside),
        ] {
            let found = Reach::of(demanded, enforces, network);
            assert_eq!(found, expected, "{demanded:?}, enforced: {enforces}, network: {network}");
        }
    }
}

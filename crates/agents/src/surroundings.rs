//! What an agent is told about the place it works in: the machine, the repository and its habits.

use serde::{Deserialize, Serialize};

/// Where an agent works, in words. It is found once for a project and told with every run; what is not known is left
/// empty, and nothing is said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// What is installed, how one test is run, and what cannot be reached.
    pub environment: String,
    /// The repository's own instructions, such as its `AGENTS.md`: each file's path and its text, the nearest folder
    /// first.
    pub instructions: Vec<(String, String)>,
    /// The repository's folders and main files, what matters most first.
    pub map: String,
    /// The repository's languages in lower case, such as `python`, the one most used first. They decide which
    /// examples agents are shown.
    pub languages: Vec<String>,
    /// The commands that check the repository, in the order in which they are run.
    pub checks: Vec<String>,
    /// What the checks said before anything was changed, where it was not that all is well.
    pub check_note: Option<String>,
    /// Where the repository's dependencies lie.
    pub dependencies: String,
}

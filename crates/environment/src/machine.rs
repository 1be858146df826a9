//! The facts of a machine that decide which toolchains can be used.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a machine offers, as values: no function of [`crate::find`] looks at the machine itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The programs on the user's search path, by name; the first of each name.
    pub programs: BTreeMap<String, PathBuf>,
    /// The installed versions of each language by the user's version managers and the system, such as `python`, `node`,
    /// `java`, `ruby`, `go`: the best choice where nothing is asked for comes first.
    pub installed: BTreeMap<String, Vec<Installed>>,
}

/// One installed version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// The folder of its programs.
    pub bin: PathBuf,
    /// Who installed it, such as `pyenv` or `system`.
    pub by: String,
}

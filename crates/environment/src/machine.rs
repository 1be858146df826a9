//! The facts of a machine that decide which toolchains can be used.

mod installed;
mod probe;
mod readable;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use probe::probe;
pub use readable::readable;
pub use variables::variables;

/// How an environment variable is asked for; one that is empty counts as not set.
pub type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

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

impl Machine {
    /// Whether a program is on the search path.
    pub fn has(&self, program: &str) -> bool {
        self.programs.contains_key(program)
    }

    /// The installed versions of a language, the best choice first.
    pub fn versions(&self, language: &str) -> &[Installed] {
        self.installed.get(language).map_or(&[], Vec::as_slice)
    }

    /// Whether a folder of programs is on the search path, as far as a program in it tells.
    pub fn searches(&self, bin: &Path) -> bool {
        self.programs.values().any(|program| program.parent() == Some(bin))
    }
}

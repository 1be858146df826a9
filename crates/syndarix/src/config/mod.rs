//! Configuration: `syndarix.toml`, what holds without it, and what of it is usable on this machine.
//!
//! - [`file`]: the file's shape.
//! - [`command`]: a command as a person writes it.
//! - [`read`]: finding and reading it; what is wrong with it, by line.
//! - [`readable`]: the folders that agents' commands may read, looked up on this machine.
//! - [`providers`]: the providers of models it names, and those that the environment brings.
//! - [`audience`]: who gets the tools of the MCP servers it names.
//! - [`show`]: what is effective, for people, without secrets.
//!
//! A secret is never in the file: the file names the environment variable that holds it.

pub(crate) mod audience;
pub(crate) mod command;
pub(crate) mod file;
pub(crate) mod providers;
mod read;
mod readable;
pub(crate) mod show;

use std::path::PathBuf;

#[cfg(test)]
pub(crate) use read::parse;
pub(crate) use read::{load, nearest};

use crate::config::file::File;

/// What is configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// The file it was read from; `None` where there is none.
    pub(crate) path: Option<PathBuf>,
    /// What the file says.
    pub(crate) file: File,
}

impl Config {
    /// A path that the file names, which is relative to the file.
    pub(crate) fn relative(&self, path: &std::path::Path) -> PathBuf {
        match self.path.as_ref().and_then(|file| file.parent()) {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }
}

/// The environment, as far as configuration reads it; a function so that tests can bring their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment. A variable that is set to nothing counts as not set.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

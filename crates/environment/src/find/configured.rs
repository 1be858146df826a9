//! What the user says of the environment, in `[environment]` of `syndarix.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::words;

/// `[environment]`: what is said here is not looked for elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// The commands that install dependencies, in order; an empty list where nothing is to be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_up: Option<Vec<Command>>,
    /// The commands that decide whether a state is good, in order; an empty list where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Command>>,
    /// Variables for both, in addition to what is found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The same for single folders, `""` or `"."` being the root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, ConfiguredPart>,
}

/// What the repository's own file may not say, because it grants something of this machine: that belongs into the user's.
const THE_USERS_ALONE: &[&str] =
    &["allow_set_up", "pass", "without", "set_up_timeout_ms", "set_up_disk_bytes"];

/// `[environment.parts."folder"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredPart {
    /// The commands that install dependencies, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_up: Option<Vec<Command>>,
    /// The commands that decide whether a state is good, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<Command>>,
    /// Variables for both, in addition to what is found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// A command: a line, or its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Command {
    /// A line, split as a shell would.
    Line(String),
    /// A program and its arguments, taken as they are.
    Words(Vec<String>),
}

impl Command {
    /// The program and its arguments.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Line(line) => words(line),
            Self::Words(words) => words.clone(),
        }
    }
}

impl Configured {
    /// What the text of a repository's own `syndarix.toml` says, and which of its keys only the user's own may have. The
    /// other tables are not about the repository, and are passed over.
    ///
    /// # Errors
    ///
    /// The text is not TOML, or its `[environment]` has what nobody knows.
    pub fn in_repository(text: &str) -> Result<(Self, Vec<String>), toml::de::Error> {
        let mut table: toml::Table = text.parse()?;
        let Some(said) = table.remove("environment") else { return Ok(Default::default()) };
        let mut ignored = Vec::new();
        let said = match said {
            toml::Value::Table(mut said) => {
                said.retain(|key, _| {
                    let is_the_users = THE_USERS_ALONE.contains(&key);
                    if is_the_users {
                        ignored.push(key.to_owned());
                    }
                    !is_the_users
                });
                toml::Value::Table(said)
            }
            other => other,
        };
        Ok((said.try_into()?, ignored))
    }

    /// What is said of each folder; the root's own keys and `parts.""` are one.
    pub(super) fn folders(&self) -> BTreeMap<String, ConfiguredPart> {
        let mut folders = BTreeMap::new();
        if self.set_up.is_some() || self.checks.is_some() || !self.variables.is_empty() {
            let (set_up, checks) = (self.set_up.clone(), self.checks.clone());
            folders
                .insert(String::new(), ConfiguredPart { set_up, checks, variables: self.variables.clone() });
        }
        for (folder, part) in &self.parts {
            let folder = folder.trim_start_matches("./").trim_matches('/');
            let folder = if folder == "." { "" } else { folder };
            let known: &mut ConfiguredPart = folders.entry(folder.to_owned()).or_default();
            known.set_up = part.set_up.clone().or(known.set_up.take());
            known.checks = part.checks.clone().or(known.checks.take());
            known.variables.extend(part.variables.clone());
        }
        folders
    }
}

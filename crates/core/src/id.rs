//! Identifiers. Ids that name something inside a project start with the project's id, so that a retried
//! step that creates the same thing again arrives at the same id and changes nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a string is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {kind}: {reason}")]
pub struct InvalidId {
    /// The kind of identifier expected, in words.
    pub kind: &'static str,
    /// What was given.
    pub value: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The longest identifier accepted; they become file, branch and workflow names.
pub const MAX_ID_LENGTH: usize = 160;

fn validate(kind: &'static str, value: &str) -> Result<(), InvalidId> {
    let fail = |reason| Err(InvalidId { kind, value: value.to_owned(), reason });
    if value.is_empty() {
        return fail("it is empty");
    }
    if value.len() > MAX_ID_LENGTH {
        return fail("it is longer than 160 bytes");
    }
    if !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'.' | b'#')) {
        return fail("only ASCII letters, digits and - _ / . # are allowed");
    }
    if value.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return fail("its parts must not be empty, `.` or `..`");
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and wraps a string.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
                let value = value.into();
                validate($kind, &value)?;
                Ok(Self(value))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(value: String) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(/// One engagement, such as `slugline-7f3a9c`.
    ProjectId, "project id");
id!(/// A named member of one project's team: `PROJECT/dave`.
    AgentId, "agent id");
id!(/// A unit of work in one project: `PROJECT/T-3`.
    TaskId, "task id");
id!(/// One execution of an agent's graph: `TASK/run-1`.
    RunId, "run id");
id!(/// An envelope between agents.
    MessageId, "message id");
id!(/// A decision asked of a human: `PROJECT/A-2`.
    ApprovalId, "approval id");
id!(/// A named document or file an agent produced: `PROJECT/requirements.md`.
    ArtifactId, "artifact id");

impl ProjectId {
    /// Builds the id of a new project from a title and six random hexadecimal digits.
    ///
    /// The title only serves the reader; the digits make it unique.
    pub fn from_title(title: &str, random: u32) -> Self {
        let mut slug = String::new();
        for c in title.chars().flat_map(char::to_lowercase) {
            if slug.len() >= 24 {
                break;
            }
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let slug = slug.trim_end_matches('-');
        let slug = if slug.is_empty() { "project" } else { slug };
        Self(format!("{slug}-{:06x}", random & 0x00ff_ffff))
    }

    /// The id of the task with this number.
    pub fn task(&self, number: u32) -> TaskId {
        TaskId(format!("{}/T-{number}", self.0))
    }

    /// The id of the approval with this number.
    pub fn approval(&self, number: u32) -> ApprovalId {
        ApprovalId(format!("{}/A-{number}", self.0))
    }

    /// The id of the agent with this name.
    pub fn agent(&self, name: &str) -> Result<AgentId, InvalidId> {
        AgentId::new(format!("{}/{}", self.0, name.to_lowercase()))
    }
}

impl TaskId {
    /// The part a person uses within a project, such as `T-3`.
    pub fn key(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The id of this task's run with this number.
    pub fn run(&self, number: u32) -> RunId {
        RunId(format!("{}/run-{number}", self.0))
    }
}

impl ApprovalId {
    /// The part a person uses within a project, such as `A-2`.
    pub fn key(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_id_is_readable_and_safe() {
        let cases = [
            ("Slug line: add `--json`!", 0x007f_3a9c, "slug-line-add-json-7f3a9c"),
            ("", 1, "project-000001"),
            ("../../etc/passwd", 2, "etc-passwd-000002"),
            ("Größe ändern", 3, "gr-e-ndern-000003"),
        ];
        for (title, random, expected) in cases {
            assert_eq!(ProjectId::from_title(title, random).as_str(), expected);
        }
    }

    #[test]
    fn ids_that_could_escape_a_folder_are_refused() {
        for bad in ["", "a//b", "a/../b", "../a", "a b", "a\n", "a:b"] {
            assert!(TaskId::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(serde_json::from_str::<TaskId>("\"../x\"").is_err());
    }
}

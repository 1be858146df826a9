//! What is wrong with a team file, by line.

use std::fmt;

/// One thing that is wrong with a team file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1, where it is.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A team file that cannot be used. It names everything that is wrong, not only the first thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamError {
    /// The file's name.
    pub file: String,
    /// What is wrong with it, in the order of its lines; never empty.
    pub problems: Vec<Problem>,
}

impl TeamError {
    /// A team that was stored with a project and cannot be read.
    pub(crate) fn stored(message: &str) -> Self {
        Self {
            file: "the team stored with the project".to_owned(),
            problems: vec![Problem { line: 1, message: message.to_owned(), hint: None }],
        }
    }

    /// What to do about the first problem that has an answer.
    pub fn hint(&self) -> Option<&str> {
        self.problems.iter().find_map(|problem| problem.hint.as_deref())
    }
}

impl fmt::Display for TeamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: {}", self.file, problem.line, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for TeamError {}

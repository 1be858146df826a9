//! Where things lie in the data directory.

use std::path::{Path, PathBuf};

use syndarix_core::id::ProjectId;

use crate::types::WorkRequest;

/// The folders of one data directory.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below this data directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The engine's database.
    pub fn engine(&self) -> PathBuf {
        self.root.join("engine.db")
    }

    /// Everything of one project but its records.
    pub fn project(&self, project: &ProjectId) -> PathBuf {
        self.root.join("projects").join(project.as_str())
    }

    /// The project's own repository.
    pub fn repository(&self, project: &ProjectId) -> PathBuf {
        self.project(project).join("repository")
    }

    /// The clone in which one piece of work happens. Development of a task goes on in the same clone from
    /// round to round; every other stage has one of its own.
    pub fn workspace(&self, work: &WorkRequest) -> PathBuf {
        let folder = if work.changes_code() {
            work.task.key().to_owned()
        } else {
            format!("{}-{}-{}", work.task.key(), work.stage.as_str(), work.round)
        };
        self.project(&work.project).join("work").join(folder)
    }

    /// The clone in which a task's branch is merged and checked before it becomes part of the result.
    pub fn integration(&self, project: &ProjectId) -> PathBuf {
        self.project(project).join("integration")
    }

    /// The scratch folder of one agent: its `HOME` and `TMPDIR`.
    pub fn scratch(&self, project: &ProjectId, owner: &str) -> PathBuf {
        self.project(project).join("scratch").join(owner)
    }
}

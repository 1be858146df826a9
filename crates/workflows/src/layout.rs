//! Where things lie in the data directory.

use std::path::{Path, PathBuf};

use syndarix_core::id::ProjectId;

use crate::types::WorkRequest;

/// The folders of one data directory, and of the work done for it.
///
/// Work trees do not lie in the data directory, because that lies in the user's own project as often as not, and
/// build tools look upwards: Cargo takes the `Cargo.toml` of a folder above for the workspace's root, and fails.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    work: PathBuf,
}

impl Layout {
    /// The layout of this data directory, with work trees and build output below `work`.
    pub fn new(root: impl Into<PathBuf>, work: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), work: work.into() }
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

    /// Everything that agents and checks work in. What counts is fetched from here into the repository, so it
    /// can be made again.
    pub fn work(&self, project: &ProjectId) -> PathBuf {
        self.work.join(project.as_str())
    }

    /// The clone in which one piece of work happens. Development of a task goes on in the same clone from
    /// round to round; every other stage has one of its own.
    pub fn workspace(&self, work: &WorkRequest) -> PathBuf {
        let folder = if work.changes_code() {
            work.task.key().to_owned()
        } else {
            format!("{}-{}-{}", work.task.key(), work.stage.as_str(), work.round)
        };
        self.work(&work.project).join("trees").join(folder)
    }

    /// The clone in which what was handed in is checked: `what` tells a proof from a trial merge.
    pub fn clean_clone(&self, work: &WorkRequest, what: &str) -> PathBuf {
        self.work(&work.project).join(what).join(format!("{}-{}", work.task.key(), work.round))
    }

    /// What was installed for repositories, shared by all projects.
    pub fn environments(&self) -> PathBuf {
        self.work.join("environments")
    }

    /// The scratch folder of a piece of work: home and temporary files of its commands. It goes with the clone, and no
    /// other work sees it.
    pub fn scratch_of(&self, work: &WorkRequest) -> PathBuf {
        let clone = self.workspace(work);
        let name = clone.file_name().unwrap_or_default();
        self.work(&work.project).join("scratch").join(name)
    }
}

//! Artifacts: named documents that agents produce, in versions.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use syndarix_core::blob::BlobHash;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, ArtifactId, ProjectId, TaskId};
use syndarix_core::time::Timestamp;

use crate::blobs::{self, Content};
use crate::columns::{hash, optional_word, time, word};
use crate::error::Error;
use crate::store::Store;
use crate::{agents, journal, projects, tasks};

/// The latest version of an artifact, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// `PROJECT/requirements.md`.
    pub id: ArtifactId,
    /// Its name in the project.
    pub name: String,
    /// Which version, from 1.
    pub version: u32,
    /// Its content.
    pub content: BlobHash,
    /// Who wrote this version, unless it was the program itself.
    pub agent: Option<AgentId>,
    /// The task it was written for, if any.
    pub task: Option<TaskId>,
    /// When this version was written.
    pub at: Timestamp,
}

fn artifact(row: &Row<'_>) -> rusqlite::Result<ArtifactRecord> {
    Ok(ArtifactRecord {
        id: word(row, "id")?,
        name: row.get("name")?,
        version: row.get("version")?,
        content: hash(row, "content")?,
        agent: optional_word(row, "agent")?,
        task: optional_word(row, "task")?,
        at: time(row, "at")?,
    })
}

const LATEST: &str = "SELECT * FROM artifacts WHERE id = ?1 ORDER BY version DESC LIMIT 1";

impl Store {
    /// Writes a document as the next version under its name; writing again what is there changes nothing.
    pub async fn write_artifact(
        &self,
        project: &ProjectId,
        name: &str,
        bytes: Vec<u8>,
        agent: Option<&AgentId>,
        task: Option<&TaskId>,
    ) -> Result<BlobHash, Error> {
        let id = ArtifactId::new(format!("{project}/{name}"))
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let (project, name, agent, task) = (project.clone(), name.to_owned(), agent.cloned(), task.cloned());
        let content = Content::new(bytes).await?;
        self.write(move |tx| {
            projects::get(tx, &project)?;
            if let Some(agent) = &agent {
                agents::get_member(tx, &project, agent)?;
            }
            if let Some(task) = &task {
                tasks::get_of(tx, &project, task)?;
            }
            let latest = tx.prepare_cached(LATEST)?.query_row([id.as_str()], artifact).optional()?;
            if latest.as_ref().is_some_and(|latest| latest.content == *content.hash()) {
                return Ok(content.hash().clone());
            }
            let version = latest.map_or(1, |latest| latest.version + 1);
            tx.prepare_cached(
                "INSERT INTO artifacts (id, version, project, name, content, agent, task, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                id.as_str(),
                version,
                project.as_str(),
                name,
                blobs::put(tx, &content)?.as_str(),
                agent.as_ref().map(AgentId::as_str),
                task.as_ref().map(TaskId::as_str),
                tx.now().0,
            ])?;
            let kind = EventKind::ArtifactWritten { artifact: id, name, content: content.hash().clone() };
            journal::record(tx, &NewEvent { project, agent, task, kind })?;
            Ok(content.hash().clone())
        })
        .await
    }

    /// The latest version of one artifact.
    pub async fn artifact(&self, project: &ProjectId, name: &str) -> Result<ArtifactRecord, Error> {
        let id = format!("{project}/{name}");
        self.read(move |connection| {
            connection
                .prepare_cached(LATEST)?
                .query_row([&id], artifact)
                .optional()?
                .ok_or_else(|| Error::not_found("artifact", id))
        })
        .await
    }

    /// The latest version of each of a project's artifacts, by name.
    pub async fn artifacts(&self, project: &ProjectId) -> Result<Vec<ArtifactRecord>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT *, max(version) FROM artifacts WHERE project = ?1 GROUP BY id ORDER BY name",
            )?;
            let rows = statement.query_map([project.as_str()], artifact)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

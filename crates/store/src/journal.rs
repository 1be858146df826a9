//! The journal: every fact, in the order in which the changes it tells were committed.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use syndarix_core::event::{EVENT_VERSION, Event, EventKind, NewEvent};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::ports::{Journal, PortError};

use crate::columns::{Json, integer, json, optional_word, time, unsigned, word};
use crate::error::Error;
use crate::store::Store;
use crate::writer::Tx;

/// Which part of the journal to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Only events after this one; zero is from the beginning.
    pub after: u64,
    /// At most this many.
    pub limit: u32,
    /// Only events of this project.
    pub project: Option<ProjectId>,
}

/// Records a fact in the transaction of the change it tells. Its number follows the highest one: since there
/// is one writer, and a change that is taken back takes its events with it, no number is ever left out.
pub(crate) fn record(tx: &Tx<'_>, event: &NewEvent) -> Result<(), Error> {
    let inserted = tx
        .prepare_cached(
            "INSERT INTO events (seq, at, project, agent, task, version, name, kind)
             SELECT coalesce(max(seq), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM events",
        )?
        .execute(params![
            tx.now().0,
            event.project.as_str(),
            event.agent.as_ref().map(AgentId::as_str),
            event.task.as_ref().map(TaskId::as_str),
            EVENT_VERSION,
            event.kind.name(),
            Json(&event.kind),
        ])
        .map_err(Error::from);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.is_missing_reference() => {
            Err(Error::not_found("project", event.project.as_str()))
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn record_all(tx: &Tx<'_>, events: &[NewEvent]) -> Result<(), Error> {
    events.iter().try_for_each(|event| record(tx, event))
}

/// A fact about a project as a whole.
pub(crate) fn about_project(project: &ProjectId, kind: EventKind) -> NewEvent {
    NewEvent { project: project.clone(), agent: None, task: None, kind }
}

/// Whether the project's journal has this very fact.
pub(crate) fn has(connection: &Connection, project: &ProjectId, kind: &EventKind) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM events WHERE project = ?1 AND name = ?2 AND kind = ?3";
    Ok(connection.prepare_cached(sql)?.exists(params![project.as_str(), kind.name(), Json(kind)])?)
}

pub(crate) fn last_seq(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT coalesce(max(seq), 0) FROM events";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0))?)
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        seq: unsigned(row, "seq")?,
        at: time(row, "at")?,
        project: word(row, "project")?,
        agent: optional_word(row, "agent")?,
        task: optional_word(row, "task")?,
        version: row.get("version")?,
        kind: json(row, "kind")?,
    })
}

impl Store {
    /// Events in order.
    pub async fn events(&self, query: EventQuery) -> Result<Vec<Event>, Error> {
        self.read(move |connection| {
            let after = integer("the sequence number", query.after)?;
            let rows = match &query.project {
                Some(project) => connection
                    .prepare_cached(
                        "SELECT * FROM events WHERE project = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                    )?
                    .query_map(params![project.as_str(), after, query.limit], event)?
                    .collect::<Result<_, _>>(),
                None => connection
                    .prepare_cached("SELECT * FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
                    .query_map(params![after, query.limit], event)?
                    .collect(),
            };
            Ok(rows?)
        })
        .await
    }

    /// Records a fact of a change that was made elsewhere, unless the journal tells it already: whoever was interrupted
    /// between the change and this does both again.
    pub async fn record_once(&self, event: NewEvent) -> Result<(), Error> {
        self.write(move |tx| {
            let told = tx
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM events WHERE project = ?1 AND task IS ?2 AND name = ?3 AND kind = ?4)",
                )?
                .query_row(
                    params![
                        event.project.as_str(),
                        event.task.as_ref().map(TaskId::as_str),
                        event.kind.name(),
                        Json(&event.kind),
                    ],
                    |row| row.get::<_, bool>(0),
                )?;
            if told { Ok(()) } else { record(tx, &event) }
        })
        .await
    }

    /// The highest committed sequence number; zero where nothing has happened yet.
    pub async fn last_seq(&self) -> Result<u64, Error> {
        self.read(last_seq).await
    }
}

#[async_trait]
impl Journal for Store {
    async fn append(&self, events: Vec<NewEvent>) -> Result<(), PortError> {
        Ok(self.write(move |tx| record_all(tx, &events)).await?)
    }
}

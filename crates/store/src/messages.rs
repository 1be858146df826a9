//! Messages between agents: delivered at least once, in order, until each subscriber has acknowledged.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, MessageId, ProjectId, TaskId};
use syndarix_core::message::{Message, MessageKind};

use crate::blobs::{self, Content};
use crate::columns::{Word, hash, optional_word, time, word};
use crate::error::Error;
use crate::journal::{self, about_project};
use crate::signals;
use crate::store::Store;
use crate::writer::Tx;
use crate::{agents, projects, tasks, waits};

/// How much of a human's feedback is told in one line.
const SUMMARY_LENGTH: usize = 200;

/// A message that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id; sending the same id again changes nothing.
    pub id: MessageId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// What it is for.
    pub kind: MessageKind,
    /// The agent that sends it, if an agent does; what is meant without one is said by the kind.
    pub sender: Option<AgentId>,
    /// Whom it is for; `None` is everyone in the project but the sender.
    pub target: Option<AgentId>,
    /// The task it is about, if any.
    pub task: Option<TaskId>,
    /// The message this one answers, if any.
    pub correlation_id: Option<MessageId>,
    /// One line for people.
    pub summary: String,
    /// The content.
    pub body: Vec<u8>,
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: word(row, "id")?,
        project: word(row, "project")?,
        kind: word(row, "kind")?,
        sender: optional_word(row, "sender")?,
        target: optional_word(row, "target")?,
        task: optional_word(row, "task")?,
        correlation_id: optional_word(row, "correlation_id")?,
        summary: row.get("summary")?,
        body: hash(row, "body")?,
        sent_at: time(row, "sent_at")?,
    })
}

fn find(connection: &Connection, id: &MessageId) -> Result<Option<Message>, Error> {
    Ok(connection
        .prepare_cached("SELECT * FROM messages WHERE id = ?1")?
        .query_row([id.as_str()], message)
        .optional()?)
}

pub(crate) fn get(connection: &Connection, id: &MessageId) -> Result<Message, Error> {
    find(connection, id)?.ok_or_else(|| Error::not_found("message", id.as_str()))
}

/// Stores the message, one delivery for each agent it is for, and its event; and where it is the answer that somebody
/// waits for, tells their workflow.
pub(crate) fn send(tx: &Tx<'_>, new: &NewMessage, body: &Content) -> Result<Message, Error> {
    if let Some(existing) = find(tx, &new.id)? {
        return Ok(existing);
    }
    projects::get(tx, &new.project)?;
    for member in [&new.sender, &new.target].into_iter().flatten() {
        agents::get_member(tx, &new.project, member)?;
    }
    if let Some(task) = &new.task {
        tasks::get_of(tx, &new.project, task)?;
    }
    tx.prepare_cached(
        "INSERT INTO messages
             (id, project, kind, sender, target, task, correlation_id, summary, body, sent_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        new.id.as_str(),
        new.project.as_str(),
        Word(new.kind),
        new.sender.as_ref().map(AgentId::as_str),
        new.target.as_ref().map(AgentId::as_str),
        new.task.as_ref().map(TaskId::as_str),
        new.correlation_id.as_ref().map(MessageId::as_str),
        new.summary,
        blobs::put(tx, body)?.as_str(),
        tx.now().0,
    ])?;
    let position = tx.last_insert_rowid();
    tx.prepare_cached(
        "INSERT INTO deliveries (agent, message)
         SELECT id, ?1 FROM agents WHERE project = ?2 AND (id = ?3 OR (?3 IS NULL AND id IS NOT ?4))",
    )?
    .execute(params![
        position,
        new.project.as_str(),
        new.target.as_ref().map(AgentId::as_str),
        new.sender.as_ref().map(AgentId::as_str),
    ])?;
    let sent = EventKind::MessageSent {
        message: new.id.clone(),
        kind: new.kind,
        target: new.target.clone(),
        summary: new.summary.clone(),
    };
    let event = NewEvent {
        project: new.project.clone(),
        agent: new.sender.clone(),
        task: new.task.clone(),
        kind: sent,
    };
    journal::record(tx, &event)?;
    waits::answered(tx, new)?;
    get(tx, &new.id)
}

/// The first line, cut at a character near [`SUMMARY_LENGTH`] bytes.
fn summary_of(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    if line.len() <= SUMMARY_LENGTH {
        return line.to_owned();
    }
    format!("{}…", &line[..line.floor_char_boundary(SUMMARY_LENGTH)])
}

impl Store {
    /// Sends a message, or returns the one that has this id.
    pub async fn send_message(&self, new: NewMessage) -> Result<Message, Error> {
        let body = Content::new(new.body.clone()).await?;
        self.write(move |tx| send(tx, &new, &body)).await
    }

    /// Every message of a project, in the order in which they were sent.
    pub async fn messages(&self, project: &ProjectId) -> Result<Vec<Message>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM messages WHERE project = ?1 ORDER BY position")?;
            let rows = statement.query_map([project.as_str()], message)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// What was said to an agent about its work on a task, by whoever judged, checked or merged it, in the order in
    /// which it was said.
    pub async fn feedback_on(&self, task: &TaskId, agent: &AgentId) -> Result<Vec<Message>, Error> {
        let (agent, task) = (agent.clone(), task.clone());
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT messages.* FROM deliveries JOIN messages ON position = message
                 WHERE agent = ?1 AND target = ?1 AND task = ?2 AND kind IN (?3, ?4, ?5)
                 ORDER BY position",
            )?;
            let [said, checked, merged] =
                [MessageKind::Feedback, MessageKind::CheckFailed, MessageKind::MergeFailed].map(Word);
            let rows = statement
                .query_map(params![agent.as_str(), task.as_str(), said, checked, merged], message)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// What an agent was sent and has not acknowledged, in the order in which it was sent.
    pub async fn inbox(&self, agent: &AgentId) -> Result<Vec<Message>, Error> {
        let agent = agent.clone();
        self.read(move |connection| {
            agents::get(connection, &agent)?;
            let mut statement = connection.prepare_cached(
                "SELECT messages.* FROM deliveries JOIN messages ON position = message
                 WHERE agent = ?1 AND acknowledged_at IS NULL ORDER BY position",
            )?;
            let rows = statement.query_map([agent.as_str()], message)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// Takes a message out of an agent's inbox for good.
    pub async fn acknowledge(&self, agent: &AgentId, message: &MessageId) -> Result<(), Error> {
        let (agent, message) = (agent.clone(), message.clone());
        self.write(move |tx| {
            let known = tx
                .prepare_cached(
                    "UPDATE deliveries SET acknowledged_at = coalesce(acknowledged_at, ?3)
                     WHERE agent = ?1 AND message = (SELECT position FROM messages WHERE id = ?2)",
                )?
                .execute(params![agent.as_str(), message.as_str(), tx.now().0])?;
            if known == 0 {
                return Err(Error::not_found("message", format!("{message} for {agent}")));
            }
            Ok(())
        })
        .await
    }

    /// Passes a human's word to everyone in a project, and as the signal `provide_feedback` to its workflow.
    /// The signal's argument is the message's id: a history holds ids, not what was said.
    pub async fn give_feedback(
        &self,
        project: &ProjectId,
        by: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<Message, Error> {
        let (project, by, text) = (project.clone(), by.into(), text.into());
        if text.trim().is_empty() {
            return Err(Error::Invalid("the feedback is empty".to_owned()));
        }
        let summary = summary_of(&text);
        let body = Content::new(text.into_bytes()).await?;
        self.write(move |tx| {
            let state = projects::get(tx, &project)?.state;
            if state.is_final() {
                return Err(Error::Conflict(format!("project {project} is {state} and hears no feedback")));
            }
            let number: u32 = tx
                .prepare_cached("SELECT count(*) + 1 FROM messages WHERE project = ?1 AND sender IS NULL")?
                .query_row([project.as_str()], |row| row.get(0))?;
            let id = MessageId::new(format!("{project}/feedback-{number}"))
                .map_err(|error| Error::Invalid(error.to_string()))?;
            let given = EventKind::FeedbackGiven { by: by.clone(), summary: summary.clone() };
            journal::record(tx, &about_project(&project, given))?;
            let payload = Value::from(id.as_str());
            signals::queue(tx, id.as_str(), &format!("project:{project}"), "provide_feedback", &payload)?;
            let new = NewMessage {
                id,
                project,
                kind: MessageKind::Feedback,
                sender: None,
                target: None,
                task: None,
                correlation_id: None,
                summary,
                body: Vec::new(),
            };
            send(tx, &new, &body)
        })
        .await
    }
}

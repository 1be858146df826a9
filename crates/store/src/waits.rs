//! Waits: who cannot go on without whose answer. A reply, the end of the wait and the signal to whoever waits are one
//! transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use syndarix_core::agent::AgentState;
use syndarix_core::approval::Approval;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, MessageId, ProjectId, TaskId};
use syndarix_core::message::Message;
use syndarix_core::wait::{Edge, Wait, WaitEnd, circle};

use crate::approvals::{self, NewApproval};
use crate::blobs::Content;
use crate::columns::{optional_word, time, word};
use crate::error::Error;
use crate::messages::{self, NewMessage};
use crate::store::Store;
use crate::writer::Tx;
use crate::{journal, signals};

/// The signal that tells a workflow that something has happened to a question of its agent.
const SIGNAL: &str = "deliver_message";

fn wait(row: &Row<'_>) -> rusqlite::Result<Wait> {
    let reply = optional_word(row, "reply")?;
    let told: Option<String> = row.get("told")?;
    Ok(Wait {
        message: word(row, "message")?,
        project: word(row, "project")?,
        waiter: word(row, "waiter")?,
        target: word(row, "target")?,
        task: word(row, "task")?,
        number: row.get("number")?,
        workflow_id: row.get("workflow_id")?,
        since: time(row, "since")?,
        end: match (reply, told) {
            (Some(reply), _) => Some(WaitEnd::Answered { reply }),
            (None, told) => told.map(|told| WaitEnd::Closed { told }),
        },
    })
}

fn find(connection: &Connection, message: &MessageId) -> Result<Option<Wait>, Error> {
    Ok(connection
        .prepare_cached("SELECT * FROM waits WHERE message = ?1")?
        .query_row([message.as_str()], wait)
        .optional()?)
}

fn get(connection: &Connection, message: &MessageId) -> Result<Wait, Error> {
    find(connection, message)?.ok_or_else(|| Error::not_found("question", message.as_str()))
}

fn open_where(connection: &Connection, column: &str, value: &str) -> Result<Vec<Wait>, Error> {
    let sql = format!("SELECT * FROM waits WHERE {column} = ?1 AND ended_at IS NULL ORDER BY since, message");
    Ok(connection.prepare_cached(&sql)?.query_map([value], wait)?.collect::<Result<_, _>>()?)
}

/// The subject of the approval by which a wait is put to a human.
fn subject(message: &MessageId) -> String {
    format!("wait:{message}")
}

/// Ends a wait if it is open, and with it the question about it to a human. Returns whether it was.
fn end(tx: &Tx<'_>, wait: &Wait, end: &WaitEnd) -> Result<bool, Error> {
    let (reply, told) = match end {
        WaitEnd::Answered { reply } => (Some(reply.as_str()), None),
        WaitEnd::Closed { told } => (None, Some(told.as_str())),
    };
    let ended = tx
        .prepare_cached(
            "UPDATE waits SET reply = ?2, told = ?3, ended_at = ?4 WHERE message = ?1 AND ended_at IS NULL",
        )?
        .execute(params![wait.message.as_str(), reply, told, tx.now().0])?;
    if ended > 0 {
        approvals::supersede_subject(tx, &wait.project, &subject(&wait.message))?;
    }
    Ok(ended > 0)
}

/// Tells whoever waits: the answer is there, or (without one) whoever was asked is not at work any more.
fn tell(tx: &Tx<'_>, id: &str, wait: &Wait, reply: Option<&MessageId>) -> Result<(), Error> {
    let payload = json!({ "message": wait.message, "reply": reply });
    signals::queue(tx, id, &wait.workflow_id, SIGNAL, &payload)
}

/// Takes a message that names another one for its answer, if somebody waits for it and it comes from whom they asked.
pub(crate) fn answered(tx: &Tx<'_>, sent: &NewMessage) -> Result<(), Error> {
    let Some(question) = &sent.correlation_id else { return Ok(()) };
    let Some(wait) = find(tx, question)? else { return Ok(()) };
    let from_whom_was_asked = sent.sender.as_ref() == Some(&wait.target);
    if from_whom_was_asked && end(tx, &wait, &WaitEnd::Answered { reply: sent.id.clone() })? {
        tell(tx, &format!("reply:{question}"), &wait, Some(&sent.id))?;
    }
    Ok(())
}

/// Tells those who wait for an agent that it stopped working, so that it does not read what it was asked by itself.
pub(crate) fn stopped_working(
    tx: &Tx<'_>,
    agent: &AgentId,
    from: AgentState,
    to: AgentState,
) -> Result<(), Error> {
    let works = |state| matches!(state, AgentState::Thinking | AgentState::Executing);
    if !works(from) || works(to) {
        return Ok(());
    }
    for wait in open_where(tx, "target", agent.as_str())? {
        // It can stop several times; each is news.
        let id = format!("stopped:{}:{}", wait.message, signals::last_position(tx)? + 1);
        tell(tx, &id, &wait, None)?;
    }
    Ok(())
}

/// Ends every wait of a project that is over.
pub(crate) fn close_all(tx: &Tx<'_>, project: &ProjectId) -> Result<(), Error> {
    for wait in &open_where(tx, "project", project.as_str())? {
        end(tx, wait, &WaitEnd::Closed { told: "the project is over".to_owned() })?;
    }
    Ok(())
}

impl Store {
    /// Sends a question whose answer its sender waits for, or returns the wait for the one that has this id. It is
    /// refused where whoever is asked waits, at whatever distance, for the sender.
    pub async fn ask_and_wait(&self, new: NewMessage, workflow_id: impl Into<String>) -> Result<Wait, Error> {
        let workflow_id = workflow_id.into();
        let body = Content::new(new.body.clone()).await?;
        self.write(move |tx| {
            if let Some(existing) = find(tx, &new.id)? {
                return Ok(existing);
            }
            let (Some(waiter), Some(target), Some(task)) = (&new.sender, &new.target, &new.task) else {
                return Err(Error::Invalid("a question is one agent's to another, about a task".to_owned()));
            };
            let edge = Edge { waiter: waiter.clone(), target: target.clone() };
            let edges: Vec<Edge> = open_where(tx, "project", new.project.as_str())?
                .into_iter()
                .map(|wait| Edge { waiter: wait.waiter, target: wait.target })
                .collect();
            if let Some(circle) = circle(&edges, &edge) {
                return Err(Error::WaitsInCircle { circle });
            }
            messages::send(tx, &new, &body)?;
            tx.prepare_cached(
                "INSERT INTO waits (message, project, waiter, target, task, number, workflow_id, since)
                 VALUES (?1, ?2, ?3, ?4, ?5,
                     (SELECT coalesce(max(number), 0) + 1 FROM waits WHERE task = ?5), ?6, ?7)",
            )?
            .execute(params![
                new.id.as_str(),
                new.project.as_str(),
                waiter.as_str(),
                target.as_str(),
                task.as_str(),
                workflow_id,
                tx.now().0,
            ])?;
            get(tx, &new.id)
        })
        .await
    }

    /// The wait for the answer to this message; `None` where nobody waits or waited for one.
    pub async fn wait(&self, message: &MessageId) -> Result<Option<Wait>, Error> {
        let message = message.clone();
        self.read(move |connection| find(connection, &message)).await
    }

    /// The wait for the answer to the question with this number about a task.
    pub async fn wait_numbered(&self, task: &TaskId, number: u32) -> Result<Wait, Error> {
        let task = task.clone();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT * FROM waits WHERE task = ?1 AND number = ?2")?
                .query_row(params![task.as_str(), number], wait)
                .optional()?
                .ok_or_else(|| Error::not_found("question", format!("{number} about {task}")))
        })
        .await
    }

    /// One message.
    pub async fn message(&self, id: &MessageId) -> Result<Message, Error> {
        let id = id.clone();
        self.read(move |connection| messages::get(connection, &id)).await
    }

    /// The waits of a project that are not over, the oldest first.
    pub async fn open_waits(&self, project: &ProjectId) -> Result<Vec<Wait>, Error> {
        let project = project.clone();
        self.read(move |connection| open_where(connection, "project", project.as_str())).await
    }

    /// Ends a wait without an answer from whoever was asked; `told` is what the waiter reads instead. One that has
    /// ended stays as it is. Nobody is signalled: whoever ends it is the workflow that waits.
    pub async fn close_wait(&self, message: &MessageId, told: impl Into<String>) -> Result<Wait, Error> {
        let (message, told) = (message.clone(), told.into());
        self.write(move |tx| {
            let wait = get(tx, &message)?;
            end(tx, &wait, &WaitEnd::Closed { told })?;
            get(tx, &message)
        })
        .await
    }

    /// Puts a wait to a human, once, and tells the journal that a guard did. Returns the approval; `None` where the
    /// wait is over.
    pub async fn escalate_wait(
        &self,
        message: &MessageId,
        detail: String,
        shown: String,
    ) -> Result<Option<Approval>, Error> {
        let message = message.clone();
        let shown = Content::new(shown.into_bytes()).await?;
        self.write(move |tx| {
            let wait = get(tx, &message)?;
            let subject = subject(&message);
            if let Some(asked) = approvals::about(tx, &wait.project, &subject)? {
                return Ok(Some(asked));
            }
            if wait.end.is_some() {
                return Ok(None);
            }
            let guard =
                EventKind::GuardTripped { guard: "blocked_timeout".to_owned(), detail: detail.clone() };
            let event = NewEvent {
                project: wait.project.clone(),
                agent: Some(wait.waiter.clone()),
                task: Some(wait.task.clone()),
                kind: guard,
            };
            journal::record(tx, &event)?;
            let new = NewApproval {
                project: wait.project,
                kind: syndarix_core::approval::ApprovalKind::Escalation,
                title: detail,
                shown: Vec::new(),
                subject,
                task: Some(wait.task),
                workflow_id: wait.workflow_id,
                expires_at: None,
                checkpoint: None,
            };
            approvals::request(tx, &new, &shown).map(Some)
        })
        .await
    }
}

//! Approvals: asked once per subject, decided once, bound to what was shown.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use syndarix_core::approval::{Approval, ApprovalKind, ApprovalState, Decision};
use syndarix_core::autonomy::Checkpoint;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{ApprovalId, ProjectId, TaskId};
use syndarix_core::permission::CallScope;
use syndarix_core::time::Timestamp;

use crate::blobs::{self, Content};
use crate::columns::{Word, hash, optional_time, optional_word, time, word};
use crate::error::Error;
use crate::projects::{self, Counter};
use crate::store::Store;
use crate::writer::Tx;
use crate::{journal, permissions, signals, tasks};

/// The signal that tells a workflow how an approval ended.
const SIGNAL: &str = "approve_checkpoint";

/// A decision that is about to be asked of a human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApproval {
    /// The project it belongs to.
    pub project: ProjectId,
    /// What is asked.
    pub kind: ApprovalKind,
    /// One line for people.
    pub title: String,
    /// What the human is shown, in full.
    pub shown: Vec<u8>,
    /// Unique in the project; asking again about it arrives at the same approval.
    pub subject: String,
    /// The task it is about, if any.
    pub task: Option<TaskId>,
    /// The workflow that waits for it.
    pub workflow_id: String,
    /// When it stops being decidable, if ever.
    pub expires_at: Option<Timestamp>,
    /// Where in the project, for a checkpoint.
    pub checkpoint: Option<Checkpoint>,
}

fn approval(row: &Row<'_>) -> rusqlite::Result<Approval> {
    Ok(Approval {
        id: word(row, "id")?,
        project: word(row, "project")?,
        kind: word(row, "kind")?,
        title: row.get("title")?,
        shown: hash(row, "shown")?,
        subject: row.get("subject")?,
        task: optional_word(row, "task")?,
        workflow_id: row.get("workflow_id")?,
        state: word(row, "state")?,
        decided_by: row.get("decided_by")?,
        comment: row.get("comment")?,
        requested_at: time(row, "requested_at")?,
        expires_at: optional_time(row, "expires_at")?,
        decided_at: optional_time(row, "decided_at")?,
    })
}

fn get(connection: &Connection, id: &ApprovalId) -> Result<Approval, Error> {
    connection
        .prepare_cached("SELECT * FROM approvals WHERE id = ?1")?
        .query_row([id.as_str()], approval)
        .optional()?
        .ok_or_else(|| Error::not_found("approval", id.as_str()))
}

/// How a pending approval ends.
struct End {
    state: ApprovalState,
    by: Option<String>,
    comment: Option<String>,
}

/// Ends an approval if it is still pending, and journals it. Returns whether it was.
fn end(tx: &Tx<'_>, approval: &Approval, end: &End) -> Result<bool, Error> {
    let ended = tx
        .prepare_cached(
            "UPDATE approvals SET state = ?2, decided_by = ?3, comment = ?4, decided_at = ?5
             WHERE id = ?1 AND state = 'pending'",
        )?
        .execute(params![approval.id.as_str(), Word(end.state), end.by, end.comment, tx.now().0])?;
    if ended == 0 {
        return Ok(false);
    }
    let decided = EventKind::ApprovalDecided {
        approval: approval.id.clone(),
        state: end.state,
        by: end.by.clone(),
        comment: end.comment.clone(),
    };
    journal::record(tx, &event(approval, decided))?;
    Ok(true)
}

fn event(approval: &Approval, kind: EventKind) -> NewEvent {
    NewEvent { project: approval.project.clone(), agent: None, task: approval.task.clone(), kind }
}

/// Queues what the waiting workflow has to be told.
fn tell(tx: &Tx<'_>, approval: &Approval, state: ApprovalState, comment: Option<&str>) -> Result<(), Error> {
    let payload = json!({ "approval": approval.id, "state": state, "comment": comment });
    signals::queue(tx, &format!("approval:{}", approval.id), &approval.workflow_id, SIGNAL, &payload)?;
    for waiter in waiters(tx, &approval.id)? {
        signals::queue(tx, &format!("approval:{}:{waiter}", approval.id), &waiter, SIGNAL, &payload)?;
    }
    Ok(())
}

/// The workflows that wait for an approval beside the one that asked first.
fn waiters(tx: &Tx<'_>, id: &ApprovalId) -> Result<Vec<String>, Error> {
    let sql = "SELECT workflow_id FROM approval_waiters WHERE approval = ?1 ORDER BY rowid";
    Ok(tx.prepare_cached(sql)?.query_map([id.as_str()], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Notes that another workflow asked the same, and waits for the same answer.
fn join(tx: &Tx<'_>, asked: &Approval, workflow_id: &str) -> Result<(), Error> {
    if asked.state_at(tx.now()) == ApprovalState::Pending && asked.workflow_id != workflow_id {
        tx.prepare_cached(
            "INSERT INTO approval_waiters (approval, workflow_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![asked.id.as_str(), workflow_id])?;
    }
    Ok(())
}

fn pending_about(tx: &Tx<'_>, column: &str, id: &str) -> Result<Vec<Approval>, Error> {
    let sql = format!("SELECT * FROM approvals WHERE {column} = ?1 AND state = 'pending' ORDER BY number");
    Ok(tx.prepare_cached(&sql)?.query_map([id], approval)?.collect::<Result<_, _>>()?)
}

/// What a project has asked for longest.
pub(crate) fn first_pending(tx: &Tx<'_>, project: &ProjectId) -> Result<Option<Approval>, Error> {
    Ok(pending_about(tx, "project", project.as_str())?.into_iter().next())
}

/// The approval about this subject, however it stands.
pub(crate) fn about(
    connection: &Connection,
    project: &ProjectId,
    subject: &str,
) -> Result<Option<Approval>, Error> {
    Ok(connection
        .prepare_cached("SELECT * FROM approvals WHERE project = ?1 AND subject = ?2")?
        .query_row([project.as_str(), subject], approval)
        .optional()?)
}

/// Asks about a subject that nothing was asked about yet.
pub(crate) fn request(tx: &Tx<'_>, new: &NewApproval, shown: &Content) -> Result<Approval, Error> {
    if let Some(task) = &new.task {
        tasks::get_of(tx, &new.project, task)?;
    }
    let number = projects::next_number(tx, &new.project, Counter::Approval)?;
    let id = new.project.approval(number);
    tx.prepare_cached(
        "INSERT INTO approvals (id, project, number, kind, title, shown, subject, task, workflow_id,
             checkpoint, state, requested_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        id.as_str(),
        new.project.as_str(),
        number,
        Word(new.kind),
        new.title,
        blobs::put(tx, shown)?.as_str(),
        new.subject,
        new.task.as_ref().map(TaskId::as_str),
        new.workflow_id,
        new.checkpoint.map(Word),
        Word(ApprovalState::default()),
        tx.now().0,
        new.expires_at.map(|at| at.0),
    ])?;
    let approval = get(tx, &id)?;
    let requested = EventKind::ApprovalRequested {
        approval: id,
        kind: new.kind,
        title: new.title.clone(),
        checkpoint: new.checkpoint,
    };
    journal::record(tx, &event(&approval, requested))?;
    projects::wait_or_go_on(tx, &approval.project)?;
    Ok(approval)
}

/// Ends what is asked about a subject, if anything is. Whoever does this tells those who wait.
pub(crate) fn supersede_subject(tx: &Tx<'_>, project: &ProjectId, subject: &str) -> Result<(), Error> {
    if let Some(asked) = about(tx, project, subject)? {
        end(tx, &asked, &End { state: ApprovalState::Superseded, by: None, comment: None })?;
        projects::wait_or_go_on(tx, project)?;
    }
    Ok(())
}

/// Ends everything a project still asks, because the project is over.
pub(crate) fn supersede_all(tx: &Tx<'_>, project: &ProjectId) -> Result<(), Error> {
    for asked in &pending_about(tx, "project", project.as_str())? {
        end(tx, asked, &End { state: ApprovalState::Superseded, by: None, comment: None })?;
    }
    Ok(())
}

/// Ends what is still asked about a task that is over, and tells whoever waits for it: the rest of the project
/// goes on.
pub(crate) fn supersede_about(tx: &Tx<'_>, task: &TaskId) -> Result<(), Error> {
    for asked in &pending_about(tx, "task", task.as_str())? {
        end(tx, asked, &End { state: ApprovalState::Superseded, by: None, comment: None })?;
        tell(tx, asked, ApprovalState::Superseded, Some("the task is over"))?;
        projects::wait_or_go_on(tx, &asked.project)?;
    }
    Ok(())
}

/// Decides an approval that is still pending, about what was shown.
fn decide(tx: &Tx<'_>, id: &ApprovalId, decision: &Decision) -> Result<Approval, Error> {
    let (id, asked) = (id.clone(), get(tx, id)?);
    match asked.state_at(tx.now()) {
        ApprovalState::Pending => {}
        ApprovalState::Approved | ApprovalState::Rejected => {
            return Err(Error::AlreadyDecided(Box::new(asked)));
        }
        ApprovalState::Expired => return Err(Error::Expired { id }),
        ApprovalState::Superseded => return Err(Error::Superseded { id }),
    }
    if asked.shown != decision.shown {
        return Err(Error::ShownChanged { id, shown: asked.shown, decided: decision.shown.clone() });
    }
    let state = if decision.approved { ApprovalState::Approved } else { ApprovalState::Rejected };
    let by = Some(decision.decided_by.clone());
    end(tx, &asked, &End { state, by, comment: decision.comment.clone() })?;
    tell(tx, &asked, state, decision.comment.as_deref())?;
    projects::wait_or_go_on(tx, &asked.project)?;
    get(tx, &id)
}

impl Store {
    /// Asks a human, or returns the approval that was asked for about this subject, however it stands. Every workflow that
    /// asks is told of the decision.
    pub async fn request_approval(&self, new: NewApproval) -> Result<Approval, Error> {
        self.request_offering(new, None).await
    }

    /// Asks like [`Store::request_approval`] and offers to allow `always`, which must be part of what is shown.
    pub async fn request_offering(
        &self,
        new: NewApproval,
        always: Option<CallScope>,
    ) -> Result<Approval, Error> {
        let shown = Content::new(new.shown.clone()).await?;
        self.write(move |tx| {
            if let Some(existing) = about(tx, &new.project, &new.subject)? {
                join(tx, &existing, &new.workflow_id)?;
                return Ok(existing);
            }
            let asked = request(tx, &new, &shown)?;
            if let Some(always) = &always {
                permissions::offer(tx, &asked.id, always)?;
            }
            Ok(asked)
        })
        .await
    }

    /// One approval.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Approval, Error> {
        let id = id.clone();
        self.read(move |connection| get(connection, &id)).await
    }

    /// The approvals of one project, or of all, the oldest first.
    pub async fn approvals(&self, project: Option<&ProjectId>) -> Result<Vec<Approval>, Error> {
        let project = project.cloned();
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM approvals WHERE ?1 IS NULL OR project = ?1 ORDER BY rowid")?;
            let project = project.as_ref().map(ProjectId::as_str);
            let rows = statement.query_map([project], approval)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// Decides an approval, once, and queues the signal `approve_checkpoint` with
    /// `{approval, state, comment}` for the workflow that waits. Every later decision is refused with how
    /// the first one ended it.
    pub async fn decide(&self, id: &ApprovalId, decision: Decision) -> Result<Approval, Error> {
        let id = id.clone();
        self.write(move |tx| decide(tx, &id, &decision)).await
    }

    /// Approves like [`Store::decide`] and allows what the approval offers for the whole project. What waits for a
    /// decision about a call like it is approved with it.
    pub async fn approve_always(&self, id: &ApprovalId, decision: Decision) -> Result<Approval, Error> {
        let id = id.clone();
        self.write(move |tx| {
            if !decision.approved {
                return Err(Error::Invalid(format!("{id} cannot be rejected for always")));
            }
            let decided = decide(tx, &id, &decision)?;
            let by = &decision.decided_by;
            for covered in permissions::grant(tx, &decided.project, &id, by)? {
                let asked = get(tx, &covered)?;
                if asked.state_at(tx.now()) != ApprovalState::Pending {
                    continue;
                }
                let comment = Some(format!("{} allows it", id.key()));
                let state = ApprovalState::Approved;
                end(tx, &asked, &End { state, by: Some(by.clone()), comment })?;
                tell(tx, &asked, state, None)?;
            }
            projects::wait_or_go_on(tx, &decided.project)?;
            Ok(decided)
        })
        .await
    }

    /// Ends a pending approval because what it was about has changed or is over. Nobody is signalled: whoever
    /// supersedes it is whom it concerned. One that has ended stays as it is.
    pub async fn supersede(&self, id: &ApprovalId) -> Result<Approval, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let asked = get(tx, &id)?;
            end(tx, &asked, &End { state: ApprovalState::Superseded, by: None, comment: None })?;
            projects::wait_or_go_on(tx, &asked.project)?;
            get(tx, &id)
        })
        .await
    }

    /// A workflow waits no more for what it asked. What others ask, too, stays theirs to wait for; the rest is superseded.
    pub async fn leave_approvals(&self, project: &ProjectId, workflow_id: &str) -> Result<(), Error> {
        let (project, workflow_id) = (project.clone(), workflow_id.to_owned());
        self.write(move |tx| {
            tx.prepare_cached("DELETE FROM approval_waiters WHERE workflow_id = ?1")?
                .execute([&workflow_id])?;
            let pending = pending_about(tx, "project", project.as_str())?;
            for asked in pending.iter().filter(|asked| asked.workflow_id == workflow_id) {
                match waiters(tx, &asked.id)?.first() {
                    Some(next) => {
                        tx.prepare_cached(
                            "DELETE FROM approval_waiters WHERE approval = ?1 AND workflow_id = ?2",
                        )?
                        .execute(params![asked.id.as_str(), next])?;
                        tx.prepare_cached("UPDATE approvals SET workflow_id = ?2 WHERE id = ?1")?
                            .execute(params![asked.id.as_str(), next])?;
                    }
                    None => {
                        end(tx, asked, &End { state: ApprovalState::Superseded, by: None, comment: None })?;
                    }
                }
            }
            projects::wait_or_go_on(tx, &project)
        })
        .await
    }

    /// Ends every pending approval whose time is over at `now`, tells the workflows that wait, and returns what
    /// expired.
    pub async fn expire_due(&self, now: Timestamp) -> Result<Vec<Approval>, Error> {
        self.write(move |tx| {
            let due: Vec<Approval> = tx
                .prepare_cached(
                    "SELECT * FROM approvals WHERE state = 'pending' AND expires_at <= ?1 ORDER BY rowid",
                )?
                .query_map([now.0], approval)?
                .collect::<Result<_, _>>()?;
            for asked in &due {
                end(tx, asked, &End { state: ApprovalState::Expired, by: None, comment: None })?;
                tell(tx, asked, ApprovalState::Expired, Some("nobody decided in time"))?;
                projects::wait_or_go_on(tx, &asked.project)?;
            }
            due.iter().map(|asked| get(tx, &asked.id)).collect()
        })
        .await
    }
}

//! Tasks: from the backlog to a receipt.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::role::Role;
use syndarix_core::task::{Check, Receipt, Task, TaskKind, TaskState};

use crate::columns::{Json, Word, json, optional_json, optional_word, time, word};
use crate::error::Error;
use crate::projects::{self, Counter};
use crate::store::Store;
use crate::writer::Tx;
use crate::{agents, approvals, journal};

/// A task that is about to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The project it belongs to.
    pub project: ProjectId,
    /// What kind of work it is.
    pub kind: TaskKind,
    /// A stable name, unique in the project; creating it again returns the task that has it.
    pub slug: String,
    /// One line for people.
    pub title: String,
    /// What is to be done, in full.
    pub description: String,
    /// The role that does this kind of work.
    pub role: Role,
    /// Capabilities its assignee needs.
    pub needs: Vec<String>,
    /// Tasks that must be done first.
    pub depends_on: Vec<TaskId>,
    /// The command that decides whether it is accepted.
    pub check: Option<Check>,
    /// The tests that must pass before it is accepted, by their names or parts of them.
    pub must_pass: Vec<String>,
    /// The sprint it is in, from 1.
    pub sprint: Option<u32>,
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: word(row, "id")?,
        project: word(row, "project")?,
        kind: word(row, "kind")?,
        title: row.get("title")?,
        description: row.get("description")?,
        slug: row.get("slug")?,
        role: word(row, "role")?,
        needs: json(row, "needs")?,
        depends_on: json(row, "depends_on")?,
        check: optional_json(row, "check_command")?,
        must_pass: json(row, "must_pass")?,
        sprint: row.get("sprint")?,
        assignee: optional_word(row, "assignee")?,
        state: word(row, "state")?,
        review_rounds: row.get("review_rounds")?,
        branch: row.get("branch")?,
        receipt: optional_json(row, "receipt")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

pub(crate) fn get(connection: &Connection, id: &TaskId) -> Result<Task, Error> {
    connection
        .prepare_cached("SELECT * FROM tasks WHERE id = ?1")?
        .query_row([id.as_str()], task)
        .optional()?
        .ok_or_else(|| Error::not_found("task", id.as_str()))
}

/// The task, which must be one of this project's.
pub(crate) fn get_of(connection: &Connection, project: &ProjectId, id: &TaskId) -> Result<Task, Error> {
    let task = get(connection, id)?;
    if task.project == *project {
        Ok(task)
    } else {
        Err(Error::Invalid(format!("{id} is not a task of {project}")))
    }
}

fn by_slug(connection: &Connection, project: &ProjectId, slug: &str) -> Result<Option<Task>, Error> {
    Ok(connection
        .prepare_cached("SELECT * FROM tasks WHERE project = ?1 AND slug = ?2")?
        .query_row([project.as_str(), slug], task)
        .optional()?)
}

/// Sets one column and the time of the change.
fn update(tx: &Tx<'_>, id: &TaskId, column: &str, value: &dyn ToSql) -> Result<(), Error> {
    tx.prepare_cached(&format!("UPDATE tasks SET {column} = ?2, updated_at = ?3 WHERE id = ?1"))?
        .execute(params![id.as_str(), value, tx.now().0])?;
    Ok(())
}

fn record(tx: &Tx<'_>, task: &Task, kind: EventKind) -> Result<(), Error> {
    let event = NewEvent {
        project: task.project.clone(),
        agent: task.assignee.clone(),
        task: Some(task.id.clone()),
        kind,
    };
    journal::record(tx, &event)
}

/// What is missing for the receipt to prove the task.
fn gap(task: &Task, receipt: &Receipt) -> Option<String> {
    match (&task.check, &receipt.check) {
        (Some(check), None) => Some(format!("its check `{check}` was not run")),
        (_, Some(run)) if run.exit_code != 0 && run.accepted_red.is_none() => {
            Some(format!("`{}` ended with exit code {}", run.command, run.exit_code))
        }
        _ => None,
    }
}

impl Store {
    /// Creates a task, or returns the project's task that has this slug.
    pub async fn create_task(&self, new: NewTask) -> Result<Task, Error> {
        self.write(move |tx| {
            if let Some(existing) = by_slug(tx, &new.project, &new.slug)? {
                return Ok(existing);
            }
            if new.slug.trim().is_empty() {
                return Err(Error::Invalid("a task needs a slug".to_owned()));
            }
            for dependency in &new.depends_on {
                get_of(tx, &new.project, dependency)?;
            }
            let number = projects::next_number(tx, &new.project, Counter::Task)?;
            let id = new.project.task(number);
            let state = if new.sprint.is_some() { TaskState::Planned } else { TaskState::Backlog };
            tx.prepare_cached(
                "INSERT INTO tasks (id, project, number, kind, slug, title, description, role, needs,
                     depends_on, check_command, sprint, state, created_at, updated_at, must_pass)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15)",
            )?
            .execute(params![
                id.as_str(),
                new.project.as_str(),
                number,
                Word(new.kind),
                new.slug,
                new.title,
                new.description,
                Word(new.role),
                Json(&new.needs),
                Json(&new.depends_on),
                new.check.as_ref().map(Json),
                new.sprint,
                Word(state),
                tx.now().0,
                Json(&new.must_pass),
            ])?;
            let task = get(tx, &id)?;
            record(tx, &task, EventKind::TaskCreated { title: new.title.clone(), kind: new.kind })?;
            Ok(task)
        })
        .await
    }

    /// A project's tasks, in the order in which they were created.
    pub async fn tasks(&self, project: &ProjectId) -> Result<Vec<Task>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM tasks WHERE project = ?1 ORDER BY number")?;
            let rows = statement.query_map([project.as_str()], task)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// What there is to be done in a project, in the order in which it was created: the tasks that change code, at
    /// most this many of them. Where the project has more tasks than that, those that are over are left out.
    pub async fn agenda(&self, project: &ProjectId, at_most: usize) -> Result<Vec<Task>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let all: usize = connection
                .prepare_cached("SELECT count(*) FROM tasks WHERE project = ?1")?
                .query_row([project.as_str()], |row| row.get::<_, u32>(0))?
                as usize;
            let mut statement =
                connection.prepare_cached("SELECT * FROM tasks WHERE project = ?1 ORDER BY number")?;
            let mut rows = statement.query([project.as_str()])?;
            let mut agenda = Vec::new();
            while agenda.len() < at_most
                && let Some(row) = rows.next()?
            {
                // Most rows of a large project are passed over, so only these that are told are read in full.
                let (kind, state) = (word::<TaskKind>(row, "kind")?, word::<TaskState>(row, "state")?);
                if kind.changes_code() && (all <= at_most || !state.is_final()) {
                    agenda.push(task(row)?);
                }
            }
            Ok(agenda)
        })
        .await
    }

    /// These tasks, in this order; one that does not exist is left out.
    pub async fn tasks_by_id(&self, ids: Vec<TaskId>) -> Result<Vec<Task>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM tasks WHERE id = ?1")?;
            let mut tasks = Vec::with_capacity(ids.len());
            for id in ids {
                tasks.extend(statement.query_row([id.as_str()], task).optional()?);
            }
            Ok(tasks)
        })
        .await
    }

    /// One task.
    pub async fn task(&self, id: &TaskId) -> Result<Task, Error> {
        let id = id.clone();
        self.read(move |connection| get(connection, &id)).await
    }

    /// The project's task that has this slug, if any.
    pub async fn task_by_slug(&self, project: &ProjectId, slug: &str) -> Result<Option<Task>, Error> {
        let (project, slug) = (project.clone(), slug.to_owned());
        self.read(move |connection| by_slug(connection, &project, &slug)).await
    }

    /// Gives a task to an agent of its project's team. `reason` is for people.
    pub async fn assign_task(
        &self,
        id: &TaskId,
        assignee: &AgentId,
        reason: impl Into<String>,
    ) -> Result<Task, Error> {
        let (id, assignee, reason) = (id.clone(), assignee.clone(), reason.into());
        self.write(move |tx| {
            let before = get(tx, &id)?;
            if before.assignee.as_ref() == Some(&assignee) {
                return Ok(before);
            }
            if before.state.is_final() {
                return Err(Error::Conflict(format!("task {id} is {} and cannot be assigned", before.state)));
            }
            agents::get_member(tx, &before.project, &assignee)?;
            update(tx, &id, "assignee", &assignee.as_str())?;
            let after = get(tx, &id)?;
            record(tx, &after, EventKind::TaskAssigned { assignee, reason })?;
            Ok(after)
        })
        .await
    }

    /// Moves a task to a state. Done is reached through [`Store::complete_task`] only.
    pub async fn set_task_state(
        &self,
        id: &TaskId,
        state: TaskState,
        reason: Option<String>,
    ) -> Result<Task, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let before = get(tx, &id)?;
            let from = before.state;
            if from == state {
                return Ok(before);
            }
            if !from.can_become(state) {
                return Err(Error::IllegalTaskState { task: id, from, to: state });
            }
            if state == TaskState::Done {
                return Err(Error::Unproven { task: id, reason: "it has no receipt".to_owned() });
            }
            update(tx, &id, "state", &Word(state))?;
            record(tx, &before, EventKind::TaskStateChanged { from, to: state, reason })?;
            if state.is_final() {
                approvals::supersede_about(tx, &id)?;
            }
            get(tx, &id)
        })
        .await
    }

    /// Puts a task into a sprint, or with `None` back into the backlog. Its state stays as it is.
    pub async fn set_task_sprint(&self, id: &TaskId, sprint: Option<u32>) -> Result<Task, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let before = get(tx, &id)?;
            if before.sprint == sprint {
                return Ok(before);
            }
            update(tx, &id, "sprint", &sprint)?;
            record(tx, &before, EventKind::TaskPlanned { sprint })?;
            get(tx, &id)
        })
        .await
    }

    /// Notes the git branch a task's work is on. Its merge is what the journal tells.
    pub async fn set_task_branch(&self, id: &TaskId, branch: &str) -> Result<Task, Error> {
        let (id, branch) = (id.clone(), branch.to_owned());
        self.write(move |tx| {
            let before = get(tx, &id)?;
            if before.branch.as_ref() == Some(&branch) {
                return Ok(before);
            }
            update(tx, &id, "branch", &branch)?;
            get(tx, &id)
        })
        .await
    }

    /// Proves a task done. The receipt must hold a passing run of the task's check, if it has one. A task
    /// that is done already keeps its receipt.
    pub async fn complete_task(&self, id: &TaskId, receipt: Receipt) -> Result<Task, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let before = get(tx, &id)?;
            let from = before.state;
            if from == TaskState::Done {
                return Ok(before);
            }
            if !from.can_become(TaskState::Done) {
                return Err(Error::IllegalTaskState { task: id, from, to: TaskState::Done });
            }
            if let Some(reason) = gap(&before, &receipt) {
                return Err(Error::Unproven { task: id, reason });
            }
            update(tx, &id, "receipt", &Json(&receipt))?;
            update(tx, &id, "state", &Word(TaskState::Done))?;
            let done = EventKind::TaskDone {
                exit_code: receipt.check.as_ref().map(|check| check.exit_code),
                commit: receipt.commit.clone(),
            };
            record(tx, &before, done)?;
            get(tx, &id)
        })
        .await
    }
}

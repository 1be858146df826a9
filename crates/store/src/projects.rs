//! Projects.

use rusqlite::{Connection, OptionalExtension, Row, params};
use syndarix_core::autonomy::Autonomy;
use syndarix_core::budget::BudgetScope;
use syndarix_core::event::EventKind;
use syndarix_core::id::ProjectId;
use syndarix_core::money::NanoUsd;
use syndarix_core::project::{Phase, Project, ProjectState};
use syndarix_core::task::Check;

use crate::agents::{self, NewAgent};
use crate::blobs::{self, Content};
use crate::columns::{Address, Json, Word, hash, json, money, nanos, optional_json, time, word};
use crate::error::Error;
use crate::journal::{self, about_project};
use crate::store::Store;
use crate::writer::Tx;
use crate::{approvals, budgets, ledger, signals, waits};

/// A project that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// Its id.
    pub id: ProjectId,
    /// One line for people.
    pub title: String,
    /// The brief's text.
    pub brief: Vec<u8>,
    /// The resolved team file, as TOML.
    pub team_toml: Vec<u8>,
    /// How much the team may do without asking.
    pub autonomy: Autonomy,
    /// The most it may spend.
    pub budget: NanoUsd,
    /// The check that must pass on the result.
    pub check: Option<Check>,
    /// The environment it begins in, as JSON.
    pub environment: Option<Vec<u8>>,
    /// The user's repository it works on a clone of.
    pub source_repository: Option<String>,
    /// The commit of the user's repository the work begins at.
    pub base_commit: Option<String>,
    /// The project's own repository, absolute.
    pub repository: String,
    /// The branch that the team's work is merged into.
    pub branch: String,
}

fn project(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: word(row, "id")?,
        title: row.get("title")?,
        brief: hash(row, "brief")?,
        team: hash(row, "team")?,
        autonomy: word(row, "autonomy")?,
        budget: money(row, "budget")?,
        check: optional_json(row, "check_command")?,
        environment: row.get::<_, Option<Address>>("environment")?.map(|address| address.0),
        source_repository: row.get("source_repository")?,
        base_commit: row.get("base_commit")?,
        repository: row.get("repository")?,
        branch: row.get("branch")?,
        phase: json(row, "phase")?,
        state: word(row, "state")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn find(connection: &Connection, id: &ProjectId) -> Result<Option<Project>, Error> {
    Ok(connection
        .prepare_cached("SELECT * FROM projects WHERE id = ?1")?
        .query_row([id.as_str()], project)
        .optional()?)
}

pub(crate) fn get(connection: &Connection, id: &ProjectId) -> Result<Project, Error> {
    find(connection, id)?.ok_or_else(|| Error::not_found("project", id.as_str()))
}

/// Which of a project's counters to take a number from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counter {
    Task,
    Approval,
}

/// The project's next number of this kind, from 1. It is given back if the call is taken back.
pub(crate) fn next_number(tx: &Tx<'_>, id: &ProjectId, counter: Counter) -> Result<u32, Error> {
    let sql = match counter {
        Counter::Task => {
            "UPDATE projects SET next_task = next_task + 1 WHERE id = ?1 RETURNING next_task - 1"
        }
        Counter::Approval => {
            "UPDATE projects SET next_approval = next_approval + 1 WHERE id = ?1 RETURNING next_approval - 1"
        }
    };
    tx.prepare_cached(sql)?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Error::not_found("project", id.as_str()))
}

/// Notes a state that a project has not got yet.
fn enter_state(
    tx: &Tx<'_>,
    project: &Project,
    state: ProjectState,
    reason: Option<String>,
) -> Result<(), Error> {
    tx.prepare_cached("UPDATE projects SET state = ?2, updated_at = ?3 WHERE id = ?1")?.execute(params![
        project.id.as_str(),
        Word(state),
        tx.now().0
    ])?;
    let changed = EventKind::ProjectStateChanged { from: project.state, to: state, reason };
    journal::record(tx, &about_project(&project.id, changed))
}

/// A project that something is asked of a human in is waiting, and one that waits for nothing goes on.
pub(crate) fn wait_or_go_on(tx: &Tx<'_>, id: &ProjectId) -> Result<(), Error> {
    let project = get(tx, id)?;
    match (project.state, approvals::first_pending(tx, id)?) {
        (ProjectState::Running, Some(asked)) => {
            enter_state(tx, &project, ProjectState::Waiting, Some(asked.title))
        }
        (ProjectState::Waiting, None) => enter_state(tx, &project, ProjectState::Running, None),
        _ => Ok(()),
    }
}

impl Store {
    /// Creates a project and its team. A project with this id that exists already is returned as it is.
    pub async fn create_project(&self, new: NewProject, team: Vec<NewAgent>) -> Result<Project, Error> {
        let brief = Content::new(new.brief.clone()).await?;
        let team_file = Content::new(new.team_toml.clone()).await?;
        let environment = match new.environment.clone() {
            Some(environment) => Some(Content::new(environment).await?),
            None => None,
        };
        self.write(move |tx| {
            if let Some(existing) = find(tx, &new.id)? {
                return Ok(existing);
            }
            let brief = blobs::put(tx, &brief)?;
            let team_file = blobs::put(tx, &team_file)?;
            let environment = environment.as_ref().map(|content| blobs::put(tx, content)).transpose()?;
            tx.prepare_cached(
                "INSERT INTO projects (id, title, brief, team, autonomy, budget, check_command,
                     source_repository, base_commit, repository, branch, phase, state, created_at, updated_at,
                     environment)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15)",
            )?
            .execute(params![
                new.id.as_str(),
                new.title,
                brief.as_str(),
                team_file.as_str(),
                Word(new.autonomy),
                nanos("the project's budget", new.budget)?,
                new.check.as_ref().map(Json),
                new.source_repository,
                new.base_commit,
                new.repository,
                new.branch,
                Json(Phase::default()),
                Word(ProjectState::default()),
                tx.now().0,
                environment.as_ref().map(|address| address.as_str()),
            ])?;
            let created = EventKind::ProjectCreated { title: new.title.clone(), budget: new.budget };
            journal::record(tx, &about_project(&new.id, created))?;
            budgets::set_limit(tx, &BudgetScope::Project { project: new.id.clone() }, new.budget)?;
            agents::join(tx, &new.id, &team)?;
            get(tx, &new.id)
        })
        .await
    }

    /// One project.
    pub async fn project(&self, id: &ProjectId) -> Result<Project, Error> {
        let id = id.clone();
        self.read(move |connection| get(connection, &id)).await
    }

    /// Every project, the oldest first.
    pub async fn projects(&self) -> Result<Vec<Project>, Error> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM projects ORDER BY rowid")?;
            let rows = statement.query_map([], project)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// Moves a project to a state; a final state is never left, and supersedes what is still asked of a human.
    /// `reason` is for people. That it waits follows from its approvals.
    pub async fn set_project_state(
        &self,
        id: &ProjectId,
        state: ProjectState,
        reason: Option<String>,
    ) -> Result<Project, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let before = get(tx, &id)?;
            if before.state == state {
                return Ok(before);
            }
            if before.state.is_final() {
                return Err(Error::Conflict(format!(
                    "project {id} is {} and cannot become {state}",
                    before.state
                )));
            }
            enter_state(tx, &before, state, reason)?;
            if state.is_final() {
                approvals::supersede_all(tx, &id)?;
                waits::close_all(tx, &id)?;
                ledger::close_all(tx, &id)?;
            }
            get(tx, &id)
        })
        .await
    }

    /// Tells a project's workflow, once, that a human stops it, as the signal `cancel`, and supersedes what is still
    /// asked: from here on nothing that could be decided matters.
    pub async fn cancel_project(&self, id: &ProjectId, reason: impl Into<String>) -> Result<(), Error> {
        let (id, reason) = (id.clone(), reason.into());
        self.write(move |tx| {
            let state = get(tx, &id)?.state;
            if state.is_final() {
                return Err(Error::Conflict(format!("project {id} is already {state}")));
            }
            let payload = serde_json::Value::from(reason.as_str());
            signals::queue(tx, &format!("{id}/cancel"), &format!("project:{id}"), "cancel", &payload)?;
            approvals::supersede_all(tx, &id)
        })
        .await
    }

    /// Notes that a project is in a phase now.
    pub async fn enter_phase(&self, id: &ProjectId, phase: Phase) -> Result<Project, Error> {
        let id = id.clone();
        self.write(move |tx| {
            let before = get(tx, &id)?;
            let entered = EventKind::PhaseEntered { phase };
            // A project is born in its first phase, and still its team is to be seen entering it.
            if before.phase == phase && journal::has(tx, &id, &entered)? {
                return Ok(before);
            }
            tx.prepare_cached("UPDATE projects SET phase = ?2, updated_at = ?3 WHERE id = ?1")?
                .execute(params![id.as_str(), Json(phase), tx.now().0])?;
            journal::record(tx, &about_project(&id, entered))?;
            get(tx, &id)
        })
        .await
    }
}

//! Agents and their states.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use syndarix_core::agent::{Agent, AgentState, AgentTransition};
use syndarix_core::budget::BudgetScope;
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::money::NanoUsd;
use syndarix_core::role::Role;

use crate::columns::{Json, Word, json, optional_word, time, word};
use crate::error::Error;
use crate::store::Store;
use crate::writer::Tx;
use crate::{budgets, journal, waits};

/// An agent that is about to join a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgent {
    /// Its name for people, such as `Dave`; unique in its team.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// The agent type it is made from.
    pub agent_type: String,
    /// The name of the team member it reports to.
    pub reports_to: Option<String>,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// The most it may spend, where it has a limit of its own.
    pub budget: Option<NanoUsd>,
    /// The most that one of its model calls may cost, where there is a limit.
    pub call_budget: Option<NanoUsd>,
}

fn agent(row: &Row<'_>) -> rusqlite::Result<Agent> {
    Ok(Agent {
        id: word(row, "id")?,
        project: word(row, "project")?,
        name: row.get("name")?,
        role: word(row, "role")?,
        agent_type: row.get("agent_type")?,
        reports_to: optional_word(row, "reports_to")?,
        capabilities: json(row, "capabilities")?,
        state: word(row, "state")?,
        state_since: time(row, "state_since")?,
    })
}

pub(crate) fn get(connection: &Connection, id: &AgentId) -> Result<Agent, Error> {
    connection
        .prepare_cached("SELECT * FROM agents WHERE id = ?1")?
        .query_row([id.as_str()], agent)
        .optional()?
        .ok_or_else(|| Error::not_found("agent", id.as_str()))
}

/// The agent, which must be in this project's team.
pub(crate) fn get_member(connection: &Connection, project: &ProjectId, id: &AgentId) -> Result<Agent, Error> {
    let agent = get(connection, id)?;
    if agent.project == *project {
        Ok(agent)
    } else {
        Err(Error::Invalid(format!("{id} is not in the team of {project}")))
    }
}

pub(crate) fn team(connection: &Connection, project: &ProjectId) -> Result<Vec<Agent>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM agents WHERE project = ?1 ORDER BY position")?;
    let rows = statement.query_map([project.as_str()], agent)?.collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Adds a new project's team. Everyone is written before anyone's superior, because a team may name a
/// superior after those who report to it.
pub(crate) fn join(tx: &Tx<'_>, project: &ProjectId, team: &[NewAgent]) -> Result<(), Error> {
    let mut ids: HashMap<&str, AgentId> = HashMap::new();
    for (position, new) in team.iter().enumerate() {
        let id = project.agent(&new.name).map_err(|error| Error::Invalid(error.to_string()))?;
        if ids.values().any(|taken| *taken == id) {
            return Err(Error::Invalid(format!("two agents of {project} are called {}", new.name)));
        }
        tx.prepare_cached(
            "INSERT INTO agents
                 (id, project, position, name, role, agent_type, capabilities, state, state_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            id.as_str(),
            project.as_str(),
            position as i64,
            new.name,
            Word(new.role),
            new.agent_type,
            Json(&new.capabilities),
            Word(AgentState::default()),
            tx.now().0,
        ])?;
        let joined = EventKind::AgentJoined {
            name: new.name.clone(),
            role: new.role,
            agent_type: new.agent_type.clone(),
        };
        let event = NewEvent { project: project.clone(), agent: Some(id.clone()), task: None, kind: joined };
        journal::record(tx, &event)?;
        for (scope, limit) in [
            (BudgetScope::Agent { agent: id.clone() }, new.budget),
            (BudgetScope::Call { agent: id.clone() }, new.call_budget),
        ] {
            if let Some(limit) = limit {
                budgets::set_limit(tx, &scope, limit)?;
            }
        }
        ids.insert(&new.name, id);
    }
    for new in team {
        let Some(superior) = &new.reports_to else { continue };
        let superior = ids.get(superior.as_str()).ok_or_else(|| {
            Error::Invalid(format!("{} reports to {superior}, who is not in the team", new.name))
        })?;
        tx.prepare_cached("UPDATE agents SET reports_to = ?2 WHERE id = ?1")?
            .execute(params![ids[new.name.as_str()].as_str(), superior.as_str()])?;
    }
    Ok(())
}

impl Store {
    /// A project's team, in the team file's order.
    pub async fn agents(&self, project: &ProjectId) -> Result<Vec<Agent>, Error> {
        let project = project.clone();
        self.read(move |connection| team(connection, &project)).await
    }

    /// One agent.
    pub async fn agent(&self, id: &AgentId) -> Result<Agent, Error> {
        let id = id.clone();
        self.read(move |connection| get(connection, &id)).await
    }

    /// Moves an agent through its state machine and returns the state it is in now. A transition that leads
    /// to the state it is in writes nothing. `task` is what it is about, for the journal.
    pub async fn transition_agent(
        &self,
        id: &AgentId,
        transition: AgentTransition,
        task: Option<&TaskId>,
    ) -> Result<AgentState, Error> {
        let id = id.clone();
        let task = task.cloned();
        self.write(move |tx| {
            let agent = get(tx, &id)?;
            let from = agent.state;
            let to = from
                .after(transition)
                .map_err(|source| Error::IllegalTransition { agent: id.clone(), source })?;
            if from != to {
                tx.prepare_cached("UPDATE agents SET state = ?2, state_since = ?3 WHERE id = ?1")?
                    .execute(params![id.as_str(), Word(to), tx.now().0])?;
                let kind = EventKind::AgentStateChanged { from, transition, to };
                waits::stopped_working(tx, &id, from, to)?;
                let event = NewEvent { project: agent.project, agent: Some(id), task, kind };
                journal::record(tx, &event)?;
            }
            Ok(to)
        })
        .await
    }
}

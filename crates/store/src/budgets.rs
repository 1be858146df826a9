//! Budgets: one row of totals per scope, so that a reservation looks at as many rows as it has scopes.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use syndarix_core::budget::{BudgetRefusal, BudgetScope};
use syndarix_core::event::EventKind;
use syndarix_core::id::{AgentId, ProjectId, TaskId};
use syndarix_core::money::NanoUsd;

use crate::columns::{money, nanos};
use crate::error::Error;
use crate::journal::{self, about_project};
use crate::store::Store;
use crate::writer::Tx;
use crate::{agents, projects, tasks};

/// Percentages of a limit at which a warning is journalled.
const MARKS: [u8; 3] = [50, 80, 95];

/// How a scope stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// Which budget.
    pub scope: BudgetScope,
    /// The most that may be spent, where there is a limit.
    pub limit: Option<NanoUsd>,
    /// What is settled.
    pub spent: NanoUsd,
    /// What is set aside for calls under way.
    pub reserved: NanoUsd,
}

/// A scope's row.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    limit: Option<NanoUsd>,
    spent: NanoUsd,
    reserved: NanoUsd,
    warned: u8,
}

impl Totals {
    /// Whether one more call fits. In 128 bits, because a worst case may be anything.
    fn covers(&self, worst_case: NanoUsd) -> bool {
        self.limit.is_none_or(|limit| {
            let taken = u128::from(self.spent.0) + u128::from(self.reserved.0);
            taken + u128::from(worst_case.0) <= u128::from(limit.0)
        })
    }

    /// The highest mark that is reached, or zero.
    fn mark(&self) -> u8 {
        let Some(limit) = self.limit else { return 0 };
        let taken = u128::from(self.spent.0) + u128::from(self.reserved.0);
        let reached = |mark: &u8| taken > 0 && taken * 100 >= u128::from(limit.0) * u128::from(*mark);
        MARKS.into_iter().rev().find(reached).unwrap_or(0)
    }
}

/// The scope as its row's key: `call:P/dave`, `project:P`, `sprint:P:2`, `agent:P/dave`, `task:P/T-3`. Ids hold no colon.
fn key(scope: &BudgetScope) -> String {
    match scope {
        BudgetScope::Call { agent } => format!("call:{agent}"),
        BudgetScope::Project { project } => format!("project:{project}"),
        BudgetScope::Sprint { project, sprint } => format!("sprint:{project}:{sprint}"),
        BudgetScope::Agent { agent } => format!("agent:{agent}"),
        BudgetScope::Task { task } => format!("task:{task}"),
    }
}

fn scope_of(key: &str) -> Option<BudgetScope> {
    let (kind, rest) = key.split_once(':')?;
    match kind {
        "call" => Some(BudgetScope::Call { agent: AgentId::new(rest).ok()? }),
        "project" => Some(BudgetScope::Project { project: ProjectId::new(rest).ok()? }),
        "sprint" => {
            let (project, sprint) = rest.split_once(':')?;
            Some(BudgetScope::Sprint { project: ProjectId::new(project).ok()?, sprint: sprint.parse().ok()? })
        }
        "agent" => Some(BudgetScope::Agent { agent: AgentId::new(rest).ok()? }),
        "task" => Some(BudgetScope::Task { task: TaskId::new(rest).ok()? }),
        _ => None,
    }
}

fn totals(row: &Row<'_>) -> rusqlite::Result<Totals> {
    let limit: Option<i64> = row.get("limit")?;
    Ok(Totals {
        limit: limit.map(|limit| NanoUsd(limit.max(0).unsigned_abs())),
        spent: money(row, "spent")?,
        reserved: money(row, "reserved")?,
        warned: row.get("warned")?,
    })
}

fn find(connection: &Connection, scope: &BudgetScope) -> Result<Totals, Error> {
    let sql = "SELECT * FROM budgets WHERE scope = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([key(scope)], totals).optional()?.unwrap_or_default())
}

fn store(tx: &Tx<'_>, project: &ProjectId, scope: &BudgetScope, totals: &Totals) -> Result<(), Error> {
    let limit = totals.limit.map(|limit| nanos("the limit", limit)).transpose()?;
    tx.prepare_cached(
        "INSERT INTO budgets (scope, project, \"limit\", spent, reserved, warned)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (scope) DO UPDATE SET \"limit\" = excluded.\"limit\", spent = excluded.spent,
             reserved = excluded.reserved, warned = excluded.warned",
    )?
    .execute(params![
        key(scope),
        project.as_str(),
        limit,
        nanos("what is spent", totals.spent)?,
        nanos("what is reserved", totals.reserved)?,
        totals.warned,
    ])?;
    Ok(())
}

/// The project a scope belongs to; an error where the scope does not exist.
fn project_of(connection: &Connection, scope: &BudgetScope) -> Result<ProjectId, Error> {
    match scope {
        BudgetScope::Project { project } | BudgetScope::Sprint { project, .. } => {
            Ok(projects::get(connection, project)?.id)
        }
        BudgetScope::Call { agent } | BudgetScope::Agent { agent } => {
            Ok(agents::get(connection, agent)?.project)
        }
        BudgetScope::Task { task } => Ok(tasks::get(connection, task)?.project),
    }
}

/// Sets a scope's limit and returns the one it had. Marks that the new limit lifts out of reach are told
/// again when they are met again.
pub(crate) fn set_limit(tx: &Tx<'_>, scope: &BudgetScope, limit: NanoUsd) -> Result<Option<NanoUsd>, Error> {
    let project = project_of(tx, scope)?;
    let mut totals = find(tx, scope)?;
    let before = totals.limit.replace(limit);
    totals.warned = totals.warned.min(totals.mark());
    store(tx, &project, scope, &totals)?;
    Ok(before)
}

/// Sets an amount aside in every scope, or in none. A refusal that no call under way can take back is told before one that
/// perhaps can.
pub(crate) fn reserve(
    tx: &Tx<'_>,
    project: &ProjectId,
    scopes: &[BudgetScope],
    worst_case: NanoUsd,
) -> Result<Option<BudgetRefusal>, Error> {
    let mut rows = Vec::with_capacity(scopes.len());
    let mut refusals = Vec::new();
    for scope in scopes {
        let totals = find(tx, scope)?;
        if let Some(limit) = totals.limit.filter(|_| !totals.covers(worst_case)) {
            refusals.push(BudgetRefusal {
                scope: scope.clone(),
                limit,
                spent: totals.spent,
                reserved: totals.reserved,
                requested: worst_case,
            });
        }
        rows.push(totals);
    }
    if !refusals.is_empty() {
        let lasting = refusals.iter().position(|refusal| !refusal.may_fit_later()).unwrap_or(0);
        return Ok(Some(refusals.swap_remove(lasting)));
    }
    for (scope, mut totals) in scopes.iter().zip(rows).filter(|(scope, _)| scope.adds_up()) {
        totals.reserved += worst_case;
        keep(tx, project, scope, totals)?;
    }
    Ok(None)
}

/// Gives a reservation back and books what was really spent, which may be more.
pub(crate) fn settle(
    tx: &Tx<'_>,
    project: &ProjectId,
    scopes: &[BudgetScope],
    reserved: NanoUsd,
    cost: NanoUsd,
) -> Result<(), Error> {
    for scope in scopes.iter().filter(|scope| scope.adds_up()) {
        let mut totals = find(tx, scope)?;
        totals.reserved = totals.reserved.saturating_sub(reserved);
        totals.spent += cost;
        keep(tx, project, scope, totals)?;
    }
    Ok(())
}

/// Stores the totals, and journals a mark that is reached for the first time.
fn keep(tx: &Tx<'_>, project: &ProjectId, scope: &BudgetScope, mut totals: Totals) -> Result<(), Error> {
    let mark = totals.mark();
    if let Some(limit) = totals.limit.filter(|_| mark > totals.warned) {
        totals.warned = mark;
        let warning = EventKind::BudgetWarning { budget: scope.clone(), percent: mark, limit };
        journal::record(tx, &about_project(project, warning))?;
    }
    store(tx, project, scope, &totals)
}

fn line(row: &Row<'_>) -> rusqlite::Result<Option<BudgetLine>> {
    let Totals { limit, spent, reserved, .. } = totals(row)?;
    let key: String = row.get("scope")?;
    Ok(scope_of(&key).map(|scope| BudgetLine { scope, limit, spent, reserved }))
}

impl Store {
    /// Sets the limit of a budget. Raising it never takes back what was spent; lowering it below that only
    /// refuses further calls.
    pub async fn set_budget(&self, scope: BudgetScope, limit: NanoUsd) -> Result<(), Error> {
        self.write(move |tx| {
            let project = project_of(tx, &scope)?;
            let from = find(tx, &scope)?.limit;
            if from == Some(limit) {
                return Ok(());
            }
            set_limit(tx, &scope, limit)?;
            if let BudgetScope::Project { project } = &scope {
                tx.prepare_cached("UPDATE projects SET budget = ?2, updated_at = ?3 WHERE id = ?1")?
                    .execute(params![project.as_str(), nanos("the budget", limit)?, tx.now().0])?;
            }
            let changed = EventKind::BudgetChanged { budget: scope, from, to: limit };
            journal::record(tx, &about_project(&project, changed))
        })
        .await
    }

    /// Every budget of a project that has a limit or was used, the project's own first.
    pub async fn budgets(&self, project: &ProjectId) -> Result<Vec<BudgetLine>, Error> {
        let project = project.clone();
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM budgets WHERE project = ?1 ORDER BY rowid")?;
            let rows = statement.query_map([project.as_str()], line)?;
            let lines: Vec<Option<BudgetLine>> = rows.collect::<Result<_, _>>()?;
            Ok(lines.into_iter().flatten().collect())
        })
        .await
    }
}

//! Permissions: what a human allowed for a whole project together with an approval, until they take it back.

use rusqlite::{Connection, OptionalExtension, Row, params};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{ApprovalId, ProjectId};
use syndarix_core::permission::{CALL_SCOPE_VERSION, CallScope, Permission};

use crate::columns::{Json, json, optional_json, optional_time, time, word};
use crate::error::Error;
use crate::journal;
use crate::store::Store;
use crate::writer::Tx;

fn permission(row: &Row<'_>) -> rusqlite::Result<Permission> {
    Ok(Permission {
        approval: word(row, "approval")?,
        project: word(row, "project")?,
        scope: json(row, "scope")?,
        granted_by: row.get("granted_by")?,
        granted_at: time(row, "granted_at")?,
        revoked_by: row.get("revoked_by")?,
        revoked_at: optional_time(row, "revoked_at")?,
    })
}

fn get(connection: &Connection, approval: &ApprovalId) -> Result<Permission, Error> {
    connection
        .prepare_cached("SELECT * FROM permissions WHERE approval = ?1")?
        .query_row([approval.as_str()], permission)
        .optional()?
        .ok_or_else(|| Error::not_found("permission", approval.as_str()))
}

/// What an approval offers to allow for always, if anything.
fn offered(connection: &Connection, approval: &ApprovalId) -> Result<Option<CallScope>, Error> {
    Ok(connection
        .prepare_cached("SELECT always FROM approvals WHERE id = ?1")?
        .query_row([approval.as_str()], |row| optional_json(row, "always"))?)
}

/// Notes what an approval offers to allow for always; it is part of what is shown, so it never changes.
pub(crate) fn offer(tx: &Tx<'_>, approval: &ApprovalId, always: &CallScope) -> Result<(), Error> {
    tx.prepare_cached("UPDATE approvals SET always = ?2 WHERE id = ?1")?
        .execute(params![approval.as_str(), Json(always)])?;
    Ok(())
}

/// Grants what an approval offers. Returns the other approvals that wait for a decision about a call it covers.
pub(crate) fn grant(
    tx: &Tx<'_>,
    project: &ProjectId,
    approval: &ApprovalId,
    by: &str,
) -> Result<Vec<ApprovalId>, Error> {
    let Some(scope) = offered(tx, approval)? else {
        return Err(Error::Invalid(format!(
            "{approval} does not offer to be allowed for always; decide it without that"
        )));
    };
    tx.prepare_cached(
        "INSERT INTO permissions (approval, project, version, scope, granted_by, granted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        approval.as_str(),
        project.as_str(),
        CALL_SCOPE_VERSION,
        Json(&scope),
        by,
        tx.now().0
    ])?;
    let (covers, by) = (scope.to_string(), by.to_owned());
    record(tx, project, EventKind::PermissionGranted { approval: approval.clone(), covers, by })?;
    let mut covered = Vec::new();
    for (id, offer) in waiting(tx, project)? {
        if offer == scope && id != *approval {
            covered.push(id);
        }
    }
    Ok(covered)
}

/// The pending approvals of a project that offer something for always, with what they offer.
fn waiting(tx: &Tx<'_>, project: &ProjectId) -> Result<Vec<(ApprovalId, CallScope)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT id, always FROM approvals
         WHERE project = ?1 AND state = 'pending' AND always IS NOT NULL ORDER BY rowid",
    )?;
    let rows = statement.query_map([project.as_str()], |row| Ok((word(row, "id")?, json(row, "always")?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn record(tx: &Tx<'_>, project: &ProjectId, kind: EventKind) -> Result<(), Error> {
    journal::record(tx, &NewEvent { project: project.clone(), agent: None, task: None, kind })?;
    Ok(())
}

impl Store {
    /// The permissions of one project, or of all, the oldest first; those that were taken back too.
    pub async fn permissions(&self, project: Option<&ProjectId>) -> Result<Vec<Permission>, Error> {
        let project = project.cloned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT * FROM permissions WHERE ?1 IS NULL OR project = ?1 ORDER BY rowid",
            )?;
            let project = project.as_ref().map(ProjectId::as_str);
            let rows = statement.query_map([project], permission)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// The permission that covers a call about which nothing was asked under this subject. What was asked is decided by
    /// its own approval, however it stands: a call that was refused is not made because of a later permission.
    pub async fn permission_for(
        &self,
        project: &ProjectId,
        subject: &str,
        scope: &CallScope,
    ) -> Result<Option<Permission>, Error> {
        let (project, subject, scope) = (project.clone(), subject.to_owned(), scope.clone());
        self.read(move |connection| {
            if crate::approvals::about(connection, &project, &subject)?.is_some() {
                return Ok(None);
            }
            let mut statement = connection.prepare_cached(
                "SELECT * FROM permissions
                 WHERE project = ?1 AND version = ?2 AND revoked_at IS NULL ORDER BY rowid",
            )?;
            let rows = statement.query_map(params![project.as_str(), CALL_SCOPE_VERSION], permission)?;
            let held = rows.collect::<Result<Vec<Permission>, _>>()?;
            Ok(held.into_iter().find(|permission| permission.scope == scope))
        })
        .await
    }

    /// Takes a permission back: calls that it covered are asked about again. One that was taken back stays as it is.
    pub async fn revoke_permission(&self, approval: &ApprovalId, by: &str) -> Result<Permission, Error> {
        let (approval, by) = (approval.clone(), by.to_owned());
        self.write(move |tx| {
            let held = get(tx, &approval)?;
            if held.holds() {
                tx.prepare_cached(
                    "UPDATE permissions SET revoked_by = ?2, revoked_at = ?3 WHERE approval = ?1",
                )?
                .execute(params![approval.as_str(), by, tx.now().0])?;
                let revoked = EventKind::PermissionRevoked { approval: approval.clone(), by: by.clone() };
                record(tx, &held.project, revoked)?;
            }
            get(tx, &approval)
        })
        .await
    }
}

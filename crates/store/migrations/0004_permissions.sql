-- What a human may allow for the whole project together with an approval: a scope of calls as JSON.
ALTER TABLE approvals ADD COLUMN always TEXT;

-- What was allowed so. A permission holds until it is revoked.
CREATE TABLE permissions (
    approval   TEXT PRIMARY KEY REFERENCES approvals (id),
    project    TEXT NOT NULL REFERENCES projects (id),
    version    INTEGER NOT NULL,
    scope      TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    revoked_by TEXT,
    revoked_at INTEGER
) STRICT;
CREATE INDEX permissions_by_project ON permissions (project) WHERE revoked_at IS NULL;

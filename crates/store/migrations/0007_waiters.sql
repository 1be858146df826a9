-- The workflows that wait for the decision of an approval beside the one that asked first.
CREATE TABLE approval_waiters (
    approval    TEXT NOT NULL REFERENCES approvals (id),
    workflow_id TEXT NOT NULL,
    PRIMARY KEY (approval, workflow_id)
) STRICT;
